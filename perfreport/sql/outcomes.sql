-- Which status and outcome did the requests of each subject have, and how often?
-- in   run; subjects (subject, kind, name, scenario, outermost) the rows of `names` that each pools;
--      $start, $end the window
-- out  subject, status, ok, count; a row per subject, status and outcome
select
    subjects.subject,
    run.status,
    run.ok,
    count(*) as count
from run
join subjects
    on run.kind = subjects.kind
    and run.name = subjects.name
    and run.scenario is not distinct from subjects.scenario
    and (run."group" is null) = subjects.outermost
where ts >= $start and ts < $end
group by subjects.subject, run.status, run.ok
order by subjects.subject, run.status, run.ok

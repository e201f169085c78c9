-- How many users were active in each second of the window: in the middle, at least, at most?
-- in   run; subjects (subject, kind, name, scenario, outermost) the rows of `names` that each pools;
--      $start, $end the window
-- out  subject, seconds, median, min, max; a row per subject that recorded users
with recorded as (
    select
        subjects.subject,
        floor((epoch_us(ts) - epoch_us($start::timestamptz)) / 1000000)::bigint as at_s,
        run.source,
        run.scenario,
        run.users
    from run
    join subjects
        on run.kind = subjects.kind
        and run.name = subjects.name
        and run.scenario is not distinct from subjects.scenario
        and (run."group" is null) = subjects.outermost
    where ts >= $start and ts < $end and run.kind = 'users' and run.users is not null
),
per_series as (
    select subject, at_s, source, scenario, avg(users) as users
    from recorded
    group by subject, at_s, source, scenario
),
active as (
    select subject, at_s, sum(users) as users
    from per_series
    group by subject, at_s
)
select
    subject,
    count(*) as seconds,
    median(users) as median,
    min(users) as min,
    max(users) as max
from active
group by subject
order by subject

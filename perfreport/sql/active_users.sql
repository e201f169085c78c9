-- How many users were active in each second of the window: in the middle, at least, at most?
-- in   users the answer of users.sql for the window; subjects (subject, kind, name, scenario, outermost)
--      the rows of `names` that each pools
-- out  subject, seconds, median, min, max; a row per subject that recorded users
with active as (
    select subjects.subject, users.at_s, sum(users.users) as users
    from users
    join subjects
        on subjects.kind = 'users'
        and users.name = subjects.name
        and users.scenario is not distinct from subjects.scenario
        and users.outermost = subjects.outermost
    group by subjects.subject, users.at_s
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

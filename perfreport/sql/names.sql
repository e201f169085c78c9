-- Which names does the run hold, of which kind and in which of the tool's scenarios?
-- in   run
-- out  kind, name, scenario, outermost, count; a row per kind, name, scenario and whether inside a group
select
    kind,
    name,
    scenario,
    "group" is null as outermost,
    count(*) as count
from run
where kind in ('request', 'transaction', 'check', 'users')
group by kind, name, scenario, outermost
order by kind, name, scenario, outermost

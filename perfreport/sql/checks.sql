-- Which checks of the load script passed, and how often?
-- in   run; $start, $end the window
-- out  name, passes, fails; a row per check, most failures first
select
    name,
    count(*) filter (where ok) as passes,
    count(*) filter (where not ok) as fails
from run
where kind = 'check' and ts >= $start and ts < $end
group by name
order by fails desc, name

-- What were the metrics in the window?
-- in   run; $start, $end the window
-- out  name, labels, unit, count, mean, min, max, last; a row per metric, labels and unit
select
    name,
    coalesce(labels, map {}) as labels,
    unit,
    count(value) as count,
    avg(value) as mean,
    min(value) as min,
    max(value) as max,
    arg_max(value, ts) as last
from run
where kind = 'metric' and ts >= $start and ts < $end
group by name, coalesce(labels, map {}), unit
order by name, labels::varchar, unit

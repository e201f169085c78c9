-- What were the metrics in the window?
-- in   run; $start, $end the window
-- out  name, labels, unit, count, mean, min, max, last; a row per metric, labels and unit
with observed as (
    select name, coalesce(labels, map {}) as labels, unit, ts, value
    from run
    where kind = 'metric' and ts >= $start and ts < $end
)
select
    name,
    labels,
    unit,
    count(value) as count,
    avg(value) as mean,
    min(value) as min,
    max(value) as max,
    arg_max(value, (ts, value)) as last
from observed
group by name, labels, unit
order by name, labels::varchar, unit

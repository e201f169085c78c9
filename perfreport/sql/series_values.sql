-- Which values did each metric series take in the window?
-- in   run; $start, $end the window; $names the metrics
-- out  name, labels, unit, count, mean, min, max, last, p50, p75, p90, p95, p99, p999; a row per metric, labels and unit
with finite as (
    select name, coalesce(labels, map {}) as labels, unit, ts, value
    from run
    where kind = 'metric' and ts >= $start and ts < $end and list_contains($names, name) and isfinite(value)
),
summed as (
    select
        name, labels, unit,
        count(*) as count,
        avg(value) as mean,
        min(value) as min,
        max(value) as max,
        arg_max(value, (ts, value)) as last,
        quantile_cont(value, [0.5, 0.75, 0.9, 0.95, 0.99, 0.999]) as percentiles
    from finite
    group by name, labels, unit
)
select
    name, labels, unit, count, mean, min, max, last,
    percentiles[1] as p50,
    percentiles[2] as p75,
    percentiles[3] as p90,
    percentiles[4] as p95,
    percentiles[5] as p99,
    percentiles[6] as p999
from summed
order by name, labels::varchar, unit

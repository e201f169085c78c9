-- Which values did each metric series take, one by one?
-- in   run; $start, $end the span; $names the metrics
-- out  name, labels, unit, at_s, value; a row per sample, in order of time within name, labels and unit
select
    name,
    coalesce(labels, map {}) as labels,
    unit,
    (epoch_us(ts) - epoch_us($start::timestamptz)) / 1000000 as at_s,
    value
from run
where kind = 'metric' and ts >= $start and ts < $end and list_contains($names, name) and isfinite(value)
order by name, labels::varchar, unit, at_s

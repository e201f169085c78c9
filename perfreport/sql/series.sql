-- How did the metrics move over the run?
-- in   run; $start, $end the span; $bin_s width of a bin in seconds; $names the metrics
-- out  name, labels, unit, at_s, value; a row per metric, labels and bin: the mean of its finite values
with observed as (
    select
        name,
        coalesce(labels, map {}) as labels,
        unit,
        floor((epoch_us(ts) - epoch_us($start::timestamptz)) / 1000000 / $bin_s) * $bin_s as at_s,
        value
    from run
    where kind = 'metric' and ts >= $start and ts < $end
        and list_contains($names, name) and isfinite(value)
)
select name, labels, unit, at_s, avg(value) as value
from observed
group by name, labels, unit, at_s
order by name, labels::varchar, unit, at_s

-- When was each endpoint slow or failing?
-- in   run; $start, $end the span; $bin_s width of a bin in seconds; $kind request or transaction
-- out  name, at_s, requests, errors, p95_ms; a row per endpoint and bin that holds requests
select
    name,
    floor((epoch_us(ts) - epoch_us($start::timestamptz)) / 1000000 / $bin_s) * $bin_s as at_s,
    count(*) as requests,
    count(*) filter (where not ok) as errors,
    quantile_cont(duration_ms, 0.95) as p95_ms
from run
where ts >= $start and ts < $end and kind = $kind
group by name, at_s
order by name, at_s

-- How fast was each endpoint in a window, over all requests and over those that did not fail?
-- in   run; $start, $end the window
-- out  kind, name, count, errors, error_rate, mean_ms, p50_ms, p95_ms, p99_ms, ok_count, ok_mean_ms, ok_p50_ms, ok_p95_ms, ok_p99_ms; a row per kind and name
with observed as (
    select kind, name, ok, duration_ms, ok is distinct from false as succeeded
    from run
    where ts >= $start and ts < $end and kind in ('request', 'transaction')
),
summed as (
    select
        kind, name,
        count(*) as count,
        count(*) filter (where not ok) as errors,
        count(ok) as judged,
        favg(duration_ms) as mean_ms,
        quantile_cont(duration_ms, [0.5, 0.95, 0.99]) as percentiles,
        count(*) filter (where succeeded) as ok_count,
        favg(duration_ms) filter (where succeeded) as ok_mean_ms,
        quantile_cont(duration_ms, [0.5, 0.95, 0.99]) filter (where succeeded) as ok_percentiles
    from observed
    group by kind, name
)
select
    kind, name,
    count,
    errors,
    errors / nullif(judged, 0) as error_rate,
    mean_ms,
    percentiles[1] as p50_ms,
    percentiles[2] as p95_ms,
    percentiles[3] as p99_ms,
    ok_count,
    ok_mean_ms,
    ok_percentiles[1] as ok_p50_ms,
    ok_percentiles[2] as ok_p95_ms,
    ok_percentiles[3] as ok_p99_ms
from summed
order by kind, name

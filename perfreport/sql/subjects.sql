-- How fast is each subject of an objective, all that it pools taken together?
-- in   run; subjects (subject, kind, name, scenario, outermost) the rows of `names` that each pools;
--      $start, $end the window; $satisfied_ms, $tolerated_ms the limits of Apdex
-- out  subject, count, errors, error_rate, rate_per_s, mean_ms, stdev_ms, min_ms, p50_ms, p75_ms, p90_ms, p95_ms, p99_ms, p999_ms, max_ms, apdex, received_bytes, sent_bytes; a row per subject that has any row in the window
with observed as (
    select subjects.subject, ok, duration_ms, received_bytes, sent_bytes
    from run
    join subjects
        on run.kind = subjects.kind
        and run.name = subjects.name
        and run.scenario is not distinct from subjects.scenario
        and (run."group" is null) = subjects.outermost
    where ts >= $start and ts < $end
),
summed as (
    select
        subject,
        count(*) as count,
        count(*) filter (where not ok) as errors,
        count(ok) as judged,
        count(duration_ms) as timed,
        avg(duration_ms) as mean_ms,
        stddev_pop(duration_ms) as stdev_ms,
        min(duration_ms) as min_ms,
        max(duration_ms) as max_ms,
        quantile_cont(duration_ms, [0.5, 0.75, 0.9, 0.95, 0.99, 0.999]) as percentiles,
        count(*) filter (where ok is not false and duration_ms <= $satisfied_ms) as satisfied,
        count(*) filter (
            where ok is not false and duration_ms > $satisfied_ms and duration_ms <= $tolerated_ms
        ) as tolerated,
        sum(received_bytes)::bigint as received_bytes,
        sum(sent_bytes)::bigint as sent_bytes
    from observed
    group by subject
)
select
    subject,
    count,
    errors,
    errors / nullif(judged, 0) as error_rate,
    count / nullif(epoch($end::timestamptz - $start::timestamptz), 0) as rate_per_s,
    mean_ms,
    stdev_ms,
    min_ms,
    percentiles[1] as p50_ms,
    percentiles[2] as p75_ms,
    percentiles[3] as p90_ms,
    percentiles[4] as p95_ms,
    percentiles[5] as p99_ms,
    percentiles[6] as p999_ms,
    max_ms,
    (satisfied + tolerated / 2) / nullif(timed, 0) as apdex,
    received_bytes,
    sent_bytes
from summed
order by subject

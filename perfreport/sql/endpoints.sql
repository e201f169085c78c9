-- How fast is each endpoint, and how fast are all together, over how many requests?
-- in   run; $start, $end the window; $by name, scenario, group, source or status; $only all, ok or failed;
--      $satisfied_ms, $tolerated_ms the limits of Apdex
-- out  level, kind, outermost, name, scenario, "group", source, status, count, errors, error_rate, rate_per_s, mean_ms, stdev_ms, min_ms, p50_ms, p75_ms, p90_ms, p95_ms, p99_ms, p999_ms, max_ms, apdex, received_bytes, sent_bytes; a row per kind, name and $by (level endpoint), per kind (level kind), and per kind and outermost (level outermost)
with observed as (
    select
        kind, name, scenario, "group", source, status, ok, duration_ms, received_bytes, sent_bytes,
        "group" is null as outermost,
        case $by
            when 'scenario' then scenario
            when 'group' then "group"
            when 'source' then source
            when 'status' then status::varchar
        end as part
    from run
    where ts >= $start and ts < $end
        and kind in ('request', 'subrequest', 'transaction', 'iteration')
        and ($only = 'all' or ($only = 'ok' and ok) or ($only = 'failed' and not ok))
),
summed as (
    select
        case
            when grouping(name) = 0 then 'endpoint'
            when grouping(outermost) = 0 then 'outermost'
            else 'kind'
        end as level,
        kind, name, part, outermost,
        -- count(distinct) would take more than half the time of the whole query
        case when min(scenario) = max(scenario) and count(scenario) = count(*) then min(scenario) end as scenario,
        case when min("group") = max("group") and count("group") = count(*) then min("group") end as "group",
        case when min(source) = max(source) and count(source) = count(*) then min(source) end as source,
        case when min(status) = max(status) and count(status) = count(*) then min(status) end as status,
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
    group by grouping sets ((kind, name, part), (kind), (kind, outermost))
)
select
    level, kind, outermost, name, scenario, "group", source, status,
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
order by level, kind, count desc, name, part, outermost

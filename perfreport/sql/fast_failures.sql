-- How many requests failed so fast that they flatter the percentiles?
-- in   run; $start, $end the window
-- out  kind, requests, fast, name, share; a row per kind: all its rows, those that failed in less than half the median time of its successes, and the endpoint with the most of them
with observed as (
    select kind, name, ok, duration_ms
    from run
    where ts >= $start and ts < $end and kind in ('request', 'transaction')
),
usual as (
    select kind, name, median(duration_ms) as median_ms
    from observed
    where ok
    group by kind, name
),
usual_of_all as (
    select kind, median(duration_ms) as median_ms
    from observed
    where ok
    group by kind
),
per_endpoint as (
    select
        observed.kind,
        observed.name,
        count(*) as requests,
        -- an endpoint that never succeeded has no usual time of its own
        count(*) filter (
            where not ok and duration_ms < coalesce(usual.median_ms, usual_of_all.median_ms, 1.0) / 2
        ) as fast
    from observed
    left join usual on observed.kind = usual.kind and observed.name = usual.name
    left join usual_of_all on observed.kind = usual_of_all.kind
    group by observed.kind, observed.name
)
select
    kind,
    sum(requests)::bigint as requests,
    sum(fast)::bigint as fast,
    arg_max(name, (fast, name)) as name,
    sum(fast) / sum(requests) as share
from per_endpoint
group by kind
order by kind

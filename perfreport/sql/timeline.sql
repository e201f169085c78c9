-- What happened when: users, requests, errors and percentiles over the whole run?
-- in   run; users the answer of users.sql for the span; $start, $end the span; $bin_s width of a bin in seconds; $kind request or transaction
-- out  at_s, users, requests, errors, p50_ms, p95_ms, p99_ms; a row per bin that holds anything
with binned as (
    select
        floor((epoch_us(ts) - epoch_us($start::timestamptz)) / 1000000 / $bin_s) * $bin_s as at_s,
        ok, duration_ms
    from run
    where ts >= $start and ts < $end and kind = $kind
        and (kind <> 'transaction' or "group" is null) -- a nested one is a part of the outermost
),
each_second as (
    select at_s, sum(users) as users
    from users
    group by at_s
),
active as (
    select floor(at_s / $bin_s) * $bin_s as at_s, avg(users) as users
    from each_second
    group by 1
),
requests as (
    select
        at_s,
        count(*) as requests,
        count(*) filter (where not ok) as errors,
        quantile_cont(duration_ms, [0.5, 0.95, 0.99]) as percentiles
    from binned
    group by at_s
)
select
    coalesce(active.at_s, requests.at_s) as at_s,
    users,
    coalesce(requests, 0) as requests,
    coalesce(errors, 0) as errors,
    percentiles[1] as p50_ms,
    percentiles[2] as p95_ms,
    percentiles[3] as p99_ms
from active
full outer join requests on active.at_s = requests.at_s
order by at_s

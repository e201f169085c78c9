-- What are the statistics of each pool of rows, by one measure of them?
-- in   run; members (pool, kind, name, "group", scenario, method, status, ok, phased, tags) the sorts
--      of rows that each pools, as `strata` tells them apart by the labels $keys; $start, $end the
--      window; $measure which number of a row; $quantiles
-- out  pool, count, judged, failed, known, nonzero, sum, mean, stdev, min, max, last, quantiles, received_bytes, sent_bytes, first_us, last_us; a row per pool that has any row in the window
with observed as (
    select
        members.pool, run.ts, run.ok, run.duration_ms, run.received_bytes, run.sent_bytes,
        case $measure
            when 'duration' then run.duration_ms
            when 'with_connect' then run.duration_ms + coalesce(run.connect_ms, 0) + coalesce(run.tls_ms, 0)
            when 'without_connect' then run.duration_ms - coalesce(run.connect_ms, 0)
            when 'blocked' then run.blocked_ms
            when 'connect' then run.connect_ms
            when 'tls' then run.tls_ms
            when 'send' then run.send_ms
            when 'wait' then run.wait_ms
            when 'receive' then run.receive_ms
            when 'value' then run.value
            when 'users' then run.users
            when 'passed' then run.ok::integer
            when 'failed' then (not run.ok)::integer
        end as value
    from run
    join members
        on run.kind = members.kind
        and run.name = members.name
        and run."group" is not distinct from members."group"
        and run.scenario is not distinct from members.scenario
        and run.method is not distinct from members.method
        and run.status is not distinct from members.status
        and run.ok is not distinct from members.ok
        and (run.wait_ms is not null) = members.phased
        and list_transform($keys::varchar[], lambda key: run.labels[key]) = members.tags
    where run.ts >= $start and run.ts < $end
)
select
    pool,
    count(*) as count,
    count(ok) as judged,
    count(*) filter (where not ok) as failed,
    count(value) as known,
    count(*) filter (where value <> 0) as nonzero,
    fsum(value) as sum,
    favg(value) as mean,
    stddev_pop(value) as stdev,
    min(value) as min,
    max(value) as max,
    arg_max(value, (ts, value)) as last,
    quantile_cont(value, $quantiles) as quantiles,
    sum(received_bytes)::bigint as received_bytes,
    sum(sent_bytes)::bigint as sent_bytes,
    min(epoch_us(ts)) as first_us,
    max(epoch_us(ts) + (coalesce(duration_ms, 0) * 1000)::bigint) as last_us
from observed
group by pool
order by pool

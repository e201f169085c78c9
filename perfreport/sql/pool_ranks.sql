-- Which value has a given rank among those of its pool, and how many values lie below a given one?
-- in   run; members (pool, kind, name, "group", scenario, method, status, ok, phased, tags) the sorts
--      of rows that each pools, as `strata` tells them apart by the labels $keys; wanted (pool, rank,
--      limit_ms) a rank from 1, or a value; $measure duration, value, with_connect or
--      without_connect; $start, $end the window
-- out  pool, rank, limit_ms, value, below, at, total; a row per row of `wanted`
with observed as (
    select
        members.pool,
        case $measure
            when 'duration' then run.duration_ms
            when 'value' then run.value
            when 'with_connect' then run.duration_ms + coalesce(run.connect_ms, 0) + coalesce(run.tls_ms, 0)
            when 'without_connect' then run.duration_ms - coalesce(run.connect_ms, 0)
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
),
-- Load tools count whole milliseconds: millions of rows are some thousand values.
counted as (
    select pool, value, count(*) as rows
    from observed
    where value is not null
    group by pool, value
),
placed as (
    select pool, value, rows, sum(rows) over (partition by pool order by value)::bigint as up_to
    from counted
),
totals as (
    select pool, sum(rows)::bigint as total
    from counted
    group by pool
),
by_rank as (
    select wanted.pool, wanted.rank, placed.value
    from wanted
    asof join placed on wanted.pool = placed.pool and wanted.rank <= placed.up_to
    where wanted.rank is not null
),
by_value as (
    select wanted.pool, wanted.limit_ms, placed.value, placed.rows, placed.up_to
    from wanted
    asof join placed on wanted.pool = placed.pool and wanted.limit_ms >= placed.value
    where wanted.limit_ms is not null
)
select
    wanted.pool,
    wanted.rank,
    wanted.limit_ms,
    by_rank.value,
    case
        when wanted.limit_ms is null then null
        when by_value.value = wanted.limit_ms then by_value.up_to - by_value.rows
        else coalesce(by_value.up_to, 0)
    end as below,
    case
        when wanted.limit_ms is null then null
        when by_value.value = wanted.limit_ms then by_value.rows
        else 0
    end as at,
    totals.total
from wanted
left join totals on wanted.pool = totals.pool
left join by_rank on wanted.pool = by_rank.pool and wanted.rank = by_rank.rank
left join by_value on wanted.pool = by_value.pool and wanted.limit_ms = by_value.limit_ms
order by wanted.pool, wanted.rank, wanted.limit_ms

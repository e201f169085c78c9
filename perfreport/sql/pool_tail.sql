-- What were the last values of each pool of rows, in the order of the input?
-- in   placed_run; members (pool, kind, name, "group", scenario, method, status, ok, phased, tags)
--      the sorts of rows that each pools, as `strata` tells them apart by the labels $keys; $measure
--      duration, value or users; $most how many of each
-- out  pool, values; a row per pool that has any, a list of at most $most values
with observed as (
    select
        members.pool, placed.file_index, placed.file_row_number,
        case $measure
            when 'duration' then placed.duration_ms
            when 'value' then placed.value
            when 'users' then placed.users
        end as value
    from placed_run as placed
    join members
        on placed.kind = members.kind
        and placed.name = members.name
        and placed."group" is not distinct from members."group"
        and placed.scenario is not distinct from members.scenario
        and placed.method is not distinct from members.method
        and placed.status is not distinct from members.status
        and placed.ok is not distinct from members.ok
        and (placed.wait_ms is not null) = members.phased
        and list_transform($keys::varchar[], lambda key: placed.labels[key]) = members.tags
)
-- a sort of all rows would need the memory of all rows
select pool, arg_max(value, {'file': file_index, 'row': file_row_number}, $most::bigint) as values
from observed
where value is not null
group by pool
order by pool

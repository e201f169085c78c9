-- How did the requests of each endpoint fail, and when?
-- in   run; $start, $end the run's span, from which cells are counted; $cell_s width of a cell in seconds; $most ways to fail of an endpoint
-- out  kind, name, status, error, cell, count; a row per endpoint, way to fail and cell; beyond the $most frequent ways of an endpoint, error is null and status stays
with failed as (
    select
        kind, name, status, error,
        floor((epoch_us(ts) - epoch_us($start::timestamptz)) / 1000000 / $cell_s)::integer as cell,
        count(*) as count
    from run
    where ts >= $start and ts < $end and kind in ('request', 'transaction') and not ok
    group by all
),
ways as (
    select
        kind, name, status, error,
        row_number() over (partition by kind, name order by sum(count) desc, status, error) as place
    from failed
    group by kind, name, status, error
)
select
    failed.kind, failed.name, failed.status,
    case when ways.place <= $most then failed.error end as error,
    failed.cell,
    sum(failed.count)::bigint as count
from failed
join ways
    on failed.kind = ways.kind
    and failed.name = ways.name
    and failed.status is not distinct from ways.status
    and failed.error is not distinct from ways.error
group by all
order by 1, 2, 3, 4, 5

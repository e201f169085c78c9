-- How are the durations of each endpoint distributed, cell of time by cell of time?
-- in   run; $start, $end the run's span, from which cells are counted; $cell_s width of a cell in seconds
-- out  kind, name, cell, bin, count, errors; a row per endpoint, cell and bin of the logarithm of the duration (1 % wide, see stats/sketch.py; null where none was recorded) that holds anything
with observed as (
    select
        kind, name, ok, duration_ms,
        floor((epoch_us(ts) - epoch_us($start::timestamptz)) / 1000000 / $cell_s)::integer as cell
    from run
    where ts >= $start and ts < $end and kind in ('request', 'transaction')
)
select
    kind, name, cell,
    -- greatest() would take the floor for an unknown duration
    case when duration_ms is not null then floor(ln(greatest(duration_ms, 0.05) / 0.05) / ln(1.01)) end::integer as bin,
    count(*) as count,
    count(*) filter (where not ok) as errors
from observed
group by kind, name, cell, bin
order by kind, name, cell, bin

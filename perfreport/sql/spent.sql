-- Where did the time of the successful requests of each endpoint go, cell of time by cell of time?
-- in   run; $start, $end the run's span, from which cells are counted; $cell_s width of a cell in seconds
-- out  kind, name, cell, requests, duration_ms, blocked_ms, connect_ms, tls_ms, send_ms, wait_ms, receive_ms; a row per endpoint and cell with any: sums over the requests with a duration
select
    kind, name,
    floor((epoch_us(ts) - epoch_us($start::timestamptz)) / 1000000 / $cell_s)::integer as cell,
    count(*) as requests,
    fsum(duration_ms) as duration_ms,
    fsum(blocked_ms) as blocked_ms,
    fsum(connect_ms) as connect_ms,
    fsum(tls_ms) as tls_ms,
    fsum(send_ms) as send_ms,
    fsum(wait_ms) as wait_ms,
    fsum(receive_ms) as receive_ms
from run
where ts >= $start and ts < $end and kind in ('request', 'transaction')
    and ok is distinct from false and duration_ms is not null
group by kind, name, cell
order by kind, name, cell

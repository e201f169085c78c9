-- What failed, how often, and when?
-- in   run; $start, $end the window; $kind request or transaction
-- out  name, status, error, count, share, first, last; a row per endpoint, status and message, most frequent first
with requests as (
    select name, status, error, ok, ts, count(*) over (partition by name) as of_endpoint
    from run
    where kind = $kind and ts >= $start and ts < $end
)
select
    name,
    status,
    error,
    count(*) as count,
    count(*) / any_value(of_endpoint) as share,
    min(ts) as first,
    max(ts) as last
from requests
where not ok
group by name, status, error
order by count desc, name, status, error

-- How many users were active and how many requests began, second by second?
-- in   run; users the answer of users.sql for the span; $start, $end the span
-- out  at_s, users, requests; a row per second from $start in which something was recorded; users is null where none were
with seconds as (
    select
        floor((epoch_us(ts) - epoch_us($start::timestamptz)) / 1000000)::bigint as at_s,
        kind
    from run
    where ts >= $start and ts < $end and kind in ('request', 'transaction')
        and (kind <> 'transaction' or "group" is null) -- a nested one is a part of the outermost
),
active as (
    select at_s, sum(users) as users
    from users
    group by at_s
),
has_requests as (
    select case when count(*) filter (where kind = 'request') > 0 then 'request' else 'transaction' end as kind
    from seconds
),
begun as (
    select at_s, count(*) as requests
    from seconds
    where kind = (select kind from has_requests)
    group by at_s
)
select
    coalesce(active.at_s, begun.at_s) as at_s,
    active.users,
    coalesce(begun.requests, 0) as requests
from active
full outer join begun on active.at_s = begun.at_s
order by 1

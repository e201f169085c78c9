-- Which metrics came from servers, not from a load generator's own books?
-- in   run
-- out  name; a row per metric of a source that recorded neither requests nor users
with generators as (
    select distinct source
    from run
    where kind in ('request', 'transaction', 'users')
)
select distinct name
from run
where kind = 'metric' and source not in (select source from generators)
order by name

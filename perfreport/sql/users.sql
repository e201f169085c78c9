-- How many users did each load generator have active, second by second?
-- in   run; $start, $end the span, from which seconds are counted
-- out  name, source, scenario, outermost, at_s, users; a row per source, scenario and second; a second in which a generator said nothing has its last number, for a minute at most
with said as (
    select
        name, source, scenario, "group" is null as outermost,
        floor((epoch_us(ts) - epoch_us($start::timestamptz)) / 1000000)::bigint as at_s,
        avg(users) as users
    from run
    where kind = 'users' and ts < $end and users is not null
    group by all
),
lasting as (
    select
        *,
        -- JMeter speaks when a sample ends, k6 now and then a moment after its second; without the
        -- last number the sum over generators would drop by those that happen to be silent
        least(coalesce(lead(at_s) over (partition by name, source, scenario, outermost order by at_s), at_s + 1), at_s + 60) as until_s
    from said
),
each_second as (
    select name, source, scenario, outermost, unnest(range(at_s, until_s)) as at_s, users
    from lasting
)
select name, source, scenario, outermost, at_s, users
from each_second
where at_s >= 0
order by at_s, name, source, scenario, outermost

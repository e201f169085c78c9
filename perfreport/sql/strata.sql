-- Which sorts of rows are there, and how many of each?
-- in   run; $keys the labels that tell sorts apart
-- out  kind, name, "group", scenario, method, status, ok, phased, tags, rows; a row per combination of these
with observed as (
    select
        kind, name, "group", scenario, method, status, ok,
        -- an HTTP request of k6 has phases, a gRPC call has none
        wait_ms is not null as phased,
        list_transform($keys::varchar[], lambda key: labels[key]) as tags
    from run
)
select kind, name, "group", scenario, method, status, ok, phased, tags, count(*) as rows
from observed
group by kind, name, "group", scenario, method, status, ok, phased, tags
order by kind, name, "group", scenario, method, status, ok, phased, tags

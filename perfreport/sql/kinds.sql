-- Which kinds of rows does the run hold?
-- in   run
-- out  kind; a row per kind
select distinct kind
from run
order by kind

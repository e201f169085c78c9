-- When did each source fall silent?
-- in   run
-- out  source, last; a row per source: the start of the last thing that it observed
select
    source,
    max(ts) as last
from run
group by source
order by source

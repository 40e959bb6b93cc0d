-- severity: warn
-- asset: core.restatements
-- A failing row is a published number of an ended day that this publish tells otherwise, and no cause explains all of it.
select
    date,
    task_id,
    change_value
from core.restatements
where cause = 'unexplained'
    and publish_number = (select max(publish_number) from core.publishes)

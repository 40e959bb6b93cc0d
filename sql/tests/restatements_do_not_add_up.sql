-- severity: error
-- asset: core.restatements
-- A failing row is a restated number whose causes do not add up to the difference of what was told before and after.
select
    publish_number,
    date,
    task_id
from core.restatements
group by publish_number, date, task_id, measure, before_value, after_value
having sum(change_value) != after_value - before_value

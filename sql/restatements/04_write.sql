-- Writes what was compared and found. Two parts of one cause become one row; parts that cancel each other out are told.
insert into core.restatements by name
select
    publish.publish_number,
    publish.published_at,
    explained.* exclude (change_value, item_count),
    sum(explained.change_value) as change_value,
    sum(explained.item_count)::bigint as item_count
from explained
cross join (from core.publishes order by publish_number desc limit 1) as publish
group by all
order by all;

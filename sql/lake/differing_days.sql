-- The days that published copy and lake hold differently, by their digests. Read by pipelines/lake/days.py.
with both_sides as (
    select
        coalesce(published.relation, lake.relation) as relation,
        coalesce(published.day, lake.day) as day,
        published.relation is not null as is_in_copy,
        lake.relation is not null as is_in_lake,
        coalesce(published.digest = lake.digest and published.row_count = lake.row_count, false) as is_same
    from digests_of_copy as published
    full join lake.publishing.digests as lake
        on lake.relation = published.relation
        and lake.day is not distinct from published.day
)

select
    relation,
    day::varchar as day,
    is_in_copy,
    is_in_lake,
    bool_and(not is_same or not is_in_copy) over (partition by relation) as is_all_of_copy,
    bool_and(not is_same or not is_in_lake) over (partition by relation) as is_all_of_lake
from both_sides
qualify not is_same
order by relation, day;

-- Which tables and views are exported, and which of them have days to be parted by?
-- Parameters: $schemas; $day, the name of the column of days. Read by pipelines/publish/parquet.py.
select
    t.table_schema,
    t.table_name,
    coalesce(bool_or(c.column_name = $day and c.data_type = 'DATE'), false) as has_days
from information_schema.tables as t
inner join information_schema.columns as c
    on c.table_schema = t.table_schema
    and c.table_name = t.table_name
where t.table_catalog = current_database()
    and list_contains($schemas, t.table_schema)
group by all
order by all

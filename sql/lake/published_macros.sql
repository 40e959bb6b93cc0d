-- Macros of the published copy that its views call, as the text that makes them again.
-- Read by pipelines/lake/relations.py.
select
    schema_name,
    function_name as name,
    schema_name || '.' || function_name || '(' || array_to_string(parameters, ', ') || ') as ' || macro_definition as text
from duckdb_functions()
where database_name = current_database()
    and schema_name in ('core', 'marts')
    and function_type = 'macro'
    and not internal
order by schema_name, function_name;

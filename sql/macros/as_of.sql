-- What do the marts take for now? What the row of the last build says. While it builds, pipelines/transform/build.py
-- makes a constant of it: of a constant alone DuckDB knows, before it reads them, that most runs are older than a window.
create or replace macro core.as_of() as (select as_of_at from core.build_context);

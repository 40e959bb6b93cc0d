-- What do the marts take for now? What the row of the last build says. The build puts that instant here as a constant:
-- only of a constant does DuckDB know, before it reads them, that most runs are older than a window. Written by
-- pipelines/transform/build.py.
create or replace macro core.as_of() as (select as_of_at from core.build_context);

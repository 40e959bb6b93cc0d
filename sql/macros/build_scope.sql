-- Which local days does a build make? From the first on and before the second, which are all, but while
-- pipelines/transform/build_days.py makes some days: then it says which, in the transaction that writes them.
create or replace macro core.scope_from() as '-infinity'::date;
create or replace macro core.scope_until() as 'infinity'::date;
create or replace macro core.is_in_scope(day) as day >= core.scope_from() and day < core.scope_until();

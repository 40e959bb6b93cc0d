-- A count with its noun, for sentences: 1 task, 2 tasks.
create or replace macro core.counted(n, noun) as n || ' ' || noun || case when n = 1 then '' else 's' end;

-- How much core held before this poll (30_tallies.sql has what it brought).
set variable tasks_before = (select count(*) from core.tasks);

set variable runs_before = (select count(*) from core.runs);

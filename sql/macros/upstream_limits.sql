-- What the API shows and how exact it is, each with the fact behind it (docs/source.md). An own choice is no limit of upstream.
-- A task shows its last five runs: the server asks Trigger.dev for pages of five.
create or replace macro core.window_size() as 5;
-- And of these only runs created in the last seven days: the default period of Trigger.dev's list, which nobody overrides.
create or replace macro core.window_length() as interval 7 days;
-- How far createdAt of a scheduled run may lie from its tick. It is meant to be the tick itself; runs are inserted up to half
-- a minute before it, and may get a fixed offset of up to a minute after it.
create or replace macro core.tick_tolerance() as interval 60 seconds;
-- How long a run may be there and not yet in the list, which is answered from an index that lags behind a little.
create or replace macro core.list_lag() as interval 60 seconds;
-- A run that starts no later than this after its tick is on time: the offset that upstream may give to a schedule.
create or replace macro core.on_time_within() as interval 60 seconds;
-- A run that has not started after 14 days expires, so that runs created earlier have no news to be asked for.
create or replace macro core.longest_wait() as interval 14 days;

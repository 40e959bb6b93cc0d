-- What the API shows and how exact it is, each with the fact behind it (docs/source.md). An own choice is no limit of
-- upstream. A task shows its last five runs: the server asks Trigger.dev for pages of five.
create or replace macro core.window_size() as 5;
-- And of these only runs created in the last seven days: the default period of Trigger.dev's list, which nobody overrides.
create or replace macro core.window_length() as interval 7 days;
-- How far createdAt of a scheduled run may lie from its tick. It is meant to be the tick itself; runs are inserted up
-- to half a minute before it, and may get a fixed offset of up to a minute after it.
create or replace macro core.tick_tolerance() as interval 60 seconds;
-- How long a run may be there and not yet in the list, which is answered from an index that lags behind a little.
create or replace macro core.list_lag() as interval 60 seconds;
-- How long after its tick a run is still to be waited for, as upstream works on an ordinary day. What lies between the
-- newest run seen and a look is open for so long: it is neither missed nor known to be there.
create or replace macro core.lateness_allowance() as interval 15 minutes;
-- After a stall of its scheduler upstream inserts one more run of each schedule, that of the oldest tick that waits;
-- the other ticks that passed are skipped. A schedule has one waiting tick at a time, so runs never come out of order.
-- A stall that takes longer than this is not reckoned with.
create or replace macro core.longest_lateness() as interval 6 hours;
-- A run that starts no later than this after its tick is on time: upstream may give a schedule an offset of up to a
-- minute, and a run needs some seconds to start.
create or replace macro core.on_time_within() as interval 120 seconds;
-- A run that has not started after 14 days expires, so that runs created earlier have no news to be asked for.
create or replace macro core.longest_wait() as interval 14 days;

-- Makes room for the ticks that cron tells, one row per schedule, zone and tick.
-- Run by pipelines/transform/expected_ticks.py.
create or replace temp table schedule_ticks (schedule varchar, timezone varchar, tick_at timestamptz)

-- Keeps a piece of the ticks of one schedule.
-- Parameters: $schedule, $timezone; $seconds, a JSON list of epoch seconds. Run by pipelines/transform/expected_ticks.py.
insert into schedule_ticks by name
select
    $schedule as schedule,
    $timezone as timezone,
    to_timestamp(unnest(from_json($seconds::json, '["BIGINT"]'))) as tick_at

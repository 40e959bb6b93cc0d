-- Ticks that were still to come at the last build may be past now.
-- Parameter: $as_of, the time of the build. Run by pipelines/transform/expected_ticks.py.
update core.expected_ticks
set is_future = tick_at > $as_of
where is_future <> (tick_at > $as_of)

-- How often must a task be polled? The sensor (sql/polling/tightest_task.sql) and marts.poll_advice both ask here.
-- DuckDB makes macros in the order of the files' names, and knows only those made before: this file follows
-- upstream_limits.sql. Runs of so many days tell how long a task runs. Longer memory would let one odd run of last year
-- set the pace.
create or replace macro core.pace_memory() as interval 30 days;
-- For how long a new run stays in the window, when runs are never closer than `gap_ms`: five gaps, and at most seven days.
create or replace macro core.shown_ms(gap_ms) as (
    case
        when gap_ms is not null
            then least(core.window_size() * gap_ms, (epoch(core.window_length()) * 1000)::bigint)
    end
);
-- The longest pause between polls at which nothing is lost. Four gaps leave one run of overlap. A run is seen to its
-- end only if a poll comes after that and before it leaves the window; one that outlasts the window is finished by its
-- id, however often one polls. A day is kept in hand for a poll that fails. `least` passes over nulls.
create or replace macro core.safe_poll_ms(gap_ms, longest_run_ms) as (
    case
        when gap_ms is not null
            then least(
                (core.window_size() - 1) * gap_ms,
                case
                    when longest_run_ms < core.shown_ms(gap_ms) then core.shown_ms(gap_ms) - longest_run_ms
                end,
                (epoch(core.window_length() - interval 1 day) * 1000)::bigint
            )
    end
);

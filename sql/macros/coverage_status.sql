-- The one word for how complete a number is. Runs known to be missing outweigh what is not known at all.
create or replace macro core.coverage_status(runs_missing_count, is_unknown) as (
    case
        when runs_missing_count > 0 then 'gap'
        when is_unknown then 'unknown'
        else 'complete'
    end
);
-- The same over a stretch of time that may begin before the observation did, which is no fault of anybody: it has a word
-- of its own.
create or replace macro core.window_status(runs_missing_count, is_unknown, is_too_long) as (
    case
        when core.coverage_status(runs_missing_count, is_unknown) != 'complete'
            then core.coverage_status(runs_missing_count, is_unknown)
        when is_too_long then 'not_observed_that_long'
        else 'complete'
    end
);

-- The one word for how complete a number is. Runs known to be missing outweigh what is not known at all.
create or replace macro core.coverage_status(runs_missing_count, is_unknown) as (
    case
        when runs_missing_count > 0 then 'gap'
        when is_unknown then 'unknown'
        else 'complete'
    end
);

-- From how long on a run that has not ended takes too long: twice what 99 % of its task's runs take, and at least ten
-- minutes; a day where fewer than five runs have ended.
create or replace macro core.overlong_after_ms(usual_n, usual_p99_ms) as (
    case
        when usual_n >= 5 then greatest(usual_p99_ms * 2, 600000)
        else 86400000
    end
);

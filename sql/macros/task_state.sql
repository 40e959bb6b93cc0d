-- After how long without an answer about a task nobody can tell how it is doing: a day and a little.
create or replace macro core.stale_after() as interval 26 hours;
-- What a task is doing, in a word. The rule, read from the top; runs are the newest seven that succeeded or failed.
-- One failure in seven is no alarm; two and a third of them are, unless the newest three all succeeded.
create or replace macro core.task_state(
    is_deleted, is_on, is_observed, is_overdue, recent_n, recent_failed_count, newest_failed_count, streak_count
) as (
    case
        when is_deleted then 'deleted'
        when not is_on then 'off'
        when not coalesce(is_observed, false) then 'cannot_tell'
        when is_overdue then 'silent'
        when streak_count >= 3 then 'failing'
        when recent_failed_count >= 2 and recent_failed_count * 3 >= recent_n and newest_failed_count > 0 then 'failing'
        when recent_failed_count >= 2 or newest_failed_count > 0 then 'flaky'
        when recent_n > 0 then 'ok'
        else 'cannot_tell'
    end
);

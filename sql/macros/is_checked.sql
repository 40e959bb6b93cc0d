-- Which days do checks look at? All, but while a night sets the variable (pipelines/transform/checks.py) to those that
-- changed since the last publish. A row without a day is always looked at.
create or replace macro core.is_checked(day) as
    list_contains(getvariable('checked_days')::date[], day) is not false;
-- The same for a month, told by its first day.
create or replace macro core.is_month_checked(month) as
    list_contains(getvariable('checked_months')::date[], month) is not false;

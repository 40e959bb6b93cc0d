-- Runs whose end nobody saw: missing, not ended when last seen, or of an unknown status. NULL where nobody knows how many
-- are missing.
create or replace macro core.unseen_count(coverage_status, missing, in_flight, unknown) as case
    when coalesce(coverage_status, 'unknown') != 'unknown' then missing + in_flight + unknown
end;
-- The share of failures among n ended runs, k of them failed, if each of `unseen` other runs succeeded (least) or failed
-- (most). NULL without any run, and where nobody knows how many were not seen.
create or replace macro core.least_ratio(k, n, unseen) as k / nullif(n + unseen, 0);
create or replace macro core.most_ratio(k, n, unseen) as (k + unseen) / nullif(n + unseen, 0);
-- Failures among unseen runs, when a share `ratio` of them and of those found later failed, less what failed of the latter.
create or replace macro core.left_to_fail(ratio, unseen, recovered, recovered_failed) as greatest(
    0, least(unseen, ratio * (unseen + recovered) - recovered_failed)
);
-- Wilson's bounds of the seen runs and of the unseen ones, weighed by their numbers; of the unseen, between `least_failed`
-- and `most_failed` are expected to have failed. Wilson's own bounds where nothing is unseen. NULL when n is 0.
create or replace macro core.modelled_low(k, n, unseen, least_failed) as (
    n * core.wilson_low(k, n)
    + unseen * coalesce(core.wilson_low(least_failed, unseen), 0)
) / nullif(n + unseen, 0);
create or replace macro core.modelled_high(k, n, unseen, most_failed) as (
    n * core.wilson_high(k, n)
    + unseen * coalesce(core.wilson_high(most_failed, unseen), 0)
) / nullif(n + unseen, 0);

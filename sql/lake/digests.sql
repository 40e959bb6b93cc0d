-- An empty table for the digests of the published copy, one row per relation and day. Run by pipelines/lake/days.py.
create or replace temp table digests_of_copy (relation varchar, day date, row_count bigint, digest varchar);

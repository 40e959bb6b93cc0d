-- Versions of the lake that no reader has seen as the newest since a limit, and that nobody has pinned.
-- Session variable: unseen_since. Read by pipelines/lake/expiry.py.
select snapshot_id
from (
    select
        snapshot_id,
        lead(snapshot_time) over (order by snapshot_id) as replaced_at
    from lake.snapshots()
)
where replaced_at < getvariable('unseen_since')
    and snapshot_id not in (
        select version
        from lake.publishing.pins
    )
order by snapshot_id;

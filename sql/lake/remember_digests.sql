-- What the lake holds from now on; the few thousand rows are written whole. Run by pipelines/lake/days.py.
delete from lake.publishing.digests;

insert into lake.publishing.digests by name
select relation, day, row_count, digest
from digests_of_copy;

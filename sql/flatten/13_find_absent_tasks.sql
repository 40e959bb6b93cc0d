-- Tasks that their account's whole list no longer shows; `absent` are those whose account is believed.
create or replace temp table lacking as
select
    t.task_id,
    t.absent_since_at,
    a.may_delete
from core.tasks as t
inner join answered as a
    on a.account_id = t.account_id
where t.deleted_at is null
    and not a.is_row_capped
    and not a.is_incomplete
    and t.task_id not in (select task_id from present);

create or replace temp table absent as
select
    task_id,
    count(*) over () as absent_count
from lacking
where may_delete;

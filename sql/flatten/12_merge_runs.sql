-- Upsert by run id. Candidates are ordered by updatedAt, then by when they were observed (what core has comes first);
-- each column takes its last value that is not absent, so a list row never erases what a retrieve row told.
create or replace temp table run_candidates as
select
    true as is_staged,
    * exclude (observed_at)
from stage.runs

union all by name

select
    false as is_staged,
    0 as response_number,
    0 as position,
    c.*
from core.runs as c
where c.run_id in (select run_id from stage.runs);

create or replace temp table run_order as
select
    *,
    row_number() over (
        partition by run_id
        order by updated_at, is_staged, response_number, position
    ) as turn,
    count(*) over (partition by run_id) as candidate_count
from run_candidates;

create or replace temp table merged_runs as
select * from core.runs limit 0;

insert into merged_runs by name
select * exclude (is_staged, response_number, position, turn, candidate_count)
    replace (compute_cents + invocation_cents as total_cents)
from run_order
where candidate_count = 1;

insert into merged_runs by name
with folded as (

    select
        run_id,
        arg_max(
            columns(
                lambda name: name not in (
                    'run_id', 'is_staged', 'response_number', 'position', 'turn', 'candidate_count', 'total_cents',
                    'found_by', 'first_poll_id', 'first_observed_at', 'last_observed_at', 'details_observed_at'
                )
            ),
            turn
        ),
        case when bool_or(found_by = 'window') then 'window' else arg_min(found_by, first_observed_at) end
            as found_by,
        arg_min(first_poll_id, first_observed_at) as first_poll_id,
        min(first_observed_at) as first_observed_at,
        max(last_observed_at) as last_observed_at,
        max(details_observed_at) as details_observed_at
    from run_order
    where candidate_count > 1
    group by run_id

)

select *, compute_cents + invocation_cents as total_cents
from folded;

-- Of the runs that core knows, only those that differ are written again; that they were seen again is not a difference.
create or replace temp table changed_runs as
select run_id
from (
    select * exclude (last_observed_at) from merged_runs
    except
    select * exclude (last_observed_at) from core.runs where run_id in (select run_id from stage.runs)
);

create or replace temp table known_runs as
select run_id
from core.runs
where run_id in (select run_id from changed_runs);

delete from core.runs
where run_id in (select run_id from known_runs);

insert into core.runs by name
select *
from merged_runs
where run_id in (select run_id from changed_runs)
order by created_at, run_id;

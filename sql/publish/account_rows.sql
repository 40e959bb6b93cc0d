-- The rows of one account, from the attached copy `published` into the empty core tables of a file of its own. Marts are
-- built from them, so that no sum holds what others did. Run by pipelines/publish/account_copy.py.
-- Session variable: account, the account's id. A task that came from another account is theirs from then on; one that has
-- left is not theirs any more.
create temp table own_tasks as
select
    tasks.task_id,
    coalesce(
        max(versions.valid_to) filter (versions.account_id is distinct from tasks.account_id),
        '-infinity'::timestamptz
    ) as from_at
from published.core.tasks as tasks
left join published.core.task_versions as versions
    on versions.task_id = tasks.task_id
where tasks.account_id = getvariable('account')
group by tasks.task_id;

insert into core.tasks by name
select *
from published.core.tasks
where account_id = getvariable('account');

insert into core.task_versions by name
select *
from published.core.task_versions
where account_id = getvariable('account')
    and task_id in (select task_id from own_tasks);

insert into core.runs by name
select runs.*
from published.core.runs as runs
inner join own_tasks
    on own_tasks.task_id = runs.task_id
    and runs.created_at >= own_tasks.from_at;

insert into core.attempts by name
select *
from published.core.attempts
where run_id in (select run_id from core.runs);

insert into core.run_tags by name
select *
from published.core.run_tags
where run_id in (select run_id from core.runs);

insert into core.upcoming_ticks by name
select *
from published.core.upcoming_ticks
where task_id in (select task_id from own_tasks);

insert into core.task_observations by name
select looks.*
from published.core.task_observations as looks
inner join own_tasks
    on own_tasks.task_id = looks.task_id
    and looks.observed_at >= own_tasks.from_at;

insert into core.coverage_gaps by name
select gaps.*
from published.core.coverage_gaps as gaps
inner join own_tasks
    on own_tasks.task_id = gaps.task_id
    and gaps.from_at >= own_tasks.from_at;

insert into core.missing_runs by name
select *
from published.core.missing_runs
where gap_id in (select gap_id from core.coverage_gaps)
    and task_id in (select task_id from own_tasks);

-- The day on which a task came from another account is a sum over both; in the reporting zone it may be the next one.
insert into core.restatements by name
select restatements.*
from published.core.restatements as restatements
inner join own_tasks
    on own_tasks.task_id = restatements.task_id
    and restatements.date - 1 > own_tasks.from_at::date;

insert into core.publishes by name
select *
from published.core.publishes;

insert into core.quarantine by name
select *
from published.core.quarantine
where task_id in (select task_id from own_tasks)
    and coalesce(run_id in (select run_id from core.runs), true);

insert into core.budgets by name
select
    getvariable('account') as account_id,
    monthly_budget_usd,
    warn_ratio
from published.core.budgets
where account_id in (getvariable('account'), '*')
order by account_id = '*'
limit 1;

insert into core.accounts by name
select *
from published.core.accounts
where account_id = getvariable('account');

insert into core.responses by name
select *
from published.core.responses
where request like '%account_id=' || getvariable('account') || '%'
    or regexp_extract(request, 'runId=(.*)$', 1) in (select run_id from core.runs);

-- What a poll counted, it counted over all accounts; it is not told here.
insert into core.polls by name
select
    poll_id,
    started_at,
    finished_at,
    case when status = 'partial' and not list_contains(unanswered_account_ids, getvariable('account')) then 'succeeded' else status end
        as status,
    source,
    is_full_scope,
    1 as account_count,
    len(list_intersect(unanswered_account_ids, [getvariable('account')])) as unanswered_account_count,
    list_intersect(unanswered_account_ids, [getvariable('account')]) as unanswered_account_ids,
    suspect_reasons,
    list_intersect(suspect_account_ids, [getvariable('account')]) as suspect_account_ids,
    error_kind
from published.core.polls;

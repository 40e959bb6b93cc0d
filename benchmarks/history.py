"""Growth: does the same poll cost the same on 5 M runs of history as on 50 k?

Warehouses with the same last week: one holds only that, others 9, 99 or (`make bench-long`) 999 weeks before it too,
copied by SQL in time order, as polling would have left them. Then the same delta is loaded into copies of all.
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

import duckdb

from benchmarks.generate import DATA, DataSet, data_sets
from benchmarks.measure import Taken, measure
from benchmarks.run import OWN, Figure, keep

TASKS = 10_000
# Longer ones are made of copies of one of so many weeks.
PART_WEEKS = 100
# Real run ids begin with their time; ids of other weeks must, too, or nobody could skip them.
RUN_ID = "printf('run_%x', ('0x' || substr(run_id, 5, 11))::bigint - {days}::bigint * 86400000) || substr(run_id, 16)"
COPY_RUNS = f"""
insert into core.runs by name
select * replace (
    {RUN_ID} as run_id,
    created_at - to_days({{days}}) as created_at,
    updated_at - to_days({{days}}) as updated_at,
    started_at - to_days({{days}}) as started_at,
    finished_at - to_days({{days}}) as finished_at,
    first_observed_at - to_days({{days}}) as first_observed_at,
    last_observed_at - to_days({{days}}) as last_observed_at,
    details_observed_at - to_days({{days}}) as details_observed_at
)
from template.core.runs
"""
COPY_ATTEMPTS = f"""
insert into core.attempts by name
select * replace (
    'attempt_{{days}}_' || substr(attempt_id, 9) as attempt_id,
    {RUN_ID} as run_id,
    created_at - to_days({{days}}) as created_at,
    updated_at - to_days({{days}}) as updated_at
)
from template.core.attempts
"""
COPY_TAGS = f"""
insert into core.run_tags
select {RUN_ID}, tag
from template.core.run_tags
"""
# One tick in twenty came and went unseen, so that history is also that of what is missing: a hole in each week of a task.
MISSING = """
insert into core.missing_runs by name
select
    task_id,
    created_at - to_days({days}) - interval 17 minutes as tick_at,
    printf('gap_%d_%s', epoch_ms(created_at - to_days({days})) // 604800000, task_id) as gap_id
from template.core.runs
where hash(run_id) % 20 = 0
"""
GAPS = """
insert into core.coverage_gaps by name
select
    gap_id,
    any_value(task_id) as task_id,
    min(tick_at) - interval 1 minute as from_at,
    max(tick_at) + interval 1 minute as to_at,
    'not_polled' as cause,
    false as is_provisional,
    count(*) as runs_missing_count,
    0 as recovered_count,
    max(tick_at) as detected_at,
    (select max(poll_id) from core.polls) as detected_poll_id
from core.missing_runs
group by gap_id
"""


def make_history(base: DataSet, weeks: int) -> Path:
    """Return a warehouse folder whose core holds the last week and the `weeks - 1` before it; made once."""
    folder = DATA / f"history-{weeks}"
    if (folder / "ready").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    part = PART_WEEKS if weeks > PART_WEEKS else 1
    if weeks % part:
        raise SystemExit(f"{weeks} weeks are no multiple of {part}")
    if part > 1:
        shutil.copytree(make_history(base, part), folder, ignore=shutil.ignore_patterns("ready"))
    else:
        measure([OWN, "-m", "benchmarks.product", base.folder, folder, "0"])
    _lengthen(folder / "work" / "recoup.duckdb", [7 * week for week in range(0, weeks, part)])
    (folder / "ready").touch()
    return folder


def _lengthen(work: Path, days: list[int]) -> None:
    """Let a warehouse hold what it holds once for each of so many days ago, in the order of time."""
    template = work.with_name("template.duckdb")
    shutil.copy(work, template)
    with duckdb.connect(str(work), config={"memory_limit": "2GB", "checkpoint_threshold": "1GB"}) as con:
        con.execute(f"set timezone = 'UTC'; attach '{template}' as template (read_only)")
        for table in ("runs", "attempts", "run_tags", "missing_runs", "coverage_gaps"):
            con.execute(f"delete from core.{table}")
        for ago in reversed(days):
            for statement in (COPY_RUNS, COPY_ATTEMPTS, COPY_TAGS):
                con.execute(statement.format(days=ago) if ago else _unchanged(statement))
            con.execute(MISSING.format(days=ago))
        con.execute(GAPS)
    template.unlink()


def _unchanged(statement: str) -> str:
    table = statement.split("insert into core.")[1].split()[0]
    return f"insert into core.{table} from template.core.{table}"


def load_delta(history: Path, delta: DataSet) -> tuple[Taken, int]:
    """Load the delta into a copy; return the cost and the runs held then."""
    with tempfile.TemporaryDirectory(dir=DATA) as name:
        warehouse = Path(name) / "warehouse"
        shutil.copytree(history, warehouse)
        os.sync()  # or the poll's own sync would wait for the copy of the history
        taken = measure([OWN, "-m", "benchmarks.product", delta.folder, warehouse, "1"])
        with duckdb.connect(str(warehouse / "work" / "recoup.duckdb"), read_only=True) as con:
            # By their hashes, which are no texts: of 50 million ids fewer are alike than one.
            runs, ids = con.execute("select count(*), count(distinct hash(run_id)) from core.runs").fetchone() or (0, 0)
    if runs != ids:
        raise SystemExit(f"{runs - ids} runs are there twice")
    return taken, runs


def main() -> None:
    """Measure in turn, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weeks", type=int, default=100, help=f"{TASKS * 5:,} runs each")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    base, delta = data_sets(TASKS)
    expected = delta.truth["runs"] - base.truth["runs"]
    figures = []
    for _ in range(arguments.repeat):
        for weeks in sorted({1, 10, arguments.weeks}):
            taken, runs = load_delta(make_history(base, weeks), delta)
            if runs != weeks * base.truth["runs"] + expected:
                raise SystemExit(f"{runs} runs, not {weeks * base.truth['runs'] + expected}")
            figures.append(Figure(f"history_{weeks}", TASKS, taken, True, 0))
            print(f"{runs:9,} runs {taken.wall_seconds:7.2f} s {taken.cpu_seconds:7.2f} s CPU {taken.peak_mb:5.0f} MB")
    print(keep(figures))


if __name__ == "__main__":
    main()

"""What the processes of the torture run: a publisher, and readers that connect as people's programs do."""

KEPT = 3
ROWS = 60_000

# Three tables that agree in every copy, and in no mixture of two copies.
COUNTS = (
    "select (select run_count from marts.warehouse_info), (select count(*) from core.runs),"
    " (select max(turn) from marts.run_facts)"
)

CHANGE = f"""
    create schema if not exists core;
    create schema if not exists marts;
    create table if not exists core.runs (run_id bigint);
    insert into core.runs
    select range from range(case when (select count(*) from core.runs) = 0 then {ROWS} else 1 end);
    create or replace table marts.run_facts as select run_id, (select count(*) from core.runs) as turn from core.runs;
    create or replace table marts.warehouse_info as select count(*) as run_count from core.runs;
"""

PUBLISHER = f"""
import sys
from pathlib import Path
from pipelines.clock import utc_now
from pipelines.paths import Layout
from tests.support.publish_harness import publish_as_it_is
from pipelines.database.connection import Warehouse

layout = Layout(Path(sys.argv[1]))
for line in sys.stdin:
    with Warehouse(layout).write() as con:
        con.execute("begin")
        con.execute(sys.argv[2])
        con.execute("commit")
    snapshot = publish_as_it_is(layout, kept={KEPT}, clock=utc_now)
    print(snapshot.row_counts["core.runs"], flush=True)
"""

# A reader reads until its standard input ends, once more after that, and tells what it saw.
READER = """
import json, sys, threading

file, query = sys.argv[1:]
done = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()
{connect}
reads, torn, backwards, newest, errors = 0, 0, 0, 0, []
print("ready", flush=True)
is_last = False
while not is_last:
    is_last = done.is_set()
    try:
        counts = ask()
    except Exception as error:
        errors.append(repr(error)[:300])
        continue
    reads += 1
    torn += len(set(counts)) != 1
    backwards += counts[0] < newest
    newest = max(newest, counts[0])
print(json.dumps(dict(reads=reads, torn=torn, backwards=backwards, newest=newest, errors=errors[:3])))
"""

RECONNECT = """
import duckdb

def ask():
    with duckdb.connect(file, read_only=True) as con:
        return con.execute(query).fetchone()
"""

HELD = """
import duckdb
con = duckdb.connect(file, read_only=True)

def ask():
    return con.execute(query).fetchone()
"""

# A pool as a web application has it: four threads share connections that are kept for two seconds. They are of
# different ages, so answers may go back in time, which is why docs/bi/sqlalchemy.md wants no pool; torn they never are.
POOLED = """
import time
from concurrent.futures import ThreadPoolExecutor
import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

options = {"connect_args": {"read_only": True}, "poolclass": QueuePool, "pool_size": 3, "pool_recycle": 2}
engine = sa.create_engine("duckdb:///" + file, **options)
threads = ThreadPoolExecutor(4)

def one(_):
    with engine.connect() as connection:
        return tuple(connection.execute(sa.text(query)).one())

def ask():
    answers = list(threads.map(one, range(4)))
    assert all(len(set(answer)) == 1 for answer in answers), answers
    return max(answers)
"""

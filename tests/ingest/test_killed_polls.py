"""A poll that is killed at any instant: all of it or none, and the next one repairs what it left."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pipelines.archive.store import Archive
from pipelines.archive.verify import verify
from pipelines.clock import fixed
from pipelines.ingest.poll import poll
from pipelines.load.rebuild import rebuild
from pipelines.settings import Settings
from tests.ingest.test_poll import HOUR, rows, saved, state
from tests.support.bodies import NOON, run, task

KILLED = """
    import os, signal, sys
    from pathlib import Path
    from pipelines.archive import pack_writer, store
    from pipelines.load import session
    from pipelines.ingest import poll as polling
    from pipelines.clock import fixed, parse_instant
    from pipelines.settings import Settings

    def die(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGKILL)

    where = sys.argv[1]
    owner, name = {
        "inside a body": (pack_writer, "append_whole"),
        "after the body, before its ledger line": (store.PackWriter, "keep"),
        "before the end of the ledger": (store.PollWriter, "finish"),
        "after the ledger, before its chain": (store.Chain, "seal"),
        "after the ledger, before the merge": (session.LoadSession, "commit"),
        "inside the transaction": (session, "write_poll"),
    }[where]
    keep, append = store.PackWriter.keep, pack_writer.append_whole
    dying = {
        "keep": lambda self, answers: (keep(self, answers), die()),
        "append_whole": lambda path, content: (append(path, content[:-40]), die()),
    }
    setattr(owner, name, dying.get(name, die))
    polling.poll(
        Settings.load(warehouse_dir=Path(sys.argv[2]), privacy_key="k"),
        clock=fixed(parse_instant(sys.argv[3])), load_files=[Path(sys.argv[4])],
    )
"""


KILLS = {
    "inside a body": False, "after the body, before its ledger line": False, "before the end of the ledger": False,
    "after the ledger, before its chain": True, "after the ledger, before the merge": True, "inside the transaction": True,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("where", "is_loaded"), KILLS.items())
def test_a_kill_leaves_all_of_a_poll_or_none_and_the_next_repairs(tmp_path: Path, where: str, is_loaded: bool) -> None:
    settings = Settings.load(warehouse_dir=tmp_path / "w", privacy_key="k")
    first = saved(tmp_path, "first.json", [task(runs=[run("run_1")])])
    second = saved(tmp_path, "second.json", [task(runs=[run("run_2")])])
    third = saved(tmp_path, "third.json", [task(runs=[run("run_3")])])
    poll(settings, clock=fixed(NOON), load_files=[first])
    before = state(settings)
    at = (NOON + HOUR).isoformat()
    arguments = [where, str(tmp_path / "w"), at, str(second)]
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), *arguments], check=False)
    assert done.returncode == -signal.SIGKILL
    assert state(settings) == before, "none of it"
    poll(settings, clock=fixed(NOON + 2 * HOUR), load_files=[third])
    runs = {row[0] for row in rows(settings, "select run_id from core.runs")}
    assert runs == ({"run_1", "run_2", "run_3"} if is_loaded else {"run_1", "run_3"})
    statuses = rows(settings, "select status, finished_at is null from core.polls order by poll_id")
    middle = ("succeeded", False) if is_loaded else ("failed", True)
    assert statuses == [("succeeded", False), middle, ("succeeded", False)]
    after = state(settings)
    rebuild(settings)
    assert state(settings) == after
    found = verify(Archive(settings.layout.archive))
    assert (found.damages, found.unsealed) == ([], [])


@pytest.mark.slow
def test_a_torn_ledger_line_is_an_interrupted_poll(tmp_path: Path) -> None:
    settings = Settings.load(warehouse_dir=tmp_path / "w", privacy_key="k")
    first = saved(tmp_path, "first.json", [task(runs=[run("run_1")])])
    poll(settings, clock=fixed(NOON), load_files=[first])
    archive = Archive(settings.layout.archive)
    path = next(settings.layout.archive.glob("polls/*/*.ndjson"))
    path.write_bytes(path.read_bytes()[:-20])
    archive.chain.path.unlink()
    settings.layout.work_file.unlink()  # whoever tears a line so has not loaded the poll
    rebuild(settings)
    assert rows(settings, "select status, error_kind from core.polls") == [("failed", "Interrupted")]
    assert archive.poll(path.stem) is not None

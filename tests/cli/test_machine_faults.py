"""The machine's faults end in one sentence that says what next, and never in "This is a bug"."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from pipelines.errors import MachineFault, WarehouseBusy
from pipelines.machine_faults import in_words, is_damage
from tests.cli.conftest import run, save_body

PROGRAM = Path(sys.executable).parent / "recoup-warehouse"
# A limit on files is a full disk that needs no disk of its own.
LIMITED = """
import resource, signal, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from pipelines.cli.main import main
main()
"""


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_error_of_the_system_has_words(number: int) -> None:
    fault = in_words(OSError(number, os.strerror(number), "/somewhere/file"))
    assert fault is not None
    assert "/somewhere/file" in str(fault)
    assert ";" in str(fault), "what next"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (duckdb.IOException('IO Error: Could not set lock on file "x": held in /usr/bin/python (PID 7)'), "PID 7"),
        (duckdb.IOException("IO Error: Corrupt database file: computed checksum 1"), "`recoup-warehouse rebuild`"),
        (duckdb.IOException('The file "x" exists, but it is not a valid DuckDB database file!'), "rebuild"),
        (duckdb.InternalException("Failure while replaying WAL file"), "rebuild"),
        (duckdb.FatalException("database has been invalidated because of a previous fatal error"), "rebuild"),
        (duckdb.IOException("Could not write file: No space left on device"), "free some space"),
        (duckdb.OutOfMemoryException("failed to allocate"), "RECOUP_MEMORY_LIMIT"),
        (duckdb.IOException('Cannot open file "x": Permission denied'), "owner"),
        (MemoryError(), "RECOUP_MEMORY_LIMIT"),
    ],
)
def test_so_have_those_of_duckdb(error: Exception, said: str) -> None:
    assert said in str(in_words(error))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("database or disk is full", "free some space"),
        ("attempt to write a readonly database", "owner"),
        ("disk I/O error", "see to the disk"),
        ("unable to open database file", "owner"),
        ("database is locked", "try again"),
        ("file is not a database", "put it back from a backup"),
        ("database disk image is malformed", "put it back from a backup"),
    ],
)
def test_so_have_those_of_sqlite(text: str, said: str) -> None:
    assert said in str(in_words(sqlite3.DatabaseError(text)))
    assert said in str(in_words(sqlite3.OperationalError(text)))


NAMES = ["/srv/corrupt, is full, no space left/x", "C:403 set lock", "not supported", "conflict accessdenied", "it's"]
KINDS = [
    'IO Error: Could not set lock on file "{}": Conflicting lock is held in {} (PID 7)',
    'IO Error: Cannot open file "{}": No such file or directory',
    'IO Error: Corrupt database file "{}": computed checksum 1',
    'IO Error: Could not write file "{}": No space left on device',
    'IO Error: Could not read from file "{}": Is a directory',
    'Binder Error: nothing of "{}" can\'t be read',
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_what_a_file_is_called_never_tells_what_went_wrong(kind: str, name: str) -> None:
    def said(named: str) -> tuple[str, bool]:
        error = duckdb.IOException(kind.format(named, "/usr/bin/" + named.replace(" ", "_")))
        return str(in_words(error)).replace(named.replace(" ", "_"), "").replace(named, ""), is_damage(error)

    assert said(name) == said("x.duckdb")


@pytest.mark.slow
@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("command", ["incidents", "metrics", "backup"])
def test_a_damaged_ledger_of_incidents_is_said(
    published: Path, command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ledger = published / "incidents" / "ledger.sqlite"
    ledger.parent.mkdir(exist_ok=True)
    ledger.write_bytes(b"not of sqlite" * 100)
    assert run(command, *[str(tmp_path / "copy")] * (command == "backup")) == 14
    assert "the ledger of incidents is damaged" in capsys.readouterr().err


def test_a_full_disk_is_no_damage_whatever_became_of_the_database() -> None:
    text = "FATAL Error: database has been invalidated ... Original error: could not write: No space left on device"
    assert not is_damage(duckdb.FatalException(text))
    assert is_damage(duckdb.FatalException(text.partition(" ... ")[0]))


def test_mistakes_of_our_own_are_not_blamed_on_the_machine() -> None:
    assert in_words(duckdb.ParserException("syntax error")) is None
    assert in_words(KeyError("x")) is None
    assert isinstance(in_words(duckdb.IOException("Could not set lock on file")), WarehouseBusy)
    assert isinstance(in_words(duckdb.IOException("anything")), MachineFault)


@pytest.mark.usefixtures("published")
class TestWorkFile:
    """The work file is a cache: whatever became of it, the line says `rebuild`, and that cures it."""

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "kept",
        [
            pytest.param(0, marks=pytest.mark.slow),
            1000,
            pytest.param(5000, marks=pytest.mark.slow),
            pytest.param(300_000, marks=pytest.mark.slow),
        ],
    )
    def test_a_cut_or_empty_one(self, published: Path, kept: int, capsys: pytest.CaptureFixture[str]) -> None:
        work_file = published / "work" / "recoup.duckdb"
        work_file.write_bytes(work_file.read_bytes()[:kept])
        assert run("build") == 14
        assert "`recoup-warehouse rebuild`" in capsys.readouterr().err
        assert run("doctor") == 1
        assert run("rebuild") == 0
        assert run("build") == 0

    @pytest.mark.slow
    def test_one_that_somebody_holds(self, published: Path, capsys: pytest.CaptureFixture[str]) -> None:
        code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); sys.stdin.read()"
        command = [sys.executable, "-c", code, str(published / "work" / "recoup.duckdb")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            other.stdout.readline()
            assert run("build") == 6
            assert f"PID {other.pid}" in capsys.readouterr().err
            assert run("doctor") == 1
            assert f"PID {other.pid}" in capsys.readouterr().out
            other.communicate("")


@pytest.mark.slow
def test_a_full_disk_at_a_poll_is_said(own_folder: Path) -> None:
    saved = save_body(own_folder)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "poll", "--load", str(saved)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (14, 2), done.stderr  # the first: a new warehouse
    assert "free some space" in done.stderr
    assert run("poll", "--load", str(saved)) == 0


@pytest.mark.slow
def test_a_file_in_the_place_of_a_folder(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own_folder / "warehouse").write_text("in the way")
    assert run("nightly") == 14
    assert "warehouse" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.usefixtures("published")
def test_a_terminal_of_ascii_and_a_closed_pipe() -> None:
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    told = subprocess.run(
        [PROGRAM, "query", "select 'T\u014dky\u014d'"], capture_output=True, check=True, env=ascii_only, timeout=60
    )
    assert b"T\\u014dky\\u014d" in told.stdout
    many = subprocess.Popen(
        [PROGRAM, "query", "--format", "csv", "from range(3000000)"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert many.stdout is not None and many.stderr is not None
    many.stdout.readline()
    many.stdout.close()
    assert many.wait(60) == 141
    assert many.stderr.read() == b""
    many.stderr.close()


@pytest.mark.slow
@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("sent", "code", "said"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_signals_inside_a_query(sent: signal.Signals, code: int, said: str) -> None:
    # A shell that starts a job in the background lets it ignore Ctrl-C.
    start = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from pipelines.cli.main import main; "
    )
    sql = "select count(*) from range(10000000) as a, range(10000000) as b where a.range * b.range = 7"
    command = [sys.executable, "-c", start + "print('ready', flush=True); main()", "query", sql]
    slow = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert slow.stdout is not None
        slow.stdout.readline()
        time.sleep(2)
        slow.send_signal(sent)
        _, told = slow.communicate(timeout=30)
    finally:
        slow.kill()
        slow.communicate()
    assert (slow.returncode, told.strip()) == (code, f"recoup-warehouse: {said}")

"""Where each file of a warehouse lives. Paths only: nothing here opens, locks or parses anything."""

import errno
import logging
import os
import stat
from dataclasses import dataclass
from pathlib import Path

# A wheel carries sql/ inside the package (setup.py), a checkout has it beside the package.
_PACKAGE = Path(__file__).resolve().parent
_IS_INSTALLED = (_PACKAGE / "sql").is_dir()
SQL_DIR = _PACKAGE / "sql" if _IS_INSTALLED else _PACKAGE.parent / "sql"
CHECKOUT = None if _IS_INSTALLED else _PACKAGE.parent

PRIVATE_DIR_MODE = 0o700
PRIVATE_FILE_MODE = 0o600
PUBLIC_DIR_MODE = 0o755
OTHERS_MAY_WRITE = 0o022
LOG = logging.getLogger("recoup_warehouse")


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders and files below one RECOUP_WAREHOUSE_DIR."""

    root: Path

    @property
    def is_there(self) -> bool:
        """Tell whether there is a warehouse: an archive, or copies that somebody brought here."""
        return self.archive.exists() or self.current.exists()

    @property
    def archive(self) -> Path:
        """Response bodies as received and their ledgers; private, the source of truth."""
        return self.root / "archive"

    @property
    def work(self) -> Path:
        """The pipeline's own files; private, never opened by readers."""
        return self.root / "work"

    @property
    def work_file(self) -> Path:
        """The database that the pipeline writes."""
        return self.work / "recoup.duckdb"

    @property
    def rebuild_file(self) -> Path:
        """The database that a rebuild makes, until it takes the place of the work file."""
        return self.work / "rebuild.duckdb"

    @property
    def past_file(self) -> Path:
        """The core tables of the last past instant that somebody asked for, to be gone on with."""
        return self.work / "past.duckdb"

    @property
    def past_lock_file(self) -> Path:
        """Held with flock by whoever loads that database."""
        return self.work / "past.lock"

    @property
    def begun_files(self) -> tuple[Path, ...]:
        """Databases that hold the first polls of the archive; load/resume.py says when one is gone on with."""
        return (self.rebuild_file, self.past_file)

    @staticmethod
    def basis_file(begun: Path) -> Path:
        """What such a database depends on beside the archive; the policy of privacy in its first line."""
        return begun.with_suffix(".basis")

    @property
    def lock_file(self) -> Path:
        """Held with flock by the one writer."""
        return self.work / "writer.lock"

    @property
    def poll_lock_file(self) -> Path:
        """Held with flock by the one poll that is under way."""
        return self.work / "poll.lock"

    @property
    def publish_lock_file(self) -> Path:
        """Held with flock by the one publisher."""
        return self.work / "publish.lock"

    @property
    def pictures_file(self) -> Path:
        """The charts that Dagster's pages show, as last drawn; may be deleted."""
        return self.work / "pictures.json"

    @property
    def privacy_key_file(self) -> Path:
        """The random per-warehouse hash key, used when RECOUP_PRIVACY_KEY is not set."""
        return self.work / "privacy.key"

    @property
    def scratch(self) -> Path:
        """Staging and spill files of the running load, and a cache of the last one; all may be deleted."""
        return self.work / "scratch"

    @property
    def snapshots(self) -> Path:
        """Published copies, one numbered folder each."""
        return self.root / "snapshots"

    @property
    def current(self) -> Path:
        """Symlink to the snapshot that people open."""
        return self.root / "current"

    @property
    def published_file(self) -> Path:
        """The file that analysts and BI tools open, read-only."""
        return self.current / "recoup.duckdb"

    @property
    def budgets_file(self) -> Path:
        """What accounts may spend, kept by a person, unless RECOUP_BUDGETS_FILE names another file."""
        return self.root / "budgets.csv"

    @property
    def account_names_file(self) -> Path:
        """What people call each account, kept by a person."""
        return self.root / "accounts.csv"

    @property
    def gathered_file(self) -> Path:
        """Which shards were gathered last, and when; of a warehouse that gathers."""
        return self.work / "gathered.json"

    @property
    def gatherings(self) -> Path:
        """The chain of those: by it a lake tells this warehouse from another that gathers the same shards."""
        return self.work / "gatherings.ndjson"

    @property
    def kept_files(self) -> tuple[Path, ...]:
        """What nothing makes again, beside the archive: key, incidents, and what people and the demo wrote."""
        written = (self.budgets_file, self.account_names_file, self.simulated_file)
        return (self.privacy_key_file, self.incident_ledger, *written)

    @property
    def simulated_file(self) -> Path:
        """Says that the data are simulated, and which world they are of."""
        return self.root / "simulated.json"

    @property
    def incidents(self) -> Path:
        """The ledger of incidents and its outbox; private."""
        return self.root / "incidents"

    @property
    def incident_ledger(self) -> Path:
        """The ledger itself."""
        return self.incidents / "ledger.sqlite"

    @property
    def dagster_home(self) -> Path:
        """Dagster's run history, event log and schedule state."""
        return self.root / "dagster_home"

    def prepare(self, what: str = "warehouse") -> None:
        """Create the folders, whatever the umask: private ones for their owner alone, the others writable by no one else.

        Nothing else makes a warehouse, so none is made without a word.

        Raises PermissionError for a folder of another user, who could put another in its place, and for a scratch
        folder that is a link.
        """
        if not self.is_there:
            LOG.warning("a new %s is made in %s", what, self.root, extra={"event": "new"})
        for folder in (self.root, self.snapshots):
            is_new = not folder.exists()
            folder.mkdir(parents=True, exist_ok=True)
            _refuse_foreign(folder)
            mode = PUBLIC_DIR_MODE if is_new else stat.S_IMODE(folder.stat().st_mode) & ~OTHERS_MAY_WRITE
            folder.chmod(mode)
        for folder in (self.archive, self.work, self.scratch, self.incidents, self.dagster_home):
            folder.mkdir(mode=PRIVATE_DIR_MODE, exist_ok=True)
            _refuse_foreign(folder)
            folder.chmod(PRIVATE_DIR_MODE)
        if self.scratch.is_symlink():
            raise PermissionError(errno.EPERM, "this must not be a link", str(self.scratch))


def _refuse_foreign(folder: Path) -> None:
    # The superuser may keep a warehouse for somebody, as in a container over a folder of its host.
    if os.geteuid() not in (0, folder.stat().st_uid):
        raise PermissionError(errno.EPERM, "this folder belongs to another user", str(folder))

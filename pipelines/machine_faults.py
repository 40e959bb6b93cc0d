"""What the machine refuses, in words: a full disk, a file system without locks, a damaged database, too little memory.

Called at the boundary (command line, Dagster, doctor), once; the code inside lets such errors pass.
"""

import errno
import re

from pipelines.errors import MachineFault, RecoupError, WarehouseBusy

LOCAL_DISK = (
    "keep the warehouse on a local disk of this machine (`recoup-warehouse doctor` tries what it must be able to do)"
)
_FULL = ("no space left", "quota exceeded", "file too large")
# What an error names: paths, addresses, objects. Any word or number may be part of a name ("403" of port 40300).
_NAMES = re.compile(
    r"""
      "[^"\n]*"                      # in double quotes
    | (?<!\w)'(?:\\.|[^'\\\n])*'    # in single ones, where no apostrophe of a word can stand
    | \w+://\S+                     # an address
    | (?<![\w/])/[^\s/]\S*           # a path without quotes
    | \bport\W{0,2}\d+              # a port
    """,
    re.VERBOSE,
)
# The first that matches tells; errno is None for what only DuckDB's words show.
_FAULTS: tuple[tuple[tuple[int, ...], tuple[str, ...], str, str], ...] = (
    (
        (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
        _FULL,
        "the disk is full, or a limit on files is reached",
        "free some space (`recoup-warehouse doctor` says how much a snapshot takes) and run the command again",
    ),
    (
        (errno.EROFS,),
        ("read-only file system",),
        "the file system is read-only",
        "name a folder that may be written in RECOUP_WAREHOUSE_DIR, or make it writable",
    ),
    (
        (errno.EACCES, errno.EPERM),
        ("permission denied", "operation not permitted"),
        "this user may not do that",
        "run the command as the owner of the warehouse folder, or correct owner and mode",
    ),
    (
        (errno.EMFILE, errno.ENFILE),
        ("too many open files",),
        "too many files are open",
        "raise the limit (`ulimit -n`) and run the command again",
    ),
    (
        (errno.ENOLCK, errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EOPNOTSUPP, errno.ESTALE, errno.EXDEV),
        ("no locks available", "not supported", "function not implemented", "invalid argument"),
        "the file system cannot do what a warehouse needs",
        LOCAL_DISK,
    ),
    (
        (errno.EEXIST, errno.ENOTDIR, errno.EISDIR),
        ("is a directory", "not a directory"),
        "something else is in the place of a file or folder",
        "move it away and run the command again",
    ),
    (
        (errno.EIO,),
        ("input/output error",),
        "the disk cannot be read or written",
        "see to the disk, and restore from a backup",
    ),
    ((errno.ENOMEM,), (), "there is too little memory", "lower RECOUP_MEMORY_LIMIT, or end other programs"),
)
_DAMAGE = (
    "corrupt", "checksum", "replaying wal", "not a valid duckdb database", "wal file", "serialization error",
    "has been invalidated", "failed to deserialize", "read enough bytes", "read from file",
)  # fmt: skip

# SQLite, which keeps the ledger of incidents, says no number.
_SQLITE = (
    (("is full",), errno.ENOSPC),
    (("readonly", "access permission", "authorization"), errno.EACCES),
    (("disk i/o",), errno.EIO),
    (("unable to open",), errno.EACCES),
)


def in_words(error: BaseException) -> RecoupError | None:
    """Return what an error of the machine means and what to do; None for any other error."""
    text = str(error).strip().partition("\n")[0]
    if isinstance(error, MemoryError):
        return _fault("there is too little memory", text, "lower RECOUP_MEMORY_LIMIT, or end other programs")
    if isinstance(error, OSError):
        return _of_system(error)
    if _is_of("sqlite3", error):
        return _of_sqlite(text)
    return _of_duckdb(error, text) if _is_duckdb(error) else None


def without_names(text: str) -> str:
    """Return the words of an error in lower case, without what it names: only these tell which kind of error it is."""
    return _NAMES.sub("…", text).lower()


def is_damage(error: BaseException) -> bool:
    """Tell whether DuckDB found a file to be other than it was written; on a full disk it only could not write it."""
    text = without_names(str(error))
    return _is_duckdb(error) and any(word in text for word in _DAMAGE) and not any(word in text for word in _FULL)


def is_interrupt(error: BaseException) -> bool:
    """Tell whether Ctrl-C ended a query inside DuckDB, which makes an error of its own of it."""
    if isinstance(error, RuntimeError):
        return str(error) == "Query interrupted"
    return _is_duckdb(error) and type(error).__name__ == "InterruptException"


def _of_system(error: OSError) -> RecoupError:
    where = f"{error.strerror or error}: {error.filename2 or error.filename or 'no file named'}"
    for numbers, _, what, advice in _FAULTS:
        if error.errno in numbers:
            return _fault(what, where, advice)
    return _fault("the operating system refused", where, "see to that file or folder and run the command again")


def _of_sqlite(text: str) -> RecoupError:
    low = without_names(text)
    if "locked" in low:
        return WarehouseBusy(f"another program writes the ledger of incidents ({text}); try again when it has ended")
    for words, number in _SQLITE:
        if any(word in low for word in words):
            return _of_system(OSError(number, text, "incidents/ledger.sqlite"))
    advice = "put it back from a backup, or move it away: a new one begins then"
    return _fault("the ledger of incidents is damaged", text, advice)


def _of_duckdb(error: BaseException, text: str) -> RecoupError | None:
    low = without_names(text)
    if "set lock" in low:
        return WarehouseBusy(
            f"another program has a database file of the warehouse open for writing ({text}); close it there, "
            "and let it open current/recoup.duckdb, read-only, instead"
        )
    for _, words, what, advice in _FAULTS:
        if any(word in low for word in words):
            return _fault(what, text, advice)
    if is_damage(error):
        advice = (
            "the work file is only a cache of the archive: `recoup-warehouse rebuild`, then `recoup-warehouse publish`"
        )
        return _fault("a database file is damaged", text, advice)
    if type(error).__name__ == "OutOfMemoryException":
        return _fault("DuckDB has too little memory", text, "raise RECOUP_MEMORY_LIMIT")
    return _fault("a file could not be used", text, LOCAL_DISK) if type(error).__name__ == "IOException" else None


def _fault(what: str, where: str, advice: str) -> MachineFault:
    return MachineFault(f"{what} ({where}); {advice}")


def _is_duckdb(error: BaseException) -> bool:
    return _is_of("duckdb", error)


def _is_of(library: str, error: BaseException) -> bool:
    # By name: importing a library takes longer than most commands that never raise its errors.
    return any(kind.__module__.lstrip("_").split(".")[0] == library for kind in type(error).__mro__)

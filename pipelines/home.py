"""The folder that relative settings mean, and the `.env` that is read: one answer, wherever a command is started.

In this order: RECOUP_HOME (or the option `--home`), the nearest `.env` that sets something of ours, from the current folder
upwards, the checkout that the program runs from, the user's folder for data. Nothing is made here.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import BadSettings
from pipelines.paths import CHECKOUT

HOME, DOTENV = "RECOUP_HOME", ".env"
_SETS_SOMETHING = re.compile(rb"^\s*(?:export\s+)?RECOUP_", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Home:
    """The folder, why it is that one, and its `.env` if there is one."""

    folder: Path
    why: str
    env_file: Path | None
    is_named: bool = False


def find_home(environment: Mapping[str, str] = os.environ) -> Home:
    """Choose the home. Raises BadSettings when it is named and not there, not to be looked at or trusted, or nowhere."""
    try:
        return _found(environment)
    except OSError as error:
        advice = f"run as its owner, or name another folder with {HOME}"
        raise BadSettings(f"{error.filename} cannot be looked at ({error.strerror}); {advice}") from error


def _found(environment: Mapping[str, str]) -> Home:
    named = environment.get(HOME, "").strip()
    if named:
        return _home(_named(named), f"{HOME} or --home", is_named=True)
    for folder in _upwards():
        if _sets_something(folder / DOTENV):
            return _home(_trusted(folder), f"the nearest folder with a {DOTENV}, upwards from here")
        if folder == CHECKOUT:
            break
    if CHECKOUT is not None:
        return _home(CHECKOUT, "the checkout that this program runs from")
    return _home(_data_folder(environment), "this user's folder for data")


def _home(folder: Path, why: str, *, is_named: bool = False) -> Home:
    file = folder / DOTENV
    return Home(folder, why, file if file.is_file() else None, is_named)


def _named(text: str) -> Path:
    folder = Path(text).expanduser()
    if not folder.is_absolute():
        raise BadSettings(f"{HOME} must be an absolute path, or it would mean another folder from each folder")
    if not folder.is_dir():
        raise BadSettings(f"there is no folder {folder}, which {HOME} (or --home) names; make it, or name another")
    return folder.resolve()


def _upwards() -> Iterator[Path]:
    try:
        here = Path.cwd()
    except FileNotFoundError:  # somebody removed the folder under this process
        return
    yield from (here, *here.parents)


def _sets_something(file: Path) -> bool:
    return file.is_file() and _SETS_SOMETHING.search(file.read_bytes()) is not None


def _trusted(folder: Path) -> Path:
    """Refuse a file that somebody left in a folder above, as in /tmp: it would say where the key is sent."""
    owner = (folder / DOTENV).stat().st_uid
    if os.geteuid() != 0 and owner not in (0, os.geteuid()):
        advice = f"if you trust it, name its folder: --home {folder}, or {HOME}"
        raise BadSettings(f"{folder / DOTENV} belongs to another user, so it was not read; {advice}")
    return folder


def _data_folder(environment: Mapping[str, str]) -> Path:
    own = Path(environment.get("XDG_DATA_HOME", ""))
    base = own if own.is_absolute() else Path.home() / ".local" / "share"
    # What a user without a home is lent (cli/main.py) is emptied at times.
    if base.is_relative_to(tempfile.gettempdir()) and Path.home() == Path(tempfile.gettempdir()):
        raise BadSettings(f"this user has no home folder to keep a warehouse in; name one with {HOME} or --home")
    return base / "recoup-warehouse"

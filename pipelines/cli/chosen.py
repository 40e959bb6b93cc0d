"""The settings of a command, and the warehouse that they mean: one that is read must be there, one that is made is meant.

What relative settings mean belongs to pipelines/home.py; that a new warehouse is made is told where it is made (paths.py).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import BadSettings, NothingPublished

if TYPE_CHECKING:
    from pipelines.home import Home
    from pipelines.settings import Settings


def settings_of_a_warehouse() -> "Settings":
    """Load settings whose warehouse is there. Raises NothingPublished, and makes nothing, where there is none."""
    settings, home = _loaded()
    if settings.layout.is_there:
        return settings
    here = _other_one_here(settings, home)
    advice = (
        f"`recoup-warehouse --home {here} ...` means the one in {here}" if here else "name another home with --home"
    )
    raise NothingPublished(
        f"there is no warehouse in {settings.layout.root} (home is {home.folder}: {home.why}). `recoup-warehouse nightly` "
        f"makes it there; or set RECOUP_WAREHOUSE_DIR, or {advice}"
    )


def settings_of_a_new_warehouse() -> "Settings":
    """Load settings whose warehouse may be made. Raises BadSettings where that would be a second one, beside one here."""
    settings, home = _loaded()
    here = _other_one_here(settings, home)
    if here and not home.is_named and not settings.layout.is_there:
        raise BadSettings(
            f"there is a warehouse in {here}, and the settings mean another in {settings.layout.root}, which would be new "
            f"(home is {home.folder}: {home.why}). Say which: --home {here}, or --home {home.folder}"
        )
    return settings


def _loaded() -> "tuple[Settings, Home]":
    from pipelines.home import find_home
    from pipelines.settings import Settings

    return Settings.load(), find_home()


def _other_one_here(settings: "Settings", home: "Home") -> Path | None:
    """Return the current folder when a relative RECOUP_WAREHOUSE_DIR leads to a warehouse from there, too."""
    try:
        here = Path.cwd()
    except FileNotFoundError:
        return None
    is_other = here != home.folder and not settings.warehouse_dir.expanduser().is_absolute()
    return here if is_other and type(settings.layout)(here / settings.warehouse_dir).is_there else None

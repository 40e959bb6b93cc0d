"""The commands that keep a warehouse safe from its disk: backup, restore.

What is copied, and how, belongs to archive/backup.py.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.chosen import settings_of_a_new_warehouse, settings_of_a_warehouse
from pipelines.console.log import say, warn
from pipelines.errors import ArchiveDamaged, BadSettings

if TYPE_CHECKING:
    from pipelines.archive.backup import Copied

FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))


@click.command()
@FOLDER
def backup(folder: Path) -> None:
    """Copy what cannot be made again into FOLDER: archive, privacy key, budgets, names.

    \b
    Example:
      recoup-warehouse backup /mnt/backup/recoup

    May be run at any time, polls go on. Only what is new is copied, and read back. The copy holds all that the API
    answered, and the key, so it is as private as the warehouse. What was published is not in it: `restore` makes it
    again.
    """
    from pipelines.archive.backup import copy_warehouse
    from pipelines.console.number_format import count, shown_path
    from pipelines.console.progress import working
    from pipelines.paths import Layout

    layout = settings_of_a_warehouse().layout
    with working("copying polls") as steps:
        copied = copy_warehouse(layout, Layout(folder.resolve()), progress=steps.count)
    told = f"backed up {count(copied.poll_count, 'poll')}, {copied.new_count:,} of them new: {shown_path(folder)}"
    say("backup", told, poll_count=copied.poll_count, new_poll_count=copied.new_count)
    _tell_damage(copied)


@click.command()
@FOLDER
def restore(folder: Path) -> None:
    """Make a warehouse again from the backup in FOLDER.

    \b
    Example:
      RECOUP_WAREHOUSE_DIR=/srv/recoup recoup-warehouse restore /mnt/backup/recoup && recoup-warehouse publish

    The warehouse must be new. Its tables come out as they were, when the settings of privacy are the same.
    """
    from pipelines.archive.backup import copy_warehouse
    from pipelines.console.number_format import count, shown_path
    from pipelines.console.progress import working
    from pipelines.load.rebuild import rebuild
    from pipelines.paths import Layout

    settings, source = settings_of_a_new_warehouse(), Layout(folder.resolve())
    if not source.archive.exists():
        raise BadSettings(f"{shown_path(folder)} holds no backup: there is no folder archive/ in it")
    if settings.layout.work_file.exists():
        where = shown_path(settings.layout.root)
        raise BadSettings(f"{where} is in use; restore into a new folder: set RECOUP_WAREHOUSE_DIR")
    settings.layout.prepare()  # which says that a warehouse is made, not a backup
    with working("copying polls") as steps:
        copied = copy_warehouse(source, settings.layout, progress=steps.count)
        rebuild(settings, progress=steps.count)
    told = f"restored {count(copied.poll_count, 'poll')}; next: recoup-warehouse publish"
    say("restore", told, poll_count=copied.poll_count)
    _tell_damage(copied)


def _tell_damage(copied: "Copied") -> None:
    for what in copied.damaged[1:]:
        warn("damaged", f"  {what}")
    if copied.damaged:
        raise ArchiveDamaged(f"without {len(copied.damaged)} of the polls: {copied.damaged[0]}")


COMMANDS = (backup, restore)

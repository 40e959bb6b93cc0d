"""Loading the SQL models of `sql/`: read, ordered by what they reference, and bound before anything runs.

The form of the files (model_files.py) and running them (build.py) do not belong here.
"""

from functools import lru_cache
from pathlib import Path

from pipelines.paths import SQL_DIR
from pipelines.transform.model import Column, Key, Model
from pipelines.transform.model_binding import bind
from pipelines.transform.model_cache import kept_or_made
from pipelines.transform.model_files import read_folder
from pipelines.transform.model_graph import dependency_order, with_references

__all__ = ["Column", "Key", "Model", "load_models"]


@lru_cache(maxsize=4)
def load_models(sql_dir: Path = SQL_DIR) -> tuple[Model, ...]:
    """Read every model below `sql_dir`, core tables first, then marts in dependency order; once in a process.

    Raises BadModel, before anything runs: a file without its pair, an unknown key or table, a circle, not one
    SELECT, a column that is not described, or described and not there.
    """
    return kept_or_made(sql_dir, lambda: _made(sql_dir)) if sql_dir == SQL_DIR else _made(sql_dir)


def _made(sql_dir: Path) -> tuple[Model, ...]:
    core = read_folder(sql_dir / "core", "core")
    marts = with_references(read_folder(sql_dir / "marts", "marts"))
    return bind((*core, *dependency_order(core, marts)), sql_dir)

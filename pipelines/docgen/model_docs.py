"""Which files of docs/ are generated from the models, and writing them (`make docs`).

What stands in them belongs to data_dictionary.py, semantic_layer.py and dbt_sources.py.
"""

from collections.abc import Sequence
from pathlib import Path

from pipelines.docgen.data_dictionary import as_json, markdown
from pipelines.docgen.dbt_sources import dbt_sources
from pipelines.docgen.semantic_layer import semantic_layer
from pipelines.paths import SQL_DIR
from pipelines.transform.load_models import load_models
from pipelines.transform.model import Model

DOCS_DIR = SQL_DIR.parent / "docs"
GENERATORS = {
    "data_dictionary.md": markdown,
    "data_dictionary.json": as_json,
    "semantic_layer.yml": semantic_layer,
    "bi/dbt_sources.yml": dbt_sources,
}


def refuse_without(folder: Path) -> None:
    """Raise SystemExit when the folder of the documents is not there, as in an installed wheel."""
    if not folder.is_dir():
        raise SystemExit(
            f"there is no folder {folder}: the documents are written in a checkout of the repository, by `make docs`"
        )


def write(folder: Path = DOCS_DIR) -> None:
    """Write all generated files again. Raises SystemExit outside a checkout."""
    refuse_without(folder)
    models = load_models()
    for name, generate in GENERATORS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(generate(models), encoding="utf-8")


def stale(models: Sequence[Model], folder: Path = DOCS_DIR) -> list[str]:
    """Name the generated files that differ from what the models say now, or are not there."""
    return [
        name
        for name, generate in GENERATORS.items()
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != generate(models)
    ]


if __name__ == "__main__":
    write()

"""Peer: dlt, nested. The tasks as they come; dlt infers, unnests and merges. Free-form fields are declared as JSON."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# As its performance guide says: hand over pages, rotate files so that normalizing runs in parallel, parquet for DuckDB.
SETTINGS = {
    "NORMALIZE__WORKERS": "2",
    "LOAD__WORKERS": "2",
    "SOURCES__DATA_WRITER__FILE_MAX_ITEMS": "20000",
    "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": "100000",
    "NORMALIZE__LOADER_FILE_FORMAT": "parquet",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
}


def main() -> None:
    """Arguments: folder of bodies, database file."""
    os.environ.update(SETTINGS)
    import dlt

    as_json = {"data_type": "json"}
    opaque = dict.fromkeys(("metadata", "payload", "output", "error", "related_runs"), as_json)

    @dlt.resource(
        name="tasks",
        primary_key="id",
        write_disposition="merge",
        nested_hints={
            "recent_runs": dlt.mark.make_nested_hints(columns=opaque | {"ttl": {"data_type": "text"}}),
            ("recent_runs", "attempts"): dlt.mark.make_nested_hints(columns={"error": as_json}),
        },
    )
    def tasks() -> Iterator[list[dict[str, Any]]]:
        for path in sorted(Path(sys.argv[1]).glob("[0-9]*.json")):
            yield json.loads(path.read_bytes())["tasks"]

    pipeline = dlt.pipeline(
        "bench_nested",
        destination=dlt.destinations.duckdb(sys.argv[2]),
        dataset_name="main",
        pipelines_dir=sys.argv[2] + ".dlt",
    )
    pipeline.run(tasks())


if __name__ == "__main__":
    main()

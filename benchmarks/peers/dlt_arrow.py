"""Peer: dlt, fed with Arrow that was flattened by hand; dlt only merges. Its fastest way, as its guide says."""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks.peers.dlt_nested import SETTINGS
from benchmarks.peers.flatten import arrow, rows_of
from benchmarks.peers.tables import bodies

KEYS = {"tasks": "id", "runs": "id", "attempts": "id", "tags": ["run_id", "tag"], "upcoming": ["task_id", "tick_at"]}


def main() -> None:
    """Arguments: folder of bodies, database file."""
    os.environ.update(SETTINGS)
    import dlt

    # One pass over the bodies feeds all five tables.
    @dlt.resource(name="pages")
    def pages() -> Iterator[Any]:
        for path in bodies():
            rows = rows_of(json.loads(path.read_bytes())["tasks"])
            for name, key in KEYS.items():
                yield dlt.mark.with_hints(
                    arrow(rows[name]),
                    dlt.mark.make_hints(table_name=name, primary_key=key, write_disposition="merge"),
                    create_table_variant=True,
                )

    pipeline = dlt.pipeline(
        "bench_arrow",
        destination=dlt.destinations.duckdb(sys.argv[2]),
        dataset_name="main",
        pipelines_dir=sys.argv[2] + ".dlt",
    )
    pipeline.run(pages())


if __name__ == "__main__":
    main()

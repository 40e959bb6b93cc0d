"""The report: one self-contained HTML page about a published file, that opens offline and loads nothing from elsewhere.

Everything heavy (Altair, the charting library) is imported when a report is written, so that commands start fast.
"""

from contextlib import closing
from pathlib import Path


def write_report(published_file: Path, out: Path) -> None:
    """Write the page about a published file. The file is only read."""
    import duckdb

    from pipelines.report.page import render
    from pipelines.report.queries import ask
    from pipelines.report.vega_bundle import javascript

    with closing(duckdb.connect(str(published_file), read_only=True)) as con:
        con.execute("set timezone = 'UTC'")
        answers = ask(con)
    out.write_text(render(answers, javascript()), encoding="utf-8", newline="\n")

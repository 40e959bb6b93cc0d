"""Makes the tables and plots of docs/performance.md from the numbers in data/results/. Nothing is measured here.

The page's words are written by hand; what stands between the two marks is replaced.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import altair as alt

from benchmarks.measure import ROOT
from benchmarks.run import RESULTS

PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "img"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
RUNS_PER_TASK = 5
TITLES = {
    "floor": "floor: DuckDB alone, no checks, no keys",
    "product_first": "this product, first load",
    "product_again": "this product, the same bytes again",
    "product_delta": "this product, 1 % of the tasks changed",
    "polars_upsert": "polars, explode and upsert",
    "dlt_arrow": "dlt, fed with Arrow flattened by hand",
    "plain_python": "plain Python: pydantic, rows, Arrow",
    "pandas_upsert": "pandas, json_normalize and upsert",
    "dlt_nested": "dlt, nested",
}
AGAIN = ("product_again", "product_delta")
# What surrounds a load (around.py), and what each is compared with.
AROUND = {
    "fetch": ("50 accounts of 40 tasks, answers after 200 ms", "fetch_floor", "calls x 200 ms / concurrency"),
    "publish": (
        "publish: copied, every value read, all days checked",
        "publish_copy",
        "copying the file and having it on disk",
    ),
    "cli_help": ("`recoup-warehouse --help`", "cli_floor", "starting Python"),
    "cli_query": ("`recoup-warehouse query`", "cli_floor", "starting Python"),
    "dagster_nightly": ("Dagster run of `nightly`, nothing new", "dagster_floor", "importing Dagster, opening both"),
}
# What a night repeats (nights.py), by weeks of history or for a small fleet.
NIGHTS = {
    "night_first": "the first night: all built and checked",
    "night": "a night after 1 % of the tasks changed",
    "night_corrected": "a night after a run of five weeks ago was corrected",
    "group_by": "floor: DuckDB's own group-by of all runs by task and day",
}
SMALL = {
    "night_small_command": "`recoup-warehouse nightly`, nothing new, 50 tasks",
    "night_small_dagster": "the same night in Dagster",
    "poll_small": "`recoup-warehouse poll` of 50 tasks",
}
BUILT = {"marts": "all marts, from nothing", "checks": "all checks"}


@dataclass(frozen=True, slots=True)
class Row:
    """All measurements of one case at one size."""

    name: str
    tasks: int
    walls: tuple[float, ...]
    cpus: tuple[float, ...]
    peaks: tuple[float, ...]
    is_exact: bool

    @property
    def wall(self) -> float:
        """Median seconds from start to end of the process."""
        return median(self.walls)

    @property
    def cpu(self) -> float:
        """Median CPU seconds."""
        return median(self.cpus)


def read() -> tuple[list[Row], list[dict[str, Any]]]:
    """Return rows of all kept figures, and what each file was measured on."""
    files = [json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob("*.json"))]
    grouped: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for file in files:
        for figure in file["figures"]:
            grouped[figure["name"], figure["tasks"]].append(figure)
    return [_row(name, tasks, figures) for (name, tasks), figures in grouped.items()], files


def _row(name: str, tasks: int, figures: list[dict[str, Any]]) -> Row:
    taken = [figure["taken"] for figure in figures]
    walls, cpus, peaks = (tuple(each[key] for each in taken) for key in ("wall_seconds", "cpu_seconds", "peak_mb"))
    return Row(name, tasks, walls, cpus, peaks, all(figure["is_exact"] for figure in figures))


def size_table(rows: list[Row], tasks: int) -> str:
    """One size, all cases: seconds with their spread, ratios to the floor and to this product."""
    chosen = {row.name: row for row in rows if row.tasks == tasks and row.name in TITLES}
    floor, first = chosen["floor"], chosen["product_first"]
    lines = [
        f"### {tasks * RUNS_PER_TASK:,} runs of {tasks:,} tasks",
        "",
        "| what | wall s, median (least to most) | CPU s | peak MB | wall / floor | CPU / floor | wall / product "
        "| CPU / product | money exact | n |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in (name for name in TITLES if name in chosen):
        row = chosen[name]
        lines.append(
            f"| {TITLES[name]} | {row.wall:.1f} ({min(row.walls):.1f} to {max(row.walls):.1f}) | {row.cpu:.1f} "
            f"| {max(row.peaks):.0f} | {row.wall / floor.wall:.2f} | {row.cpu / floor.cpu:.2f} "
            f"| {row.wall / first.wall:.3g} | {row.cpu / first.cpu:.3g} | {'yes' if row.is_exact else 'no'} "
            f"| {len(row.walls)} |"
        )
    return "\n".join(lines)


def history_table(rows: list[Row]) -> str:
    """The same delta on little and on much history."""
    chosen = sorted((row for row in rows if row.name.startswith("history_")), key=lambda row: _weeks(row))
    if not chosen:
        return ""
    least = chosen[0]
    lines = [
        "### The same delta as history grows",
        "",
        "| runs in the warehouse | wall s, median (least to most) | CPU s | peak MB | wall / least | CPU / least | n |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in chosen:
        lines.append(
            f"| {_weeks(row) * row.tasks * RUNS_PER_TASK:,} | {row.wall:.2f} ({min(row.walls):.2f} to "
            f"{max(row.walls):.2f}) | {row.cpu:.2f} | {max(row.peaks):.0f} | {row.wall / least.wall:.2f} "
            f"| {row.cpu / least.cpu:.2f} | {len(row.walls)} |"
        )
    return "\n".join(lines)


def around_table(rows: list[Row]) -> str:
    """What surrounds a load, each beside its floor, at each size."""
    cases = {(row.name, row.tasks): row for row in rows}
    lines = [
        "### Around a load",
        "",
        "| what | runs in the warehouse | wall s, median (least to most) | compared with | wall s | ratio | n |",
        "|---|---|---|---|---|---|---|",
    ]
    for (name, tasks), row in cases.items():
        if name in AROUND:
            title, floor_name, floor_title = AROUND[name]
            floor = cases[floor_name, tasks].wall
            lines.append(
                f"| {title} | {tasks * RUNS_PER_TASK:,} | {row.wall:.2f} ({min(row.walls):.2f} to {max(row.walls):.2f}) "
                f"| {floor_title} | {floor:.2f} | {row.wall / floor:.2f} | {len(row.walls)} |"
            )
        elif name in BUILT:
            lines.append(
                f"| {BUILT[name]} | {tasks * RUNS_PER_TASK:,} | {row.wall:.2f} ({min(row.walls):.2f} to "
                f"{max(row.walls):.2f}) | peak {max(row.peaks):.0f} MB | | | {len(row.walls)} |"
            )
    return "\n".join(lines) if len(lines) > 4 else ""


def nights_table(rows: list[Row]) -> str:
    """Nights as history grows, against those on the least of it."""
    cases = {row.name: row for row in rows}
    weeks = sorted({_weeks(row) for row in rows if row.name.startswith("group_by_")})
    titles = ["what", "runs in the warehouse", "wall s", "CPU s", "peak MB", "CPU / least history", "n"]
    lines = ["### Nights", "", f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for name, number in product(NIGHTS, weeks):
        row, least = cases[f"{name}_{number}"], cases[f"{name}_{weeks[0]}"]
        runs = f"{number * row.tasks * RUNS_PER_TASK:,}"
        lines.append(_night(NIGHTS[name], runs, row, f"{row.cpu / least.cpu:.1f}"))
    lines += [_night(title, "", cases[name], "") for name, title in SMALL.items() if name in cases]
    return "\n".join(lines) if weeks else ""


def _night(title: str, runs: str, row: Row, growth: str) -> str:
    return f"| {title} | {runs} | {row.wall:.1f} | {row.cpu:.1f} | {max(row.peaks):.0f} | {growth} | {len(row.walls)} |"


def _weeks(row: Row) -> int:
    return int(row.name.rpartition("_")[2])


def measured_on(files: list[dict[str, Any]]) -> str:
    """Say when, and with what."""
    last = files[-1]
    versions = ", ".join(f"{name} {number}" for name, number in sorted(last["versions"].items()))
    loads = [file["load_average"][0] for file in files]
    return (
        f"{files[0]['at'][:10]} to {last['at'][:10]}, {last['cores']} cores, Python {last['python']}, "
        f"{last['system']}; {versions}. The machine was shared: load average at the end of a series {min(loads):.1f} to "
        f"{max(loads):.1f}."
    )


def plots(rows: list[Row], tasks: int) -> list[Path]:
    """Write the plots as SVG."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    first_loads = [row for row in rows if row.tasks == tasks and row.name in TITLES and row.name not in AGAIN]
    order = [TITLES[row.name] for row in sorted(first_loads, key=lambda row: row.wall)]
    table = [
        {"loader": TITLES[row.name], "rate": tasks * RUNS_PER_TASK / row.wall, "peak": max(row.peaks)}
        for row in first_loads
    ]
    growth = [
        {"runs": _weeks(row) * row.tasks * RUNS_PER_TASK, "seconds": row.wall}
        for row in rows
        if row.name.startswith("history_")
    ]
    bars = alt.Chart(alt.InlineData(values=table)).mark_bar(color="#4c78a8")
    bars = bars.encode(y=alt.Y("loader:N", sort=order, title=None))
    charts = {
        "speed": bars.encode(x=alt.X("rate:Q", title="runs loaded per second (first load, median)")),
        "memory": bars.encode(x=alt.X("peak:Q", title="peak memory, MB")),
        "growth": alt.Chart(alt.InlineData(values=growth))
        .mark_line(point=True)
        .encode(
            x=alt.X("runs:Q", scale=alt.Scale(type="log"), title="runs in the warehouse"),
            y=alt.Y("seconds:Q", title="seconds for the same delta, median"),
        ),
    }
    for name, chart in charts.items():
        chart.properties(width=420).configure_axis(labelLimit=320).save(str(IMAGES / f"performance_{name}.svg"))
    return [IMAGES / f"performance_{name}.svg" for name in charts]


def main() -> None:
    """Replace the figures of the page."""
    rows, files = read()
    sizes = sorted({row.tasks for row in rows if row.name == "floor"}, reverse=True)
    compared = max((row.tasks for row in rows if row.name == "dlt_arrow"), default=sizes[0])
    images = "\n".join(f"![{path.stem.split('_')[1]}](img/{path.name})" for path in plots(rows, compared))
    tables = [size_table(rows, tasks) for tasks in sizes]
    tables += [history_table(rows), around_table(rows), nights_table(rows)]
    parts = [measured_on(files), *tables, images]
    page = PAGE.read_text("utf-8")
    head, tail = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(f"{head}{BEGIN}\n\n" + "\n\n".join(filter(None, parts)) + f"\n\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()

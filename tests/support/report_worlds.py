"""Small warehouses for the tests of the report: nothing, one task, many cases with hostile texts, 500 tasks."""

from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

from pipelines.database.sql_text import Row
from pipelines.report.page import render
from pipelines.report.queries import Answers, Parts, ask
from pipelines.report.vega_bundle import javascript
from tests.support.warehouse_builder import NOW, WarehouseBuilder, core_database

LIBRARY = "/* the charting library */"
SCRIPT = "</script><script>alert('title')</script>\u2028"
IMAGE = "<img src=x onerror=alert('image')>"
MESSAGE = "bad <svg onload=alert('message')> \"quoted\" & 'single' {{ 7 * 7 }} </style>"
ACCOUNT = "<b>account</b>"
DAILY = {"schedule": "0 9 * * *", "timezone": "UTC", "schedule_id": "s", "first_seen_at": "2026-08-10T00:00:00Z"}


@cache
def empty() -> Answers:
    """A warehouse that nobody has polled for."""
    house = WarehouseBuilder.__new__(WarehouseBuilder)
    house.con = core_database()
    house.build()
    return ask(house.con)


@cache
def one_task() -> Answers:
    """One task that failed in one of its two runs, at 0.0425 cents each."""
    house = WarehouseBuilder().task(title="Only task", **DAILY)
    house.run("r1").run("r2", created_at="2026-08-18T09:00:00Z", outcome="failed", status="FAILED")
    house.build()
    return ask(house.con)


@cache
def busy() -> Answers:
    """Tasks that fail more and less surely, unknown costs, a hole, and texts that mean harm."""
    house = WarehouseBuilder()
    house.task("seldom", title=IMAGE, account_id=ACCOUNT, model=SCRIPT)
    house.task("often", title=SCRIPT, account_id=ACCOUNT, model=SCRIPT, **DAILY)
    house.task("unpriced", title="Same").task("quiet", title="Same")
    house.run("s1", "seldom", outcome="failed", status="FAILED", error_name="Oops", error_message=MESSAGE)
    for number in range(10):
        at = (NOW - timedelta(days=1, hours=number)).isoformat()
        fate = {"outcome": "failed", "status": "CRASHED", "error_message": SCRIPT} if number < 8 else {}
        house.run(f"o{number}", "often", created_at=at, **fate)
    house.run("u1", "unpriced", compute_cents=None, invocation_cents=None)
    house.gap("2026-08-12T09:00:00Z", "2026-08-13T09:00:00Z", task_id="quiet", cause="window_overflow")
    house.build()
    return ask(house.con)


def five_hundred(few: Answers) -> Answers:
    """As many tasks as a big fleet has: the one task of `few` five hundred times, under other names."""

    def copies(rows: list[Row]) -> list[Row]:
        return [
            row | {"task_id": f"task-{number:03}", "title": f"Task number {number}", "task_rank": number + 1}
            for number in range(500)
            for row in rows
        ]

    parts = replace(few.parts, **{name: copies(getattr(few.parts, name)) for name in Parts.__slots__})
    first = replace(few.first, health=copies(few.first.health))
    return replace(few, first=first, adherence=copies(few.adherence), parts=parts)


def page(answers: Answers, folder: Path) -> Path:
    """Write the real page with the real charting library."""
    out = folder / "report.html"
    out.write_text(render(answers, javascript()), encoding="utf-8")
    return out

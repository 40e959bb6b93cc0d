"""Pictures for Dagster's pages: drawn when their numbers changed, and else given back as they were."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.report import dagster_images
from pipelines.report.dagster_images import pictures
from tests.support.warehouse_builder import WarehouseBuilder


@pytest.fixture
def house() -> WarehouseBuilder:
    house = WarehouseBuilder().task(title="Post").run("r1", outcome="failed", status="FAILED", total_cents=3)
    house.build()
    return house


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The headings of what was drawn, in order."""
    told: list[str] = []

    def draw(spec: dict[str, Any]) -> str:
        told.append(spec["description"])
        return f"![{len(told)}]"

    monkeypatch.setattr(dagster_images, "_markdown", draw)
    return told


def test_what_did_not_change_is_not_drawn_again(house: WarehouseBuilder, drawn: list[str], tmp_path: Path) -> None:
    kept = tmp_path / "pictures.json"
    shown = pictures(house.con, kept)
    assert [*shown.values()] == ["![1]", "![2]", "![3]"]
    assert pictures(house.con, kept) == shown
    assert len(drawn) == 3
    house.con.execute("update marts.failure_rates set title = 'Other' where n > 0")
    assert pictures(house.con, kept) == shown | {("marts", "failure_rates"): "![4]"}
    house.con.execute("delete from marts.failure_rates")
    assert pictures(house.con, kept).keys() == shown.keys() - {("marts", "failure_rates")}
    assert len(drawn) == 4


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"marts.fleet_daily": 1}', b"\xff"])
def test_what_cannot_be_read_is_drawn_again(
    house: WarehouseBuilder, drawn: list[str], tmp_path: Path, content: bytes
) -> None:
    kept = tmp_path / "pictures.json"
    kept.write_bytes(content)
    assert len(pictures(house.con, kept)) == len(drawn) == 3
    assert len(pictures(house.con, kept)) == len(drawn) == 3


def test_other_code_draws_again(
    house: WarehouseBuilder, drawn: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "pictures.json"
    pictures(house.con, kept)
    (tmp_path / "charts.py").write_text("other", encoding="utf-8")
    monkeypatch.setattr(dagster_images, "__file__", str(tmp_path / "dagster_images.py"))
    pictures(house.con, kept)
    assert len(drawn) == 6

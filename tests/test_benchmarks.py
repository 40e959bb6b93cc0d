"""The benchmarks run and their loads are right, at a small size. Never how long they take."""

from pathlib import Path

import pytest

from benchmarks import generate, history, report, run
from benchmarks.measure import Taken
from benchmarks.run import PEERS, PEERS_OWN, Figure
from benchmarks.shape import Truth, make_task

TASKS = 800


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in (generate, run, history):
        monkeypatch.setattr(module, "DATA", tmp_path)
    monkeypatch.setattr(run, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(report, "IMAGES", tmp_path / "img")
    monkeypatch.setattr(report, "PAGE", tmp_path / "performance.md")
    return tmp_path


@pytest.mark.slow
def test_floor_product_and_peers_find_every_row_and_every_cent(data: Path) -> None:
    peers = list(PEERS) if PEERS_OWN.exists() else []
    figures = run.run(TASKS, 1, peers, lambda _: None)  # verifies each, or raises
    assert [figure.name for figure in figures] == ["floor", "product_first", "product_again", "product_delta", *peers]
    assert all(figure.is_exact for figure in figures if figure.name.startswith("product_"))


@pytest.mark.slow
def test_history_of_other_weeks_is_history_to_the_product(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, delta = generate.data_sets(TASKS)
    _, runs = history.load_delta(history.make_history(base, 3), delta)
    assert runs == 3 * base.truth["runs"] + delta.truth["runs"] - base.truth["runs"]


def test_bodies_are_the_same_each_time_and_a_delta_only_adds(data: Path) -> None:
    base, delta = generate.data_sets(200)
    again = Truth()
    assert base.bodies[0].read_bytes().count(b'"recent_runs"') == 25
    assert delta.truth["changed_tasks"] == 2
    assert delta.truth["runs"] == base.truth["runs"] + 2
    assert make_task(1, 7, again) == make_task(1, 7, Truth())
    assert again.counts["runs"] == 5


@pytest.mark.slow
def test_the_page_is_made_from_what_was_kept(data: Path) -> None:
    figures = [
        Figure(name, TASKS, Taken(seconds, seconds, 100), True, 1)
        for name, seconds in (("floor", 1.0), ("floor", 3.0), ("product_first", 3.0), ("dlt_arrow", 9.0))
    ]
    run.keep([*figures, Figure("history_1", TASKS, Taken(1, 1, 1), True, 0)])
    report.PAGE.write_text(f"words\n{report.BEGIN}\nold\n{report.END}\nmore words\n", encoding="utf-8")
    report.main()
    page = report.PAGE.read_text("utf-8")
    assert page.startswith("words\n") and page.endswith("more words\n") and "old" not in page
    assert "| this product, first load | 3.0 (3.0 to 3.0) | 3.0 | 100 | 1.50 | 1.50 | 1 | 1 | yes | 1 |" in page
    assert "4,000 runs of 800 tasks" in page
    assert (report.IMAGES / "performance_speed.svg").read_text("utf-8").startswith("<svg")

"""Steps of colour: which ratio has which, and which word."""

import pytest

from pipelines.report import charts


@pytest.mark.parametrize(
    ("ratio", "step"), [(None, 4), (0.0, 3), (0.49, 3), (0.5, 2), (0.899, 2), (0.9, 1), (0.999, 1), (1.0, 0)]
)
def test_adherence_is_coloured_by_step(ratio: float | None, step: int) -> None:
    assert charts.heat_step(ratio) == (*charts.HEAT_STEPS, charts.UNCLEAR)[step]


@pytest.mark.parametrize(
    ("status", "ratio", "word"),
    [
        ("complete", 1.0, "all runs seen"),
        ("complete", None, "all runs seen"),
        ("unknown", 1.0, "not known whole"),
        ("gap", 0.999, "95 % or more"),
        ("gap", 0.9, "less"),
    ],
)
def test_a_day_with_missing_runs_is_never_called_complete(status: str, ratio: float | None, word: str) -> None:
    assert charts.known_step({"coverage_status": status, "coverage_ratio": ratio}) == word

"""Files of checks of another form are refused, with what they lack. What checks catch is in test_checks.py."""

from pathlib import Path

import pytest

from pipelines.errors import BadModel
from pipelines.transform.checks import plan_checks
from tests.support.warehouse_builder import models


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-- severity: error\n-- A failing row is odd.\nselect 1", "must begin with"),
        ("-- asset: core.runs\n-- severity: error\nselect 1", "must begin with"),
        ("-- asset: core.ruins\n-- severity: error\n-- A failing row is odd.\nselect 1", "must begin with"),
        ("-- asset: core.runs\n-- severity: fatal\n-- A failing row is odd.\nselect 1", "not 'fatal'"),
    ],
)
def test_a_test_file_of_another_form_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "odd.sql").write_text(text)
    with pytest.raises(BadModel, match=message):
        plan_checks(models(), tmp_path)


def test_two_checks_of_one_name_are_refused(tmp_path: Path) -> None:
    header = "-- asset: core.runs\n-- severity: error\n-- A failing row is odd.\n"
    (tmp_path / "unique_run_id.sql").write_text(header + "select run_id from core.runs")
    with pytest.raises(BadModel, match="two checks called unique_run_id"):
        plan_checks(models(), tmp_path)

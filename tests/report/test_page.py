"""The report's page: what it says, what it never says, and that texts from the API stay texts.

How it looks and works in a browser is tested in tests/browser/.
"""

import base64
import hashlib
import json
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import altair as alt
import pytest

from pipelines.report.elements import account_labels
from pipelines.report.health_table import Line, board
from pipelines.report.page import Script, context, render
from pipelines.report.queries import Answers
from tests.support import report_worlds as worlds
from tests.support.report_worlds import LIBRARY

pytestmark = pytest.mark.xdist_group("report")


class Seen(HTMLParser):
    """What a browser would make of the page: elements, attributes, scripts and visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.scripts: list[tuple[str | None, str]] = []
        self.text = ""
        self._inside: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._inside = tag if tag in ("script", "style") else None
        if tag == "script":
            self.scripts.append((dict(attrs).get("type"), ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            kind, text = self.scripts.pop()
            self.scripts.append((kind, text + data))
        elif self._inside is None:
            self.text += data

    def policy(self) -> str:
        return next(value for _, name, value in self.attributes if name == "content" and "default-src" in value)

    def specs(self) -> list[dict[str, Any]]:
        data = [json.loads(text) for kind, text in self.scripts if kind == "application/json"]
        return [one for one in data if "parts" not in one]


@pytest.fixture(scope="module")
def busy() -> Answers:
    return worlds.busy()


@pytest.fixture(scope="module")
def one() -> Answers:
    return worlds.one_task()


@pytest.fixture(scope="module")
def html(busy: Answers) -> str:
    return render(busy, LIBRARY)


@pytest.fixture(scope="module")
def said(busy: Answers) -> dict[str, Any]:
    """What the page says, before the template."""
    return context(busy)


@pytest.fixture(scope="module")
def lines(busy: Answers) -> dict[str, Line]:
    """The board's lines by task."""
    return dict(zip((row["task_id"] for row in busy.first.health), board(busy.first.health), strict=True))


@pytest.fixture(scope="module")
def empty() -> Answers:
    return worlds.empty()


@pytest.fixture(scope="module")
def seen(html: str) -> Seen:
    return Seen(html)


def told(answers: Answers, **info: Any) -> Answers:
    """The same answers, but for what the warehouse says of itself."""
    return replace(answers, first=replace(answers.first, info=answers.first.info | info))


class TestHostileTexts:
    @pytest.mark.slow
    def test_make_no_element_and_no_handler(self, seen: Seen) -> None:
        assert not {"img", "svg", "b"} & set(seen.tags)
        assert not [name for _, name, _ in seen.attributes if name.startswith("on")]

    def test_start_no_script(self, seen: Seen) -> None:
        assert [text.strip() for kind, text in seen.scripts if kind is None][0] == LIBRARY
        assert len([kind for kind, _ in seen.scripts if kind is None]) == 2

    def test_are_readable_as_they_are(self, seen: Seen) -> None:
        for text in (worlds.IMAGE, worlds.SCRIPT.strip(), worlds.MESSAGE, "{{ 7 * 7 }}"):
            assert text in seen.text

    def test_stay_whole_in_the_charts(self, seen: Seen) -> None:
        titles = {
            row["name"] for spec in seen.specs() for rows in spec["datasets"].values() for row in rows if "name" in row
        }
        assert {worlds.IMAGE, " ".join(worlds.SCRIPT.split()), worlds.ACCOUNT} <= titles

    def test_are_data_and_no_part_of_an_expression(self, seen: Seen) -> None:
        for spec in seen.specs():
            grammar = json.dumps({name: value for name, value in spec.items() if name != "datasets"})
            assert not [word for word in ("alert", "</script", "onerror", "<b>") if word in grammar]

    def test_end_no_json_and_no_line_of_it(self, html: str) -> None:
        for part in html.split('<script type="application/json"')[1:]:
            written = part.partition(">")[2].partition("</script>")[0]
            assert "<" not in written
            assert "\u2028" not in written


class TestPolicy:
    def test_allows_nothing_but_the_two_scripts_and_the_style(self, seen: Seen) -> None:
        allowed = [rule.strip() for rule in seen.policy().split(";")]
        hashes = [
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
            for kind, text in seen.scripts
            if kind is None
        ]
        assert "default-src 'none'" in allowed
        assert f"script-src {' '.join(hashes)}" in allowed
        assert not [rule for rule in allowed if "http" in rule or "unsafe-eval" in rule or "*" in rule]

    def test_nothing_points_out_of_the_page(self, seen: Seen) -> None:
        links = [value for _, name, value in seen.attributes if name in ("href", "src", "action", "srcset")]
        assert links
        assert all(link.startswith("#") for link in links)

    @pytest.mark.parametrize("text", ["a </script> b", "a </SCRIPT", "<!-- b"])
    def test_a_script_that_would_end_early_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="cannot stand in a page"):
            Script.of(text)


class TestNumbers:
    def test_a_rate_comes_with_n_and_interval(self, lines: dict[str, Line]) -> None:
        week = lines["often"].cells[1]
        assert (week.text, week.below) == ("80 % (49-94 %)", "8 of 10")

    def test_small_money_keeps_its_digits(self, lines: dict[str, Line]) -> None:
        assert lines["seldom"].cells[3].text == "0.043 ¢"

    def test_a_cost_that_nobody_told_is_not_zero(self, lines: dict[str, Line]) -> None:
        assert lines["unpriced"].cells[3].text == "not observed"

    def test_a_rate_without_runs_is_not_zero(self, lines: dict[str, Line]) -> None:
        assert lines["quiet"].cells[1].text == "no run ended"

    def test_missing_runs_stand_beside_the_rate(self, lines: dict[str, Line]) -> None:
        assert lines["quiet"].cells[5].text == "2 runs missing"

    def test_what_is_known_of_most_tasks_is_said_once(self, lines: dict[str, Line], said: dict[str, Any]) -> None:
        assert said["usually_known"] == "complete"
        known = {name: lines[name].cells[5].text for name in lines}
        assert known == {"seldom": "", "often": "not observed that long", "unpriced": "", "quiet": "2 runs missing"}

    @pytest.mark.slow
    def test_a_window_says_how_many_days_it_has(self, one: Answers) -> None:
        young = replace(one, totals=one.totals | {"day_count": 14})
        assert [figure.title for figure in context(young)["spend"][1:]] == [
            "Spend by model, last 14 days", "Spend by account, last 14 days",
        ]  # fmt: skip
        assert context(young)["worst"].title == "Tasks that fail most, last 14 days"

    def test_accounts_have_names_that_stay(self) -> None:
        first, second, twin = (
            f"{start}-4111-8111-111111111111" for start in ("aaaaaaaa-1111", "bbbbbbbb-1111", "aaaaaaaa-2222")
        )
        assert account_labels([(first, None), (second, "Second")]) == ["aaaaaaaa", "Second"]
        assert account_labels([(first, None), (twin, None)]) == [f"aaaaaaaa ({first})", f"aaaaaaaa ({twin})"]
        assert account_labels([("<b>account</b>", None), (None, None)]) == ["<b>account</b>", "(account not known)"]

    def test_the_worst_is_the_one_that_surely_fails(self, busy: Answers) -> None:
        assert [row["task_id"] for row in busy.worst] == ["often", "seldom"]

    def test_spend_is_said_not_to_be_the_models_bill(self, said: dict[str, Any]) -> None:
        assert all("not the language model's bill" in figure.caption for figure in said["spend"])

    def test_causes_are_counted(self, said: dict[str, Any]) -> None:
        assert said["causes"].table.rows[0][:5] == ("pushed out of the window of five", "1", "2", "0", "2")

    def test_tasks_of_one_title_are_told_apart(self, lines: dict[str, Line]) -> None:
        assert lines["quiet"].title == "Same · quiet"
        assert lines["unpriced"].title == "Same · unpriced"

    def test_every_chart_is_of_the_grammar(self, seen: Seen) -> None:
        for spec in seen.specs():
            alt.Chart.from_dict(spec, validate=True)
            with pytest.raises(Exception, match="of.*rubbish"):
                alt.Chart.from_dict(spec | {"height": {"of": "rubbish"}}, validate=True)

    def test_every_chart_has_its_numbers_as_a_table(self, seen: Seen) -> None:
        assert len(seen.specs()) == 8
        assert seen.text.count("The numbers as a table") == 8


@pytest.mark.slow
def test_an_empty_warehouse_says_so(empty: Answers) -> None:
    page = Seen(render(empty, LIBRARY))
    assert page.specs() == []
    for words in ("No run has ended yet.", "No cost was told yet.", "No task was seen yet.", "no poll was loaded"):
        assert words in page.text
    assert "0 %" not in page.text
    assert "$0" not in page.text


@pytest.mark.parametrize(("source", "is_loud"), [("simulator", True), ("api", False), ("file", False)])
def test_simulated_data_are_announced(empty: Answers, source: str, is_loud: bool) -> None:
    html = render(told(empty, source=source), LIBRARY)
    assert ("Simulated data." in html) is is_loud
    assert ("(simulated data)</title>" in html) is is_loud

"""The report in a real browser: it draws, complains about nothing, asks nobody, filters, and hostile texts stay texts.

What the page says is tested in tests/report/test_page.py. Pictures for looking at go to REPORT_PICTURES, if that is set.
"""

import json
from pathlib import Path

import pytest

from pipelines.report.dagster_images import pictures
from tests.browser.chromium import DESKTOP, PHONE, Page, find, keep
from tests.support import report_worlds as worlds
from tests.support.dagster_harness import light_harness
from tests.support.warehouse_builder import WarehouseBuilder

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find() is None, reason="no Chromium; apt-get install chromium")]

VISIBLE = "[...document.querySelectorAll('#board tbody tr')].filter(row => !row.hidden)"


@pytest.mark.parametrize("is_phone", [False, True], ids=["desktop", "phone"])
@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("world", "charts"), [("empty", 0), ("one-task", 7), ("busy", 8), ("five-hundred", 7)], ids=lambda value: str(value)
)
def test_it_draws_and_complains_about_nothing(
    chromium: Page, pages: dict[str, Path], world: str, charts: int, is_dark: bool, is_phone: bool
) -> None:
    chromium.screen(**(PHONE if is_phone else DESKTOP), dark=is_dark, is_phone=is_phone)
    chromium.open(pages[world])
    look = f"{world}-{'dark' if is_dark else 'light'}-{'phone' if is_phone else 'desktop'}"
    keep(chromium, look)
    chromium.unfold()
    keep(chromium, f"{look}-unfolded")
    assert chromium.complaints() == []
    assert chromium.requests() == [pages[world].as_uri()]
    drawn = chromium.evaluate(
        "[...document.querySelectorAll('.chart svg')].map(svg => svg.querySelectorAll('path').length)"
    )
    assert len(drawn) == charts
    assert all(paths > 1 for paths in drawn)
    assert chromium.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"


def test_text_stands_out_from_its_ground(chromium: Page, pages: dict[str, Path]) -> None:
    """WCAG asks for 4.5 to 1; measured on what is really painted, chart labels included."""
    measure = """
    (() => {
      const light = (colour) => {
        const [r, g, b] = colour.match(/[\\d.]+/g).map(Number)
          .map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
          const colour = getComputedStyle(at).backgroundColor;
          if (colour !== "rgba(0, 0, 0, 0)" && colour !== "transparent") return colour;
        }
        return "rgb(255, 255, 255)";
      };
      const poor = [];
      const texts = "h1,h2,h3,p,th,td,small,a,summary,figcaption,.badge,.key span,svg text";
      for (const element of document.querySelectorAll(texts)) {
        if (!element.textContent.trim() || element.closest(".simulated, details:not([open]) > :not(summary)")) continue;
        const style = getComputedStyle(element);
        const [a, b] = [light(element.closest("svg") ? style.fill : style.color), light(ground(element))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) poor.push([element.tagName, element.textContent.slice(0, 40), ratio]);
      }
      return poor;
    })()
    """
    for is_dark in (False, True):
        chromium.screen(**DESKTOP, dark=is_dark)
        chromium.open(pages["busy"])
        assert chromium.evaluate(measure) == []


def test_hostile_texts_stay_texts(chromium: Page, pages: dict[str, Path]) -> None:
    chromium.screen(**DESKTOP)
    chromium.open(pages["busy"])
    chromium.evaluate("window.alert = (text) => { throw new Error('alert ' + text) }")
    assert chromium.evaluate("document.querySelectorAll('img, svg[onload], script:not([type])').length") == 2
    labels = chromium.evaluate("[...document.querySelectorAll('#worst svg text')].map(text => text.textContent).join()")
    assert "</script>" in labels
    for name in ("worst", "adherence", "spend-models", "spend-accounts"):
        x, y = chromium.evaluate(
            f"(() => {{ const mark = document.querySelector('#{name} .role-mark :is(line, path)');"
            " mark.scrollIntoView({block: 'center', behavior: 'instant'});"
            " const box = mark.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2] })()"
        )
        chromium.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        chromium.until("!!document.querySelector('#vg-tooltip-element.visible')")
        told = chromium.evaluate("document.querySelector('#vg-tooltip-element').textContent")
        assert "script>" in told or "<b>" in told, name
        assert chromium.evaluate("document.querySelectorAll('#vg-tooltip-element :is(img, script, b)').length") == 0
        chromium.send("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
    assert chromium.complaints() == []


def test_the_policy_stops_what_asks_the_network(chromium: Page, pages: dict[str, Path]) -> None:
    chromium.screen(**DESKTOP)
    chromium.open(pages["one-task"])
    outcome = chromium.evaluate(
        "fetch('http://127.0.0.1:9/').then(() => 'asked', (error) => 'refused')"
        ".then((said) => { try { (0, eval)('1'); return said + ' evaluated' }"
        " catch { return said + ' not evaluated' } })",
        allowUnsafeEvalBlockedByCSP=False,
    )
    assert outcome == "refused not evaluated"
    assert any("Content Security Policy" in complaint for complaint in chromium.complaints())


class TestFilter:
    @pytest.fixture(autouse=True)
    def desktop(self, chromium: Page) -> None:
        chromium.screen(**DESKTOP)

    def test_five_hundred_tasks_begin_with_the_first_fifty(self, chromium: Page, pages: dict[str, Path]) -> None:
        chromium.open(pages["five-hundred"])
        assert chromium.evaluate(f"{VISIBLE}.length") == 50
        assert chromium.evaluate("document.getElementById('more').textContent") == "Show all 500"
        chromium.evaluate("document.getElementById('more').click()")
        assert chromium.evaluate(f"{VISIBLE}.length") == 500
        assert chromium.evaluate("document.getElementById('more').checkVisibility()") is False

    def test_search_finds_by_every_word(self, chromium: Page, pages: dict[str, Path]) -> None:
        chromium.open(pages["five-hundred"])
        self.type(chromium, "search", "NUMBER 42")
        found = chromium.evaluate(f"{VISIBLE}.map(row => row.cells[0].firstChild.textContent)")
        assert found == [f"Task number {number}" for number in (42, 142, 242, 342, *range(420, 430), 442)]
        assert chromium.evaluate("document.getElementById('found').textContent") == "15 of 500 tasks"
        assert chromium.evaluate("location.hash") == "#q=NUMBER+42"

    def test_show_keeps_what_is_marked(self, chromium: Page, pages: dict[str, Path]) -> None:
        chromium.open(pages["busy"])
        self.type(chromium, "show", "missing")
        assert chromium.evaluate(f"{VISIBLE}.map(row => row.cells[0].firstChild.textContent)") == ["Same · quiet"]

    def test_a_link_brings_its_filter(self, chromium: Page, pages: dict[str, Path]) -> None:
        chromium.open(pages["five-hundred"], "#q=task-123&show=ok")
        assert chromium.evaluate("document.getElementById('search').value") == "task-123"
        assert chromium.evaluate(f"{VISIBLE}.length") == 1

    def test_nothing_found_is_said(self, chromium: Page, pages: dict[str, Path]) -> None:
        chromium.open(pages["five-hundred"], "#q=no-such-task")
        assert chromium.evaluate("document.getElementById('found').textContent") == "0 of 500 tasks"

    def test_a_heading_sorts_and_unknown_stays_last(self, chromium: Page, pages: dict[str, Path]) -> None:
        chromium.open(pages["busy"])
        spend = "#board thead th:nth-child(6) button"
        order = f"{VISIBLE}.map(row => row.cells[5].firstChild.textContent)"
        chromium.evaluate(f"document.querySelector('{spend}').click()")
        assert chromium.evaluate(order) == ["0.43 ¢", "0.043 ¢", "$0", "not observed"]
        chromium.evaluate(f"document.querySelector('{spend}').click()")
        assert chromium.evaluate(order) == ["$0", "0.043 ¢", "0.43 ¢", "not observed"]
        assert chromium.evaluate("document.querySelector('#board thead th:nth-child(6)').ariaSort") == "ascending"

    def type(self, chromium: Page, control: str, text: str) -> None:
        chromium.evaluate(
            f"(() => {{ const control = document.getElementById('{control}'); control.value = {json.dumps(text)};"
            " control.dispatchEvent(new Event('input')) })()"
        )


def test_the_pictures_for_dagster_are_images(chromium: Page, pages: dict[str, Path], tmp_path: Path) -> None:
    house = WarehouseBuilder().task(title=worlds.SCRIPT).run("r1", outcome="failed", status="FAILED")
    house.build()
    drawn = pictures(house.con, tmp_path / "pictures.json")
    assert {name for _, name in drawn} == {"fleet_daily", "spend_daily", "failure_rates"}
    addresses = [markdown.rpartition("(")[2].removesuffix(")") for markdown in drawn.values()]
    page = tmp_path / "pictures.html"
    page.write_text(
        "<html data-drawn=true>" + "".join(f'<img src="{address}">' for address in addresses), encoding="utf-8"
    )
    chromium.open(page)
    assert all(chromium.evaluate("[...document.images].map(image => image.complete && image.naturalWidth > 600)"))
    assert sum(map(len, drawn.values())) < 100_000


def test_dagster_keeps_the_pictures_with_their_marts(tmp_path: Path) -> None:
    with light_harness(tmp_path / "warehouse") as harness:
        night = harness.execute("nightly", write_report=lambda _copy, out: out.touch())
        made = {
            event.asset_key.path[-1]: event for event in night.get_asset_materialization_events() if event.asset_key
        }
    charts = [name for name, event in made.items() if "chart" in event.materialization.metadata]
    assert sorted(charts) == ["failure_rates", "fleet_daily", "spend_daily"]


def test_the_page_is_small(pages: dict[str, Path]) -> None:
    assert pages["five-hundred"].stat().st_size < 3_000_000

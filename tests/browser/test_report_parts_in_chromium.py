"""The first block on a phone, the part of a task, and print, in a real browser."""

import os
import re
from pathlib import Path

import pytest

from tests.browser.chromium import DESKTOP, PHONE, Page, find, keep

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find() is None, reason="no Chromium; apt-get install chromium")]


def test_a_phone_shows_the_first_block_at_once_and_folds_the_rest(chromium: Page, pages: dict[str, Path]) -> None:
    chromium.screen(**PHONE, is_phone=True)
    for world in ("busy", "five-hundred"):
        chromium.open(pages[world])
        bottom = chromium.evaluate("document.getElementById('glance').getBoundingClientRect().bottom")
        assert bottom < PHONE["height"], "the first block does not fit on the screen"
        assert chromium.evaluate("document.documentElement.scrollHeight") < 2_500
        assert chromium.evaluate("document.querySelectorAll('.chart svg').length") == 0
        chromium.evaluate("location.hash = '#money'")
        chromium.until("!!document.querySelector('#spend-days svg')")
        assert chromium.evaluate("document.querySelectorAll('.fold[open]').length") == 1


def test_every_fact_leads_to_its_evidence(chromium: Page, pages: dict[str, Path]) -> None:
    for screen in (DESKTOP, PHONE | {"is_phone": True}):
        chromium.screen(**screen)
        chromium.open(pages["busy"])
        for name in chromium.evaluate("[...document.querySelectorAll('.fact')].map((fact) => fact.id)"):
            chromium.evaluate(f"document.getElementById('{name}').click()")
            chromium.until("document.querySelector('.fold[open] > :not(summary)')?.checkVisibility() && location.hash")
            place = {"fact-failing": "board"}.get(name) or chromium.evaluate("location.hash.slice(1)")
            assert chromium.evaluate(f"document.getElementById('{place}').checkVisibility()"), name
        assert chromium.complaints() == []


class TestTask:
    @pytest.fixture(autouse=True)
    def desktop(self, chromium: Page) -> None:
        chromium.screen(**DESKTOP)

    def test_opens_from_the_board_and_closes(self, chromium: Page, pages: dict[str, Path]) -> None:
        chromium.open(pages["busy"])
        chromium.evaluate("document.querySelector('#board tr[data-task=often] a').click()")
        chromium.until("!document.getElementById('task').hidden")
        assert chromium.evaluate("location.hash") == "#task=often"
        assert chromium.evaluate("document.getElementById('board').checkVisibility()") is False
        titles = chromium.evaluate("[...document.querySelectorAll('#task h3')].map((title) => title.textContent)")
        assert [title.split()[0] for title in titles] == ["Last", "Last", "Errors,", "Changes", "Late"]
        assert chromium.evaluate("document.querySelectorAll('#task-tables table')[1].tBodies[0].rows.length") == 10
        chromium.evaluate("document.querySelector('#task a').click()")
        chromium.until("document.getElementById('task').hidden")
        assert chromium.evaluate("document.getElementById('board').checkVisibility()")
        assert chromium.complaints() == []

    def test_opens_by_a_link_and_its_texts_stay_texts(self, chromium: Page, pages: dict[str, Path]) -> None:
        for screen in (DESKTOP, PHONE | {"is_phone": True}):
            chromium.screen(**screen)
            chromium.open(pages["busy"], "#task=often")
            keep(chromium, f"task-{screen['width']}")
            assert "</script>" in chromium.evaluate("document.getElementById('task-title').textContent")
            assert chromium.evaluate("document.querySelectorAll('#task :is(script, img, svg, b)').length") == 0
            assert chromium.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
            assert chromium.complaints() == []

    def test_the_charts_are_drawn_when_one_comes_back_from_it(self, chromium: Page, pages: dict[str, Path]) -> None:
        chromium.open(pages["busy"], "#task=quiet")
        assert chromium.evaluate("document.querySelectorAll('.chart svg').length") == 0
        chromium.evaluate("location.hash = '#failures'")
        chromium.until("document.querySelectorAll('.chart svg').length === 8")
        assert chromium.evaluate("document.querySelector('.chart svg').getBoundingClientRect().width") > 800

    def test_one_that_is_not_there_is_said(self, chromium: Page, pages: dict[str, Path]) -> None:
        chromium.open(pages["one-task"], "#task=<b>nobody</b>")
        assert chromium.evaluate("document.getElementById('task-title').textContent") == "This task is not on this page"
        assert chromium.evaluate("document.querySelectorAll('#task b').length") == 0


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_it_prints_light_and_whole(chromium: Page, pages: dict[str, Path], is_dark: bool) -> None:
    chromium.screen(**DESKTOP, dark=is_dark)
    chromium.open(pages["busy"])
    printed = chromium.pdf()
    if folder := os.environ.get("REPORT_PICTURES"):
        (Path(folder) / f"printed-{'dark' if is_dark else 'light'}.pdf").write_bytes(printed)
    assert printed.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 12
    chromium.send("Emulation.setEmulatedMedia", media="print", features=[])
    assert chromium.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert chromium.evaluate("document.querySelector('nav').checkVisibility()") is False
    chromium.send("Emulation.setEmulatedMedia", media="", features=[])

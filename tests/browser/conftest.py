"""One browser for all its tests, and the real page about each world."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.report.queries import Answers
from tests.browser.chromium import Page, browser
from tests.support import report_worlds as worlds


@pytest.fixture(scope="session")
def chromium() -> Iterator[Page]:
    with browser() as page:
        yield page


@pytest.fixture(scope="session")
def one_task() -> Answers:
    return worlds.one_task()


@pytest.fixture(scope="session")
def pages(one_task: Answers, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The real page about each world."""
    made = {
        "empty": worlds.empty(),
        "one-task": one_task,
        "busy": worlds.busy(),
        "five-hundred": worlds.five_hundred(one_task),
    }
    return {name: worlds.page(answers, tmp_path_factory.mktemp(name)) for name, answers in made.items()}

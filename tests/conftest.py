"""What holds for all tests: none reads the settings, or touches the warehouse, of whoever runs them.

Their home is an empty folder. And what the tests of a module share is made once, whatever the number of workers.
"""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def no_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No RECOUP_ variable but those of the tests themselves, and no `.env`."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("RECOUP_") and not name.startswith(("RECOUP_TEST_", "RECOUP_TORTURE_")):
                patch.delenv(name)
        patch.setenv("RECOUP_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that share something of their module on one worker, as each would make it. xdist looks after this."""
    for item in items:
        if isinstance(item, pytest.Function) and _shares(item) and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))


def _shares(item: pytest.Function) -> bool:
    definitions = item._fixtureinfo.name2fixturedefs.values()
    return any(one.scope in ("module", "class") for found in definitions for one in found)

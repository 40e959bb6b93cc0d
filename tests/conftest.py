"""No test reads the settings, or touches the warehouse, of whoever runs the tests: their home is an empty folder."""

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

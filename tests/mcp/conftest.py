"""The published warehouse of tests/cli, to ask questions of."""

from tests.cli.conftest import no_settings, own_folder, published, published_once

__all__ = ["no_settings", "own_folder", "published", "published_once"]

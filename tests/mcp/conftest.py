"""The published warehouse of tests/cli, to ask questions of."""

from tests.cli.conftest import own_folder, published, published_once

__all__ = ["own_folder", "published", "published_once"]

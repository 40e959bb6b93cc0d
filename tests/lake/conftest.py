"""PostgreSQL and S3 on loopback, and a small warehouse that publishes into a lake there. No assertions here."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from pipelines.settings import Settings
from tests.support.lake_harness import TABLES, change, local_settings
from tests.support.postgres_server import PostgresServer, postgres_server
from tests.support.seaweed_server import BUCKET, WRITER, SeaweedServer, seaweed_server

# Few in CI; `make lake` asks for many.
KILLS = int(os.environ.get("RECOUP_LAKE_KILLS", "2"))
PUBLISHES = int(os.environ.get("RECOUP_LAKE_PUBLISHES", "3"))


@dataclass(frozen=True)
class Services:
    """The two servers."""

    postgres: PostgresServer
    s3: SeaweedServer

    def settings(self, folder: Path, **more: Any) -> Settings:
        """A warehouse in the folder, and a lake of its own: a database, and a folder in the bucket."""
        return local_settings(folder, **self.new_places() | more)

    def new_places(self) -> dict[str, str]:
        name = f"lake_{uuid4().hex[:8]}"
        self.postgres.create_database(name)
        return {
            "lake_catalog": f"postgres:host=127.0.0.1 port={self.postgres.port} user=dagster dbname={name}",
            "lake_data": f"s3://{BUCKET}/{name}",
            "lake_s3_endpoint": f"http://127.0.0.1:{self.s3.port}",
            "lake_s3_key_id": WRITER[0],
            "lake_s3_secret": WRITER[1],
        }


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    with postgres_server() as postgres, seaweed_server() as s3:
        yield Services(postgres, s3)


@pytest.fixture
def settings(services: Services, tmp_path: Path) -> Settings:
    settings = services.settings(tmp_path)
    change(settings, TABLES)
    return settings

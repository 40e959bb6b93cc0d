"""Opening the lake: DuckDB's extensions from their packages, the catalog and the bucket that the settings name.

What is written belongs to update.py, what its errors mean to faults.py.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

from pipelines.database.connection import SPILL_OF_COPY, Connection
from pipelines.database.sql_text import literal
from pipelines.errors import LakeFailed
from pipelines.lake.faults import in_words_of_a_lake
from pipelines.lake_settings import POSTGRES, S3
from pipelines.settings import Settings

LAKE = "lake"
INSTALL = "pip install 'recoup-warehouse[lake]'"
# A catalog or bucket that does not answer at all is found in a few seconds; one that answers slowly is waited for.
CATALOG_WAITS = "connect_timeout=8 tcp_user_timeout=20000 keepalives_idle=10"
PROBE = "set http_timeout = 4; set http_retries = 0"
WORK = "set http_timeout = 60; set http_retries = 3"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a lake lies: its catalog without a password, the schema in it (of PostgreSQL; empty: the first), its data."""

    catalog: str
    schema: str
    data: str


def place_of(settings: Settings, shard: str | None) -> Place:
    """Return where the settings put a lake. That of a shard stands apart, so that no poller waits for another.

    Beside the folder of all, not in it: DuckLake would take its files there for leftovers.
    """
    suffix = f"-shard-{shard}" if shard else ""
    catalog, data = settings.lake_catalog or "", (settings.lake_data or "").rstrip("/")
    if not data.startswith(S3):
        data = str(settings.at_home(Path(data)))
    if catalog.startswith(POSTGRES):
        return Place(catalog, f"shard_{shard}" if shard else "", f"{data}{suffix}/")
    path = settings.at_home(Path(catalog))
    return Place(str(path.with_stem(path.stem + suffix)), "", f"{data}{suffix}/")


@contextmanager
def open_lake(settings: Settings) -> Iterator[Connection]:
    """Open the lake (the shard's, if the settings name one) as `lake`, made where there is none.

    No file of the pipeline is in it yet. Any error of DuckDB inside the block is raised as LakeFailed, without secrets.
    """
    place = place_of(settings, settings.shard)
    with in_words_of_a_lake(settings), open_duckdb(settings, SPILL_OF_COPY) as con:
        if not place.catalog.startswith(POSTGRES):
            Path(place.catalog).parent.mkdir(parents=True, exist_ok=True)
        con.execute(attach(settings, place, LAKE))
        if is_in_bucket(settings):
            _probe_bucket(con, place)
        yield con


@contextmanager
def open_duckdb(settings: Settings, spill: str) -> Iterator[Connection]:
    """Start DuckDB with what it takes to attach a lake; none is yet. The caller holds the lock of the spill folder."""
    with closing(_connect(settings, spill)) as con:
        _load_extensions(con, settings)
        if is_in_bucket(settings):
            con.execute(_s3_secret(settings))
        yield con


def is_in_bucket(settings: Settings) -> bool:
    """Tell whether the lake's data lie in a bucket."""
    return (settings.lake_data or "").startswith(S3)


def extensions_of(settings: Settings) -> list[str]:
    """Name the extensions that this lake needs."""
    found = ["ducklake"]
    if (settings.lake_catalog or "").startswith(POSTGRES):
        found.append("postgres_scanner")
    if is_in_bucket(settings):
        found.append("httpfs")
    return found


def extension_file(name: str) -> Path:
    """Return where a package put an extension for this DuckDB. Raises LakeFailed saying what to install."""
    spec = find_spec(f"duckdb_extension_{name}")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        file = Path(folder) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        if file.exists():
            return file
    raise LakeFailed(
        f"a lake needs DuckDB's extension {name} for DuckDB {duckdb.__version__} as a package, and it is not installed; "
        f"{INSTALL} (nothing is downloaded at run time), then `recoup-warehouse lake`"
    )


def _connect(settings: Settings, spill: str) -> Connection:
    return duckdb.connect(
        config={
            "memory_limit": settings.memory_limit,
            "temp_directory": str(settings.layout.scratch / spill),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )


def _load_extensions(con: Connection, settings: Settings) -> None:
    for name in extensions_of(settings):
        con.execute(f"load {literal(extension_file(name))}")
    con.execute("set timezone = 'UTC'")


def attach(settings: Settings, place: Place, name: str, *, read_only: bool = False) -> str:
    """SQL that attaches the lake of a place."""
    # Small inserts would else lie in the catalog, where no other engine finds them.
    options = f"data_path {literal(place.data)}, data_inlining_row_limit 0"
    options += f", metadata_schema {literal(place.schema)}" if place.schema else ""
    options += ", read_only" if read_only else ""
    return f"attach {literal('ducklake:' + _catalog(settings, place))} as {name} ({options})"


def _catalog(settings: Settings, place: Place) -> str:
    if not place.catalog.startswith(POSTGRES):
        return place.catalog
    password = settings.lake_catalog_password
    return f"{place.catalog} {CATALOG_WAITS}" + (
        f" password={_quoted(password.get_secret_value())}" if password else ""
    )


def _quoted(value: str) -> str:
    """Write a value as libpq reads it."""
    return "'" + value.replace("\\", r"\\").replace("'", r"\'") + "'"


def _s3_secret(settings: Settings) -> str:
    options = {"region": settings.lake_s3_region}
    if settings.lake_s3_key_id and settings.lake_s3_secret:
        options["key_id"] = settings.lake_s3_key_id.get_secret_value()
        options["secret"] = settings.lake_s3_secret.get_secret_value()
    if settings.lake_s3_endpoint:
        parts = urlsplit(settings.lake_s3_endpoint)
        options |= {"endpoint": parts.netloc, "url_style": "path", "use_ssl": str(parts.scheme == "https").lower()}
    told = "".join(f", {name} {literal(value)}" for name, value in options.items())
    return f"create secret of_the_lake (type s3{told})"


def _probe_bucket(con: Connection, place: Place) -> None:
    """Ask the bucket for a short list, so that one that hangs is found before anything is written."""
    con.execute(PROBE)
    con.execute(f"select count(*) from glob({literal(place.data + 'publishing/*')})").fetchone()  # noqa: S608
    con.execute(WORK)

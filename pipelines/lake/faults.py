"""What went wrong with the lake, in one line without secrets: where, and that the published file is good.

What a fault of this machine means belongs to machine_faults.py; this is about a catalog and a bucket elsewhere.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from pipelines.errors import LakeFailed
from pipelines.machine_faults import without_names
from pipelines.settings import Settings

AGAIN = "the published file is good and the lake as it was; the next publish, or `recoup-warehouse lake`, catches up"
# As it stands in an address of PostgreSQL, and what comes before its own words.
PASSWORD = re.compile(r"password='(?:\\.|[^'\\])*'")
SERVER_SAYS = re.compile(r"^.*FATAL: *")
# The first whose words are in DuckDB's error tells; `{catalog}` and `{data}` are the settings.
_FAULTS = (
    (("catalog version mismatch",), "the lake at {catalog} was made by another version of DuckLake ({why})"),
    (("password authentication failed", "no password supplied"), "the catalog {catalog} refuses user or password"),
    (("fatal:",), "the catalog {catalog} refuses ({why})"),
    (("unable to connect to postgres", "connection to server"), "the catalog {catalog} does not answer"),
    (("server closed the connection", "terminating connection", "no connection to the server"),
     "the catalog {catalog} went away"),
    (("set lock on file",), "another program has the catalog {catalog} open; a catalog in PostgreSQL has no such limit"),
    (("does not match existing data path",), "the lake at {catalog} keeps its data elsewhere than RECOUP_LAKE_DATA says"),
    (("invalidaccesskeyid", "signaturedoesnotmatch"), "the bucket of {data} does not know this key"),
    (("accessdenied", "http 403"), "the bucket of {data} gives this key no right to do that"),
    (("nosuchbucket",), "there is no such bucket: {data}"),
    (("could not connect", "timeout was reached", "unable to connect to url", "http error"),
     "the bucket of {data} does not answer as it should ({why})"),
    (("conflict", "already exists"),
     "another writer changed the lake at {catalog} meanwhile; let only one warehouse publish into it"),
)  # fmt: skip


@contextmanager
def in_words_of_a_lake(settings: Settings, again: str = AGAIN) -> Iterator[None]:
    """Raise LakeFailed for any error of DuckDB or of the system inside the block; `again` says what to do next."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        # The error itself holds the catalog's password, so it is not shown as a cause.
        raise LakeFailed(f"{_words(settings, str(error))}; {again}") from None


def _words(settings: Settings, text: str) -> str:
    low = without_names(text)
    unknown = "the lake at {catalog} was not written ({why})"
    told = next((told for words, told in _FAULTS if any(word in low for word in words)), unknown)
    return told.format(catalog=settings.lake_catalog, data=settings.lake_data, why=_without_secrets(settings, text))


def _without_secrets(settings: Settings, text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    shown = SERVER_SAYS.sub("", PASSWORD.sub("password=***", ": ".join(lines[:2])))
    for secret in settings.secrets():
        shown = shown.replace(secret, "***")
    return shown

"""The doctor's look at the lake: what is named, and whether its extensions are installed. Nothing is opened or made.

Whether it is behind what is published is an incident, and told with those.
"""

from collections.abc import Iterator

from pipelines.cli.doctor.finding import Finding
from pipelines.errors import LakeFailed
from pipelines.lake.connection import extension_file, extensions_of
from pipelines.settings import Settings


def examine_lake(settings: Settings) -> Iterator[Finding]:
    """Tell where publishing writes beside the file, if anywhere."""
    if not settings.has_lake:
        return
    try:
        for name in extensions_of(settings):
            extension_file(name)
    except LakeFailed as error:
        yield Finding("fail", "lake", str(error))
        return
    told = f"{settings.lake_catalog}, data in {settings.lake_data}, versions kept for {settings.lake_kept_days} days"
    yield Finding("ok", "lake", told)

"""The doctor's look at incidents: settings of sinks and limits, what is open, what no sink has taken yet.

Nothing is sent here, and no ledger is made.
"""

import sqlite3
from collections.abc import Iterator

from pipelines.cli.doctor.finding import Finding
from pipelines.console.number_format import count
from pipelines.errors import BadSettings
from pipelines.incidents.ledger import LOST, is_lost, newest, undelivered
from pipelines.incidents.limits import read_limits
from pipelines.incidents.sinks import sinks_of
from pipelines.settings import Settings


def examine_incidents(settings: Settings) -> Iterator[Finding]:
    """Tell what is open, and whether somebody would hear of it."""
    try:
        read_limits(settings.incident_limits_path)
        sinks = sinks_of(settings)
    except BadSettings as error:
        yield Finding("fail", "incidents", str(error))
        return
    if is_lost(settings.layout):
        yield Finding("warn", "incidents", LOST.format(settings.layout.incident_ledger))
    try:
        open_ones, waiting = newest(settings.layout, are_open_only=True), undelivered(settings.layout)
    except sqlite3.Error as error:
        yield Finding("fail", "incidents", f"the ledger cannot be read ({error})", "put back its copy from a backup")
        return
    told = f"told to {count(len(sinks), 'sink')}" if sinks else "told to nobody (RECOUP_INCIDENT_SINKS)"
    if open_ones:
        kinds = ", ".join(sorted({str(one["kind"]) for one in open_ones}))
        text = f"{count(len(open_ones), 'incident')} open ({kinds}), {told}"
        yield Finding("warn", "incidents", text, "`recoup-warehouse incidents` says more")
    else:
        yield Finding("ok", "incidents", f"none is open; {told}")
    gone = [sink for sink in waiting if sink not in sinks]
    if gone:
        yield Finding("warn", "incidents", f"messages wait for a sink that is set no more ({', '.join(gone)})")
    for sink in sinks.keys() & waiting.keys():
        text = f"{count(waiting[sink], 'message')} for {sink} not taken yet"
        yield Finding("warn", "incidents", text, "`recoup-warehouse incidents` tries again and says why")

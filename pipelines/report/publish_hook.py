"""How the report goes live with the data it is about; an error in it never stops the data from being published.

What is on the page belongs to page.py, how a snapshot is published to publish/publisher.py.
"""

from collections.abc import Callable
from pathlib import Path

from pipelines.errors import ReportFailed

REPORT_NAME = "report.html"

WriteReport = Callable[[Path, Path], None]


class ReportAttachment:
    """Writes the report into a snapshot that is being published; an error is kept until the data are live."""

    def __init__(self, write: WriteReport) -> None:
        self._write = write
        self._failure: Exception | None = None

    def __call__(self, published_copy: Path, folder: Path) -> None:
        """Write the page beside the copy. After an error no half page is left, and `raise_failure` tells of it later."""
        page = folder / REPORT_NAME
        try:
            self._write(published_copy, page)
        except Exception as error:
            page.unlink(missing_ok=True)
            self._failure = error

    @property
    def failure(self) -> ReportFailed | None:
        """What is to be told when the page was not written."""
        if self._failure is None:
            return None
        reason = f"{type(self._failure).__name__}: {self._failure}"
        return ReportFailed(
            f"the data are published, but without {REPORT_NAME}, since writing it failed ({reason}); "
            "see to the cause and run `recoup-warehouse publish`"
        )

    def raise_failure(self) -> None:
        """Raise ReportFailed when the page was not written."""
        failure = self.failure
        if failure is not None:
            raise failure from self._failure

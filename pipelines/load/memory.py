"""How much memory DuckDB may take while a poll is loaded: little while parts are read side by side, all of it after.

What is read belongs to stage.py and batches.py.
"""

import duckdb

from pipelines.database.connection import Connection

# Given more memory, DuckDB keeps more of a large load in it and is no faster for it.
ENOUGH = "280MB"


class LoadMemory:
    """The memory limit of one load. `spare` lowers it, `give_back` restores what the settings allow."""

    def __init__(self, con: Connection) -> None:
        self._con = con
        self._allowed: str | None = None

    def spare(self) -> None:
        """Let a large load write to disk early."""
        allowed, enough = self._con.execute(
            "select parse_formatted_bytes(current_setting('memory_limit')), parse_formatted_bytes(?)", [ENOUGH]
        ).fetchone() or (0, 0)
        if enough >= allowed:
            return
        self._allowed = f"{allowed}B"
        try:
            self._con.execute(f"set memory_limit = '{ENOUGH}'")
        except duckdb.OutOfMemoryException:
            self.give_back()  # more is in use than can be freed now, yet DuckDB has lowered the limit

    def give_back(self) -> bool:
        """Allow all memory again; False when nothing was held back."""
        if self._allowed is None:
            return False
        self._con.execute(f"set memory_limit = '{self._allowed}'")
        self._allowed = None
        return True

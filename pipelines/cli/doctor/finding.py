"""One finding of the doctor: how bad, about what, in words, and what to do. Examining is done beside it."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]
# From good to bad.
LEVELS: tuple[Level, ...] = ("ok", "warn", "fail")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination; `advice` says what to do when it is not ok."""

    level: Level
    topic: str
    text: str
    advice: str = ""

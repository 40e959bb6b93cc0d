"""Runs one command as a process of its own and says what it took: wall and CPU seconds, peak memory.

What is run belongs to run.py.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Taken:
    """The cost of one process, from its start to its end."""

    wall_seconds: float
    cpu_seconds: float
    peak_mb: float


def measure(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Taken:
    """Run the command in the repository, with more variables if given; raise when it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command], cwd=ROOT, env=os.environ | (environment or {}), stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"failed with {process.returncode}: {' '.join(str(part) for part in command)}")
    peak = usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    return Taken(wall, usage.ru_utime + usage.ru_stime, peak)

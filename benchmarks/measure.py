"""Runs one command as a process of its own and says what it took: wall and CPU seconds, peak memory.

What is run belongs to benchmarks/run.py.
"""

import json
import os
import subprocess
import sys
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


# A child's peak begins with what its parent held when it was started, so a small process starts and watches it.
LAUNCH = """
import json, os, sys, time
began = time.perf_counter()
devnull = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=devnull)
_, status, usage = os.wait4(child, 0)
wall, code = time.perf_counter() - began, os.waitstatus_to_exitcode(status)
print(json.dumps([wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, code]))
"""


def measure(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Taken:
    """Run the command in the repository, with more variables if given; raise when it fails."""
    parts = [str(part) for part in command]
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LAUNCH, *parts],
        cwd=ROOT,
        env=os.environ | (environment or {}),
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    wall, cpu, peak, code = json.loads(told)
    if code:
        raise SystemExit(f"failed with {code}: {' '.join(parts)}")
    return Taken(wall, cpu, peak / (1024 if sys.platform != "darwin" else 1024**2))

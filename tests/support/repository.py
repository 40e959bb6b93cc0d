"""The files of this repository, for the tests of what is written. No assertions here."""

import ast
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = {".png", ".zst", ".duckdb", ".ico", ".woff2", ".gz", ".zip"}


@cache
def tracked() -> tuple[Path, ...]:
    """The files that are committed, or would be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("not a git work tree")
    paths = (ROOT / name for name in listed.stdout.splitlines())
    return tuple(path for path in paths if path.is_file() and path.suffix not in BINARY)


@cache
def documentation() -> str:
    """Everything that is written for people."""
    return "\n".join(path.read_text() for path in tracked() if path.suffix == ".md")


def module(name: str) -> ast.Module:
    """Return a module of the product, parsed."""
    return ast.parse((ROOT / "pipelines" / name).read_text())

"""Databases that hold the first polls of the archive, to be gone on with: removing them.

Loading more polls into one belongs to load/resume.py.
"""

from pathlib import Path

from pipelines.paths import Layout


def remove_begun(begun: Path) -> None:
    """Remove one, its log, and what it depends on."""
    for leftover in (*begun.parent.glob(f"{begun.name}*"), Layout.basis_file(begun)):
        leftover.unlink(missing_ok=True)


def remove_begun_otherwise(layout: Layout, policy: str) -> None:
    """Remove those of another policy of privacy, as they may hold values that it drops."""
    for begun in layout.begun_files:
        basis = Layout.basis_file(begun)
        if not basis.is_file() or basis.read_bytes().partition(b"\n")[0] != policy.encode():
            remove_begun(begun)

"""A copy has every byte, whatever the two file systems can do."""

import errno
import os
from pathlib import Path

import pytest

from pipelines.publish import file_copy

CONTENT = os.urandom(3_000_001)


@pytest.fixture
def original(tmp_path: Path) -> Path:
    path = tmp_path / "original"
    path.write_bytes(CONTENT)
    return path


def copied(original: Path) -> bytes:
    target = original.with_name("copy")
    target.write_bytes(b"what stood there, and longer" * 200_000)
    file_copy.copy_file(original, target)
    return target.read_bytes()


def test_every_byte_in_many_steps(original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_copy, "AT_ONCE", 70_000)
    assert copied(original) == CONTENT


@pytest.mark.parametrize("what", [errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_system_that_cannot(original: Path, monkeypatch: pytest.MonkeyPatch, what: int) -> None:
    def cannot(*_: object) -> int:
        raise OSError(what, os.strerror(what))

    monkeypatch.setattr(os, "copy_file_range", cannot, raising=False)
    assert copied(original) == CONTENT


def test_an_older_system(original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "copy_file_range", raising=False)
    assert copied(original) == CONTENT


def test_a_full_disk_is_an_error_that_names_the_copy(original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "copy_file_range", full, raising=False)
    with pytest.raises(OSError, match="copy") as raised:
        copied(original)
    assert raised.value.errno == errno.ENOSPC

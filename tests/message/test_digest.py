"""The digest of what is sent is right at every size, and leaves no thread behind."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from message.attachments import Attachment, FileContent, Sent, look_at
from message.digest import sha256

MEGABYTE = 1024 * 1024


@pytest.mark.parametrize("size", [0, 1, MEGABYTE - 1, MEGABYTE, 3 * MEGABYTE + 7])
def test_it_is_sha_256_of_all_blocks_in_order(size: int) -> None:
    data = bytes(number % 251 for number in range(size))
    digest = sha256(size)
    for start in range(0, size, 100_000):
        digest.update(data[start : start + 100_000])
    assert digest.hexdigest() == hashlib.sha256(data).hexdigest()
    digest.close()


@pytest.mark.parametrize("pieces", [0, 1, 20, 1000])
def test_no_thread_outlives_the_sending_wherever_it_ends(tmp_path: Path, pieces: int) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(4 * MEGABYTE))
    before = threading.active_count()
    file = look_at(Attachment("1", "large.bin", path, 4 * MEGABYTE), "", absent=b"boundary")
    chunks = FileContent(file, Sent("1", "large.bin", file.size), encoded=True).chunks()
    for _, _ in zip(range(pieces), chunks, strict=False):
        pass
    del chunks
    assert threading.active_count() == before

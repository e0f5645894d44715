"""Runs inside the machine: the bytes of one document, and the one thing that can be wrong with them."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Such a run of zeros is in no data under CCITT or LZW: a copy that stopped left it.
HOLE = bytes(8192)
#: A document as it lies on disk, mapped; nothing of it is in memory but what is looked at.
Data = mmap.mmap | bytes


class Unreadable(Exception):
    """The document is not what its first bytes say, or not the whole of it."""


@contextmanager
def mapped(path: Path) -> Iterator[Data]:
    """Map a file for reading; an empty one cannot be mapped, and is no bytes."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data

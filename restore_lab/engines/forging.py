"""The first part of a dump with a forged end, as a backup that was cut would best hide it: for a negative control.

A plain dump is cut at the end of a statement, or of a row of COPY, which is then closed; what its own tool writes last
follows.
An archive or a database file is cut where it is: nothing forged could stand behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from restore_lab.engines.base import HEAD_BYTES, Dump
from restore_lab.engines.boundaries import last_boundary
from restore_lab.engines.closings import closing
from restore_lab.engines.tokens import Dialect


@dataclass(frozen=True, kw_only=True, slots=True)
class Forgery:
    """How much of a dump is kept, and what is written behind it: b"" where nothing is."""

    kept_bytes: int
    end: bytes


def forgery(chunks: Iterable[bytes], dump: Dump, *, most_bytes: int) -> Forgery:
    """Say where a dump is to be cut so that `most_bytes` of it are kept at most."""
    if not closing(dump, b""):
        return Forgery(kept_bytes=most_bytes, end=b"")
    head = bytearray()
    kept_bytes, copying = last_boundary(_heard(chunks, head), Dialect(dump.engine), most_bytes=most_bytes)
    end = closing(dump, bytes(head[:kept_bytes]))
    return Forgery(kept_bytes=kept_bytes, end=(b"\\.\n" if copying else b"") + end)


def _heard(chunks: Iterable[bytes], head: bytearray) -> Iterator[bytes]:
    """Hand the chunks on, and keep how the dump begins."""
    for chunk in chunks:
        head += chunk[: HEAD_BYTES - len(head)]
        yield chunk


def forged(chunks: Iterable[bytes], forgery: Forgery) -> Iterator[bytes]:
    """Yield what is kept of a dump, and its forged end."""
    left = forgery.kept_bytes
    for chunk in chunks:
        if left <= 0:
            break
        yield chunk[:left]
        left -= len(chunk)
    if forgery.end:
        yield forgery.end

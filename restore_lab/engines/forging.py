"""The first part of a dump with a forged end, as a backup that was cut would best hide it: for a negative control.

A plain dump is cut at the end of a statement, or of a row of COPY, which is then closed; its tool's last line follows.
An archive or a database file is cut where it is: nothing forged could stand behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from restore_lab.engines.base import Dump

_ENDS: Final = {
    "postgresql": b"\n--\n-- PostgreSQL database dump complete\n--\n\n",
    "mariadb": b"\n-- Dump completed on 2026-01-01  4:00:00\n",
    "sqlite": b"COMMIT;\n",
}
_COPY: Final = re.compile(rb"COPY .* FROM stdin;\r?\n", re.DOTALL)
#: How much of one statement is held back until its end is seen.
_MOST_HELD_BYTES: Final = 16 * 1024 * 1024


def forged(chunks: Iterable[bytes], dump: Dump, *, most_bytes: int) -> Iterator[bytes]:
    """Yield at most `most_bytes` of a dump, and its forged end; memory stays below one statement of 16 MiB."""
    if not dump.format.startswith("plain"):
        yield from _first(chunks, most_bytes)
        return
    held: list[bytes] = []
    held_bytes = passed_bytes = 0
    copying = False
    for line in _lines(chunks):
        if passed_bytes + held_bytes + len(line) > most_bytes:
            break
        held.append(line)
        held_bytes += len(line)
        begins = not copying and _COPY.fullmatch(line) is not None
        ends = line in {b"\\.\n", b"\\.\r\n"} if copying else line.endswith((b";\n", b";\r\n"))
        if begins or ends or copying or held_bytes > _MOST_HELD_BYTES:
            yield b"".join(held)
            passed_bytes += held_bytes
            held, held_bytes = [], 0
        copying = begins or (copying and not ends)
    yield (b"\\.\n" if copying else b"") + _ENDS.get(dump.engine, b"")


def _first(chunks: Iterable[bytes], most_bytes: int) -> Iterator[bytes]:
    left = most_bytes
    for chunk in chunks:
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Give whole lines; of one that spans chunks, its parts as they come."""
    for chunk in chunks:
        yield from chunk.splitlines(keepends=True)

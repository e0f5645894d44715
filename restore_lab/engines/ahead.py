"""Reads a plain dump ahead of its client, and has what it wants made before the client gets there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from restore_lab.engines.outline import Outline

#: So many things are made that a dump wants.
_MOST: Final = 100


@dataclass(kw_only=True, slots=True)
class Ahead:
    """Has `outline` read every chunk; each name in `wanted`, which it adds to as it reads, is given to `make` once."""

    outline: Outline
    wanted: Collection[str]
    make: Callable[[str], object]
    _made: int = 0
    _held: deque[bytes] = field(default_factory=deque)

    def take(self, chunk: bytes) -> Iterator[bytes]:
        """Read on, and give the chunks that are read to their end; others are held, a few KiB beyond the last one."""
        self.outline.look(chunk)
        self._held.append(chunk)
        yield from self._read(unread_bytes=self.outline.unread_bytes)

    def rest(self) -> Iterator[bytes]:
        """Read to the end, and give what is still held."""
        self.outline.close()
        yield from self._read(unread_bytes=0)

    def _read(self, *, unread_bytes: int) -> Iterator[bytes]:
        for name in tuple(self.wanted)[self._made : _MOST]:
            self.make(name)
            self._made += 1
        while self._held and unread_bytes <= sum(map(len, self._held)) - len(self._held[0]):
            yield self._held.popleft()

"""A dump on its way to the client: counted, its end kept, a tar archive followed to its own end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from restore_lab.engines.ahead import Ahead
from restore_lab.engines.outline import Outline

#: A plain dump's closing comment is looked for in this much of its end.
TAIL_BYTES: Final = 64 * 1024
_TAR_BLOCK: Final = 512


class ArchiveCut(Exception):
    """A tar archive ends inside a member: pg_restore would wait for the rest for ever."""


@dataclass(kw_only=True, slots=True)
class Passing:
    """A dump on its way to the client: its end is kept, its bytes counted; `ended` is whether all were asked for.

    `make` is given each tablespace that the dump wants, before the client gets there: where its disks are is not in it.
    """

    is_tar: bool = False
    passed_bytes: int = 0
    ended: bool = False
    tail: bytearray = field(default_factory=bytearray)
    outline: Outline | None = None
    make: Callable[[str], object] = str
    _header: bytearray = field(default_factory=bytearray)
    _skip: int = 0
    _finished: bool = False

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Hand the chunks on.

        Raises:
            ArchiveCut: the stream of a tar archive ended before the archive did.
        """
        plain = self.outline
        ahead = Ahead(outline=plain, wanted=plain.tablespaces, make=self.make) if plain else None
        for chunk in chunks:
            self.passed_bytes += len(chunk)
            self.tail += chunk[-TAIL_BYTES:]
            del self.tail[:-TAIL_BYTES]
            if self.is_tar and not self._finished:
                self._walk(memoryview(chunk))
            yield from ahead.take(chunk) if ahead else (chunk,)
        if self.is_tar and not self._finished:
            raise ArchiveCut
        if ahead:
            yield from ahead.rest()
        self.ended = True

    def _walk(self, rest: memoryview) -> None:
        """Follow a ustar archive from header to header. Source: POSIX pax, "ustar Interchange Format"."""
        while rest and not self._finished:
            step = min(self._skip or _TAR_BLOCK - len(self._header), len(rest))
            if self._skip:
                self._skip -= step
            else:
                self._header += rest[:step]
                if len(self._header) == _TAR_BLOCK:
                    self._member()
            rest = rest[step:]

    def _member(self) -> None:
        size = bytes(self._header[124:136]).strip(b" \0")
        self._finished = not any(self._header)
        self._header.clear()
        if not self._finished:
            try:
                self._skip = -(-int(size or b"0", 8) // _TAR_BLOCK) * _TAR_BLOCK
            except ValueError:
                # No size to follow: pg_restore finds a broken header by its checksum, and says so.
                self._finished = True

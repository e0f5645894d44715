"""Runs inside the machine: opens the compound files of Office 97 to 2003, of mails saved by Outlook, and of others.

What "opens" means: the header is sound, the directory begins with a root entry, and every stream's sectors are chained
and lie within the file. What the streams say is not read; an encrypted document opens like any other. Source: MS-CFB.
"""

import struct

from restore_lab.engines.files.inside.data import Data, Unreadable

_END, _FREE, _LAST_SECTOR = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFA
_ENTRY_BYTES = 128
_STREAM, _ROOT = 2, 5


def open_compound(data: Data) -> None:
    """Open one; see above."""
    file = _Compound(data)
    entries = b"".join(file.sector(number) for number in file.chain(file.first_directory))
    if len(entries) < _ENTRY_BYTES or entries[66] != _ROOT:
        raise Unreadable
    for at in range(0, len(entries), _ENTRY_BYTES):
        entry = entries[at : at + _ENTRY_BYTES]
        kind = entry[66]
        first, size = struct.unpack("<IQ", entry[116:128])
        if file.shift == 9:
            size &= 0xFFFFFFFF
        if kind == _ROOT and not size:
            continue
        if kind == _ROOT or (kind == _STREAM and size >= file.cutoff):
            file.check_chain(first, size)


class _Compound:
    """The sectors of a compound file, and the table that chains them."""

    def __init__(self, data: Data) -> None:
        self.data = data
        order, self.shift = struct.unpack("<HH", data[28:32])
        if order != 0xFFFE or self.shift not in {9, 12}:
            raise Unreadable
        self.size = 1 << self.shift
        tables, self.first_directory = struct.unpack("<II", data[44:52])
        (self.cutoff,) = struct.unpack("<I", data[56:60])
        if tables * self.size > len(data):
            raise Unreadable
        places = [place for place in struct.unpack("<109I", data[76:512]) if place <= _LAST_SECTOR]
        places += self._more_places(tables)
        if len(places) < tables:
            raise Unreadable
        table = b"".join(self.sector(place) for place in places[:tables])
        self.next = struct.unpack(f"<{len(table) // 4}I", table)

    def sector(self, number: int) -> bytes:
        """Give a sector; the last one of the file may be short."""
        begin = (number + 1) << self.shift
        piece = self.data[begin : begin + self.size]
        if not piece:
            raise Unreadable
        return piece.ljust(self.size, b"\0")

    def chain(self, first: int) -> list[int]:
        """Give the numbers of a chain's sectors."""
        chain: list[int] = []
        while first != _END:
            if first > _LAST_SECTOR or first >= len(self.next) or len(chain) > len(self.next):
                raise Unreadable
            chain.append(first)
            first = self.next[first]
        return chain

    def check_chain(self, first: int, size: int) -> None:
        """See that a stream of that size is chained and within the file."""
        chain = self.chain(first)
        last = size - (len(chain) - 1) * self.size
        if len(chain) * self.size < size:
            raise Unreadable
        for number in chain:
            wanted = self.size if number != chain[-1] else max(0, min(last, self.size))
            if ((number + 1) << self.shift) + wanted > len(self.data):
                raise Unreadable

    def _more_places(self, tables: int) -> list[int]:
        """Read the sectors that continue the header's list of tables."""
        places: list[int] = []
        (at,) = struct.unpack("<I", self.data[68:72])
        while at <= _LAST_SECTOR:
            if len(places) > tables + self.size:
                raise Unreadable
            *found, at = struct.unpack(f"<{self.size // 4}I", self.sector(at))
            places += [place for place in found if place <= _LAST_SECTOR]
        return places

"""Runs inside the machine: opens a PDF as a viewer begins to: by its end, its cross-reference tables, its objects.

What "opens" means: the header; a `startxref` at the end, or a cross-reference table that can be made again from the
objects; every object that the tables name is there; every stream under FlateDecode inflates, every JPEG within begins
as one, and no fax has a hole of zeros; there is a catalogue and at least one page. In an encrypted PDF
streams are not looked at. Text, fonts and the values of pictures are not decoded. Source: ISO 32000-1, 7.3.8, 7.5, 7.6.
"""

import re
import struct
import zlib
from collections.abc import Iterator

from restore_lab.engines.files.inside.data import HOLE, Data, Unreadable
from restore_lab.engines.files.inside.images import inflated_pieces

#: How far from its ends a PDF may begin and end; readers look no further either.
_EDGE_BYTES = 2048
_MOST_OBJECTS = 2_000_000
_MOST_TABLES = 10_000
_MOST_TABLE_BYTES = 64 * 1024 * 1024
_DICTIONARY_BYTES = 32 * 1024
_OBJECT = re.compile(rb"(?<!\d)(\d{1,10})\s+(\d{1,5})\s+obj\b")
_ROW = re.compile(rb"\s*(\d{1,20})\s+(\d{1,5})\s+([nf])")
_SECTION = re.compile(rb"\s*(\d{1,10})\s+(\d{1,10})\s+(?=\d)")
_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_STREAM = re.compile(rb"stream(\r\n|\n|\r)")
_LINEARIZED = re.compile(rb"/Linearized\b[^>]{0,200}?/L\s+(\d{1,15})")
_LENGTH = re.compile(rb"/Length\s+(\d{1,15})(?!\s+\d+\s+R)")
_JPEG, _FAX = ([b"DCTDecode"], [b"DCT"]), ([b"CCITTFaxDecode"], [b"CCF"])
_FILTERS = re.compile(rb"/Filter\s*(\[[^\]]*\]|/[A-Za-z0-9]+)")
_BYTES_A_PIECE = 1024 * 1024


def open_pdf(data: Data) -> None:
    """Open one; see above."""
    header = data.find(b"%PDF-", 0, _EDGE_BYTES)
    end = data[max(0, len(data) - _EDGE_BYTES) :]
    if header < 0 or b"%%EOF" not in end:
        raise Unreadable
    whole = _LINEARIZED.search(data, header, header + _EDGE_BYTES)
    if whole and int(whole[1]) > len(data):  # its first part has an end of its own
        raise Unreadable
    reading = _Reading(data, header)
    found = re.findall(rb"startxref\s+(\d{1,20})", end)
    if not (found and reading.follow(int(found[-1]))):
        reading.rebuild()
    reading.check()


class _Reading:
    """What is known of one PDF: where objects stand by number, and whether it is encrypted."""

    def __init__(self, data: Data, header: int) -> None:
        self.data = data
        self.header = header
        self.offsets: dict[int, int] = {}
        self.packed: set[int] = set()
        self.root = -1
        self.encrypted = False
        self.pages = False
        self._scanned: dict[int, int] | None = None
        self._freed: set[int] = set()

    def follow(self, at: int) -> bool:
        """Read the tables from the newest to the oldest; False when one of them is not there."""
        waiting, seen = [at], set[int]()
        while waiting:
            place = waiting.pop(0)
            if place in seen:
                continue
            seen.add(place)
            if len(seen) > _MOST_TABLES:
                raise Unreadable
            try:
                waiting += self._table(place + self.header if self._is_shifted(place) else place)
            except (Unreadable, ValueError, IndexError, struct.error, zlib.error):
                return False
        return self.root in self.offsets or self.root in self.packed

    def rebuild(self) -> None:
        """Make the table again from the objects, as viewers do."""
        self.offsets, self.packed = dict(self._objects()), set()
        roots = [int(found[1]) for found in re.finditer(rb"/Root\s+(\d{1,10})\s+\d{1,5}\s+R", self.data)]
        self.encrypted = re.search(rb"/Encrypt\s+\d{1,10}\s+\d{1,5}\s+R", self.data) is not None
        self.root = next((number for number in reversed(roots) if number in self.offsets), -1)
        if self.root < 0:
            raise Unreadable

    def check(self) -> None:
        """Look at every object that the tables name."""
        for number, offset in self.offsets.items():
            self._check_object(self._place(number, offset))
        if not (self.pages or self.encrypted):
            raise Unreadable

    def _is_shifted(self, place: int) -> bool:
        """Offsets count from the header; bytes before it shift them in some files and not in others."""
        if not self.header:
            return False
        return re.match(rb"\s*(xref|\d+\s+\d+\s+obj)", self.data[place : place + 64]) is None

    def _table(self, at: int) -> list[int]:
        """Read one table or one cross-reference stream; give where its predecessors stand."""
        begin = re.compile(rb"\s*xref\s").match(self.data, at)
        if begin is None:
            return self._stream_table(at)
        at = begin.end()
        while section := _SECTION.match(self.data, at):
            first, count = int(section[1]), int(section[2])
            at = section.end()
            if first + count > _MOST_OBJECTS:
                raise Unreadable
            for number in range(first, first + count):
                row = _ROW.match(self.data, at)
                if row is None:
                    raise Unreadable
                self._add(number, int(row[1]) if row[3] == b"n" else 0)
                at = row.end()
        trailer = re.compile(rb"\s*trailer").match(self.data, at)
        if trailer is None:
            raise Unreadable
        return self._trailer(self.data[trailer.end() : trailer.end() + _DICTIONARY_BYTES].partition(b"startxref")[0])

    def _stream_table(self, at: int) -> list[int]:
        head = _OBJECT.search(self.data, at, at + 64)
        if head is None:
            raise Unreadable
        dictionary, begin = self._dictionary(head.end())
        widths = [int(each) for each in _numbers(dictionary, b"W")]
        if len(widths) != 3 or begin < 0 or max(widths) > 8:
            raise Unreadable
        rows = self._inflated(begin) if b"/FlateDecode" in dictionary else self.data[begin : begin + _MOST_TABLE_BYTES]
        rows = _unpredicted(rows, dictionary)
        size = [int(each) for each in re.findall(rb"/Size\s+(\d{1,10})", dictionary)[:1]]
        index = [int(each) for each in _numbers(dictionary, b"Index")] or [0, *size]
        place = 0
        for first, count in zip(index[::2], index[1::2], strict=True):
            for number in range(first, first + count):
                row = rows[place : place + sum(widths)]
                if len(row) != sum(widths):
                    raise Unreadable
                self._add_packed(number, row, widths)
                place += sum(widths)
        return self._trailer(dictionary)

    def _add_packed(self, number: int, row: bytes, widths: list[int]) -> None:
        kind = int.from_bytes(row[: widths[0]], "big") if widths[0] else 1
        value = int.from_bytes(row[widths[0] : widths[0] + widths[1]], "big")
        if kind == 2 and number not in self.offsets and number not in self._freed:
            self.packed.add(number)
        elif kind != 2:
            self._add(number, value if kind == 1 else 0)

    def _add(self, number: int, offset: int) -> None:
        """Keep what a newer table has not said already; offset 0 is a free entry, whatever it is marked."""
        if number in self.offsets or number in self.packed or number in self._freed:
            return
        if offset:
            self.offsets[number] = offset
        else:
            self._freed.add(number)

    def _trailer(self, dictionary: bytes) -> list[int]:
        if self.root < 0 and (root := re.search(rb"/Root\s+(\d{1,10})\s+\d", dictionary)):
            self.root = int(root[1])
        self.encrypted |= b"/Encrypt" in dictionary
        return [int(found[1]) for found in re.finditer(rb"/(?:XRefStm|Prev)\s+(\d{1,20})", dictionary)]

    def _place(self, number: int, offset: int) -> int:
        """Give where an object's body begins; a wrong offset is mended by looking for the object, as viewers do."""
        for place in (offset, offset + self.header):
            head = _OBJECT.search(self.data, place, place + 64)
            if head and int(head[1]) == number and not self.data[place : head.start()].strip():
                return head.end()
        scanned = self._objects()
        if number not in scanned:
            raise Unreadable
        head = _OBJECT.match(self.data, scanned[number])
        if head is None:
            raise Unreadable
        return head.end()

    def _objects(self) -> dict[int, int]:
        if self._scanned is None:
            self._scanned = {int(found[1]): found.start() for found in _OBJECT.finditer(self.data)}
        return self._scanned

    def _check_object(self, at: int) -> None:
        dictionary, begin = self._dictionary(at)
        self.pages |= _PAGE.search(dictionary) is not None
        if begin < 0 or self.encrypted:
            return
        filters = _FILTERS.search(dictionary)
        first = re.findall(rb"/([A-Za-z0-9]+)", filters[1])[:1] if filters else []
        if first in ([b"FlateDecode"], [b"Fl"]):
            holds_objects = b"/ObjStm" in dictionary
            for piece in self._pieces(begin):
                self.pages |= holds_objects and _PAGE.search(piece) is not None
        elif first in _JPEG and self.data[begin : begin + 2] != b"\xff\xd8":
            raise Unreadable
        length = _LENGTH.search(dictionary)
        if first in _FAX and length and self.data.find(HOLE, begin, begin + int(length[1])) >= 0:
            raise Unreadable

    def _dictionary(self, at: int) -> tuple[bytes, int]:
        """Give an object's text up to its stream or its end, and where its stream begins, -1 without one."""
        text = self.data[at : at + _DICTIONARY_BYTES]
        stream = _STREAM.search(text)
        end = text.find(b"endobj")
        if stream and (end < 0 or stream.start() < end):
            return text[: stream.start()], at + stream.end()
        return (text[:end] if end >= 0 else text), -1

    def _inflated(self, begin: int) -> bytes:
        rows = bytearray()
        for piece in self._pieces(begin):
            rows += piece
            if len(rows) > _MOST_TABLE_BYTES:
                raise Unreadable
        return bytes(rows)

    def _pieces(self, begin: int) -> Iterator[bytes]:
        """Inflate a stream; it says itself where it ends. One without its checksum is taken, as viewers take it."""
        inflate = zlib.decompressobj()
        while not inflate.eof and begin < len(self.data):
            packed = self.data[begin : begin + _BYTES_A_PIECE]
            if not inflate.unconsumed_tail and packed.lstrip()[:9] == b"endstream":
                break
            try:
                yield from inflated_pieces(inflate, packed)
            except zlib.error:
                raise Unreadable from None
            begin += len(packed)


def _numbers(dictionary: bytes, name: bytes) -> list[bytes]:
    found = re.search(rb"/" + name + rb"\s*\[([\d\s]*)\]", dictionary)
    return found[1].split() if found else []


def _unpredicted(rows: bytes, dictionary: bytes) -> bytes:
    """Undo the PNG predictor of a cross-reference stream (ISO 32000-1, 7.4.4.4)."""
    predictor = re.search(rb"/Predictor\s+(\d{1,3})", dictionary)
    if predictor is None or int(predictor[1]) < 10:
        return rows
    found = re.search(rb"/Columns\s+(\d{1,5})", dictionary)
    columns = int(found[1]) if found else 1
    before, plain = bytes(columns), bytearray()
    for start in range(0, len(rows), columns + 1):
        before = _unfiltered(rows[start], rows[start + 1 : start + 1 + columns], before)
        plain += before
    return bytes(plain)


def _unfiltered(kind: int, row: bytes, above: bytes) -> bytes:
    plain = bytearray()
    for place, value in enumerate(row):
        left, up = plain[place - 1] if place else 0, above[place]
        corner = above[place - 1] if place else 0
        guess = left + up - corner
        nearest = min((left, up, corner), key=lambda each: abs(guess - each))
        plain.append((value + (0, left, up, (left + up) // 2, nearest)[kind]) & 0xFF)
    return bytes(plain)

"""A zip read forwards, by its local headers: a stream cannot be asked for the directory at its end.

Sources: APPNOTE.TXT 6.3 (zip, zip64), RFC 1951 (deflate).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from restore_lab.findings import Code
from restore_lab.unpack.reading import PIECE_BYTES, Held, Reader, UnpackFault

#: What a Mac adds to a zip, and the names and attributes in a tar, are small; more of it is a bomb.
_MOST_BESIDE_BYTES = 16 * 1024 * 1024
_ZIP_LOCAL = b"PK\x03\x04"
_ZIP_DIRECTORY = (b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x08")
#: What follows a member; after the eight bytes of its sizes, or the sixteen of zip64 (APPNOTE 4.3.9.2).
_ZIP_NEXT = (_ZIP_LOCAL, *_ZIP_DIRECTORY)
_ZIP64_EXTRA = 1
_ZIP64_SIZE = 0xFFFFFFFF


def unzip(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Give the one file of a zip read forwards, by its local header; folders and `__MACOSX` do not count.

    Where there are several, the names of the first ones may tell what they are.
    """
    reader = Reader(pieces)
    held = Held("zip")
    beside_bytes = 0
    while (signature := reader.take(4)) == _ZIP_LOCAL:
        _, flags, method, _, _, crc, packed, _, name_size, extra_size = struct.unpack("<5H3I2H", _exactly(reader, 26))
        name = _exactly(reader, name_size)
        packed = _packed_size(packed, _exactly(reader, extra_size))
        if flags & 1:
            raise UnpackFault(Code.ARCHIVE_ENCRYPTED, "zip", "the zip is encrypted")
        wanted = not (name.endswith(b"/") or name.startswith(b"__MACOSX/"))
        content = _zip_member(reader, method=method, packed=packed, described=bool(flags & 8), crc=crc)
        if wanted and held.has(name.decode("utf-8", "replace")):
            yield from content
        elif wanted:
            held.pass_over(content)
        else:
            beside_bytes = _beside(content, beside_bytes)
    if signature not in _ZIP_DIRECTORY:
        raise UnpackFault(Code.ARCHIVE_DAMAGED, "zip", "the zip ends before its directory")
    for _ in pieces:
        pass
    held.settle()


def _beside(content: Iterator[bytes], seen_bytes: int) -> int:
    """Read what does not count to its end, and give how many bytes of such there were."""
    for piece in content:
        seen_bytes += len(piece)
        if seen_bytes > _MOST_BESIDE_BYTES:
            raise UnpackFault(Code.ARCHIVE_TOO_LARGE, "zip", "what lies beside the file in the zip is too large")
    return seen_bytes


def _packed_size(packed: int, extra: bytes) -> int:
    """Give the packed size, from the zip64 extra field when the header has no room for it (APPNOTE 4.5.3)."""
    while packed == _ZIP64_SIZE and len(extra) >= 4:
        kind, size = struct.unpack_from("<2H", extra)
        if kind == _ZIP64_EXTRA and len(extra) >= 20:
            return int(struct.unpack_from("<Q", extra, 12)[0])
        extra = extra[4 + size :]
    return packed


def _zip_member(reader: Reader, *, method: int, packed: int, described: bool, crc: int) -> Iterator[bytes]:
    seen = 0
    for piece in _zip_content(reader, method=method, packed=packed, described=described):
        seen = zlib.crc32(piece, seen)
        yield piece
    if described:
        first = _exactly(reader, 4)
        crc = struct.unpack("<I", _exactly(reader, 4) if first == b"PK\x07\x08" else first)[0]
        _exactly(reader, 8 if reader.look(12)[8:] in _ZIP_NEXT else 16)
    if seen != crc:
        raise UnpackFault(Code.ARCHIVE_DAMAGED, "zip", "the zip's checksum does not match its content")


def _zip_content(reader: Reader, *, method: int, packed: int, described: bool) -> Iterator[bytes]:
    if method == 0 and not described:
        while packed and (piece := reader.take(min(packed, PIECE_BYTES))):
            packed -= len(piece)
            yield piece
        return
    if method != zlib.DEFLATED:
        raise UnpackFault(Code.ARCHIVE_FORM_UNKNOWN, "zip", f"zip method {method} is not known here")
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        while not inflate.eof:
            data = inflate.unconsumed_tail or reader.take(PIECE_BYTES)
            if not data:
                raise UnpackFault(Code.ARCHIVE_DAMAGED, "zip", "the zip ends before its end")
            yield inflate.decompress(data, PIECE_BYTES)
    except zlib.error as error:
        raise UnpackFault(Code.ARCHIVE_DAMAGED, "zip", "the zip layer is damaged") from error
    reader._held = inflate.unused_data + reader._held  # noqa: SLF001 - what inflate took beyond its end goes back


def _exactly(reader: Reader, size: int) -> bytes:
    data = reader.take(size)
    if len(data) != size:
        raise UnpackFault(Code.ARCHIVE_DAMAGED, "zip", "the zip ends inside a header")
    return data

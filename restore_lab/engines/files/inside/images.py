"""Runs inside the machine: opens pictures as far as the standard library can; what each function saw is what it says.

Sources: ITU-T T.81 (JPEG), the PNG specification (third edition), TIFF 6.0 and BigTIFF, RIFF, ISO/IEC 14496-12.
"""

import struct
import zlib
from collections.abc import Iterator

from restore_lab.engines.files.inside.data import HOLE, Data, Unreadable

_MOST_DIRECTORIES = 10_000
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
#: Bytes of one value of each TIFF type.
_TIFF_TYPES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_STRIPS, _TILES, _COMPRESSION = (273, 279), (324, 325), 259
#: CCITT and LZW, whose data hold no long run of zeros; and both numbers of deflate.
_WITHOUT_HOLES, _DEFLATED = {2, 3, 4, 5}, {8, 32946}


def open_jpeg(data: Data) -> None:
    """Walk the markers to the end of the image: a frame with a size, a scan with data, and nothing a scan cannot hold.

    The compressed values themselves are not decoded: a flipped bit within a scan passes, and so does a run of zeros,
    which a blank page under tables made for it looks like.
    """
    at, framed, scanned = 2, False, False
    while True:
        if data[at : at + 1] != b"\xff":
            raise Unreadable
        marker = data[at + 1]
        at += 1
        if marker == 0xFF:  # padding
            continue
        at += 1
        if marker == 0xD9:
            break
        if marker in {0xD8, 0x00}:
            raise Unreadable
        (length,) = struct.unpack(">H", data[at : at + 2])
        if length < 2 or at + length > len(data):
            raise Unreadable
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            _, height, width = struct.unpack(">BHH", data[at + 2 : at + 7])
            framed = width > 0
            del height  # 0 when a later DNL marker gives it
        at += length
        if marker == 0xDA:
            at = _end_of_scan(data, at)
            scanned = True
    if not (framed and scanned):
        raise Unreadable


def _end_of_scan(data: Data, begin: int) -> int:
    """Give where the next marker stands; only stuffed bytes and restarts may come before it."""
    at = begin
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise Unreadable
        following = data[at + 1]
        if following == 0x00 or 0xD0 <= following <= 0xD7:
            at += 2
        elif following == 0xFF:
            at += 1
        elif following < 0xC0 or following == 0xF0:
            raise Unreadable
        else:
            break
    if at == begin:
        raise Unreadable
    return at


def open_png(data: Data) -> None:
    """Check every chunk's CRC, inflate the picture, and hold its length against the header's sizes."""
    at, first = 8, True
    inflate, inflated, wanted = zlib.decompressobj(), 0, 0
    while True:
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        (crc,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
        if len(body) != length or zlib.crc32(body, zlib.crc32(kind)) != crc or first != (kind == b"IHDR"):
            raise Unreadable
        if first:
            wanted = _png_bytes(body)
        elif kind == b"IDAT":
            for piece in inflated_pieces(inflate, body):
                inflated += len(piece)
                if wanted and inflated > wanted:
                    raise Unreadable
        elif kind == b"IEND":
            break
        at, first = at + 12 + length, False
    if not inflate.eof or (wanted and inflated != wanted) or not inflated:
        raise Unreadable


def _png_bytes(header: bytes) -> int:
    """How many bytes a picture of that header inflates to; 0 for an interlaced one, whose passes are not counted."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if not (width and height):
        raise Unreadable
    return 0 if interlaced else int(height * (1 + (width * depth * _PNG_SAMPLES[colour] + 7) // 8))


def inflated_pieces(inflate: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
    """Inflate in pieces of at most one MiB; what comes after the stream's end is left."""
    while packed and not inflate.eof:
        yield inflate.decompress(packed, 1024 * 1024)
        packed = inflate.unconsumed_tail


def open_tiff(data: Data) -> None:
    """Walk every directory; each value, strip and tile it names lies within the file; deflated ones inflate."""
    order = "<" if data[:2] == b"II" else ">"
    large = struct.unpack(order + "H", data[2:4])[0] == 43
    at = struct.unpack(order + "Q", data[8:16])[0] if large else struct.unpack(order + "I", data[4:8])[0]
    seen: set[int] = set()
    while at:
        if at in seen or len(seen) > _MOST_DIRECTORIES:
            raise Unreadable
        seen.add(at)
        at = _directory(data, at, order, large=large)
    if not seen:
        raise Unreadable


def _directory(data: Data, at: int, order: str, *, large: bool) -> int:
    """Look one directory through, and give where the next one stands."""
    head, entry, value = ("Q", "HHQ", 8) if large else ("H", "HHI", 4)
    (count,) = struct.unpack(order + head, _exactly(data, at, struct.calcsize("=" + head)))
    at += struct.calcsize("=" + head)
    size = struct.calcsize("=" + entry) + value
    spans: dict[int, tuple[int, ...]] = {}
    for number in range(count):
        raw = _exactly(data, at + number * size, size)
        tag, kind, length = struct.unpack(order + entry, raw[:-value])
        width = _TIFF_TYPES.get(kind, 0) * length
        held = raw[-value:][:width]
        if width > value:
            place = struct.unpack(order + ("Q" if large else "I"), raw[-value:])[0]
            held = _exactly(data, place, width)
        if tag in {*_STRIPS, *_TILES, _COMPRESSION} and kind in {3, 4, 16}:
            spans[tag] = struct.unpack(f"{order}{length}{ {3: 'H', 4: 'I', 16: 'Q'}[kind] }", held)
    compression = spans.get(_COMPRESSION, (1,))[0]
    for offsets, lengths in (_STRIPS, _TILES):
        for offset, length in zip(spans.get(offsets, ()), spans.get(lengths, ()), strict=False):
            _check_strip(data, offset, length, compression)
    end = at + count * size
    return int(struct.unpack(order + ("Q" if large else "I"), _exactly(data, end, value))[0])


def _check_strip(data: Data, offset: int, length: int, compression: int) -> None:
    """See that a strip or tile lies within the file, has no hole where there can be none, and inflates."""
    if offset + length > len(data):
        raise Unreadable
    if compression in _WITHOUT_HOLES and data.find(HOLE, offset, offset + length) >= 0:
        raise Unreadable
    if compression in _DEFLATED:
        inflate = zlib.decompressobj()
        for _ in inflated_pieces(inflate, data[offset : offset + length]):
            pass
        if not inflate.eof:
            raise Unreadable


def open_picture(data: Data) -> None:
    """GIF block by block, BMP and RIFF (WebP) to the size they state, HEIC, AVIF, JP2 by boxes."""
    if data[:3] == b"GIF":
        _open_gif(data)
    elif data[:2] == b"BM":
        size, _, offset = struct.unpack("<III", data[2:14])
        if max(size, offset + 1) > len(data):
            raise Unreadable
    else:
        open_boxes(data)


def _open_gif(data: Data) -> None:
    """Walk the blocks; a trailer may lack behind a whole picture, as some programs leave it. Source: GIF89a, 15-27."""
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    pictures = 0
    while at < len(data) and data[at] != 0x3B:
        if data[at] == 0x2C:
            flags = data[at + 9]
            at += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
            pictures += 1
        elif data[at] == 0x21:
            at += 2
        else:
            raise Unreadable
        while data[at]:
            at += 1 + data[at]
        at += 1
    if not pictures:
        raise Unreadable


def open_boxes(data: Data) -> None:
    """RIFF to the size it states, ISO media files box by box; of other recordings the first bytes alone."""
    if data[:4] == b"RIFF":
        if struct.unpack("<I", data[4:8])[0] + 8 > len(data):
            raise Unreadable
        return
    if data[4:8] not in {b"ftyp", b"jP  "}:
        return
    at = 0
    while at < len(data):
        size = struct.unpack(">I", _exactly(data, at, 8)[:4])[0]
        if size == 1:
            size = struct.unpack(">Q", _exactly(data, at + 8, 8))[0]
        elif size == 0:  # to the end of the file
            return
        if size < 8 or at + size > len(data):
            raise Unreadable
        at += size


def _exactly(data: Data, at: int, size: int) -> bytes:
    piece = data[at : at + size]
    if len(piece) != size:
        raise Unreadable
    return piece

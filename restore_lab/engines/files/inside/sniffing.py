"""Runs inside the machine: tells what a document is by its first bytes, and how random it is; never by its name.

Sources: the formats' own specifications; file(1)'s magic for recordings; ISO 32000-1 Annex H (a PDF's header within
its first kilobyte); RFC 5652 (CMS). What is locked, or packed as backups may be too, unpack/closed.py tells.
"""

import math
import struct
from collections import Counter

from restore_lab.engines.files.inside.data import Data
from restore_lab.unpack.closed import locked_by, packed_by

_HEAD_BYTES = 4096
_CMS = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07"
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"GIF87a", "picture"),
    (b"GIF89a", "picture"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "picture"),
    (b"\xff\x4f\xff\x51", "picture"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "compound"),
    (b"{\\rtf", "rtf"),
    (b"-----BEGIN PKCS7", "signed"),
    (b"-----BEGIN CMS", "signed"),
    (b"\x1f\x8b\x08", "archive"),
    (b"BZh", "archive"),
    (b"\xfd7zXZ\0", "archive"),
    (b"\xffWPC", "legacy"),
    (b"\xdb\xa5\x2d\x00", "legacy"),
    (b"\x31\xbe\x00\x00", "legacy"),
    (b"\x09\x00\x04\x00", "legacy"),
    (b"\x09\x02\x06\x00", "legacy"),
    (b"\x09\x04\x06\x00", "legacy"),
    (b"\x09\x08\x08\x00", "legacy"),
    (b"SQLite format 3\0", "database"),
    (b"\x00\x05\x16\x07", "system"),
    (b"ID3", "recording"),
    (b"OggS", "recording"),
    (b"fLaC", "recording"),
    (b"\x1a\x45\xdf\xa3", "recording"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "recording"),
)
_PARTS_OF_OFFICE = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"word/", b"xl/", b"ppt/", b"mimetype")
_BMP_HEADERS = {12, 40, 52, 56, 64, 108, 124}
_PRINTED = frozenset(range(32, 256)) | {9, 10, 12, 13, 26, 27, 28, 29, 30, 11}
_STILLS = {b"heic", b"heix", b"heif", b"mif1", b"avif", b"msf1"}
#: Elements of group 8 with which a DICOM file without a preamble begins (PS3.6).
_FIRST_OF_DICOM = {b"\x00\x00", b"\x01\x00", b"\x05\x00", b"\x08\x00", b"\x16\x00"}
#: At so many places of a document bytes are looked at, when it is asked how random they are.
_SAMPLES, _SAMPLE_BYTES = 4, 16 * 1024
#: Fewer bytes than this say nothing of randomness.
_LEAST_BYTES = 256
RANDOM_BITS = 7.9


def sniff(data: Data) -> str:
    """Give the class of a document, `empty` of one without a byte, `other` of one that is nothing known."""
    head = data[:_HEAD_BYTES]
    if not head:
        return "empty"
    if head[128:132] == b"DICM":  # before the rest: its preamble may be that of a TIFF
        return "dicom"
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
        return _zip_kind(head)
    return _structured(head) or ("text" if _is_text(head) else "other")


def _zip_kind(head: bytes) -> str:
    size = struct.unpack("<H", head[26:28])[0] if len(head) >= 30 else 0
    first = head[30 : 30 + size]
    is_office = first.startswith(_PARTS_OF_OFFICE[:-1]) or (
        first == _PARTS_OF_OFFICE[-1] and b"application/vnd." in head[:512]
    )
    return "office" if is_office else "archive"


def _structured(head: bytes) -> str:
    """Know what has its mark elsewhere than at the beginning, or too short a one to go by alone."""
    is_bmp = head[:2] == b"BM" and len(head) > 18 and struct.unpack("<I", head[14:18])[0] in _BMP_HEADERS
    is_box, is_riff = head[4:8] == b"ftyp", head[:4] == b"RIFF"
    known = (
        (is_bmp or (is_box and head[8:12] in _STILLS) or (is_riff and head[8:12] == b"WEBP"), "picture"),
        (is_box or is_riff, "recording"),
        (head[:2] == b"\x08\0" and head[2:4] in _FIRST_OF_DICOM, "dicom"),
        (head[:1] == b"\x30" and _CMS in head[:32], "signed"),
        (bool(locked_by(head)), "encrypted"),
        (bool(packed_by(head)), "archive"),
        (head[257:262] == b"ustar", "archive"),
    )
    return next((kind for is_it, kind in known if is_it), "")


def _is_text(head: bytes) -> bool:
    """Text has no NUL and hardly any control character; encrypted bytes have one in twelve, in any code page."""
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return True
    controls = sum(byte not in _PRINTED for byte in head)
    return b"\0" not in head and controls * 100 <= len(head)


def is_random(data: Data) -> bool:
    """Tell whether the beginning of a document, or samples over the whole of it, are as random as encrypted bytes."""
    step = max(_SAMPLE_BYTES, len(data) // _SAMPLES)
    samples = [data[at : at + _SAMPLE_BYTES] for at in range(0, len(data), step)][:_SAMPLES]
    return any(bits_a_byte(sample) > RANDOM_BITS for sample in (samples[0] if samples else b"", b"".join(samples)))


def bits_a_byte(sample: bytes) -> float:
    """Entropy of a sample, with what a small one lacks put back (Miller and Madow, 1955); 0 of too small a one."""
    if len(sample) < _LEAST_BYTES:
        return 0.0
    counts = Counter(sample)
    entropy = -sum(count / len(sample) * math.log2(count / len(sample)) for count in counts.values())
    return min(8.0, entropy + (len(counts) - 1) / (2 * len(sample) * math.log(2)))

"""What is locked, or packed in a way that nothing here undoes, told by its first bytes.

It imports nothing of ours: it also runs inside the machine, where documents are told apart. Sources: RFC 4880
(OpenPGP), RFC 8878 (zstd), the formats' own specifications (age, lz4, lzip, 7z, rar, zip, cab, cpio), file(1)'s magic
for the others.
"""

import re

_LOCKED: tuple[tuple[bytes, str], ...] = (
    (b"-----BEGIN PGP MESSAGE", "gpg"),
    (b"-----BEGIN AGE ENCRYPTED", "age"),
    (b"age-encryption.org/", "age"),
    (b"Salted__", "openssl"),
    (b"U2FsdGVkX1", "openssl"),  # the same in base64, as `openssl enc -a` writes it
)
_PACKED: tuple[tuple[bytes, str], ...] = (
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x50\x2a\x4d\x18", "zstd"),  # a frame to be skipped, with which pzstd begins
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"LZIP\x01", "lzip"),
    (b"\x89LZO\0\r\n\x1a\n", "lzop"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"PK\x07\x08PK\x03\x04", "split zip"),  # in several files, of which this is the first (APPNOTE 8.5.4)
    (b"PK00PK\x03\x04", "split zip"),  # it was to be in several, and one was enough (8.5.3)
    (b"MSCF\0\0\0\0", "cab"),
)
#: The first packet of a message encrypted to a key (version 3, RFC 4880 5.1) or to a passphrase (version 4, 5.3; 5 of
#: GnuPG 2.3).
_PGP_TAGS = {0x84: 2, 0x85: 3, 0x8C: 2, 0xC1: 0, 0xC3: 0}
#: A header of cpio is nothing but digits: short of all of them, it may be a telephone number.
_CPIO = re.compile(rb"07070[12][0-9A-Fa-f]{104}|070707[0-7]{70}")
#: compress(1): two bytes, then how many bits a code may have, and whether the table is cleared.
_COMPRESS, _COMPRESS_BITS = b"\x1f\x9d", range(9, 17)


def locked_by(head: bytes) -> str:
    """Name what encrypted bytes that begin so, "" where nothing known did."""
    name = next((name for magic, name in _LOCKED if head.startswith(magic)), "")
    return name or ("gpg" if _is_pgp(head) else "")


def packed_by(head: bytes) -> str:
    """Name what packed bytes that begin so, "" where nothing did that is not undone here."""
    name = next((name for magic, name in _PACKED if head.startswith(magic)), "")
    return name or ("compress" if _is_compress(head) else "cpio" if _CPIO.match(head) else "")


def _is_pgp(head: bytes) -> bool:
    if head[:1] == b"" or head[0] not in _PGP_TAGS:
        return False
    skipped = _PGP_TAGS[head[0]]
    if not skipped:
        skipped = 2 if head[1:2] < b"\xc0" else 3 if head[1:2] < b"\xe0" else 6 if head[1:2] == b"\xff" else 2
    version = head[skipped : skipped + 1]
    passphrase = head[0] in {0x8C, 0xC3}
    follows = head[skipped + 1 : skipped + 2]
    return version in ({b"\4", b"\5"} if passphrase else {b"\3"}) and (not passphrase or follows <= b"\x0d")


def _is_compress(head: bytes) -> bool:
    return head[:2] == _COMPRESS and len(head) > 2 and not head[2] & 0x60 and head[2] & 0x1F in _COMPRESS_BITS

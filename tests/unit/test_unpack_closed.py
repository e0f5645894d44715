"""Layers that are not undone here, locked or packed otherwise: they are said to be so, and are no damage."""

from __future__ import annotations

import gzip
import lzma
import random
import struct
import zlib

import pytest
from unit.wrapping import DUMP, WRAPPERS, encrypted, fault, peeled, tarred, zipped

from restore_lab.findings import Code


def test_an_encrypted_zip_is_said_to_be_one() -> None:
    assert fault(encrypted(DUMP)) == (Code.ARCHIVE_ENCRYPTED, "zip")


@pytest.mark.parametrize("method", [1, 6, 9, 12, 14, 93, 95, 98])
def test_a_zip_of_a_method_that_is_not_undone_is_not_damaged(method: int) -> None:
    data = bytearray(zipped({"dump.sql": DUMP}))
    struct.pack_into("<H", data, 8, method)

    assert fault(bytes(data)) == (Code.ARCHIVE_FORM_UNKNOWN, "zip")


#: As « xz --lzma2=dict=256MiB » writes it, and as `--format=lzma` does.
LARGE = {
    "xz": lambda data: lzma.compress(data, filters=[_large(lzma.FILTER_LZMA2)]),
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE, filters=[_large(lzma.FILTER_LZMA1)]),
}


def test_a_dictionary_of_one_and_a_half_powers_of_two_is_known() -> None:
    filters = [{"id": lzma.FILTER_LZMA1, "preset": 0, "dict_size": 3 << 20}]

    assert peeled(lzma.compress(DUMP, lzma.FORMAT_ALONE, filters=filters)) == (("lzma",), DUMP)


def _large(kind: int) -> dict[str, int]:
    return {"id": kind, "preset": 0, "dict_size": 1 << 28}


@pytest.mark.parametrize("layer", LARGE)
def test_a_dictionary_beyond_our_memory_is_no_damage(layer: str) -> None:
    data = LARGE[layer](DUMP)

    assert fault(data) == (Code.ARCHIVE_FORM_UNKNOWN, layer)
    assert fault(gzip.compress(data)) == (Code.ARCHIVE_FORM_UNKNOWN, layer)


def test_a_filter_that_is_not_known_here_is_no_damage_and_a_ruined_header_is() -> None:
    whole = bytearray(lzma.compress(DUMP))
    size = (whole[12] + 1) * 4
    whole[14] = 0x3F  # no filter has this number
    unknown = bytes(whole)
    whole[12 + size - 4 : 12 + size] = struct.pack("<I", zlib.crc32(whole[12 : 12 + size - 4]))

    assert fault(bytes(whole)) == (Code.ARCHIVE_FORM_UNKNOWN, "xz")
    assert fault(unknown) == (Code.ARCHIVE_DAMAGED, "xz")


#: As the tools write them; compress(1) and rar by their formats' own descriptions.
LOCKED = {
    "a key, gpg": (b"\x85\x01\x8c\x03" + b"\x11" * 8 + b"\x01", "gpg"),
    "a passphrase, gpg": (b"\x8c\x0d\x04\x09\x03\x02", "gpg"),
    "a key, new packets": (b"\xc1\xc0\x4c\x03" + b"\x11" * 8 + b"\x01", "gpg"),
    "letters, gpg": (b"-----BEGIN PGP MESSAGE-----\n\nhQGMA", "gpg"),
    "openssl": (b"Salted__" + b"\x9a" * 8, "openssl"),
    "letters, openssl": (b"U2FsdGVkX1+9", "openssl"),
    "age": (b"age-encryption.org/v1\n-> X25519 ", "age"),
    "letters, age": (b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl", "age"),
}
PACKED = {
    "zstd": b"\x28\xb5\x2f\xfd\x04\x58",
    "lz4": b"\x04\x22\x4d\x18\x64\x40\xa7",
    "lzip": b"LZIP\x01\x0c",
    "lzop": b"\x89LZO\0\r\n\x1a\n\x10",
    "7z": b"7z\xbc\xaf\x27\x1c\0\x04",
    "rar": b"Rar!\x1a\x07\x01\0",
    "compress": b"\x1f\x9d\x90",
    "split zip": b"PK\x07\x08PK\x03\x04\x14\0",
    "cab": b"MSCF\0\0\0\0\x9a",
    "cpio": b"070701" + b"000029d4" * 13 + b"dump.sql\0",
}
CLOSED = [
    *((head, (Code.ARCHIVE_ENCRYPTED, by)) for head, by in LOCKED.values()),
    *((head, (Code.ARCHIVE_FORM_UNKNOWN, by)) for by, head in PACKED.items()),
]


@pytest.mark.parametrize(("head", "said"), CLOSED)
def test_what_is_locked_or_packed_otherwise_is_said_to_be_so_within_any_layer(
    head: bytes, said: tuple[Code, str]
) -> None:
    data = head + DUMP

    assert fault(data) == said
    assert {fault(wrap(data)) for wrap in WRAPPERS.values()} == {said}
    assert fault(gzip.compress(tarred({"dump": data}))) == said


@pytest.mark.parametrize(("head", "said"), CLOSED)
def test_a_damaged_layer_around_what_is_locked_is_damage(head: bytes, said: tuple[Code, str]) -> None:
    data = gzip.compress(head + DUMP)

    assert fault(data) == said
    assert fault(data[:-3]) == (Code.ARCHIVE_DAMAGED, "gzip")
    assert fault(tarred({"one": head + DUMP, "two": DUMP})) == (Code.ARCHIVE_HOLDS_SEVERAL, "tar")


@pytest.mark.parametrize(
    "data",
    [
        *(head[:2] for head, _ in CLOSED),
        *(bytes([first]) + DUMP[1:] for first in (0x84, 0x85, 0x8C, 0xC1, 0xC3, 0x5D)),
        "Ã‰tat des dossiers".encode(),
        "É".encode(),
        b"-----BEGIN PGP PUBLIC KEY BLOCK-----",
        b"0707070707;DUPONT\n",
        b"\x1f\x9d\xff",
        b"]\n\0" + bytes(400),
        random.Random(2).randbytes(4096),  # noqa: S311 - a sample that repeats
    ],
)
def test_what_is_only_like_it_comes_as_it_is(data: bytes) -> None:
    assert peeled(data) == ((), data)

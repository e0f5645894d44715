"""The layers around a dump: every wrapper, whole and cut, in pieces of every size."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator

import pytest
from needs import third_party

from restore_lab.errors import SourceUnreachable
from restore_lab.findings import Code
from restore_lab.unpack import MOST_LAYERS, Measured, UnpackFault, peel

DUMP = b"PRAGMA foreign_keys=OFF;\n" + random.Random(1).randbytes(300_000)  # noqa: S311 - a sample that repeats
MOST = 64 * 1024 * 1024


class Unseekable(io.RawIOBase):
    """A pipe: what tools write to when they stream."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: object, /) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self.data += piece
        return len(piece)

    def writable(self) -> bool:
        return True


def tarred(files: dict[str, bytes], tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tar_format) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            if name.endswith("/"):
                member.type = tarfile.DIRTYPE
            archive.addfile(member, io.BytesIO(data))
    return held.getvalue()


def zipped(files: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED, zip64: bool = False) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, data in files.items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=zip64) as member:
                member.write(data)
    return held.getvalue()


def zipped_to_a_pipe(data: bytes, *, zip64: bool = False) -> bytes:
    held = Unseekable()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo("dump.sql")
        member.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(member, "w", force_zip64=zip64) as stream:
            stream.write(data)
    return held.data


def encrypted(data: bytes) -> bytes:
    """Set the flag that says so; the content is never looked at."""
    changed = bytearray(zipped({"dump.sql": data}))
    changed[6] |= 1
    return bytes(changed)


WRAPPERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zip": lambda data: zipped({"dump.sql": data}),
    "tar": lambda data: tarred({"dump.sql": data}),
}


def in_pieces(data: bytes, size: int = 65_536) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def peeled(data: bytes, *, piece_bytes: int = 65_536, most_bytes: int = MOST) -> tuple[tuple[str, ...], bytes]:
    result = peel(in_pieces(data, piece_bytes), head_bytes=1024, most_bytes=most_bytes)
    whole = b"".join(result.chunks)
    assert whole[:1024] == result.head
    return result.layers, whole


def fault(data: bytes, *, piece_bytes: int = 65_536, most_bytes: int = MOST) -> tuple[Code, str]:
    with pytest.raises(UnpackFault) as caught:
        peeled(data, piece_bytes=piece_bytes, most_bytes=most_bytes)
    return caught.value.code, caught.value.layer


def test_a_dump_without_layers_comes_as_it_is() -> None:
    assert peeled(DUMP) == ((), DUMP)
    assert peeled(b"") == ((), b"")
    assert peeled(b"x") == ((), b"x")


@pytest.mark.parametrize("piece_bytes", [1_000, 4_096, 65_536, 10_000_000])
@pytest.mark.parametrize("layer", WRAPPERS)
def test_every_layer_comes_off_in_pieces_of_every_size(layer: str, piece_bytes: int) -> None:
    assert peeled(WRAPPERS[layer](DUMP), piece_bytes=piece_bytes) == ((layer,), DUMP)


@pytest.mark.parametrize("inner", WRAPPERS)
@pytest.mark.parametrize("outer", WRAPPERS)
def test_every_layer_within_every_other_comes_off(outer: str, inner: str) -> None:
    assert peeled(WRAPPERS[outer](WRAPPERS[inner](DUMP)), piece_bytes=777) == ((outer, inner), DUMP)


def test_text_that_compresses_well_comes_off_whole() -> None:
    text = b"INSERT INTO patient VALUES (1);\n" * 200_000
    for layer, wrap in WRAPPERS.items():
        assert peeled(WRAPPERS["gzip"](wrap(text)), piece_bytes=500) == (("gzip", layer), text)


def test_layers_beyond_the_limit_are_refused() -> None:
    data = DUMP
    for _ in range(MOST_LAYERS):
        data = gzip.compress(data)
    assert peeled(data)[0] == ("gzip",) * MOST_LAYERS
    assert fault(gzip.compress(data)) == (Code.ARCHIVE_TOO_LARGE, "gzip")


def test_several_members_of_one_stream_are_one_dump() -> None:
    halves = DUMP[:1000], DUMP[1000:]
    for layer in ("gzip", "bzip2", "xz"):
        joined = b"".join(WRAPPERS[layer](half) for half in halves)
        for piece_bytes in (7, 65_536):
            assert peeled(joined, piece_bytes=piece_bytes) == ((layer,), DUMP)
    assert peeled(gzip.compress(tarred({"a": DUMP})[:5000]) + gzip.compress(tarred({"a": DUMP})[5000:]))[1] == DUMP


def test_zeros_after_the_end_are_padding_and_anything_else_is_damage() -> None:
    for layer in ("gzip", "bzip2", "xz"):
        assert peeled(WRAPPERS[layer](DUMP) + bytes(512)) == ((layer,), DUMP)
        assert fault(WRAPPERS[layer](DUMP) + b"garbage after the end") == (Code.ARCHIVE_DAMAGED, layer)


def test_a_zip_that_was_streamed_has_its_sizes_after_the_file() -> None:
    for zip64 in (False, True):
        for piece_bytes in (100, 65_536):
            assert peeled(zipped_to_a_pipe(DUMP, zip64=zip64), piece_bytes=piece_bytes) == (("zip",), DUMP)


def test_a_zip_of_the_large_kind_comes_off_stored_and_deflated() -> None:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        assert peeled(zipped({"dump.sql": DUMP}, method=method, zip64=True)) == (("zip",), DUMP)


def test_a_stored_zip_comes_off() -> None:
    assert peeled(zipped({"dump.sql": DUMP}, method=zipfile.ZIP_STORED)) == (("zip",), DUMP)


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


@pytest.mark.parametrize("wrap", [tarred, zipped])
def test_several_files_are_no_choice_of_ours(wrap: Callable[[dict[str, bytes]], bytes]) -> None:
    layer = "tar" if wrap is tarred else "zip"
    assert fault(wrap({"one.sql": DUMP, "two.sql": DUMP})) == (Code.ARCHIVE_HOLDS_SEVERAL, layer)


def test_folders_and_what_a_mac_adds_do_not_count() -> None:
    companions = {"folder/": b"", "folder/._dump.sql": b"\0\5\x16\7", "folder/dump.sql": DUMP}
    assert peeled(tarred(companions)) == (("tar",), DUMP)
    mac = {"folder/": b"", "folder/dump.sql": DUMP, "__MACOSX/folder/._dump.sql": b"\0\5\x16\7"}
    assert peeled(zipped(mac)) == (("zip",), DUMP)


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tars_of_every_format_with_long_names_come_off(tar_format: int) -> None:
    name = "/".join(["a-folder-with-a-name"] * 7) + "/dump.sql"
    assert peeled(tarred({name: DUMP}, tar_format)) == (("tar",), DUMP)


def test_archives_without_a_file_are_empty_backups() -> None:
    assert fault(tarred({"folder/": b""})) == (Code.BACKUP_EMPTY, "tar")
    assert fault(zipped({"folder/": b""})) == (Code.BACKUP_EMPTY, "zip")


def test_an_empty_file_within_layers_is_an_empty_dump() -> None:
    assert peeled(gzip.compress(b"")) == (("gzip",), b"")


def test_a_tar_that_pg_dump_wrote_is_a_dump_and_no_layer() -> None:
    dump = tarred({"toc.dat": b"PGDMP", "1.dat": b"row"}, tarfile.USTAR_FORMAT)

    assert peeled(dump) == ((), dump)


CUTS = [0.1, 0.5, 0.9, 0.999]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("layer", WRAPPERS)
def test_a_layer_that_was_cut_is_damaged(layer: str, cut: float) -> None:
    whole = WRAPPERS[layer](DUMP)
    end = int(len(whole) * cut) if layer != "tar" else int(len(DUMP) * cut)
    assert fault(whole[:end]) == (Code.ARCHIVE_DAMAGED, layer)


@pytest.mark.parametrize("layer", ["gzip", "bzip2", "xz"])
def test_a_stream_that_lacks_its_last_byte_is_damaged(layer: str) -> None:
    for inner in ("tar", "zip", "gzip"):
        whole = WRAPPERS[layer](WRAPPERS[inner](DUMP))
        for missing in (1, 4, 8):
            assert fault(whole[:-missing]) == (Code.ARCHIVE_DAMAGED, layer), (inner, missing)


@pytest.mark.parametrize("outer", ["gzip", "bzip2", "xz", "zip", "tar"])
@pytest.mark.parametrize("inner", ["gzip", "bzip2", "xz", "zip"])
def test_a_cut_of_an_inner_layer_names_that_layer(outer: str, inner: str) -> None:
    whole = WRAPPERS[inner](DUMP)

    assert fault(WRAPPERS[outer](whole[: len(whole) // 2])) == (Code.ARCHIVE_DAMAGED, inner)


def _end_of_member(tar: bytes) -> int:
    """Where the one member of a tar ends, its padding with it."""
    return 512 + -(-int(tar[124:135], 8) // 512) * 512


@pytest.mark.parametrize("outer", [None, "gzip", "zip"])
@pytest.mark.parametrize("left_of_end", [b"", bytes(100), b"\x01" * 512], ids=["none", "part", "another"])
def test_a_tar_that_stops_after_a_member_may_have_lost_the_next(outer: str | None, left_of_end: bytes) -> None:
    whole = tarred({"dump.sql": DUMP}, tarfile.USTAR_FORMAT)
    cut = whole[: _end_of_member(whole)] + left_of_end

    assert fault(WRAPPERS[outer](cut) if outer else cut) == (Code.ARCHIVE_DAMAGED, "tar")


def test_one_block_of_zeros_is_the_end_of_a_tar() -> None:
    whole = tarred({"dump.sql": DUMP}, tarfile.USTAR_FORMAT)

    assert peeled(whole[: _end_of_member(whole)] + bytes(512)) == (("tar",), DUMP)


@pytest.mark.data
def test_third_party_archives_of_every_kind_come_off_whole() -> None:
    for engine in ("mariadb", "postgres"):
        packed = [path for path in third_party("ddev", engine).iterdir() if path.suffix not in {".sql", ".mysql"}]
        assert len(packed) == 18
        for path in packed:
            plain = path.with_name(path.name[: path.name.index(".") + len(path.suffixes[0])])
            assert peeled(path.read_bytes())[1] == plain.read_bytes(), path.name


def test_a_changed_byte_of_a_checked_layer_is_damage() -> None:
    for layer in ("gzip", "bzip2", "xz", "zip"):
        changed = bytearray(WRAPPERS[layer](DUMP))
        changed[len(changed) // 2] ^= 1
        assert fault(bytes(changed)) == (Code.ARCHIVE_DAMAGED, layer)


def test_a_wrong_checksum_in_a_zip_is_damage() -> None:
    changed = bytearray(zipped({"dump.sql": DUMP}))
    struct.pack_into("<I", changed, 14, zlib.crc32(DUMP) ^ 1)
    assert fault(bytes(changed)) == (Code.ARCHIVE_DAMAGED, "zip")


def test_a_source_that_breaks_within_a_layer_is_not_damage() -> None:
    def unplugged(data: bytes) -> Iterator[bytes]:
        yield data[:2000]
        raise SourceUnreachable("the cable")

    for wrap in WRAPPERS.values():
        with pytest.raises(SourceUnreachable):
            b"".join(peel(unplugged(wrap(DUMP)), head_bytes=1024, most_bytes=MOST).chunks)


def test_what_passes_is_hashed_counted_and_told() -> None:
    told: list[int] = []
    measured = Measured(io.BytesIO(DUMP), told.append)

    first = next(iter(measured))

    assert measured.finish() == hashlib.sha256(DUMP).hexdigest()
    assert measured.read_bytes == told[-1] == len(DUMP)
    assert len(first) <= len(DUMP)

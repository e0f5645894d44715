"""Archives made to hurt: bombs, tricks of tar and pax, noise. Memory and time stay bounded, and one error comes out."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator

import pytest

from restore_lab import process
from restore_lab.findings import Code
from restore_lab.unpack import PIECE_BYTES, UnpackFault, peel

MIB = 1024 * 1024
MOST = 64 * MIB
WRAPS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=1),
}


def in_pieces(data: bytes, size: int = PIECE_BYTES) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def outcome(data: bytes, *, most_bytes: int = MOST) -> tuple[Code | None, int]:
    """What came out: the fault, if any, and how many bytes before it; a piece never grows beyond two MiB."""
    seen = 0
    try:
        for piece in peel(in_pieces(data), head_bytes=65_536, most_bytes=most_bytes).chunks:
            assert len(piece) <= 2 * MIB
            seen += len(piece)
    except UnpackFault as fault:
        return fault.code, seen
    return None, seen


def zeros_in_zip(name: str, size: int, *, more: tuple[str, bytes] | None = None) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open(name, "w", force_zip64=True) as member:
            for _ in range(size // MIB):
                member.write(bytes(MIB))
        if more is not None:
            archive.writestr(*more)
    return held.getvalue()


@pytest.mark.parametrize("layer", WRAPS)
def test_a_bomb_is_stopped_at_the_limit(layer: str) -> None:
    code, seen = outcome(WRAPS[layer](bytes(100 * MIB)))

    assert code is Code.ARCHIVE_TOO_LARGE
    assert seen <= MOST


def test_a_zip_bomb_is_stopped_at_the_limit() -> None:
    assert outcome(zeros_in_zip("dump.sql", 100 * MIB))[0] is Code.ARCHIVE_TOO_LARGE


def test_a_bomb_beside_the_file_of_a_zip_is_stopped() -> None:
    began = time.process_time()

    code, _ = outcome(zeros_in_zip("__MACOSX/._dump.sql", 500 * MIB, more=("dump.sql", b"x")))

    assert code is Code.ARCHIVE_TOO_LARGE
    assert time.process_time() - began < 30


def test_a_bomb_within_a_bomb_is_stopped() -> None:
    inner = gzip.compress(bytes(100 * MIB))
    for wrap in WRAPS.values():
        assert outcome(wrap(inner))[0] is Code.ARCHIVE_TOO_LARGE
    assert outcome(gzip.compress(gzip.compress(inner)))[0] is Code.ARCHIVE_TOO_LARGE


def test_an_archive_that_holds_itself_would_end_at_the_most_layers() -> None:
    data = b"dump"
    for _ in range(40):
        data = gzip.compress(data)
    assert outcome(data) == (Code.ARCHIVE_TOO_LARGE, 0)


_IN_A_CHILD = """
import resource, sys
from restore_lab.unpack import UnpackFault, peel
def pieces():
    with open(sys.argv[1], "rb") as stream:
        while piece := stream.read(1024 * 1024):
            yield piece
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    for piece in peel(pieces(), head_bytes=65536, most_bytes=1024**3).chunks:
        pass
    code = "whole"
except UnpackFault as fault:
    code = fault.code.value
print(code, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def _xz_with_a_huge_dictionary(data: bytes) -> bytes:
    """What `xz -9e` with a 1.5 GiB dictionary says in its header: it would take that much to read."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**20}]
    whole = bytearray(lzma.compress(data, filters=filters))
    header_size = (whole[12] + 1) * 4
    header = whole[12 : 12 + header_size - 4]
    header[4] = 39  # the dictionary's size as the format writes it: 3 GiB
    whole[12 : 12 + header_size] = header + struct.pack("<I", zlib.crc32(header))
    return bytes(whole)


def _tar_with_a_huge_header(kind: bytes) -> bytes:
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = kind, 300 * MIB
    held = io.BytesIO()
    with gzip.GzipFile(fileobj=held, mode="wb", compresslevel=1) as stream:
        stream.write(member.tobuf(tarfile.GNU_FORMAT))
        for _ in range(300):
            stream.write(bytes(MIB))
    return held.getvalue()


def _many_files_of_a_tar(count: int) -> bytes:
    return b"".join(tarfile.TarInfo(f"{number}.sql").tobuf() for number in range(count)) + bytes(1024)


def _second_file_of_a_zip(size_mib: int) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("dump.sql", b"x")
        with archive.open("bomb", "w", force_zip64=True) as member:
            for _ in range(size_mib):
                member.write(bytes(MIB))
    return held.getvalue()


MEMORY_BOMBS = [
    pytest.param(lambda: gzip.compress(bytes(160 * MIB)), "whole", id="gzip"),
    pytest.param(lambda: bz2.compress(bytes(160 * MIB)), "whole", id="bzip2"),
    pytest.param(lambda: lzma.compress(bytes(160 * MIB), preset=0), "whole", id="xz"),
    pytest.param(lambda: _xz_with_a_huge_dictionary(b"x" * 1000), "ARCHIVE_FORM_UNKNOWN", id="xz dictionary"),
    pytest.param(lambda: _second_file_of_a_zip(1300), "ARCHIVE_HOLDS_SEVERAL", id="second file of a zip"),
    pytest.param(lambda: _many_files_of_a_tar(20_000), "ARCHIVE_HOLDS_SEVERAL", id="many files of a tar"),
    pytest.param(lambda: _tar_with_a_huge_header(b"L"), "ARCHIVE_TOO_LARGE", id="GNU long name"),
    pytest.param(lambda: _tar_with_a_huge_header(b"x"), "ARCHIVE_TOO_LARGE", id="pax header"),
    pytest.param(lambda: _tar_with_a_huge_header(b"g"), "ARCHIVE_TOO_LARGE", id="pax global header"),
]


@pytest.mark.parametrize(("make", "expected"), MEMORY_BOMBS)
def test_memory_stays_flat(make: Callable[[], bytes], expected: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("bomb") / "bomb"
    path.write_bytes(make())

    done = process.run((sys.executable, "-c", _IN_A_CHILD, str(path)), timeout_seconds=60)

    code, grown_mib = done.stdout.decode().split()
    assert code == expected
    assert int(grown_mib) < 100


def test_what_is_no_file_in_a_tar_is_not_followed() -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE):
            member = tarfile.TarInfo("../../etc/shadow")
            member.type, member.linkname = kind, "/etc/shadow"
            archive.addfile(member)
    assert outcome(held.getvalue()) == (Code.BACKUP_EMPTY, 0)


def test_a_link_to_the_file_of_a_tar_does_not_count_beside_it() -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        member = tarfile.TarInfo("/absolute/../dump.sql")
        member.size = 5
        archive.addfile(member, io.BytesIO(b"bytes"))
        link = tarfile.TarInfo("latest.sql")
        link.type, link.linkname = tarfile.SYMTYPE, "dump.sql"
        archive.addfile(link)
    assert outcome(held.getvalue()) == (None, 5)


def test_a_sparse_file_of_a_petabyte_is_stopped_at_the_limit() -> None:
    member = tarfile.TarInfo("dump.sql")
    member.type, member.size = tarfile.GNUTYPE_SPARSE, 0
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[386:482] = bytes(96)
    header[483:495] = b"\x80" + (2**50).to_bytes(11, "big")
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)

    code, _ = outcome(bytes(header) + bytes(1024))

    assert code in {Code.ARCHIVE_TOO_LARGE, Code.ARCHIVE_DAMAGED, None}


PAX_RECORDS = [
    b"30 size=99999999999999999999\n",
    b"13 size=-512\n",
    b"12 size=abc\n",
    b"999999999 path=x\n",
    b"0 path=x\n",
    b"-5 path=x\n",
    b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n",
    b"25 GNU.sparse.map=1,2,3,4\n",
    b"21 GNU.sparse.map=a,b\n",
    b"31 GNU.sparse.size=10000000000\n",
    b"24 hdrcharset=BINARY\n99 path=\xff\n",
    b"13 path=\xff\xfe\xfd\n",
    b"20 mtime=infinity\n11 uid=NaN\n",
]


@pytest.mark.parametrize("record", PAX_RECORDS)
def test_a_hostile_pax_header_is_damage_or_nothing(record: bytes) -> None:
    pax = tarfile.TarInfo("pax")
    pax.type, pax.size = tarfile.XHDTYPE, len(record)
    member = tarfile.TarInfo("dump.sql")
    member.size = 5
    body = pax.tobuf(tarfile.USTAR_FORMAT) + record.ljust(512, b"\0")
    data = body + member.tobuf(tarfile.USTAR_FORMAT) + b"bytes".ljust(512, b"\0") + bytes(10_240)

    code, seen = outcome(data)

    assert code in {None, Code.ARCHIVE_DAMAGED, Code.ARCHIVE_TOO_LARGE, Code.BACKUP_EMPTY}
    assert seen <= MOST


def test_a_chain_of_pax_headers_does_not_exhaust_the_stack() -> None:
    pax = tarfile.TarInfo("pax")
    pax.type, pax.size = tarfile.XHDTYPE, 12
    link = pax.tobuf(tarfile.USTAR_FORMAT) + b"12 path=abc\n".ljust(512, b"\0")

    assert outcome(link * 5000)[0] is Code.ARCHIVE_DAMAGED


def _samples() -> list[bytes]:
    dump = b"PRAGMA foreign_keys=OFF;\n" * 300
    tar, archive = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as held:
        member = tarfile.TarInfo("dump.sql")
        member.size = len(dump)
        held.addfile(member, io.BytesIO(dump))
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("dump.sql", dump)
    plain = [gzip.compress(dump), bz2.compress(dump), lzma.compress(dump), tar.getvalue(), archive.getvalue()]
    return [*plain, gzip.compress(tar.getvalue()), bz2.compress(archive.getvalue())]


def _mangled(draw: random.Random, samples: list[bytes]) -> bytes:
    data = bytearray(draw.choice(samples))
    for _ in range(draw.randrange(1, 12)):
        position = draw.randrange(len(data))
        match draw.randrange(4):
            case 0:
                data[position] = draw.randrange(256)
            case 1:
                del data[position : position + draw.randrange(1, 64)]
            case 2:
                data[position:position] = draw.randbytes(draw.randrange(1, 64))
            case _:
                data[position : position + 4] = draw.choice([b"\xff\xff\xff\xff", bytes(4), b"\x80\0\0\0"])
        data = data or bytearray(b"\x1f\x8b\x08")
    return bytes(data)


def test_noise_is_an_unpack_fault_or_a_clean_end_and_nothing_else() -> None:
    draw = random.Random(20261122)  # noqa: S311 - a sample that repeats
    samples = _samples()
    magics = [b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0", b"PK\x03\x04", bytes(257) + b"ustar\0"]
    codes = set()
    for number in range(2000):
        noise = draw.choice(magics) + draw.randbytes(draw.randrange(2000))
        code, seen = outcome(noise if number % 4 == 0 else _mangled(draw, samples), most_bytes=4 * MIB)
        assert seen <= 4 * MIB
        codes.add(code)
    assert {None, Code.ARCHIVE_DAMAGED} <= codes

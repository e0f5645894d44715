"""A dump within every layer, and each taken off again or refused."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from collections.abc import Callable, Iterator

import pytest

from restore_lab.findings import Code
from restore_lab.unpack import UnpackFault, peel

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

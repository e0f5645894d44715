"""Layers that were cut or changed: the damage is told, with the layer it is in."""

from __future__ import annotations

import struct
import tarfile
import zlib
from collections.abc import Iterator

import pytest
from unit.wrapping import DUMP, MOST, WRAPPERS, fault, peeled, tarred, zipped

from restore_lab.errors import SourceUnreachable
from restore_lab.findings import Code
from restore_lab.unpack import peel

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

"""The layers around a dump: every wrapper, whole and cut, in pieces of every size."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable

import pytest
from needs import third_party
from unit.wrapping import DUMP, WRAPPERS, fault, peeled, tarred, zipped, zipped_to_a_pipe

from restore_lab.findings import Code
from restore_lab.unpack import MOST_LAYERS, Measured


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


@pytest.mark.data
def test_third_party_archives_of_every_kind_come_off_whole() -> None:
    for engine in ("mariadb", "postgres"):
        packed = [path for path in third_party("ddev", engine).iterdir() if path.suffix not in {".sql", ".mysql"}]
        assert len(packed) == 18
        for path in packed:
            plain = path.with_name(path.name[: path.name.index(".") + len(path.suffixes[0])])
            assert peeled(path.read_bytes())[1] == plain.read_bytes(), path.name


def test_what_passes_is_hashed_counted_and_told() -> None:
    told: list[int] = []
    measured = Measured(io.BytesIO(DUMP), told.append)

    first = next(iter(measured))

    assert measured.finish() == hashlib.sha256(DUMP).hexdigest()
    assert measured.read_bytes == told[-1] == len(DUMP)
    assert len(first) <= len(DUMP)

"""A folder as a backup: given as a tar, hashed as sha256sum would, never left by a link."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fakes import PARIS

from restore_lab.errors import SourceNotPluggedIn, SourceUnreachable
from restore_lab.sources.base import RecoveryPoint, Standing
from restore_lab.sources.folder import Folder
from restore_lab.unpack import Measured, SetOfFiles

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
FILES = {"b.txt": b"second", "a/z.jpg": bytes(5000), "a.txt": b"", "a/é è.pdf": b"%PDF-", "a/b/c/deep": b"x" * 512}


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    root = tmp_path / "courriers"
    for name, data in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    dated(root, NOW - timedelta(days=2))
    return root


def dated(root: Path, moment: datetime) -> None:
    for path in (root, *root.rglob("*")):
        os.utime(path, (moment.timestamp(),) * 2, follow_symlinks=False)


def only(source: Folder) -> RecoveryPoint:
    (one,) = source.candidates(now=NOW, zone=PARIS)
    assert one.standing is Standing.ELIGIBLE
    return one.point


def read(source: Folder, point: RecoveryPoint | None = None) -> tuple[bytes, str]:
    taken = bytearray()
    with source.open(point or only(source)) as stream:
        assert isinstance(stream, SetOfFiles)
        measured = Measured(stream, lambda _: None)
        for piece in measured:
            taken += piece
        return bytes(taken), measured.finish()


def members(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: member for member in archive}


def test_every_file_is_in_the_tar_as_it_was(mirror: Path) -> None:
    data, _ = read(Folder(path=mirror))

    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = {member.name: archive.extractfile(member) for member in archive}
        assert {name: file.read() for name, file in found.items() if file} == {
            f"courriers/{name}": content for name, content in FILES.items()
        }
    listed = subprocess.run(["tar", "-tf", "-"], input=data, capture_output=True, check=True)
    assert len(listed.stdout.splitlines()) == len(FILES)


def test_its_digest_is_that_of_the_manifest_that_other_tools_make(mirror: Path) -> None:
    script = "find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
    done = subprocess.run(["/bin/sh", "-c", script], cwd=mirror, capture_output=True, text=True, check=True)

    _, digest = read(Folder(path=mirror))

    assert digest == done.stdout.split()[0]


def test_its_digest_holds_for_what_is_in_it_and_not_for_when(mirror: Path) -> None:
    before = read(Folder(path=mirror))[1]
    dated(mirror, NOW - timedelta(days=1))
    assert read(Folder(path=mirror))[1] == before
    (mirror / "a.txt").rename(mirror / "c.txt")
    assert read(Folder(path=mirror))[1] != before


def test_links_stay_links_and_lead_nowhere(mirror: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    (mirror / "file").symlink_to(tmp_path / "outside" / "secret")
    (mirror / "folder").symlink_to(tmp_path / "outside")
    os.mkfifo(mirror / "pipe")

    data, _ = read(Folder(path=mirror))

    assert b"secret" not in data.replace(b"outside/secret", b"")
    seen = members(data)
    assert [seen[f"courriers/{name}"].issym() for name in ("file", "folder")] == [True, True]
    assert "courriers/pipe" not in seen


def test_a_folder_replaced_by_a_link_while_it_is_read_is_not_left(mirror: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    source = Folder(path=mirror)
    point = only(source)
    taken = bytearray()

    with source.open(point) as stream:
        taken += stream.read(1)
        (mirror / "a").rename(mirror.parent / "gone")
        (mirror / "a").symlink_to(tmp_path / "outside")
        while piece := stream.read(65_536):
            taken += piece

    assert b"secret" not in taken
    assert not source.unchanged(point)


def test_it_is_as_old_as_its_last_change_but_for_clocks_that_are_ahead(mirror: Path) -> None:
    yesterday, next_year = NOW - timedelta(days=1), NOW + timedelta(days=365)
    os.utime(mirror / "b.txt", (yesterday.timestamp(),) * 2)
    os.utime(mirror / "a/z.jpg", (next_year.timestamp(),) * 2)

    point = only(Folder(path=mirror))

    assert (point.taken_at, point.dated_by, point.changed_at) == (yesterday, "mtime", next_year)


def test_a_file_that_shrinks_while_it_is_read_leaves_a_whole_tar_and_is_told(mirror: Path) -> None:
    source = Folder(path=mirror)
    point = only(source)
    taken = bytearray()

    with source.open(point) as stream:
        while piece := stream.read(512):  # the header of a file comes before its content
            taken += piece
            if b"z.jpg" in piece:
                (mirror / "a/z.jpg").write_bytes(b"short")

    assert members(bytes(taken))["courriers/a/z.jpg"].size == 5000
    assert not source.unchanged(point)


def _add(mirror: Path) -> None:
    (mirror / "new").write_bytes(b"")


def _remove(mirror: Path) -> None:
    (mirror / "b.txt").unlink()


def _write(mirror: Path) -> None:
    (mirror / "b.txt").write_bytes(b"2")


@pytest.mark.parametrize("change", [_add, _remove, _write])
def test_what_changes_is_seen(mirror: Path, change: Callable[[Path], None]) -> None:
    source = Folder(path=mirror)
    point = only(source)
    assert source.unchanged(point)

    change(mirror)

    assert not source.unchanged(point)


def test_a_file_that_goes_while_the_folder_is_read_is_the_sources_fault(mirror: Path) -> None:
    source = Folder(path=mirror)
    with source.open(only(source)) as stream:
        measured = Measured(stream, lambda _: (mirror / "b.txt").unlink(missing_ok=True))
        with pytest.raises(SourceUnreachable):
            measured.finish()


def test_an_absent_an_empty_and_an_unmounted_folder_are_to_be_plugged_in(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for source in (
        Folder(path=tmp_path / "absent"),
        Folder(path=tmp_path / "empty"),
        Folder(path=tmp_path, mount=True),
    ):
        with pytest.raises(SourceNotPluggedIn):
            source.candidates(now=NOW, zone=PARIS)

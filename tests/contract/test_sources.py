"""What every source does, wherever backups lie. A new one is one row of `SOURCES`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fake_source import FakeSource
from fakes import PARIS

from restore_lab.errors import SourceNotPluggedIn, SourceUnreachable
from restore_lab.sources.base import Source, Standing
from restore_lab.sources.directory import Directory

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
BACKUPS = {
    "db_2026-11-19_0300.sql": b"oldest" * 1000,
    "db_2026-11-20_0300.sql": b"",
    "db_2026-11-21_0300.sql": os.urandom(3_000_000),
}


def taken_at(name: str) -> datetime:
    return datetime.strptime(name, "db_%Y-%m-%d_%H%M.sql").replace(tzinfo=PARIS).astimezone(UTC)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A source with three backups: `remove` takes one away behind its back, `unplugged` is the same, not reachable."""

    source: Source
    unplugged: Source
    nothing: Source
    remove: Callable[[str], object]


def directory(root: Path) -> Row:
    folder = root / "backups"
    folder.mkdir()
    for name, data in BACKUPS.items():
        (folder / name).write_bytes(data)
        os.utime(folder / name, (taken_at(name).timestamp(),) * 2)
    pattern = "db_%Y-%m-%d_%H%M.sql"
    return Row(
        source=Directory(path=folder, pattern=pattern),
        unplugged=Directory(path=root / "absent", pattern=pattern),
        nothing=Directory(path=folder, pattern="nothing_%Y-%m-%d"),
        remove=lambda name: (folder / name).unlink(),
    )


def fake(_root: Path) -> Row:
    source = FakeSource(backups={name: (taken_at(name), data) for name, data in BACKUPS.items()})
    return Row(
        source=source,
        unplugged=FakeSource(faults={"candidates": SourceNotPluggedIn("no disk")}),
        nothing=FakeSource(),
        remove=source.backups.pop,
    )


SOURCES = {"directory": directory, "fake": fake}


@pytest.fixture(params=SOURCES)
def row(request: pytest.FixtureRequest, tmp_path: Path) -> Row:
    return SOURCES[str(request.param)](tmp_path)


def test_every_backup_is_listed_newest_first_with_its_date_and_size(row: Row) -> None:
    listed = row.source.candidates(now=NOW, zone=PARIS)

    assert [one.point.point_id for one in listed] == sorted(BACKUPS, reverse=True)
    assert [one.point.taken_at for one in listed] == [taken_at(one.point.point_id) for one in listed]
    assert [one.point.size_bytes for one in listed] == [len(BACKUPS[one.point.point_id]) for one in listed]
    assert {one.standing for one in listed} == {Standing.ELIGIBLE}
    assert all(one.point.taken_at.utcoffset() == timedelta(0) for one in listed)


def test_listing_changes_nothing_and_can_be_done_again(row: Row) -> None:
    assert row.source.candidates(now=NOW, zone=PARIS) == row.source.candidates(now=NOW, zone=PARIS)


def test_the_bytes_come_whole_and_as_often_as_asked_for(row: Row) -> None:
    for one in row.source.candidates(now=NOW, zone=PARIS):
        for size in (777, 1024 * 1024):
            data = b""
            with row.source.open(one.point) as stream:
                while piece := stream.read(size):
                    assert len(piece) <= size
                    data += piece
                assert stream.read(size) == b""
            assert data == BACKUPS[one.point.point_id]
        assert row.source.unchanged(one.point)


def test_a_backup_read_in_part_can_be_left(row: Row) -> None:
    newest = row.source.candidates(now=NOW, zone=PARIS)[0].point

    with row.source.open(newest) as stream:
        assert stream.read(10)

    assert row.source.unchanged(newest)


def test_a_backup_that_is_gone_is_unreachable_and_not_unchanged(row: Row) -> None:
    newest = row.source.candidates(now=NOW, zone=PARIS)[0].point
    row.remove(newest.point_id)

    assert not row.source.unchanged(newest)
    with pytest.raises(SourceUnreachable), row.source.open(newest) as stream:
        stream.read(1)
    assert len(row.source.candidates(now=NOW, zone=PARIS)) == 2


def test_a_place_that_is_not_there_is_not_plugged_in_and_one_without_backups_is_empty(row: Row) -> None:
    with pytest.raises(SourceNotPluggedIn):
        row.unplugged.candidates(now=NOW, zone=PARIS)
    assert row.nothing.candidates(now=NOW, zone=PARIS) == ()


def test_the_label_is_short_and_one_line(row: Row) -> None:
    assert 0 < len(row.source.label) <= 64
    assert row.source.label.isprintable()

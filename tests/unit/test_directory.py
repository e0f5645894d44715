"""Backups in a folder: names and dates, links, mounts, what is still being written."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fakes import PARIS

from restore_lab.errors import SourceNotPluggedIn, SourceUnreachable
from restore_lab.sources.base import Candidate, Standing, choose
from restore_lab.sources.directory import UNFINISHED_ENDINGS, Directory

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
DAYS_AGO = NOW - timedelta(days=3)


def put(folder: Path, name: str, *, changed_at: datetime = DAYS_AGO, data: bytes = b"backup") -> Path:
    path = folder / name
    path.write_bytes(data)
    os.utime(path, (changed_at.timestamp(), changed_at.timestamp()))
    return path


def listed(source: Directory, *, now: datetime = NOW, zone: ZoneInfo = PARIS) -> tuple[Candidate, ...]:
    return source.candidates(now=now, zone=zone)


def only(source: Directory, *, zone: ZoneInfo = PARIS) -> Candidate:
    (one,) = listed(source, zone=zone)
    return one


@pytest.mark.parametrize(
    ("pattern", "name", "taken_at"),
    [
        ("cabinet_%Y-%m-%d_%H%M%S.sql", "cabinet_2026-11-20_031500.sql", datetime(2026, 11, 20, 2, 15, tzinfo=UTC)),
        ("cabinet_%Y-%m-%d.*", "cabinet_2026-11-20.sql.gz", datetime(2026, 11, 19, 23, 0, tzinfo=UTC)),
        ("*%y%m%d*", "db261120.bak", datetime(2026, 11, 19, 23, 0, tzinfo=UTC)),
        ("%d.%m.%Y?sql", "20.11.2026-sql", datetime(2026, 11, 19, 23, 0, tzinfo=UTC)),
    ],
)
def test_a_pattern_with_a_date_dates_by_the_name_in_the_practices_zone(
    tmp_path: Path, pattern: str, name: str, taken_at: datetime
) -> None:
    put(tmp_path, name)

    point = only(Directory(path=tmp_path, pattern=pattern)).point

    assert (point.taken_at, point.dated_by, point.changed_at) == (taken_at, "name", DAYS_AGO)


def test_a_name_with_only_the_day_takes_its_hour_from_a_change_on_that_day(tmp_path: Path) -> None:
    changed = datetime(2026, 11, 19, 23, 30, tzinfo=UTC)
    put(tmp_path, "db_2026-11-20.sql", changed_at=changed)

    assert only(Directory(path=tmp_path, pattern="db_%Y-%m-%d.sql")).point.taken_at == changed


@pytest.mark.parametrize(
    ("changed", "taken"),
    [
        pytest.param((20, 23, 10), (20, 22, 59, 59), id="the job began before midnight and ended after it"),
        pytest.param((19, 22, 30), (19, 23, 0, 0), id="named by a clock that is an hour ahead"),
        pytest.param((21, 10, 59), (20, 22, 59, 59), id="nearly twelve hours later"),
        pytest.param((21, 11, 1), (19, 23, 0, 0), id="copied without its time"),
    ],
)
def test_a_change_near_the_day_of_the_name_leaves_the_nearest_moment_of_that_day(
    tmp_path: Path, changed: tuple[int, int, int], taken: tuple[int, int, int, int]
) -> None:
    """Else a job that goes on over midnight would look a day older than it is, and fail as overdue."""
    put(tmp_path, "db_2026-11-20.sql", changed_at=datetime(2026, 11, *changed, tzinfo=UTC))

    point = only(Directory(path=tmp_path, pattern="db_%Y-%m-%d.sql")).point

    assert point.taken_at == datetime(2026, 11, *taken, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("*", "x.sql"), ("db_%d.sql", "db_07.sql"), ("db_%m%d.sql", "db_1120.sql"), ("db_%Y%m%d.sql", "db_20261399.sql")],
)
def test_a_name_that_gives_no_day_is_dated_by_its_last_change(tmp_path: Path, pattern: str, name: str) -> None:
    put(tmp_path, name)

    point = only(Directory(path=tmp_path, pattern=pattern)).point

    assert (point.taken_at, point.dated_by) == (DAYS_AGO, "mtime")


@pytest.mark.parametrize(
    ("name", "taken_at"),
    [
        ("db_20260329_0230.sql", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # does not exist in Paris
        ("db_20261025_0230.sql", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # exists twice: the first
        ("db_20260715_0230.sql", datetime(2026, 7, 15, 0, 30, tzinfo=UTC)),
        ("db_20260115_0230.sql", datetime(2026, 1, 15, 1, 30, tzinfo=UTC)),
    ],
)
def test_summer_time_is_the_practices(tmp_path: Path, name: str, taken_at: datetime) -> None:
    put(tmp_path, name)
    source = Directory(path=tmp_path, pattern="db_%Y%m%d_%H%M.sql")

    assert only(source).point.taken_at == taken_at
    assert only(source, zone=ZoneInfo("Indian/Reunion")).point.taken_at.hour == 22


def test_a_date_that_no_clock_can_hold_is_dated_by_the_last_change(tmp_path: Path) -> None:
    put(tmp_path, "db_00010101.sql")
    put(tmp_path, "db_99991231.sql")

    seen = listed(Directory(path=tmp_path, pattern="db_%Y%m%d.sql"), zone=ZoneInfo("America/Lima"))

    assert len(seen) == 2


@pytest.mark.parametrize("seconds", [2**40, -(2**33)])
def test_a_last_change_that_no_date_can_hold_does_not_stop_the_listing(tmp_path: Path, seconds: int) -> None:
    odd = put(tmp_path, "odd")
    try:
        os.utime(odd, (seconds, seconds))
    except OSError:
        pytest.skip("this file system holds no such time")

    assert only(Directory(path=tmp_path)).standing is Standing.ELIGIBLE


def test_a_newer_change_of_an_older_name_does_not_make_it_the_latest(tmp_path: Path) -> None:
    put(tmp_path, "db_2026-11-01.sql", changed_at=NOW - timedelta(hours=1))
    put(tmp_path, "db_2026-11-20.sql", changed_at=NOW - timedelta(days=2))

    seen = listed(Directory(path=tmp_path, pattern="db_%Y-%m-%d.sql"))

    assert [one.point.point_id for one in seen] == ["db_2026-11-20.sql", "db_2026-11-01.sql"]
    choice = choose(seen, asked_for="latest", now=NOW)
    assert choice.point == seen[0].point


def test_an_empty_newest_file_is_the_latest_backup(tmp_path: Path) -> None:
    put(tmp_path, "db_2026-11-20.sql", data=b"")
    put(tmp_path, "db_2026-11-19.sql")

    choice = choose(listed(Directory(path=tmp_path, pattern="db_%Y-%m-%d.sql")), asked_for="latest", now=NOW)

    assert choice.point is not None
    assert (choice.point.point_id, choice.point.size_bytes) == ("db_2026-11-20.sql", 0)


@pytest.mark.parametrize("ending", UNFINISHED_ENDINGS)
def test_a_file_named_as_unfinished_is_listed_as_such(tmp_path: Path, ending: str) -> None:
    put(tmp_path, f"db_2026-11-20.sql{ending.upper()}")

    seen = only(Directory(path=tmp_path, pattern="db_%Y-%m-%d.sql"))

    assert (seen.standing, seen.point.dated_by) == (Standing.UNFINISHED, "name")


@pytest.mark.parametrize("name", [".db_2026-11-20.sql.Xy12", ".db_2026-11-20.sql", "~db_2026-11-20.sql"])
def test_a_hidden_file_is_never_chosen(tmp_path: Path, name: str) -> None:
    put(tmp_path, name)

    assert all(
        one.standing is Standing.UNFINISHED for one in listed(Directory(path=tmp_path, pattern="*db_%Y-%m-%d.sql*"))
    )


def test_what_does_not_fit_the_pattern_is_no_candidate(tmp_path: Path) -> None:
    for name in ("db.sql.log", "xdb.sql", "db?sql", "other"):
        put(tmp_path, name)

    assert listed(Directory(path=tmp_path, pattern="db.sql")) == ()


def test_links_folders_pipes_and_what_lies_deeper_are_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    put(elsewhere, "db.sql")
    folder = tmp_path / "backups"
    (folder / "deeper.sql").mkdir(parents=True)
    put(folder / "deeper.sql", "db.sql")
    (folder / "link.sql").symlink_to(elsewhere / "db.sql")
    (folder / "hard.sql").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe.sql")

    assert listed(Directory(path=folder, pattern="*.sql")) == ()


def test_a_file_replaced_by_a_link_is_not_opened(tmp_path: Path) -> None:
    path = put(tmp_path, "db.sql")
    source = Directory(path=tmp_path)
    point = only(source).point
    path.unlink()
    path.symlink_to("/etc/passwd")

    with pytest.raises(SourceUnreachable), source.open(point):
        pass
    assert not source.unchanged(point)


def test_a_folder_that_is_absent_empty_or_not_mounted_is_not_plugged_in(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    put(tmp_path, "db.sql")

    for source in (
        Directory(path=tmp_path / "absent"),
        Directory(path=empty),
        Directory(path=tmp_path, mount=True),
    ):
        with pytest.raises(SourceNotPluggedIn):
            listed(source)


def test_a_folder_that_holds_something_else_was_read_and_has_no_backup(tmp_path: Path) -> None:
    put(tmp_path, "readme.txt")

    assert listed(Directory(path=tmp_path, pattern="*.sql")) == ()


def test_a_path_that_is_a_file_is_unreachable_and_not_unplugged(tmp_path: Path) -> None:
    path = put(tmp_path, "db.sql")

    with pytest.raises(SourceUnreachable) as caught:
        listed(Directory(path=path))
    assert not isinstance(caught.value, SourceNotPluggedIn)


def test_a_file_just_written_is_watched_and_believed_when_it_rests(tmp_path: Path) -> None:
    put(tmp_path, "db.sql", changed_at=NOW - timedelta(minutes=1))

    assert only(Directory(path=tmp_path, settle_seconds=0.01)).standing is Standing.ELIGIBLE


def test_a_file_that_grows_while_it_is_watched_is_still_changing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, "db.sql", changed_at=NOW - timedelta(minutes=1))

    def grow(_: float) -> None:
        with path.open("ab") as stream:
            stream.write(b"x")

    monkeypatch.setattr(time, "sleep", grow)

    assert only(Directory(path=tmp_path, settle_seconds=0.2)).standing is Standing.GROWING


def test_a_file_that_vanishes_while_it_is_watched_is_not_chosen(tmp_path: Path) -> None:
    source = Directory(path=tmp_path)
    path = put(tmp_path, "db.sql")
    point = only(source).point
    path.unlink()

    assert not source.unchanged(point)


def test_a_failing_disk_is_the_sources_fault_from_the_first_read(tmp_path: Path) -> None:
    path = put(tmp_path, "db.sql")
    source = Directory(path=tmp_path)
    point = only(source).point
    path.unlink()
    path.mkdir()

    with source.open(point) as stream, pytest.raises(SourceUnreachable, match=r"db\.sql could not be read"):
        stream.read(10)


@pytest.mark.parametrize("pattern", ["a/b", "%Y%Y", "%q", "%", "100%"])
def test_a_pattern_that_cannot_be_read_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"pattern|%"):
        Directory(path=Path(), pattern=pattern)


def test_the_label_names_the_folder_and_nothing_above_it(tmp_path: Path) -> None:
    assert Directory(path=tmp_path / "nas").label == "directory nas"

"""The newest entry that is past, whatever stands around it, and its age."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from contract.cases import NOW, answering
from contract.cases_dates import NEWEST, dated
from fake_engine import FakeEngine
from fakes import restored

from restore_lab.checks.freshness import Freshness
from restore_lab.engines.base import Database
from restore_lab.findings import Code


def test_the_newest_past_entry_is_kept_with_its_zone() -> None:
    answer = Freshness(table="visit", column="at").ask(restored(dated("2027-01-01", "2026-11-20 18:00"), now=NOW))

    assert (answer.newest_entry_at, answer.asked) == (datetime(2026, 11, 20, 17, 0, tzinfo=UTC), 2)


FUTURE = [("2027-01-01 09:00:00",)] * 5000


@pytest.mark.parametrize(
    ("limit", "newest", "kept"),
    [
        ("2026-11-23 10:10:00+01:00", "2026-11-23 08:00:00", "2026-11-23T07:00:00+00:00"),
        ("2026-11-23T10:10:00+01:00", "2026-11-23T08:00:00", "2026-11-23T07:00:00+00:00"),
        ("20261123", "20261123", "2026-11-22T23:00:00+00:00"),
    ],
)
def test_however_many_future_dates_there_are_the_newest_past_one_is_found(limit: str, newest: str, kept: str) -> None:
    made = answering(NEWEST, *FUTURE)
    made.answers[f"SELECT at FROM visit WHERE at <= '{limit}' ORDER BY at DESC LIMIT 5000"] = [(newest,), ("x",)]  # noqa: S608 - constants
    made.answers[f"SELECT count(*) FROM visit WHERE at > '{limit}'"] = [("7000",)]  # noqa: S608

    answer = Freshness(table="visit", column="at").ask(restored(made, now=NOW))

    assert [(one.code, dict(one.params)["rows"]) for one in answer.findings] == [(Code.DATES_IN_FUTURE, 7000)]
    assert answer.newest_entry_at == datetime.fromisoformat(kept)


@dataclass(frozen=True)
class SqliteDatabase:
    """Answers as the `sqlite` engine's child does, values as text."""

    connection: sqlite3.Connection

    def query(self, sql: str, *, timeout_seconds: float = 60.0) -> list[tuple[str | None, ...]]:
        del timeout_seconds
        rows = self.connection.execute(sql)
        return [tuple(None if value is None else str(value) for value in row) for row in rows]


@pytest.mark.parametrize(
    ("form", "is_day"), [("%Y-%m-%d %H:%M", False), ("%Y-%m-%dT%H:%M:%S", False), ("%Y%m%d", True)]
)
@pytest.mark.parametrize("affinity", ["TEXT", "INTEGER", "DATETIME"])
def test_sqlite_finds_the_newest_past_entry_behind_future_ones(form: str, affinity: str, is_day: bool) -> None:  # noqa: FBT001
    past = [datetime(2026, 11, 23, 9) - timedelta(hours=hours) for hours in range(50)]  # noqa: DTZ001 - as kept
    ahead = [datetime(2026, 11, 24, 11) + timedelta(minutes=minutes) for minutes in range(6000)]  # noqa: DTZ001
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE visit (at {affinity})")
        connection.executemany("INSERT INTO visit VALUES (?)", [(one.strftime(form),) for one in past + ahead])
        around_it = replace(restored(FakeEngine(), now=NOW), database=cast("Database", SqliteDatabase(connection)))
        answer = Freshness(table="visit", column="at").ask(around_it)

    expected = datetime(2026, 11, 22, 23, tzinfo=UTC) if is_day else datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert answer.newest_entry_at == expected
    assert [dict(one.params)["rows"] for one in answer.findings] == [6000]


def test_future_dates_alone_are_no_entry_however_many() -> None:
    answer = Freshness(table="visit", column="at").ask(restored(answering(NEWEST, *FUTURE), now=NOW))

    assert [one.code for one in answer.findings] == [Code.DATES_IN_FUTURE, Code.DATA_UNDATED]
    assert answer.newest_entry_at is None


def test_age_is_counted_to_the_backup_and_not_to_the_drill() -> None:
    made = dated("2026-11-09")
    check = Freshness(table="visit", column="at")

    late = check.ask(restored(made, now=NOW, taken_at=NOW - timedelta(days=13)))

    assert late.findings == ()
    assert [found.code for found in check.ask(restored(made, now=NOW)).findings] == [Code.DATA_STALE]

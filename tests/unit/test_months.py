"""Months as a real database gives them: what a date is, which month it is in, what is over, what is named."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from fake_engine import FakeEngine
from fakes import PARIS, restored

from restore_lab.checks import months
from restore_lab.checks.base import Previous, Restored
from restore_lab.checks.counts import Counts
from restore_lab.counted import MonthCount
from restore_lab.engines.base import MOST_ROWS, Database
from restore_lab.findings import Code, Finding

#: One second before midnight in Paris, on the last day of October 2026; an hour earlier by UTC.
BEFORE_NOVEMBER = datetime(2026, 10, 31, 22, 59, 59, tzinfo=UTC)


@dataclass(frozen=True)
class SqliteDatabase:
    """Answers as the `sqlite` engine's child does."""

    connection: sqlite3.Connection

    def query(self, sql: str, *, timeout_seconds: float = 60.0) -> list[tuple[str | None, ...]]:
        del timeout_seconds
        return [tuple(None if one is None else str(one) for one in row) for row in self.connection.execute(sql)]


def around(connection: sqlite3.Connection, *, taken_at: datetime, zone: ZoneInfo = PARIS) -> Restored:
    made = FakeEngine()
    made.tables = {"visit": 1}
    seen = restored(made, now=taken_at + timedelta(days=400), taken_at=taken_at)
    return replace(seen, database=cast("Database", SqliteDatabase(connection)), days=replace(seen.days, zone=zone))


def counted(values: Iterable[object], *, taken_at: datetime, zone: ZoneInfo = PARIS) -> dict[str, int]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE visit (at)")
        connection.executemany("INSERT INTO visit VALUES (?)", [(value,) for value in values])
        seen = months.count("visit", "at", around(connection, taken_at=taken_at, zone=zone))
    return {one.month: one.rows for one in seen.closed}


@pytest.mark.parametrize(
    ("value", "month"),
    [
        ("2026-10-31", "2026-10"),
        ("2026-10-31 23:59:59.999999", "2026-10"),
        ("2026-11-01T00:00", "2026-11"),
        (20261031, "2026-10"),
        # with an offset, the month is that of the practice
        ("2026-10-31 22:59:59+00", "2026-10"),
        ("2026-10-31 23:00:00+00", "2026-11"),
        ("2026-10-31T23:10:00.123456Z", "2026-11"),
        ("2026-11-01T00:30:00+02:00", "2026-10"),
        ("2026-10-31T18:30:00-05:00", "2026-11"),
        ("2026-10-31T12:30:00-05", "2026-10"),
        # summer time: Paris is two hours ahead of UTC, and in February one; 2024 has a 29th
        ("2026-06-30 21:59:59+00", "2026-06"),
        ("2026-06-30 22:00:00+00", "2026-07"),
        ("2024-02-29 22:59:59+00", "2024-02"),
        ("2024-02-29 23:00:00+00", "2024-03"),
        # the hour that comes twice, and the one that never comes: no month changes there
        ("2026-10-25 02:30:00", "2026-10"),
        ("2026-03-29 02:30:00", "2026-03"),
    ],
)
def test_a_date_is_in_the_month_of_the_practice(value: object, month: str) -> None:
    assert counted([value], taken_at=datetime(2027, 1, 5, tzinfo=UTC)) == {month: 1}


def test_a_zone_west_of_utc_has_the_month_before() -> None:
    there = ZoneInfo("America/Martinique")
    values = ["2026-11-01 03:59:59+00", "2026-11-01 04:00:00+00"]

    assert counted(values, taken_at=datetime(2027, 1, 5, tzinfo=UTC), zone=there) == {"2026-10": 1, "2026-11": 1}


NO_DATES = [
    "0001-01-01",
    "9999-12-31",
    "0000-00-00",
    "22/11/2026",
    "soon",
    "",
    None,
    1793489400,
    "infinity",
    "2026-13-01",
]


def test_what_is_no_date_has_no_month() -> None:
    assert counted([*NO_DATES, "2026-10-01"], taken_at=datetime(2027, 1, 5, tzinfo=UTC)) == {"2026-10": 1}


@pytest.mark.parametrize(("later", "closed"), [(0, {"2026-09": 1}), (1, {"2026-09": 1, "2026-10": 1})])
def test_a_month_is_over_when_it_is_over_in_the_practice(later: int, closed: dict[str, int]) -> None:
    taken_at = BEFORE_NOVEMBER + timedelta(seconds=later)
    values = ["2026-09-01", "2026-10-01", "2026-11-01", "2027-06-01"]

    assert counted(values, taken_at=taken_at) == closed


def judged(rows: dict[str, int], before: dict[str, int], *, purged: bool = False, column: str = "at") -> list[Finding]:
    made = FakeEngine()
    made.tables = {"visit": 1}
    answers = [(month, "", str(count)) for month, count in rows.items()]
    made.answers = {months._QUESTION.format(table="visit", column="at"): list(answers)}
    seen = (MonthCount(table="visit", column=column, month=month, rows=count) for month, count in before.items())
    previous = Previous(drill_id="before", tables=(), objects=(), months=tuple(seen))
    check = Counts(main=("visit",), by_month={"visit": "at"}, may_shrink=("visit",) if purged else ())
    around_it = restored(made, now=datetime(2027, 1, 5, tzinfo=UTC))
    return list(check.ask(replace(around_it, previous=previous)).findings)


YEAR = {f"2026-{month:02}": 100 + month for month in range(1, 13)}


def test_only_the_worst_are_named_and_all_are_counted() -> None:
    fewer = {month: rows - 2 * int(month[5:]) for month, rows in YEAR.items()}
    said = [dict(one.params) for one in judged(fewer, YEAR)]

    assert [one["month"] for one in said] == ["2026-12", "2026-11", "2026-10"]
    assert said[0] == {"table": "visit", "month": "2026-12", "rows": 88, "previous": 112, "count": 12}


def test_a_purge_may_take_the_oldest_months_and_part_of_any_but_no_later_one() -> None:
    left = {month: rows - 50 for month, rows in YEAR.items() if month > "2026-04"}
    hole = {month: rows for month, rows in left.items() if month != "2026-09"}

    assert judged(left, YEAR, purged=True) == []
    assert [(one.code, dict(one.params)["month"]) for one in judged(hole, YEAR, purged=True)] == [
        (Code.MONTH_EMPTY, "2026-09")
    ]


def test_the_last_months_of_a_purged_table_are_missed_too() -> None:
    left = {month: rows for month, rows in YEAR.items() if "2026-03" < month < "2026-12"}

    assert [dict(one.params)["month"] for one in judged(left, YEAR, purged=True)] == ["2026-12"]


def test_a_few_stray_old_dates_are_not_where_the_records_begin() -> None:
    strays = {"1970-01": 3, "1999-12": 2}

    assert judged({**strays, **YEAR}, {}) == []
    assert judged({**strays, **{m: n for m, n in YEAR.items() if m > "2026-04"}, "2027-01": 9}, YEAR, purged=True) == []


def test_months_of_another_column_are_not_compared() -> None:
    assert judged({"2026-11": 1, "2026-12": 1}, YEAR, column="changed_at") == []


def test_an_answer_that_is_full_says_nothing_of_the_months_it_cuts() -> None:
    many = [("2026-12-31 23", f"+{n:04}", "1") for n in range(MOST_ROWS - 2)]
    made = FakeEngine()
    made.answers = {
        months._QUESTION.format(table="visit", column="at"): [*many, ("2026-11", "", "4"), ("2026-10", "", "2")]
    }
    around_it = restored(made, now=datetime(2027, 2, 5, tzinfo=UTC))
    before = (MonthCount(table="visit", column="at", month="2026-09", rows=9),)
    around_it = replace(around_it, previous=Previous(drill_id="b", tables=(), objects=(), months=before))

    seen = months.count("visit", "at", around_it)

    assert (seen.first, min(one.month for one in seen.closed)) == ("2026-11", "2026-11")
    assert [one.code for one in seen.judged(around_it, purged=False)] == []


def test_a_whole_month_of_closure_is_no_gap() -> None:
    august = {m: n for m, n in YEAR.items() if m != "2026-08"}
    made = FakeEngine()
    made.tables = {"visit": 1}
    made.answers = {months._QUESTION.format(table="visit", column="at"): [(m, "", str(n)) for m, n in august.items()]}
    check = Counts(main=("visit",), by_month={"visit": "at"})
    open_all_year = restored(made, now=datetime(2027, 1, 5, tzinfo=UTC))
    closed = replace(open_all_year.days, closures=((date(2026, 8, 1), date(2026, 8, 31)),))

    assert [one.code for one in check.ask(open_all_year).findings] == [Code.MONTH_GAP]
    assert check.ask(replace(open_all_year, days=closed)).findings == ()


def test_a_question_of_months_that_times_out_keeps_what_the_counts_found() -> None:
    made = FakeEngine()
    made.tables = {"patient": 0, "visit": 3}
    made.faults = {"query": TimeoutError("too long")}
    answer = Counts(main=("patient", "visit"), by_month={"visit": "at"}).ask(
        restored(made, now=datetime(2027, 1, 5, tzinfo=UTC))
    )

    assert [one.code for one in answer.findings] == [Code.TABLE_EMPTY, Code.CHECK_TIMED_OUT]

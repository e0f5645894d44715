"""Rows of a table in each month that was over when the backup was taken, and what became of them since the last time.

The database counts, in one statement that PostgreSQL, MariaDB and SQLite all take; only months and numbers come back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from restore_lab.checks.base import Restored
from restore_lab.counted import MonthCount
from restore_lab.engines.base import MOST_ROWS
from restore_lab.findings import Code, Finding, finding
from restore_lab.opening import Days

_TIMEOUT_SECONDS = 600.0
#: How many months of a table are named for one reason, the worst first; each finding says how many there are in all.
_NAMED = 3
#: The records begin where one row in a hundred has come: earlier ones are stray dates, such as 1970 for « none ».
_STRAY_PARTS = 100
#: Where an ordinary month has fewer rows than this, one without any is chance.
_BUSY = 10
#: A month as the text of a date begins with it. Dates that bear an offset (`z`) come by the hour on the days on which
#: another zone may have another month. Dates that are no ISO 8601 dates of 1900 to 2199 have none.
_QUESTION = f"""SELECT m, z, count(*) FROM (
  SELECT z, CASE WHEN length(v) = 8 THEN substr(v, 1, 6) WHEN v NOT LIKE '____-__-__%' THEN ''
    WHEN z <> '' AND substr(v, 9, 2) IN ('28', '29', '30', '31', '01') THEN substr(v, 1, 13)
    ELSE substr(v, 1, 7) END AS m
  FROM (
    SELECT v, CASE WHEN v LIKE '%Z' THEN 'Z'
      WHEN v LIKE '%:%+__:__' OR v LIKE '%:%-__:__' THEN substr(v, length(v) - 5, 6)
      WHEN v LIKE '%:%+__' OR v LIKE '%:%-__' THEN substr(v, length(v) - 2, 3) ELSE '' END AS z
    FROM (SELECT trim(CAST({{column}} AS CHAR(40))) AS v FROM {{table}}) AS texts
    WHERE v >= '1900' AND v < '2200'
  ) AS dated
) AS by_month GROUP BY m, z ORDER BY m DESC LIMIT {MOST_ROWS}"""  # noqa: S608 - plain names, checked in `Counts`


@dataclass(frozen=True, kw_only=True, slots=True)
class Months:
    """Rows by month (`2026-09`) up to `open`, the month of the backup; none before `first` could be looked at."""

    table: str
    column: str
    rows: Mapping[str, int]
    open: str
    first: str
    any_date: bool

    @property
    def closed(self) -> tuple[MonthCount, ...]:
        """The months that were over when the backup was taken, oldest first."""
        return tuple(
            MonthCount(table=self.table, column=self.column, month=month, rows=rows)
            for month, rows in sorted(self.rows.items())
            if month < self.open
        )

    def judged(self, restored: Restored, *, purged: bool) -> Iterator[Finding]:
        """Compare with the last passed drill, and look for holes.

        Of a `purged` table the oldest months go, and fewer rows in any month are no loss; a later month without any is.
        """
        before = {
            one.month: one.rows
            for one in (restored.previous.months if restored.previous else ())
            if (one.table, one.column) == (self.table, self.column) and self.first <= one.month < self.open
        }
        begin = self._begin()
        empty = {month: was for month, was in before.items() if not self.rows.get(month)}
        shrunk = {month: was for month, was in before.items() if 0 < self.rows.get(month, 0) < was}
        if purged:
            empty, shrunk = {month: was for month, was in empty.items() if begin and month > begin}, {}
        for month in sorted(empty, key=lambda one: empty[one], reverse=True)[:_NAMED]:
            yield finding(Code.MONTH_EMPTY, table=self.table, month=month, previous=empty[month], count=len(empty))
        for month in sorted(shrunk, key=lambda one: shrunk[one] - self.rows[one], reverse=True)[:_NAMED]:
            rows, was = self.rows[month], shrunk[month]
            yield finding(Code.MONTH_SHRUNK, table=self.table, month=month, rows=rows, previous=was, count=len(shrunk))
        gaps = [month for month in self._holes(begin, restored.days) if month not in empty]
        for month in gaps[:_NAMED]:
            yield finding(Code.MONTH_GAP, table=self.table, month=month, count=len(gaps))

    def _begin(self) -> str | None:
        come, total = 0, sum(self.rows.values())
        for month, rows in sorted(self.rows.items()):
            come += rows
            if come * _STRAY_PARTS >= total:
                return month
        return None

    def _holes(self, begin: str | None, days: Days) -> Iterator[str]:
        """Give the months without a row between two that have some and in which the practice was open, newest first."""
        month = max(self.rows, default="")
        if begin and median(rows for one, rows in self.rows.items() if one >= begin) < _BUSY:
            return
        while begin and month > begin:
            if month not in self.rows and _opened(month, days):
                yield month
            month = _before(month)


def count(table: str, column: str, restored: Restored) -> Months:
    """Count the rows of each month, of the practice's zone where a date bears an offset.

    Raises:
        QueryRefused, EngineFailed, TimeoutError: as `Database.query`.
    """
    statement = _QUESTION.format(table=restored.named(table), column=column)
    answer = restored.database.query(statement, timeout_seconds=_TIMEOUT_SECONDS)
    zone = restored.days.zone
    last = f"{restored.held_at.astimezone(zone):%Y-%m}"
    found: dict[str, int] = {}
    for begin, offset, number in answer:
        if month := _month(begin or "", offset or "", zone):
            found[month] = found.get(month, 0) + int(number or 0)
    cut = min(found, default="") if len(answer) == MOST_ROWS else ""  # that one may have lost some of its rows
    return Months(
        table=table,
        column=column,
        rows={month: rows for month, rows in found.items() if cut < month <= last},
        open=last,
        first=_after(cut) if cut else "",
        any_date=bool(found),
    )


def _month(begin: str, offset: str, zone: ZoneInfo) -> str | None:
    """Read `2026-09`, `202609`, or the hour of a date that bears an offset; None for what is no date."""
    try:
        if len(begin) > len("2026-09"):
            moment = datetime.fromisoformat(f"{begin[:10]}T{begin[11:]}:00{offset}").astimezone(zone)
        else:
            moment = datetime.fromisoformat(f"{begin}-01" if "-" in begin else f"{begin}01")
    except (ValueError, OverflowError):
        return None
    return f"{moment:%Y-%m}"


def _opened(month: str, days: Days) -> bool:
    """Tell whether the practice opened on any day of a month."""
    first = date.fromisoformat(f"{month}-01")
    return bool(days.missed(first - timedelta(days=1), date.fromisoformat(f"{_after(month)}-01")))


def _after(month: str) -> str:
    return f"{date.fromisoformat(f'{month}-01') + timedelta(days=31):%Y-%m}"


def _before(month: str) -> str:
    return f"{date.fromisoformat(f'{month}-01') - timedelta(days=1):%Y-%m}"

"""Cases of rows: how many there are, and in which month."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from contract.cases import PREVIOUS, WEEK, Case, answering, engine
from fake_engine import FakeEngine

from restore_lab.checks import months
from restore_lab.checks.base import Previous
from restore_lab.checks.counts import Counts
from restore_lab.counted import MonthCount
from restore_lab.findings import Code

MONTHS = months._QUESTION.format(table="visit", column="at")
BY_MONTH = Counts(main=("visit",), by_month={"visit": "at"})
PURGED = replace(BY_MONTH, may_shrink=("visit",))


def by_month(**rows: int) -> FakeEngine:
    """Rows of `visit` by month of 2026 (`m08=12`), in a database of three patients and seven visits."""
    return answering(MONTHS, *((f"2026-{name[1:]}", "", str(count)) for name, count in sorted(rows.items())))


def before(**rows: int) -> Previous:
    seen = (MonthCount(table="visit", column="at", month=f"2026-{name[1:]}", rows=n) for name, n in rows.items())
    return Previous(drill_id="before", tables=(), objects=(), months=tuple(seen))


ROWS: dict[str, tuple[Code, Case]] = {
    "no rows": (
        Code.NO_ROWS,
        Case(check=Counts(), bad=engine(tables={"patient": 0, "visit": 0}), near=engine(tables={"a": 1, "b": 0})),
    ),
    "a missing table": (
        Code.TABLE_MISSING,
        Case(check=Counts(main=("visit",)), bad=engine(tables={"patient": 3, "Visit": 7}), near=engine()),
    ),
    "an empty table": (
        Code.TABLE_EMPTY,
        Case(
            check=Counts(main=("visit",)),
            bad=engine(tables={"patient": 3, "visit": 0}),
            near=engine(tables={"patient": 0, "visit": 1}),
        ),
    ),
    "an empty table with a minimum of none": (
        Code.TABLE_EMPTY,
        Case(check=Counts(at_least={"visit": 0}), bad=engine(tables={"patient": 1, "visit": 0}), near=engine()),
    ),
    "rows below the minimum": (
        Code.ROWS_BELOW_MINIMUM,
        Case(check=Counts(at_least={"visit": 8}), bad=engine(), near=engine(tables={"visit": 8})),
    ),
    "rows below the last time": (
        Code.ROWS_BELOW_PREVIOUS,
        Case(
            check=Counts(main=("patient", "visit"), may_shrink=("patient",)),
            bad=engine(tables={"patient": 1, "visit": 6}),
            near=engine(tables={"patient": 1, "visit": 7}),
            previous=PREVIOUS,
        ),
    ),
    "a past month lost rows": (
        Code.MONTH_SHRUNK,
        Case(
            check=BY_MONTH,
            bad=by_month(m08=5, m09=4, m10=9, m11=9),
            near=by_month(m08=6, m09=5, m10=4, m11=1),  # November is not over
            previous=before(m08=5, m09=5, m10=4, m11=5),
        ),
    ),
    "a past month is empty": (
        Code.MONTH_EMPTY,
        Case(
            check=BY_MONTH,
            bad=by_month(m08=5, m10=9),
            near=by_month(m08=5, m09=1, m10=4),
            previous=before(m08=5, m09=1),
        ),
    ),
    "the oldest month is empty and nothing is purged": (
        Code.MONTH_EMPTY,
        Case(
            check=BY_MONTH,
            bad=by_month(m09=5, m10=9),
            near=by_month(m08=5, m09=5, m10=9),
            previous=before(m08=5),
        ),
    ),
    "a hole behind what was purged": (
        Code.MONTH_EMPTY,
        Case(
            check=PURGED,
            bad=by_month(m08=2, m10=9),
            near=by_month(m08=2, m09=1, m10=9),
            previous=before(m06=5, m07=5, m08=5, m09=5),
        ),
    ),
    "a month without a row": (
        Code.MONTH_GAP,
        Case(check=BY_MONTH, bad=by_month(m08=50, m11=20), near=by_month(m08=50, m09=1, m10=20)),
    ),
    "a month without a row where there are many": (
        Code.MONTH_GAP,
        Case(check=BY_MONTH, bad=by_month(m07=10, m08=10, m10=10), near=by_month(m07=10, m08=9, m10=9)),
    ),
    "a month without a row, in part a closure": (
        Code.MONTH_GAP,
        Case(
            check=BY_MONTH,
            bad=by_month(m08=50, m10=20),
            near=by_month(m08=50, m10=20),
            bad_days=replace(WEEK, closures=((date(2026, 9, 1), date(2026, 9, 29)),)),
            near_days=replace(WEEK, closures=((date(2026, 8, 20), date(2026, 9, 30)),)),
        ),
    ),
    "no date by which to tell months": (
        Code.DATES_UNREADABLE,
        Case(check=BY_MONTH, bad=by_month(), near=by_month(m11=1)),
    ),
    "months that cannot be asked": (
        Code.SQL_QUESTION_REFUSED,
        Case(check=BY_MONTH, bad=engine(), near=by_month(m10=1)),
    ),
}

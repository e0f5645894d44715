"""Cases of the newest entry, and of what is no date."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from contract.cases import WEEK, Case, answering
from fake_engine import FakeEngine

from restore_lab.checks.freshness import Freshness
from restore_lab.findings import Code

NEWEST = "SELECT at FROM visit WHERE at IS NOT NULL ORDER BY at DESC LIMIT 5000"
CLOSED = replace(WEEK, closures=((date(2026, 11, 16), date(2026, 11, 20)),))


def dated(*values: str | None) -> FakeEngine:
    return answering(NEWEST, *((value,) for value in values))


DATES: dict[str, tuple[Code, Case]] = {
    "stale data": (
        Code.DATA_STALE,
        Case(
            check=Freshness(table="visit", column="at"),
            bad=dated("2026-11-17 17:00:00"),  # Wednesday, Thursday, Friday without an entry
            near=dated("2026-11-18 08:00:00"),  # Thursday, Friday
        ),
    ),
    "stale data in a closure": (
        Code.DATA_STALE_CLOSED,
        Case(
            check=Freshness(table="visit", column="at"),
            bad=dated("2026-11-13"),
            near=dated("2026-11-20"),
            bad_days=CLOSED,
        ),
    ),
    "stale data before a closure": (
        Code.DATA_STALE,
        Case(
            check=Freshness(table="visit", column="at"),
            bad=dated("2026-11-10"),
            near=dated("2026-11-19"),
            bad_days=CLOSED,
        ),
    ),
    "no date": (
        Code.DATA_UNDATED,
        Case(check=Freshness(table="visit", column="at"), bad=dated(), near=dated("2026-11-23T08:00:00+00:00")),
    ),
    "no date that is one": (
        Code.DATA_UNDATED,
        Case(
            check=Freshness(table="visit", column="at"),
            bad=dated(None, "0000-00-00", "infinity", "0001-01-01 00:00:00"),
            near=dated("soon", "0001-01-01 00:00:00", "2026-11-23"),
        ),
    ),
    **{
        f"a date that is not read: {value}": (
            Code.DATES_UNREADABLE,
            Case(
                check=Freshness(table="visit", column="at"),
                bad=dated(value, None, "0000-00-00"),
                near=dated(value, "2026-11-23"),
            ),
        )
        for value in ("soon", "1795425000", "1712111012345", "17121110.5", "12/11/2026", "20261123090000", "2026")
    },
    "dates in the future": (
        Code.DATES_IN_FUTURE,
        Case(
            check=Freshness(table="visit", column="at"),
            bad=dated("2027-01-01", "2026-11-23 09:00"),
            near=dated("2026-11-23 10:05", "2026-11-23 09:00"),  # in Paris: five minutes ahead
        ),
    ),
    "only dates in the future": (
        Code.DATA_UNDATED,
        Case(
            check=Freshness(table="visit", column="at"),
            bad=dated("2027-01-01", "9999-12-31 23:59:59"),
            near=dated("2026-11-22"),
            also=frozenset({Code.DATES_IN_FUTURE}),
        ),
    ),
}

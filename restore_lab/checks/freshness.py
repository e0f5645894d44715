"""`freshness`: are the data recent? The newest entry that is not in the future, against the practice's opening days."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from restore_lab.checks.base import Answer, Restored
from restore_lab.findings import Code, Finding, Param, finding
from restore_lab.opening import Days
from restore_lab.settings import STRICT

#: How many of the newest values are looked at, so that appointments booked ahead do not hide the last consultation.
_NEWEST = 5000
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?")
#: Clocks of two machines may differ; an entry this far ahead is not in the future.
_CLOCK_SLACK = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True, slots=True)
class Freshness:
    """`column` of `table` says when an entry was made; `open_days` may pass without one before the backup was taken."""

    __pydantic_config__ = STRICT

    kind: Literal["freshness"] = "freshness"
    title: str = "freshness"
    table: str
    column: str
    open_days: int = 2

    def __post_init__(self) -> None:
        """Refuse names that would have to be quoted: they go into a statement as they are."""
        if not _PLAIN_NAME.fullmatch(self.table) or not _PLAIN_NAME.fullmatch(self.column):
            raise ValueError("table and column take plain names: letters, digits, underscore")

    @property
    def proves_data(self) -> bool:
        """A newest consultation is the practice's own."""
        return True

    def ask(self, restored: Restored) -> Answer:
        """See `Check.ask`; only dates come back, and only the newest one is kept."""
        newest_first = (
            f"SELECT {self.column} FROM {self.table} "  # noqa: S608 - plain names, checked above
            f"WHERE {self.column} IS NOT NULL ORDER BY {self.column} DESC LIMIT {_NEWEST}"
        )
        rows = restored.database.query(newest_first)
        dates = [moment for (value,) in rows if (moment := _moment(value, restored.days)) is not None]
        past = [moment for moment in dates if moment <= restored.now + _CLOCK_SLACK]
        newest = max(past, default=None)
        findings = tuple(self._judged(newest, future=len(dates) - len(past), restored=restored))
        return Answer(asked=len(rows), findings=findings, newest_entry_at=newest)

    def _judged(self, newest: datetime | None, *, future: int, restored: Restored) -> Iterator[Finding]:
        if future:
            yield finding(Code.DATES_IN_FUTURE, table=self.table, rows=future)
        if newest is None:
            yield finding(Code.DATA_UNDATED, table=self.table)
            return
        days = restored.days
        day, taken = newest.astimezone(days.zone).date(), restored.taken_at.astimezone(days.zone).date()
        about: dict[str, Param] = {
            "newest": day.isoformat(),
            "limit_days": self.open_days,
            "age_days": (taken - day).days,
        }
        if days.missed(day, taken) > self.open_days:
            yield Finding(code=Code.DATA_STALE, params=tuple(about.items()))
        elif days.missed(day, taken, ignoring_closures=True) > self.open_days:
            yield Finding(code=Code.DATA_STALE_CLOSED, params=tuple(about.items()))


def _moment(value: str | None, days: Days) -> datetime | None:
    """Read a date or a timestamp as the databases print it; naive ones are in the practice's zone."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=days.zone)).astimezone(UTC)
    except (ValueError, OverflowError):  # 0001-01-01 and 9999-12-31 stand for « none » in some software
        return None

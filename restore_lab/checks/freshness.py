"""`freshness`: are the data recent? The newest entry that is not in the future, against the practice's opening days."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Final, Literal

from restore_lab.checks.base import PLAIN_NAME, Answer, Restored
from restore_lab.errors import QueryRefused
from restore_lab.findings import Code, Finding, Param, finding
from restore_lab.opening import Days
from restore_lab.settings import STRICT

#: How many of the newest values are looked at at a time: most often the last consultation is among them.
_NEWEST = 5000
#: Clocks of two machines may differ; an entry this far ahead is not in the future.
_CLOCK_SLACK = timedelta(minutes=10)


#: As the databases print dates, those that stand for « none » too; figures of another length count something else.
_DATE: Final = re.compile(r"\d{4,6}-\d\d-\d\d(?!\d)|\d{8}(?![\d.])|-?infinity\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """What the newest values were: how many, how many in the future, whether all are dates, the newest that is past."""

    rows: int
    future: int
    all_dates: bool
    newest: datetime | None


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
        if not PLAIN_NAME.fullmatch(self.table) or not PLAIN_NAME.fullmatch(self.column):
            raise ValueError("table and column take plain names: letters, digits, underscore")

    @property
    def proves_data(self) -> bool:
        """A newest consultation is the practice's own."""
        return True

    def ask(self, restored: Restored) -> Answer:
        """See `Check.ask`; only dates come back, and only the newest one is kept."""
        if ambiguous := tuple(restored.ambiguous(self.table)):
            return Answer(asked=0, findings=ambiguous)
        seen = self._look(f"{self.column} IS NOT NULL", restored)
        if seen.newest is None and seen.rows == _NEWEST:
            seen = self._behind(seen, restored)
        findings = tuple(self._judged(seen, restored))
        return Answer(asked=seen.rows, findings=findings, newest_entry_at=seen.newest)

    def _look(self, condition: str, restored: Restored) -> _Seen:
        """Look at the newest values for which a condition of ours holds."""
        newest_first = (
            f"SELECT {self.column} FROM {restored.named(self.table)} "  # noqa: S608 - plain names, checked above
            f"WHERE {condition} ORDER BY {self.column} DESC LIMIT {_NEWEST}"
        )
        rows = restored.database.query(newest_first)
        dates = [moment for (value,) in rows if (moment := _moment(value, restored.days)) is not None]
        past = [moment for moment in dates if moment <= _end_of_past(restored)]
        all_dates = all(_DATE.match(value.strip()) for (value,) in rows if value is not None)
        return _Seen(rows=len(rows), future=len(dates) - len(past), all_dates=all_dates, newest=max(past, default=None))

    def _behind(self, seen: _Seen, restored: Restored) -> _Seen:
        """Look behind the values that are not past: they fill all that is looked at, so the database leaves them out.

        The limit is written in each form that a column may hold dates in; one of another type refuses it.
        """
        for limit in _limits(_end_of_past(restored), restored.days):
            with suppress(QueryRefused):
                behind = self._look(f"{self.column} <= '{limit}'", restored)
                if behind.newest is not None and (seen.newest is None or behind.newest > seen.newest):
                    ((beyond,),) = restored.database.query(
                        f"SELECT count(*) FROM {restored.named(self.table)} WHERE {self.column} > '{limit}'"  # noqa: S608 - as above
                    )
                    seen = replace(behind, future=behind.future + int(beyond or 0))
        return seen

    def _judged(self, seen: _Seen, restored: Restored) -> Iterator[Finding]:
        if seen.future:
            yield finding(Code.DATES_IN_FUTURE, table=self.table, rows=seen.future)
        if seen.newest is None:
            undated = Code.DATA_UNDATED if seen.all_dates else Code.DATES_UNREADABLE
            yield finding(undated, table=self.table)
            return
        days = restored.days
        day = seen.newest.astimezone(days.zone).date()
        taken = restored.held_at.astimezone(days.zone).date()
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
    if value is None or not _DATE.match(value.strip()):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=days.zone)).astimezone(UTC)
    except (ValueError, OverflowError):  # 0001-01-01 and 9999-12-31 stand for « none » in some software
        return None


def _end_of_past(restored: Restored) -> datetime:
    """When the future begins: at the drill, and at the latest with the day after the backup.

    What is dated between an older backup and its drill lay ahead when it was taken: appointments, not entries.
    """
    zone = restored.days.zone
    day = restored.held_at.astimezone(zone).date()
    midnight = datetime.combine(day + timedelta(days=1), time(), zone)
    return min(restored.now + _CLOCK_SLACK, midnight.astimezone(UTC) - timedelta(seconds=1))


def _limits(moment: datetime, days: Days) -> tuple[str, ...]:
    """Write a moment as dates are kept: with its offset, which only columns that have a zone heed, as ISO, as a figure.

    Of the practice's clock and that of UTC, the one ahead: it leaves out no entry of either.
    """
    clocks = (moment.astimezone(days.zone), moment.astimezone(UTC))
    ahead = max(clocks, key=lambda clock: clock.replace(tzinfo=None)).replace(microsecond=0)
    return (ahead.isoformat(" "), ahead.isoformat("T"), ahead.strftime("%Y%m%d"))

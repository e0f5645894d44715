"""On which days a practice is expected to enter data; the little of a lab that questions need to know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class Days:
    """Opening weekdays (0 is Monday), closures as (first, last) days included, and the zone naive times are read in."""

    zone: ZoneInfo
    weekdays: frozenset[int]
    closures: tuple[tuple[date, date], ...] = ()

    def missed(self, newest: date, until: date, *, ignoring_closures: bool = False) -> int:
        """Count the days strictly between two dates on which entries were expected."""
        between = (newest + timedelta(days=step) for step in range(1, max(0, (until - newest).days)))
        return sum(self._expected(day, ignoring_closures=ignoring_closures) for day in between)

    def _expected(self, day: date, *, ignoring_closures: bool) -> bool:
        closed = not ignoring_closures and any(first <= day <= last for first, last in self.closures)
        return day.weekday() in self.weekdays and not closed

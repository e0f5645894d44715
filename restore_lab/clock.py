"""The wall clock as a drill found it, carried on by one that nobody can put forward or back."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

#: What a time service mends at once is no jump.
_SLACK = timedelta(minutes=5)


def _since_boot() -> float:
    """Give the seconds since this host was started, those in which it slept too (clock_gettime(2), CLOCK_BOOTTIME)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _wall() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """One reading of the wall clock, and what has passed since; ages within one drill are all measured by it."""

    read_at: datetime = field(default_factory=_wall)
    read_since_boot: float = field(default_factory=_since_boot)

    def now(self) -> datetime:
        """Give the time, whatever became of the wall clock."""
        return self.read_at + timedelta(seconds=_since_boot() - self.read_since_boot)

    def is_behind(self, other: datetime) -> bool:
        """Whether it read an earlier time than one that is known to have passed."""
        return other - self.read_at > _SLACK

    @property
    def has_jumped(self) -> bool:
        """Whether the wall clock was put forward or back since it was read."""
        return abs(_wall() - self.now()) > _SLACK

"""When the practice is open and who comes: the visits, as a stream in order of time.

A visit is the same whatever the day it is looked at from, as long as the year is: yesterday's backup holds what
today's holds, without the last day.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from restore_lab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_PATIENTS: Final = 150
YEARS: Final = 6
DOCTORS: Final = 3

_SUNDAY: Final = 6
_SATURDAY: Final = 5
_HALF_DAYS_A_WEEK: Final = 11
# 0.0082 consultations per patient and half-day make 28 to 33 per patient over the 6 to 7 years kept
_VISITS_PER_MILLION_HALF_DAYS: Final = 8_200
_LEAST_PER_HALF_DAY: Final = 1_000_000
_OPENING: Final = time(8, 0)
_LUNCH_STARTS: Final = 270
_LUNCH_MINUTES: Final = 90
_LAST_START: Final = 555
_LAST_START_SATURDAY: Final = 255
# two visits in five are anybody's, the others go round: 25 to 40 each, not 10 to 60
_ANYBODY: Final = 0.4
_STRIDE: Final = 1_000_003


@dataclass(frozen=True, kw_only=True, slots=True)
class Practice:
    """Which invented practice, looked at in the morning of `day`, before it opens.

    Under 122 patients there are as many consultations as for 122, so that each opening day has one.

    Raises:
        UsageError: there is not one patient.
    """

    seed: int
    day: date
    patients: int = DEFAULT_PATIENTS

    def __post_init__(self) -> None:
        if self.patients < 1:
            raise UsageError(f"a practice has at least one patient, got {self.patients}")

    @property
    def first_day(self) -> date:
        """The first day of the records: 1 January, 6 to 7 years ago."""
        return date(self.day.year - YEARS, 1, 1)

    def visits_before(self, day: date) -> int:
        """How many visits there have been since the calendar began, up to the eve of `day`."""
        weeks, weekday = divmod(day.toordinal() - 1, 7)
        half_days = weeks * _HALF_DAYS_A_WEEK + (_HALF_DAYS_A_WEEK if weekday == _SUNDAY else 2 * weekday)
        rate = max(self.patients * _VISITS_PER_MILLION_HALF_DAYS, _LEAST_PER_HALF_DAY)
        return half_days * rate // 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """Somebody saw a doctor. `number` counts from 1 on the first day kept; `absolute` never changes."""

    number: int
    absolute: int
    patient: int
    doctor: int
    at: datetime
    booked: bool
    analyses: int
    medicines: int


def visits(practice: Practice, topic: str) -> Iterator[tuple[Visit, random.Random]]:
    """Every visit in order of time, with the random numbers for the rows of one `topic`; memory stays flat."""
    base = practice.visits_before(practice.first_day)
    day = practice.first_day
    while day < practice.day:
        if day.weekday() != _SUNDAY:
            rng = random.Random(f"{practice.seed}/{topic}/{day}")  # noqa: S311 - invented data must repeat
            for visit in _visits_of_day(practice, day, base):
                yield visit, rng
        day += timedelta(days=1)


def _visits_of_day(practice: Practice, day: date, base: int) -> Iterator[Visit]:
    draw = random.Random(f"{practice.seed}/visits/{day}").random  # noqa: S311 - invented data must repeat
    first, after = practice.visits_before(day), practice.visits_before(day + timedelta(days=1))
    last_start = _LAST_START_SATURDAY if day.weekday() == _SATURDAY else _LAST_START
    opening = datetime.combine(day, _OPENING)
    patients = practice.patients
    for absolute in range(first, after):
        minutes = last_start * (absolute - first + 1) // (after - first)
        anybody = int(draw() * patients) if draw() < _ANYBODY else absolute * _STRIDE % patients
        yield Visit(
            number=absolute - base + 1,
            absolute=absolute,
            patient=1 + anybody,
            doctor=1 + int(draw() * DOCTORS),
            at=opening + timedelta(minutes=minutes + (_LUNCH_MINUTES if minutes > _LUNCH_STARTS else 0)),
            booked=draw() < 0.8,
            analyses=max(0, int(draw() * 8) - 4),
            medicines=max(0, int(draw() * 5) - 1),
        )

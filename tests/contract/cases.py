"""What a check is asked of here, and near what it must find nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from fake_engine import FakeEngine
from fakes import PARIS

from restore_lab.checks.base import Check, Previous
from restore_lab.counted import KeyCount, ObjectCount, TableCount
from restore_lab.engines.base import Integrity as Sound
from restore_lab.findings import Code, Problem, reduce_message
from restore_lab.opening import Days

#: A Monday.
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WEEK = Days(zone=PARIS, weekdays=frozenset(range(5)))


def engine(
    *, tables: dict[str, int] | None = None, objects: dict[str, int] | None = None, sound: Sound | None = None
) -> FakeEngine:
    made = FakeEngine()
    made.tables = {"patient": 3, "visit": 7} if tables is None else tables
    made.objects = {"table": 2, "index": 1} if objects is None else objects
    made.sound = sound or made.sound
    return made


def silent(code: str) -> tuple[Problem, ...]:
    return (reduce_message(b"", code=code, subject="seen"),)


def answering(sql: str, *rows: tuple[str | None, ...]) -> FakeEngine:
    made = FakeEngine()
    made.answers = {sql: list(rows)}
    return made


PREVIOUS = Previous(
    drill_id="before",
    tables=(TableCount(name="patient", rows=3), TableCount(name="visit", rows=7)),
    objects=(ObjectCount(kind="table", count=2), ObjectCount(kind="index", count=1)),
    keys=(KeyCount(key="visit.patient", orphans=2), KeyCount(key="visit.doctor", orphans=0)),
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A check, what must raise `code`, and what is near it and must not raise anything."""

    check: Check
    bad: FakeEngine
    near: FakeEngine
    previous: Previous | None = None
    near_previous: Previous | None = None
    bad_days: Days = WEEK
    near_days: Days = WEEK
    also: frozenset[Code] = field(default_factory=frozenset)
    bad_page: bytes = b""
    near_page: bytes = b""


ONE = "SELECT count(*) FROM patient"

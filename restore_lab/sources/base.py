"""What a source of backups promises, and how the recovery point is chosen from what it lists."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import BinaryIO, Literal, Protocol
from zoneinfo import ZoneInfo

from restore_lab.errors import UsageError
from restore_lab.findings import Code, Finding, finding

#: A backup named as unfinished, or seen growing, that has not changed for this long will never be finished.
NEVER_FINISHED_AFTER = timedelta(hours=24)


#: What a file system may claim and a date cannot hold is brought to these (1902 and 9998).
_FIRST_TIME, _LAST_TIME = -2_145_916_800.0, 253_370_764_800.0
#: What may be asked for without naming a point.
ANY_POINT = frozenset({"latest", "oldest", "random"})


class Standing(StrEnum):
    """Whether a candidate may be chosen; completeness of its content plays no part."""

    ELIGIBLE = "eligible"
    UNFINISHED = "named as unfinished"
    GROWING = "still changing"


@dataclass(frozen=True, kw_only=True, slots=True)
class RecoveryPoint:
    """One backup: `point_id` finds it again in its source; times are aware UTC, `changed_at` is its last write.

    `dated_by` says where `taken_at` was read: `name and mtime` is the day from one and the hour from the other.
    """

    point_id: str
    taken_at: datetime
    dated_by: Literal["name", "name and mtime", "mtime"]
    changed_at: datetime
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A recovery point and whether it may be chosen."""

    point: RecoveryPoint
    standing: Standing


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Which point a drill restores, why, and what is worth saying about the others.

    `point` is None when nothing may be chosen; then `findings` says so.
    """

    point: RecoveryPoint | None
    asked_for: str
    candidates: tuple[Candidate, ...]
    findings: tuple[Finding, ...] = field(default=())


class Source(Protocol):
    """Where backups are. Opened read-only and without locks; never written, never locked."""

    @property
    def label(self) -> str:
        """Short words for the evidence and the report; no credentials."""
        ...

    def candidates(self, *, now: datetime, zone: ZoneInfo) -> tuple[Candidate, ...]:
        """List every backup, newest first; naive dates in names are read in `zone`.

        Raises:
            SourceUnreachable: the place could not be read (`SourceNotPluggedIn`: an empty mount point). An empty
                tuple means that the place was read and holds no backup.
        """
        ...

    def open(self, point: RecoveryPoint) -> AbstractContextManager[BinaryIO]:
        """Give the point's bytes from first to last.

        Raises:
            SourceUnreachable: also from `read`, when the bytes stop coming.
        """
        ...

    def unchanged(self, point: RecoveryPoint) -> bool:
        """Tell whether the point is still what `candidates` saw; asked after its bytes were read."""
        ...


def last_change(status: os.stat_result) -> datetime:
    """When a file was last written to, as its file system says."""
    return datetime.fromtimestamp(max(_FIRST_TIME, min(status.st_mtime, _LAST_TIME)), UTC)


def choose(candidates: tuple[Candidate, ...], *, asked_for: str, now: datetime) -> Choice:
    """Choose by date alone: `latest`, `oldest`, `random`, or a point's id.

    Only a file still changing, or named as unfinished, is passed over: a note, or a failure once it has not
    changed for 24 hours while nothing newer came after it.

    Raises:
        UsageError: no eligible point has that id.
    """
    eligible = [candidate.point for candidate in candidates if candidate.standing is Standing.ELIGIBLE]
    if asked_for not in ANY_POINT:
        return _chosen_by_id(candidates, eligible, asked_for)
    if not eligible:
        found = (finding(Code.NO_BACKUP_FOUND), *_passed_over(candidates, None, now))
        return Choice(point=None, asked_for=asked_for, candidates=candidates, findings=found)
    newest = max(eligible, key=_order)
    point = {
        "latest": lambda: newest,
        "oldest": lambda: min(eligible, key=_order),
        "random": lambda: random.SystemRandom().choice(eligible),
    }[asked_for]()
    found = tuple(_remarks(candidates, eligible, point, newest, asked_for, now))
    return Choice(point=point, asked_for=asked_for, candidates=candidates, findings=found)


def _chosen_by_id(candidates: tuple[Candidate, ...], eligible: list[RecoveryPoint], asked_for: str) -> Choice:
    for point in eligible:
        if point.point_id == asked_for:
            newest = max(eligible, key=_order)
            found = () if point == newest else (finding(Code.NOT_THE_LATEST, asked=asked_for),)
            return Choice(point=point, asked_for=asked_for, candidates=candidates, findings=found)
    raise UsageError(
        f"no recovery point is called {asked_for!r}",
        hint="`restore-lab points` lists them; --at also takes latest, oldest or random",
    )


def _order(point: RecoveryPoint) -> tuple[datetime, datetime, str]:
    return (point.taken_at, point.changed_at, point.point_id)


def _remarks(  # noqa: PLR0913 - one flat list of what may be said about a choice
    candidates: tuple[Candidate, ...],
    eligible: list[RecoveryPoint],
    point: RecoveryPoint,
    newest: RecoveryPoint,
    asked_for: str,
    now: datetime,
) -> Iterator[Finding]:
    yield from _passed_over(candidates, newest, now)
    if point is not newest:
        yield finding(Code.NOT_THE_LATEST, asked=asked_for)
    twins = sum(other.taken_at == point.taken_at for other in eligible)
    if twins > 1:
        yield finding(Code.BACKUPS_SAME_DATE, count=twins)
    if point.taken_at > now + timedelta(minutes=5):
        yield finding(Code.BACKUP_DATED_IN_FUTURE, taken=point.taken_at.astimezone(now.tzinfo).date().isoformat())


def _passed_over(candidates: tuple[Candidate, ...], newest: RecoveryPoint | None, now: datetime) -> Iterator[Finding]:
    for candidate in candidates:
        other = candidate.point
        superseded = newest is not None and other.taken_at < newest.taken_at
        if superseded or candidate.standing is Standing.ELIGIBLE:
            continue
        dead = now - other.changed_at > NEVER_FINISHED_AFTER
        yield finding(Code.BACKUP_NEVER_FINISHED if dead else Code.BACKUP_IN_PROGRESS, point=other.point_id)

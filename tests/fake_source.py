"""A source of backups in memory that fails where it is told to."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, Literal, cast
from zoneinfo import ZoneInfo

from fake_faults import Faults, raise_at

from restore_lab.errors import SourceUnreachable
from restore_lab.sources.base import Candidate, RecoveryPoint, Standing


def point(name: str = "fake_1.dump", *, taken_at: datetime | None = None, size: int = 0) -> RecoveryPoint:
    taken = taken_at or datetime.now(UTC) - timedelta(hours=2)
    return RecoveryPoint(point_id=name, taken_at=taken, dated_by="name", changed_at=taken, size_bytes=size)


def candidate(
    name: str,
    *,
    taken_at: datetime,
    changed_at: datetime | None = None,
    standing: Standing = Standing.ELIGIBLE,
) -> Candidate:
    seen = RecoveryPoint(
        point_id=name, taken_at=taken_at, dated_by="name", changed_at=changed_at or taken_at, size_bytes=1
    )
    return Candidate(point=seen, standing=standing)


@dataclass(kw_only=True, slots=True)
class _Pieces:
    """Bytes given a few at a time, until the fault."""

    data: io.BytesIO
    piece_bytes: int
    fault: BaseException | None
    fail_after_bytes: int

    def read(self, size: int = -1) -> bytes:
        if self.fault is not None and self.data.tell() >= self.fail_after_bytes:
            raise self.fault
        return self.data.read(min(self.piece_bytes, size) if size >= 0 else self.piece_bytes)


@dataclass(kw_only=True, slots=True)
class FakeSource:
    """Backups in memory, by name; faults at `candidates`, `open`, `read` (after `fail_after_bytes`)."""

    backups: dict[str, tuple[datetime, bytes]] = field(default_factory=dict)
    faults: Faults = field(default_factory=dict)
    fail_after_bytes: int = 0
    changes: bool = False
    piece_bytes: int = 1000
    kind: Literal["fake"] = "fake"

    @property
    def label(self) -> str:
        return "fake source"

    def candidates(self, *, now: datetime, zone: ZoneInfo) -> tuple[Candidate, ...]:
        del now, zone
        raise_at(self.faults, "candidates")
        listed = [Candidate(point=self._point(name), standing=Standing.ELIGIBLE) for name in self.backups]
        return tuple(sorted(listed, key=lambda one: one.point.taken_at, reverse=True))

    @contextmanager
    def open(self, point: RecoveryPoint) -> Iterator[BinaryIO]:
        raise_at(self.faults, "open")
        if point.point_id not in self.backups:
            raise SourceUnreachable(f"{point.point_id} is not there")
        stream = _Pieces(
            data=io.BytesIO(self.backups[point.point_id][1]),
            piece_bytes=self.piece_bytes,
            fault=self.faults.get("read"),
            fail_after_bytes=self.fail_after_bytes,
        )
        yield cast("BinaryIO", stream)

    def unchanged(self, point: RecoveryPoint) -> bool:
        return not self.changes and point.point_id in self.backups and self._point(point.point_id) == point

    def _point(self, name: str) -> RecoveryPoint:
        taken_at, data = self.backups[name]
        return point(name, taken_at=taken_at, size=len(data))

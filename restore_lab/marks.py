"""What the next drill is held to: the figures of the last passed drill, but for losses that it let pass; pure.

A loss that passed because it was accepted, or because it is no more than a reservation, does not become the mark: the
better figure before it stays, so that the loss is said again at every drill, until the figure is reached again or a
person settles the loss (`settled` in an acceptance).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeVar, assert_never

from restore_lab.checks.base import Previous
from restore_lab.counted import DocumentCount, KeyCount, MonthCount, NumberCount, ObjectCount, TableCount
from restore_lab.evidence import Evidence, GradedFinding, RestoreRecord
from restore_lab.findings import Code, safe_text

_Kind = TypeVar("_Kind")
_Count = TableCount | ObjectCount | KeyCount | MonthCount | NumberCount | DocumentCount
#: Which parameter of a finding names what was lost. Of foreign keys not every one is named: all of them are meant.
_LOST: Final[Mapping[Code, tuple[type[_Count], str]]] = MappingProxyType(
    {
        Code.ROWS_BELOW_PREVIOUS: (TableCount, "table"),
        Code.OBJECTS_BELOW_PREVIOUS: (ObjectCount, "kind"),
        Code.ORPHAN_ROWS_GROWN: (KeyCount, ""),
        Code.MONTH_EMPTY: (MonthCount, "table"),
        Code.MONTH_SHRUNK: (MonthCount, "table"),
        Code.SQL_EXPECTATION_UNMET: (NumberCount, "name"),
        Code.DOCUMENTS_BELOW_PREVIOUS: (DocumentCount, "kind"),
    }
)
#: A loss: of which restore, of what kind of figure, of which thing.
_Loss = tuple[str | None, type[_Count], str]


@dataclass(kw_only=True, slots=True)
class _Marks:
    """Figures of one restore, each by what tells it from others of its kind."""

    record: RestoreRecord
    figures: dict[tuple[object, ...], _Count] = field(default_factory=dict)

    def raise_to(self, one: _Count) -> None:
        there = self.figures.get(_place(one))
        self.figures[_place(one)] = one if there is None or _goodness(one) > _goodness(there) else there

    def of(self, kind: type[_Kind]) -> tuple[_Kind, ...]:
        return tuple(one for one in self.figures.values() if isinstance(one, kind))


def marks(passed: Iterator[Evidence]) -> dict[str, Previous]:
    """Give what the next drill is held to, by restore; `passed` are the evidences of passed drills, the last first."""
    last = next(passed, None)
    if last is None:
        return {}
    held = {record.restore_id: _Marks(record=record) for record in last.restores}
    for record in last.restores:
        for one in _figures(record):
            held[record.restore_id].raise_to(one)
    losses = _losses(last)
    while losses and (earlier := next(passed, None)) is not None:
        for record in earlier.restores:
            for one in _figures(record):
                if record.restore_id in held and _is_lost(record.restore_id, one, losses):
                    held[record.restore_id].raise_to(one)
        losses &= _losses(earlier)
    return {restore_id: _previous(last.drill_id, one) for restore_id, one in held.items()}


def _losses(evidence: Evidence) -> set[_Loss]:
    """Give what a passed drill said was lost and let pass, unless a person settled it."""
    return {loss for one in evidence.findings if (loss := _loss(one)) is not None}


def _loss(graded: GradedFinding) -> _Loss | None:
    found = graded.finding
    if found.code not in _LOST or (graded.accepted is not None and graded.accepted.settled):
        return None
    kind, param = _LOST[found.code]
    return found.restore_id, kind, str(dict(found.params).get(param, "")) if param else ""


def _is_lost(restore_id: str, one: _Count, losses: set[_Loss]) -> bool:
    name = "" if isinstance(one, KeyCount) else safe_text(str(_place(one)[1]))
    return (restore_id, type(one), name) in losses


def _place(one: _Count) -> tuple[object, ...]:
    """What tells a figure from others; behind its kind comes what a finding names it by."""
    match one:
        case TableCount() | NumberCount():
            return type(one), one.name, one.asked if isinstance(one, NumberCount) else ""
        case MonthCount():
            return type(one), one.table, one.column, one.month
        case KeyCount():
            return type(one), one.key
        case ObjectCount() | DocumentCount():
            return type(one), one.kind
        case _:
            assert_never(one)


def _goodness(one: _Count) -> int:
    """How high a figure is as a mark: rows that point nowhere are the better the fewer there are."""
    match one:
        case TableCount() | MonthCount():
            return one.rows
        case KeyCount():
            return -one.orphans
        case ObjectCount() | DocumentCount():
            return one.count
        case NumberCount():
            return one.number
        case _:
            assert_never(one)


def _figures(record: RestoreRecord) -> Iterator[_Count]:
    for figures in (record.tables, record.objects, record.keys, record.months, record.numbers, record.documents):
        yield from figures


def _previous(drill_id: str, held: _Marks) -> Previous:
    point = held.record.recovery_point
    return Previous(
        drill_id=drill_id,
        tables=held.of(TableCount),
        objects=held.of(ObjectCount),
        keys=held.of(KeyCount),
        months=held.of(MonthCount),
        numbers=held.of(NumberCount),
        documents=held.of(DocumentCount),
        identity_hmac=held.record.identity_hmac,
        taken_at=point.taken_at if point else None,
    )

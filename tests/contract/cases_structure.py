"""Cases of what holds a database together: its objects, its integrity, its keys."""

from __future__ import annotations

from typing import Any

from contract.cases import PREVIOUS, Case, engine, silent
from fake_engine import FakeEngine

from restore_lab.checks.foreign_keys import ForeignKeys
from restore_lab.checks.integrity import Integrity
from restore_lab.checks.objects import Objects
from restore_lab.counted import KeyCount
from restore_lab.engines.base import Integrity as Sound
from restore_lab.engines.base import References, Views
from restore_lab.findings import Code, reduce_message


def linked(orphans: dict[str, int], **rest: tuple[Any, ...]) -> FakeEngine:
    made = FakeEngine()
    made.linked = References(keys=tuple(KeyCount(key=key, orphans=rows) for key, rows in orphans.items()), **rest)
    return made


def looking(**seen: tuple[Any, ...]) -> FakeEngine:
    made = FakeEngine()
    made.looked_at = Views(asked=2, **seen)
    return made


STRUCTURE: dict[str, tuple[Code, Case]] = {
    "integrity": (
        Code.INTEGRITY_ERRORS,
        Case(
            check=Integrity(),
            bad=engine(sound=Sound(asked=2, problems=(reduce_message(b"page 3", code="INTEGRITY"),))),
            near=engine(),
        ),
    ),
    "no tables": (
        Code.NO_TABLES,
        Case(check=Objects(), bad=engine(tables={}, objects={"view": 3}), near=engine(tables={"patient": 0})),
    ),
    "fewer objects than asked for": (
        Code.OBJECTS_BELOW_MINIMUM,
        Case(check=Objects(at_least={"index": 2}), bad=engine(), near=engine(objects={"table": 2, "index": 2})),
    ),
    "no objects of a kind": (
        Code.OBJECTS_BELOW_MINIMUM,
        Case(check=Objects(at_least={"trigger": 1}), bad=engine(), near=engine(objects={"trigger": 1})),
    ),
    "fewer objects than before": (
        Code.OBJECTS_BELOW_PREVIOUS,
        Case(check=Objects(), bad=engine(objects={"table": 2}), near=engine(), previous=PREVIOUS),
    ),
    "a view that cannot be read": (
        Code.VIEW_UNUSABLE,
        Case(check=Objects(), bad=looking(problems=silent("1449")), near=looking()),
    ),
    "a view that takes too long": (
        Code.CHECK_TIMED_OUT,
        Case(check=Objects(), bad=looking(unanswered=silent("TIMEOUT")), near=looking()),
    ),
    "orphans seen for the first time": (
        Code.ORPHAN_ROWS,
        Case(check=ForeignKeys(), bad=linked({"visit.patient": 1}), near=linked({"visit.patient": 0})),
    ),
    "orphans of a key that is new": (
        Code.ORPHAN_ROWS,
        Case(check=ForeignKeys(), bad=linked({"visit.room": 1}), near=linked({"visit.room": 0}), previous=PREVIOUS),
    ),
    "as many orphans as before": (
        Code.ORPHAN_ROWS_KNOWN,
        Case(
            check=ForeignKeys(),
            bad=linked({"visit.patient": 2}),
            near=linked({"visit.patient": 0}),
            previous=PREVIOUS,
        ),
    ),
    "more orphans than before": (
        Code.ORPHAN_ROWS_GROWN,
        Case(
            check=ForeignKeys(),
            bad=linked({"visit.patient": 3}),
            near=linked({"visit.patient": 0}),
            previous=PREVIOUS,
        ),
    ),
    "orphans where there was none before": (
        Code.ORPHAN_ROWS_GROWN,
        Case(check=ForeignKeys(), bad=linked({"visit.doctor": 1}), near=linked({"visit.doctor": 0}), previous=PREVIOUS),
    ),
    "no foreign key": (Code.NO_FOREIGN_KEYS, Case(check=ForeignKeys(), bad=linked({}), near=linked({"a.b": 0}))),
    "a sequence that is behind": (
        Code.SEQUENCE_BEHIND,
        Case(check=ForeignKeys(), bad=linked({"a.b": 0}, behind=("patient_id_seq",)), near=linked({"a.b": 0})),
    ),
    "a key that takes too long": (
        Code.CHECK_TIMED_OUT,
        Case(check=ForeignKeys(), bad=linked({}, unanswered=silent("TIMEOUT")), near=linked({"a.b": 0})),
    ),
    "a key that cannot be asked": (
        Code.CHECK_BROKEN,
        Case(check=ForeignKeys(), bad=linked({"a.b": 0}, unanswered=silent("XX001")), near=linked({"a.b": 0})),
    ),
}

"""Negative controls: the test tested, on a loss made on purpose; a question that does not see it proves too little.

Two, timed apart. `cut`: the first part of the same backup with a forged end, into a second machine. `spoilt`: after the
real questions, in the same machine, a table emptied, an index and a routine dropped. Each must be seen by the
scenario's own `counts`, `objects`, `documents` and `integrity`, or by ours where it has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final

from restore_lab.checks.base import Check, Previous, Restored
from restore_lab.checks.counts import Counts
from restore_lab.checks.objects import Objects
from restore_lab.engines.base import HEAD_BYTES, Dump, Spoilt
from restore_lab.engines.forging import forged
from restore_lab.errors import QueryRefused
from restore_lab.evidence import ControlRecord, RestoreRecord
from restore_lab.findings import Code, Finding, Severity
from restore_lab.lending import Ground, Lending
from restore_lab.sources.base import RecoveryPoint, Source
from restore_lab.unpack import PIECE_BYTES, peel
from restore_lab.verdict import TABLE

CUT: Final = "cut"
SPOILT: Final = "spoilt"
#: The most of a backup that is restored a second time.
MOST_CUT_BYTES: Final = 64 * 1024 * 1024
_ASKED_AGAIN: Final = frozenset({"counts", "objects", "documents"})
_SEES_EMPTIED: Final = (Code.TABLE_EMPTY, Code.NO_ROWS, Code.DOCUMENTS_BELOW_PREVIOUS)
_SEES_DROPPED: Final = (Code.OBJECTS_BELOW_PREVIOUS, Code.OBJECTS_BELOW_MINIMUM)
_INDEX: Final = frozenset({"index"})
_ROUTINES: Final = frozenset({"function", "procedure", "trigger"})


def spoil(checks: Sequence[Check], restored: Restored, record: RestoreRecord) -> ControlRecord | None:
    """Make a loss in the restored database and ask again, against what was counted before it.

    None where nothing came back that could be lost: other findings say that.

    Raises:
        EngineFailed, MachineFailed, TimeoutError: the control could not be carried through.
    """
    started = monotonic()
    table = _worth_emptying(checks, restored)
    spoilt = restored.database.spoil(table)
    if not spoilt.table:
        return None
    before = Previous(drill_id="", tables=record.tables, objects=record.objects, documents=record.documents)
    found = asked_again(
        [check for check in checks if check.kind in _ASKED_AGAIN],
        replace(restored, inventory=restored.database.inventory(), previous=before, crossing=None),
        table=table,
    )
    return ControlRecord(
        name=SPOILT,
        expected=tuple(code.value for code in _expected(spoilt, restored)),
        raised=_codes(found),
        silent=not all(_sees(spoilt, found)),
        seconds=round(monotonic() - started, 3),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """What a cut copy of a backup is restored with: the real restore, and how many bytes it read."""

    lending: Lending
    ground: Ground
    dump: Dump
    restored: Restored
    passed_bytes: int

    def see(
        self, source: Source, point: RecoveryPoint, checks: Sequence[Check], real: Iterable[Finding]
    ) -> ControlRecord:
        """Restore the first part into a second machine, and judge: what fails a drill and was not found before.

        Raises:
            EngineFailed, MachineFailed, SourceUnreachable, TimeoutError, UnpackFault: it could not be carried through.
        """
        started = monotonic()
        failing = {one.code for one in real if TABLE[one.code][0] is Severity.FAILED}
        found = self._found(source, point, [check for check in checks if check.kind in {*_ASKED_AGAIN, "integrity"}])
        new = [one for one in found if one.code not in failing and TABLE[one.code][0] is Severity.FAILED]
        return ControlRecord(
            name=CUT,
            expected=(Severity.FAILED.value,),
            raised=_codes(new),
            silent=not new and not failing,
            seconds=round(monotonic() - started, 3),
        )

    def _found(self, source: Source, point: RecoveryPoint, checks: Sequence[Check]) -> tuple[Finding, ...]:
        most = min(MOST_CUT_BYTES, self.passed_bytes // 2)
        engine, server = self.restored.engine, self.ground.server
        with source.open(point) as stream, self.lending.machine(self.ground, backup_bytes=most) as machine:
            pieces = iter(lambda: stream.read(PIECE_BYTES), b"")
            most_bytes = self.passed_bytes + HEAD_BYTES
            peeled = peel(pieces, head_bytes=HEAD_BYTES, most_bytes=most_bytes, keep=engine.archives)
            database = engine.start(machine, server)
            load = database.load(self.dump, forged(peeled.chunks, self.dump, most_bytes=most))
            there = database.inventory()
            restored = replace(self.restored, machine=machine, database=database, inventory=there, crossing=None)
            return (*load.findings, *asked_again(checks, restored))


def asked_again(checks: Sequence[Check], restored: Restored, *, table: str = "") -> tuple[Finding, ...]:
    """Ask the questions a loss must not pass by, ours where the scenario has none that names a table."""
    asking = [check for check in checks if check.proves_data or not isinstance(check, Counts)]
    kinds = {check.kind for check in asking}
    if "documents" not in kinds:
        asking += [Counts(main=(table,) if table else ())] if "counts" not in kinds else []
        asking += [Objects()] if "objects" not in kinds else []
    return tuple(one for check in asking for one in _findings(check, restored))


def _findings(check: Check, restored: Restored) -> tuple[Finding, ...]:
    try:
        return check.ask(restored).findings
    except QueryRefused:  # a spoilt database may refuse what a sound one answers: silence, unless another one speaks
        return ()


def _worth_emptying(checks: Sequence[Check], restored: Restored) -> str:
    """Name the fullest of the tables that the scenario counts; of all, when it names none."""
    counted = {name for check in checks if isinstance(check, Counts) for name in (*check.main, *check.at_least)}
    tables = restored.inventory.tables
    named = [table for table in tables if table.name in counted and table.rows] or list(tables)
    return max(named, key=lambda table: table.rows).name if named else ""


def _expected(spoilt: Spoilt, restored: Restored) -> tuple[Code, ...]:
    emptied = Code.TABLE_EMPTY if restored.inventory.tables else Code.DOCUMENTS_BELOW_PREVIOUS
    dropped = (Code.OBJECTS_BELOW_PREVIOUS,) if spoilt.index or spoilt.routine else ()
    return (emptied, *dropped)


def _sees(spoilt: Spoilt, found: Sequence[Finding]) -> Iterator[bool]:
    """Say of each loss whether a finding names it."""
    yield any(one.code in _SEES_EMPTIED for one in found)
    for name, kinds in ((spoilt.index, _INDEX), (spoilt.routine, _ROUTINES)):
        if name:
            yield any(one.code in _SEES_DROPPED and dict(one.params).get("kind") in kinds for one in found)


def _codes(found: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.code.value for one in found))

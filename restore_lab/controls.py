"""Negative controls: the test tested, on a loss made on purpose; a question that does not see it proves too little.

Two, timed apart. `cut`: the first part of the same backup with a forged end, into a second machine. `spoilt`: after the
real questions, in the same machine, a table emptied, an index and a routine dropped. Each must be seen by the
scenario's own `counts`, `objects`, `documents` and `integrity`, or by ours where it has none. A copy that somebody is
to look at is not spoilt: then the record says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final

from restore_lab.checks.base import Check, Previous, Restored
from restore_lab.checks.counts import Counts
from restore_lab.checks.objects import Objects
from restore_lab.counted import TableCount
from restore_lab.engines.base import HEAD_BYTES, Dump, Inventory, Spoilt
from restore_lab.engines.forging import Forgery, forged, forgery
from restore_lab.errors import QueryRefused
from restore_lab.evidence import RestoreRecord
from restore_lab.findings import Code, Finding, Severity, safe_text
from restore_lab.lending import Ground, Lending
from restore_lab.sources.base import RecoveryPoint, Source
from restore_lab.tried import ControlRecord, NotJudged
from restore_lab.unpack import PIECE_BYTES, peel
from restore_lab.verdict import TABLE

CUT: Final = "cut"
SPOILT: Final = "spoilt"
#: What stands in place of `spoilt` where the copy is kept for somebody.
COPY_HELD: Final = ControlRecord(name=SPOILT, expected=(), raised=(), silent=False, seconds=0, not_judged="copy_held")
#: The most of a backup that is restored a second time.
MOST_CUT_BYTES: Final = 64 * 1024 * 1024
#: Where what is kept holds all that is counted, so much less is kept the next time; and how often that is tried.
_FURTHER_BACK: Final = 8
_CUTS: Final = 3
_TRIED_FURTHER_BACK: Final = frozenset({"nothing_lost", "cut_refused"})
_ASKED_AGAIN: Final = frozenset({"counts", "objects", "documents"})
_LACKING: Final = (Code.NO_TABLES, Code.DATABASE_MISSING, Code.TABLE_MISSING, Code.NO_ROWS, Code.TABLE_EMPTY)
#: What is seen of a dump cut between statements, whose end is forged.
_SEES_FORGED: Final = (
    *(Code.DUMP_CUT, Code.ANNOUNCED_ABSENT, *_LACKING, Code.ROWS_BELOW_MINIMUM, Code.ROWS_BELOW_PREVIOUS),
    *(Code.MONTH_SHRUNK, Code.MONTH_EMPTY, Code.OBJECTS_BELOW_MINIMUM),
)
#: What is seen of an archive or a file cut where it is.
_SEES_CUT: Final = (Code.LOAD_STOPPED, Code.LOAD_ERRORS, Code.ARCHIVE_DAMAGED, Code.INTEGRITY_ERRORS, *_LACKING)
_SEES_DROPPED: Final = (Code.OBJECTS_BELOW_PREVIOUS, Code.OBJECTS_BELOW_MINIMUM)
_INDEX: Final = frozenset({"index"})
_ROUTINES: Final = frozenset({"function", "procedure", "routine", "trigger"})


def spoil(checks: Sequence[Check], restored: Restored, record: RestoreRecord) -> ControlRecord:
    """Make a loss in the restored database and ask again, against what was counted before it.

    Raises:
        EngineFailed, MachineFailed, TimeoutError: the control could not be carried through.
    """
    started = monotonic()
    chosen, largest = _fullest(_counted(checks, restored.inventory)), _fullest(restored.inventory.tables)
    spoilt = restored.database.spoil(chosen.name)
    if not spoilt.table:  # nothing came back that could be lost: other findings say that
        return replace(COPY_HELD, not_judged="nothing_to_lose")
    before = Previous(drill_id="", tables=record.tables, objects=record.objects, documents=record.documents)
    found = asked_again(
        [check for check in checks if check.kind in _ASKED_AGAIN],
        replace(restored, inventory=restored.database.inventory(), previous=before, crossing=None),
        table=spoilt.table,
    )
    return ControlRecord(
        name=SPOILT,
        expected=_codes(_expected(spoilt, restored)),
        raised=_codes(one.code for one in found),
        silent=not all(_sees(spoilt, found)),
        seconds=round(monotonic() - started, 3),
        emptied=spoilt.table,
        emptied_rows=chosen.rows,
        larger=largest.name if largest.rows > chosen.rows else "",
        index=spoilt.index,
        routine=spoilt.routine,
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
        """Restore the first part into a second machine, and judge: what tells of a cut and was not found before.

        Where that part holds all the rows of every table that is counted, less of it is kept: the cut took nothing.

        Raises:
            EngineFailed, MachineFailed, SourceUnreachable, TimeoutError, UnpackFault: it could not be carried through.
        """
        started = monotonic()
        failing = frozenset(one.code for one in real if TABLE[one.code][0] is Severity.FAILED)
        most = min(MOST_CUT_BYTES, self.passed_bytes // 2)
        seen = self._tried(source, point, checks, failing, most_bytes=most)
        for number in range(1, _CUTS):
            if seen.not_judged not in _TRIED_FURTHER_BACK:
                break
            seen = self._tried(source, point, checks, failing, most_bytes=most // _FURTHER_BACK**number)
        return replace(seen, seconds=round(monotonic() - started, 3))

    def _tried(
        self,
        source: Source,
        point: RecoveryPoint,
        checks: Sequence[Check],
        failing: frozenset[Code],
        *,
        most_bytes: int,
    ) -> ControlRecord:
        with self._opened(source, point) as chunks:
            made = forgery(chunks, self.dump, most_bytes=most_bytes)
        asking = [check for check in checks if check.kind in {*_ASKED_AGAIN, "integrity"}]
        found, there = self._found(source, point, asking, made)
        new = [one.code for one in found if one.code not in failing and TABLE[one.code][0] is Severity.FAILED]
        expected = _SEES_FORGED if made.end else _SEES_CUT
        not_judged: NotJudged = ""
        if not set(new) & set(expected):
            lost = _lost(checks, self.restored.inventory, there)
            not_judged = "already_found" if failing else "cut_refused" if new else "" if lost else "nothing_lost"
        return ControlRecord(
            name=CUT,
            expected=_codes(expected),
            raised=_codes(new),
            silent=not new and not not_judged,
            seconds=0,
            not_judged=not_judged,
            kept_bytes=made.kept_bytes,
            end_forged=bool(made.end),
        )

    def _found(
        self, source: Source, point: RecoveryPoint, asking: Sequence[Check], made: Forgery
    ) -> tuple[tuple[Finding, ...], Inventory]:
        """Restore what is kept into a second machine; give what was found there, and what is there."""
        lent = self.lending.machine(self.ground, backup_bytes=made.kept_bytes)
        with self._opened(source, point) as chunks, lent as machine:
            database = self.restored.engine.start(machine, self.ground.server)
            load = database.load(self.dump, forged(chunks, made))
            there = database.inventory()
            restored = replace(self.restored, machine=machine, database=database, inventory=there, crossing=None)
            return (*load.findings, *asked_again(asking, restored)), there

    @contextmanager
    def _opened(self, source: Source, point: RecoveryPoint) -> Iterator[Iterable[bytes]]:
        """Open the backup anew, without its layers."""
        most, keep = self.passed_bytes + HEAD_BYTES, self.restored.engine.archives
        with source.open(point) as stream:
            pieces = iter(lambda: stream.read(PIECE_BYTES), b"")
            yield peel(pieces, head_bytes=HEAD_BYTES, most_bytes=most, keep=keep).chunks


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


def _counted(checks: Sequence[Check], inventory: Inventory) -> list[TableCount]:
    """Give the tables that the scenario counts, of those that hold rows; all of these when it counts none."""
    names = {name for check in checks if isinstance(check, Counts) for name in (*check.main, *check.at_least)}
    meant = {table for name in names for table in inventory.meant_by(name)}
    return [table for table in inventory.tables if table.rows and (table.name in meant or not names)]


def _lost(checks: Sequence[Check], inventory: Inventory, kept: Inventory) -> bool:
    """Whether what was kept of a backup lacks any row of a table that is counted."""
    rows = {kept.in_full(table.name): table.rows for table in kept.tables}
    counted = _counted(checks, inventory)
    return not inventory.tables or any(rows.get(inventory.in_full(table.name), 0) < table.rows for table in counted)


def _fullest(tables: Iterable[TableCount]) -> TableCount:
    return max(tables, key=lambda table: table.rows, default=TableCount(name="", rows=0))


def _expected(spoilt: Spoilt, restored: Restored) -> tuple[Code, ...]:
    emptied = Code.TABLE_EMPTY if restored.inventory.tables else Code.DOCUMENTS_BELOW_PREVIOUS
    dropped = (Code.OBJECTS_BELOW_PREVIOUS,) if spoilt.index or spoilt.routine else ()
    return (emptied, *dropped)


def _sees(spoilt: Spoilt, found: Sequence[Finding]) -> Iterator[bool]:
    """Say of each loss whether a finding names it."""
    yield any(_names_emptied(one, spoilt.table) for one in found)
    for name, kinds in ((spoilt.index, _INDEX), (spoilt.routine, _ROUTINES)):
        if name:
            yield any(one.code in _SEES_DROPPED and dict(one.params).get("kind") in kinds for one in found)


def _names_emptied(one: Finding, table: str) -> bool:
    params = dict(one.params)
    match one.code:
        case Code.TABLE_EMPTY:
            return params.get("table") == safe_text(table)
        case Code.DOCUMENTS_BELOW_PREVIOUS:
            return params.get("kind") == table
        case _:
            return one.code is Code.NO_ROWS


def _codes(codes: Iterable[Code]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(code.value for code in codes))

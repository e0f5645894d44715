"""What became of one restore, in the terms page 1 speaks in."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from restore_lab.findings import Code, Severity

if TYPE_CHECKING:
    from restore_lab.evidence import Evidence, RestoreRecord


class Outcome(Enum):
    """Five things a doctor can tell apart."""

    RESTORED = auto()
    IN_PART = auto()
    NOT_RESTORED = auto()
    NOT_SUITABLE = auto()
    UNKNOWN = auto()


#: Findings that mean something of the backup itself did not come back.
_IN_PART: Final = frozenset(
    {
        Code.LOAD_ERRORS,
        Code.LOAD_STOPPED,
        Code.ARCHIVE_DAMAGED,
        Code.DUMP_CUT,
        Code.ANNOUNCED_ABSENT,
        Code.VALUES_CHANGED,
        Code.INTEGRITY_ERRORS,
    }
)


def outcome_of(restore: RestoreRecord, evidence: Evidence) -> Outcome:
    """Judge how one restore is told; findings about the whole drill count when there is only this restore."""
    own = [
        graded
        for graded in evidence.findings
        if graded.finding.restore_id == restore.restore_id
        or (graded.finding.restore_id is None and len(evidence.restores) == 1)
    ]
    failed = {graded.finding.code for graded in own if graded.severity is Severity.FAILED}
    if failed & _IN_PART == {Code.ARCHIVE_DAMAGED} and not any(table.rows for table in restore.tables):
        return Outcome.NOT_RESTORED
    if failed & _IN_PART:
        return Outcome.IN_PART
    if failed:
        return Outcome.NOT_RESTORED if restore.measured_restore_seconds is None else Outcome.NOT_SUITABLE
    if restore.measured_restore_seconds is None or any(g.severity is Severity.INCONCLUSIVE for g in own):
        return Outcome.UNKNOWN
    return Outcome.RESTORED

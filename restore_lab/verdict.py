"""The table of verdicts, and what follows from it. `docs/verdicts.md` is the same table for people; a test reads both.

Two columns: the weight of a finding on a server of the dump's own vendor and major series, and where what is missing
may be the server's fault: one of another series that had harmful errors while loading, or one that lacked a collation,
an extension, memory or disk.
"""

from __future__ import annotations

from collections.abc import Iterable

from restore_lab.evidence import GradedFinding, Verdict
from restore_lab.findings import Code, Finding, Severity

_NOTE = (Severity.NOTE, Severity.NOTE)
_RESERVATION = (Severity.RESERVATION, Severity.RESERVATION)
_INCONCLUSIVE = (Severity.INCONCLUSIVE, Severity.INCONCLUSIVE)
_FAILED = (Severity.FAILED, Severity.FAILED)
_FAILED_IF_OWN = (Severity.FAILED, Severity.INCONCLUSIVE)

TABLE: dict[Code, tuple[Severity, Severity]] = {
    Code.SOURCE_NOT_PLUGGED_IN: _INCONCLUSIVE,
    Code.SOURCE_UNREADABLE: _INCONCLUSIVE,
    Code.NO_BACKUP_FOUND: _FAILED,
    Code.BACKUP_IN_PROGRESS: _NOTE,
    Code.BACKUP_NEVER_FINISHED: _FAILED,
    Code.BACKUP_CHANGED_WHILE_READ: _INCONCLUSIVE,
    Code.BACKUP_OVERDUE: _FAILED,
    Code.BACKUP_DATED_IN_FUTURE: _RESERVATION,
    Code.BACKUPS_SAME_DATE: _NOTE,
    Code.NOT_THE_LATEST: _NOTE,
    Code.BACKUP_EMPTY: _FAILED,
    Code.ARCHIVE_DAMAGED: _FAILED,
    Code.ARCHIVE_TOO_LARGE: _INCONCLUSIVE,
    Code.ARCHIVE_HOLDS_SEVERAL: _INCONCLUSIVE,
    Code.ARCHIVE_ENCRYPTED: _INCONCLUSIVE,
    Code.ARCHIVE_FORM_UNKNOWN: _INCONCLUSIVE,
    Code.BACKUP_OF_ANOTHER_KIND: _INCONCLUSIVE,
    Code.DUMP_NOT_RECOGNISED: _FAILED,
    Code.DUMP_OF_ANOTHER_ENGINE: _INCONCLUSIVE,
    Code.DUMP_IN_UTF16: _FAILED,
    Code.LINE_ENDS_CHANGED: _NOTE,
    Code.NO_MACHINE: _INCONCLUSIVE,
    Code.MACHINE_FAILED: _INCONCLUSIVE,
    Code.MACHINE_OUT_OF_MEMORY: _INCONCLUSIVE,
    Code.MACHINE_DISK_FULL: _INCONCLUSIVE,
    Code.ISOLATION_PARTIAL: _RESERVATION,
    Code.ISOLATION_NONE: _RESERVATION,
    Code.COPY_NOT_SHOWN_GONE: _RESERVATION,
    Code.APPLICATION_FAILED: _INCONCLUSIVE,
    Code.SERVER_OF_ANOTHER_SERIES: _RESERVATION,
    Code.SERVER_FAILED: _INCONCLUSIVE,
    Code.LOAD_ERRORS: _FAILED_IF_OWN,
    Code.LOAD_ERRORS_HARMLESS: _NOTE,
    Code.LOAD_STOPPED: _FAILED_IF_OWN,
    Code.LOAD_TIMED_OUT: _INCONCLUSIVE,
    Code.ENGINE_NOT_MATCHED: _INCONCLUSIVE,
    Code.DUMP_SYNTAX_OUTDATED: _INCONCLUSIVE,
    Code.EXTENSION_ABSENT: _INCONCLUSIVE,
    Code.COLLATION_ABSENT: _INCONCLUSIVE,
    Code.ROLES_NOT_IN_BACKUP: _RESERVATION,
    Code.DUMP_CUT: _FAILED,
    Code.TABLES_LEFT_OUT: _FAILED,
    Code.VIEWS_LEFT_OUT: _RESERVATION,
    Code.VIEW_CUT_OR_LEFT_OUT: _INCONCLUSIVE,
    Code.CONTENTS_ABSENT: _INCONCLUSIVE,
    Code.KEYS_ABSENT: _RESERVATION,
    Code.ANNOUNCED_ABSENT: _FAILED_IF_OWN,
    Code.VALUES_CHANGED: _FAILED_IF_OWN,
    Code.WARNINGS_SILENCED: _INCONCLUSIVE,
    Code.ZERO_DATES: _NOTE,
    Code.DEFINERS_ABSENT: _RESERVATION,
    Code.NOT_TRANSACTIONAL: _RESERVATION,
    Code.TEXT_DOUBLY_ENCODED: _RESERVATION,
    Code.TEXT_NOT_UTF8: _RESERVATION,
    Code.SETTING_NEEDED: _RESERVATION,
    Code.END_MARK_ABSENT: _RESERVATION,
    Code.TOOL_MESSAGES_IN_BACKUP: _RESERVATION,
    Code.WAL_NOT_IN_BACKUP: _NOTE,
    Code.DATA_IN_ANOTHER_DATABASE: _NOTE,
    Code.RESTORE_TIME_OVER_OBJECTIVE: _RESERVATION,
    Code.INTEGRITY_ERRORS: _FAILED,
    Code.NO_TABLES: _FAILED_IF_OWN,
    Code.NO_ROWS: _FAILED_IF_OWN,
    Code.DATABASE_MISSING: _FAILED_IF_OWN,
    Code.TABLE_MISSING: _FAILED_IF_OWN,
    Code.TABLE_AMBIGUOUS: _INCONCLUSIVE,
    Code.TABLE_EMPTY: _FAILED_IF_OWN,
    Code.ROWS_BELOW_MINIMUM: _FAILED_IF_OWN,
    Code.ROWS_BELOW_PREVIOUS: _FAILED_IF_OWN,
    Code.OBJECTS_BELOW_MINIMUM: _FAILED_IF_OWN,
    Code.OBJECTS_BELOW_PREVIOUS: _RESERVATION,
    Code.ORPHAN_ROWS: _RESERVATION,
    Code.ORPHAN_ROWS_KNOWN: _NOTE,
    Code.ORPHAN_ROWS_GROWN: _FAILED_IF_OWN,
    Code.NO_FOREIGN_KEYS: _NOTE,
    Code.SEQUENCE_BEHIND: _RESERVATION,
    Code.VIEW_UNUSABLE: _RESERVATION,
    Code.MONTH_SHRUNK: _FAILED_IF_OWN,
    Code.MONTH_EMPTY: _FAILED_IF_OWN,
    Code.MONTH_GAP: _RESERVATION,
    Code.DATA_STALE: _FAILED,
    Code.DATA_STALE_CLOSED: _NOTE,
    Code.DATA_UNDATED: _FAILED,
    Code.DATES_UNREADABLE: _INCONCLUSIVE,
    Code.DATES_IN_FUTURE: _NOTE,
    Code.SQL_EXPECTATION_UNMET: _FAILED_IF_OWN,
    Code.SQL_QUESTION_REFUSED: _INCONCLUSIVE,
    Code.CHECK_TIMED_OUT: _INCONCLUSIVE,
    Code.CHECK_BROKEN: _INCONCLUSIVE,
    Code.PYTEST_FAILED: _FAILED_IF_OWN,
    Code.PYTEST_BROKEN: _INCONCLUSIVE,
    Code.PAGE_NOT_AS_EXPECTED: _FAILED_IF_OWN,
    Code.NOTHING_ASKED: _INCONCLUSIVE,
    Code.LIVE_TABLE_MISSING: _FAILED_IF_OWN,
    Code.LIVE_TABLE_EMPTY: _FAILED_IF_OWN,
    Code.ROWS_BELOW_LIVE: _FAILED_IF_OWN,
    Code.ROWS_FEWER_THAN_LIVE: _RESERVATION,
    Code.ORPHAN_ROWS_ABOVE_LIVE: _FAILED_IF_OWN,
    Code.ORPHAN_ROWS_AS_LIVE: _NOTE,
    Code.NO_FINGERPRINT: _INCONCLUSIVE,
    Code.FINGERPRINT_UNUSABLE: _INCONCLUSIVE,
    Code.IDENTITY_DIFFERS: _FAILED,
    Code.IDENTITY_ENROLLED: _NOTE,
    Code.IDENTITY_NOT_VERIFIED: _NOTE,
    Code.PLACE_NOT_TESTED: _NOTE,
    Code.DOCUMENTS_UNREADABLE: _FAILED,
    Code.DOCUMENTS_MISSING: _FAILED_IF_OWN,
    Code.DOCUMENTS_BELOW_PREVIOUS: _FAILED,
    Code.RANSOMWARE_SIGNS: _FAILED,
    Code.CONTROL_SILENT: _INCONCLUSIVE,
    Code.CONTROL_NOT_RUN: _INCONCLUSIVE,
    Code.COPY_HELD: _NOTE,
    Code.ACCEPTANCE_EXPIRED: _NOTE,
    Code.INTERRUPTED: _INCONCLUSIVE,
    Code.ABANDONED: _INCONCLUSIVE,
    Code.EARLIER_DRILL_DIED: _NOTE,
    Code.EARLIER_COPY_GONE: _NOTE,
    Code.EARLIER_COPY_NOT_SHOWN_GONE: _RESERVATION,
    Code.TOOL_BROKEN: _INCONCLUSIVE,
    Code.REGISTER_BROKEN: _RESERVATION,
    Code.CLOCK_JUMPED: _RESERVATION,
    Code.CLOCK_BEHIND_REGISTER: _INCONCLUSIVE,
}

_HARMFUL_LOAD = frozenset({Code.LOAD_ERRORS, Code.LOAD_STOPPED})
#: What the machine lacked: what is missing then may be missing because of it.
_LACKING = frozenset({Code.COLLATION_ABSENT, Code.EXTENSION_ABSENT, Code.MACHINE_OUT_OF_MEMORY, Code.MACHINE_DISK_FULL})


#: What is said of the backup job, whatever the bytes of its last backup are.
_OF_THE_JOB = frozenset({Code.NO_BACKUP_FOUND, Code.BACKUP_NEVER_FINISHED, Code.BACKUP_OVERDUE})


def grade(findings: Iterable[Finding], *, own_series: bool) -> tuple[GradedFinding, ...]:
    """Weigh the findings of one restore (or of the drill as a whole) by the table, heaviest first.

    Of bytes that changed while they were read nothing is known: what they lack is no failure.
    """
    found = tuple(findings)
    codes = {one.code for one in found}
    foreign = not own_series and bool(codes & _HARMFUL_LOAD)
    doubtful = foreign or bool(codes & _LACKING)
    has_changed = Code.BACKUP_CHANGED_WHILE_READ in codes

    def weight(code: Code) -> Severity:
        severity = TABLE[code][foreign if code in _HARMFUL_LOAD else doubtful]
        if has_changed and severity is Severity.FAILED and code not in _OF_THE_JOB:
            return Severity.INCONCLUSIVE
        return severity

    graded = [GradedFinding(finding=one, severity=weight(one.code)) for one in found]
    return tuple(sorted(graded, key=lambda one: list(Severity).index(one.severity), reverse=True))


def conclude(findings: Iterable[GradedFinding], *, restores: int) -> tuple[Verdict, tuple[str, ...]]:
    """Give the verdict and the codes it rests on; nothing restored can never pass."""
    codes: dict[Severity, list[str]] = {severity: [] for severity in Severity}
    for one in findings:
        codes[one.severity].append(one.finding.code.value)
    failed, unknown, reserved = (
        tuple(dict.fromkeys(codes[severity]))
        for severity in (Severity.FAILED, Severity.INCONCLUSIVE, Severity.RESERVATION)
    )
    if failed:
        return Verdict.FAILED, failed
    if unknown or not restores:
        return Verdict.INCONCLUSIVE, unknown or (Code.NOTHING_ASKED.value,)
    if reserved:
        return Verdict.PASSED_WITH_RESERVATIONS, reserved
    return Verdict.PASSED, ()

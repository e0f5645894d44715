"""What a drill can find: one closed list of codes, never reused, and the form of one finding.

A finding carries no wording (that is in the catalogues of `restore_lab.report`) and no severity (that is in
`restore_lab.verdict`). Its parameters are identifiers, numbers and dates, made safe here: control and bidirectional
characters escaped, at most 64 characters. Never a value out of a row.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass, replace
from enum import StrEnum

PARAM_LENGTH = 64


class Code(StrEnum):
    """Every finding; `docs/verdicts.md` gives each its meaning, severity and remedy."""

    # the source and the recovery point
    SOURCE_NOT_PLUGGED_IN = "SOURCE_NOT_PLUGGED_IN"
    SOURCE_UNREADABLE = "SOURCE_UNREADABLE"
    NO_BACKUP_FOUND = "NO_BACKUP_FOUND"
    BACKUP_IN_PROGRESS = "BACKUP_IN_PROGRESS"
    BACKUP_NEVER_FINISHED = "BACKUP_NEVER_FINISHED"
    BACKUP_CHANGED_WHILE_READ = "BACKUP_CHANGED_WHILE_READ"
    BACKUP_OVERDUE = "BACKUP_OVERDUE"
    BACKUP_DATED_IN_FUTURE = "BACKUP_DATED_IN_FUTURE"
    BACKUPS_SAME_DATE = "BACKUPS_SAME_DATE"
    NOT_THE_LATEST = "NOT_THE_LATEST"
    # the layers around the dump
    BACKUP_EMPTY = "BACKUP_EMPTY"
    ARCHIVE_DAMAGED = "ARCHIVE_DAMAGED"
    ARCHIVE_TOO_LARGE = "ARCHIVE_TOO_LARGE"
    ARCHIVE_HOLDS_SEVERAL = "ARCHIVE_HOLDS_SEVERAL"
    ARCHIVE_ENCRYPTED = "ARCHIVE_ENCRYPTED"
    ARCHIVE_FORM_UNKNOWN = "ARCHIVE_FORM_UNKNOWN"
    BACKUP_OF_ANOTHER_KIND = "BACKUP_OF_ANOTHER_KIND"
    DUMP_NOT_RECOGNISED = "DUMP_NOT_RECOGNISED"
    DUMP_OF_ANOTHER_ENGINE = "DUMP_OF_ANOTHER_ENGINE"
    DUMP_IN_UTF16 = "DUMP_IN_UTF16"
    LINE_ENDS_CHANGED = "LINE_ENDS_CHANGED"
    # the machine
    NO_MACHINE = "NO_MACHINE"
    MACHINE_FAILED = "MACHINE_FAILED"
    MACHINE_OUT_OF_MEMORY = "MACHINE_OUT_OF_MEMORY"
    MACHINE_DISK_FULL = "MACHINE_DISK_FULL"
    ISOLATION_PARTIAL = "ISOLATION_PARTIAL"
    ISOLATION_NONE = "ISOLATION_NONE"
    COPY_NOT_SHOWN_GONE = "COPY_NOT_SHOWN_GONE"
    APPLICATION_FAILED = "APPLICATION_FAILED"
    # the load
    SERVER_OF_ANOTHER_SERIES = "SERVER_OF_ANOTHER_SERIES"
    SERVER_FAILED = "SERVER_FAILED"
    LOAD_ERRORS = "LOAD_ERRORS"
    LOAD_ERRORS_HARMLESS = "LOAD_ERRORS_HARMLESS"
    LOAD_STOPPED = "LOAD_STOPPED"
    LOAD_TIMED_OUT = "LOAD_TIMED_OUT"
    ENGINE_NOT_MATCHED = "ENGINE_NOT_MATCHED"
    DUMP_SYNTAX_OUTDATED = "DUMP_SYNTAX_OUTDATED"
    EXTENSION_ABSENT = "EXTENSION_ABSENT"
    COLLATION_ABSENT = "COLLATION_ABSENT"
    ROLES_NOT_IN_BACKUP = "ROLES_NOT_IN_BACKUP"
    DUMP_CUT = "DUMP_CUT"
    TABLES_LEFT_OUT = "TABLES_LEFT_OUT"
    VIEWS_LEFT_OUT = "VIEWS_LEFT_OUT"
    VIEW_CUT_OR_LEFT_OUT = "VIEW_CUT_OR_LEFT_OUT"
    CONTENTS_ABSENT = "CONTENTS_ABSENT"
    KEYS_ABSENT = "KEYS_ABSENT"
    ANNOUNCED_ABSENT = "ANNOUNCED_ABSENT"
    VALUES_CHANGED = "VALUES_CHANGED"
    WARNINGS_SILENCED = "WARNINGS_SILENCED"
    ZERO_DATES = "ZERO_DATES"
    DEFINERS_ABSENT = "DEFINERS_ABSENT"
    NOT_TRANSACTIONAL = "NOT_TRANSACTIONAL"
    TEXT_DOUBLY_ENCODED = "TEXT_DOUBLY_ENCODED"
    TEXT_NOT_UTF8 = "TEXT_NOT_UTF8"
    SETTING_NEEDED = "SETTING_NEEDED"
    END_MARK_ABSENT = "END_MARK_ABSENT"
    TOOL_MESSAGES_IN_BACKUP = "TOOL_MESSAGES_IN_BACKUP"
    WAL_NOT_IN_BACKUP = "WAL_NOT_IN_BACKUP"
    DATA_IN_ANOTHER_DATABASE = "DATA_IN_ANOTHER_DATABASE"
    RESTORE_TIME_OVER_OBJECTIVE = "RESTORE_TIME_OVER_OBJECTIVE"
    # the questions
    INTEGRITY_ERRORS = "INTEGRITY_ERRORS"
    NO_TABLES = "NO_TABLES"
    NO_ROWS = "NO_ROWS"
    DATABASE_MISSING = "DATABASE_MISSING"
    TABLE_MISSING = "TABLE_MISSING"
    TABLE_AMBIGUOUS = "TABLE_AMBIGUOUS"
    TABLE_EMPTY = "TABLE_EMPTY"
    ROWS_BELOW_MINIMUM = "ROWS_BELOW_MINIMUM"
    ROWS_BELOW_PREVIOUS = "ROWS_BELOW_PREVIOUS"
    OBJECTS_BELOW_MINIMUM = "OBJECTS_BELOW_MINIMUM"
    OBJECTS_BELOW_PREVIOUS = "OBJECTS_BELOW_PREVIOUS"
    ORPHAN_ROWS = "ORPHAN_ROWS"
    ORPHAN_ROWS_KNOWN = "ORPHAN_ROWS_KNOWN"
    ORPHAN_ROWS_GROWN = "ORPHAN_ROWS_GROWN"
    NO_FOREIGN_KEYS = "NO_FOREIGN_KEYS"
    SEQUENCE_BEHIND = "SEQUENCE_BEHIND"
    VIEW_UNUSABLE = "VIEW_UNUSABLE"
    MONTH_SHRUNK = "MONTH_SHRUNK"
    MONTH_EMPTY = "MONTH_EMPTY"
    MONTH_GAP = "MONTH_GAP"
    DATA_STALE = "DATA_STALE"
    DATA_STALE_CLOSED = "DATA_STALE_CLOSED"
    DATA_UNDATED = "DATA_UNDATED"
    DATES_UNREADABLE = "DATES_UNREADABLE"
    DATES_IN_FUTURE = "DATES_IN_FUTURE"
    SQL_EXPECTATION_UNMET = "SQL_EXPECTATION_UNMET"
    SQL_QUESTION_REFUSED = "SQL_QUESTION_REFUSED"
    CHECK_TIMED_OUT = "CHECK_TIMED_OUT"
    CHECK_BROKEN = "CHECK_BROKEN"
    PYTEST_FAILED = "PYTEST_FAILED"
    PYTEST_BROKEN = "PYTEST_BROKEN"
    PAGE_NOT_AS_EXPECTED = "PAGE_NOT_AS_EXPECTED"
    NOTHING_ASKED = "NOTHING_ASKED"
    LIVE_TABLE_MISSING = "LIVE_TABLE_MISSING"
    LIVE_TABLE_EMPTY = "LIVE_TABLE_EMPTY"
    ROWS_BELOW_LIVE = "ROWS_BELOW_LIVE"
    ROWS_FEWER_THAN_LIVE = "ROWS_FEWER_THAN_LIVE"
    ORPHAN_ROWS_ABOVE_LIVE = "ORPHAN_ROWS_ABOVE_LIVE"
    ORPHAN_ROWS_AS_LIVE = "ORPHAN_ROWS_AS_LIVE"
    NO_FINGERPRINT = "NO_FINGERPRINT"
    FINGERPRINT_UNUSABLE = "FINGERPRINT_UNUSABLE"
    IDENTITY_DIFFERS = "IDENTITY_DIFFERS"
    IDENTITY_ENROLLED = "IDENTITY_ENROLLED"
    IDENTITY_NOT_VERIFIED = "IDENTITY_NOT_VERIFIED"
    PLACE_NOT_TESTED = "PLACE_NOT_TESTED"
    # the documents
    DOCUMENTS_UNREADABLE = "DOCUMENTS_UNREADABLE"
    DOCUMENTS_MISSING = "DOCUMENTS_MISSING"
    DOCUMENTS_BELOW_PREVIOUS = "DOCUMENTS_BELOW_PREVIOUS"
    RANSOMWARE_SIGNS = "RANSOMWARE_SIGNS"
    # the test of the test
    CONTROL_SILENT = "CONTROL_SILENT"
    CONTROL_NOT_RUN = "CONTROL_NOT_RUN"
    COPY_HELD = "COPY_HELD"
    ACCEPTANCE_EXPIRED = "ACCEPTANCE_EXPIRED"
    # the drill itself
    INTERRUPTED = "INTERRUPTED"
    ABANDONED = "ABANDONED"
    EARLIER_DRILL_DIED = "EARLIER_DRILL_DIED"
    EARLIER_COPY_GONE = "EARLIER_COPY_GONE"
    EARLIER_COPY_NOT_SHOWN_GONE = "EARLIER_COPY_NOT_SHOWN_GONE"
    TOOL_BROKEN = "TOOL_BROKEN"
    REGISTER_BROKEN = "REGISTER_BROKEN"
    CLOCK_JUMPED = "CLOCK_JUMPED"
    CLOCK_BEHIND_REGISTER = "CLOCK_BEHIND_REGISTER"


class Severity(StrEnum):
    """How much a finding weighs, worst last."""

    NOTE = "note"
    RESERVATION = "reservation"
    INCONCLUSIVE = "inconclusive"
    FAILED = "failed"


Param = str | int


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One answer worth reporting: a code, what it is about, and where it was seen."""

    code: Code
    params: tuple[tuple[str, Param], ...] = ()
    restore_id: str | None = None
    check: str | None = None

    def made_safe(self, *, restore_id: str | None) -> Finding:
        """Give this finding as one of that restore, its text parameters safe to store, print and lay out."""
        safe = tuple((name, safe_text(value) if isinstance(value, str) else value) for name, value in self.params)
        return replace(self, params=safe, restore_id=restore_id)


def finding(code: Code, /, *, restore_id: str | None = None, check: str | None = None, **params: Param) -> Finding:
    """Make a finding; text parameters are made safe to store, print and lay out."""
    bare = Finding(code=code, params=tuple(params.items()), check=check)
    return bare.made_safe(restore_id=restore_id)


def safe_text(text: str, limit: int = PARAM_LENGTH) -> str:
    r"""Escape what could steer a terminal, a page or a mail header, and cut to `limit` characters.

    Controls, line and paragraph separators, format characters (bidirectional overrides among them), surrogates, private
    use and unassigned code points become ``\\xNN`` or ``\\uNNNN``.

    Source: Unicode categories Cc, Cf, Co, Cn, Cs, Zl, Zp.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text  # as nearly all are: a server's catalogue alone names thousands
    escaped = "".join(
        char.encode("unicode_escape", "surrogatepass").decode("ascii")
        if unicodedata.category(char) in {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"}
        else char
        for char in text[: limit + 1]
    )
    return escaped if len(escaped) <= limit else escaped[: limit - 1] + "…"


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A client's or server's message, reduced: nothing in it can be a patient's data.

    `code` is the engine's own (SQLSTATE, errno), `subject` an identifier the *schema* names, `line` the line of the
    dump, `digest` tells equal messages apart within one run only, `length` is that of the raw message in bytes.
    """

    code: str
    subject: str
    line: int | None
    digest: str
    length: int


_RUN_KEY = secrets.token_bytes(32)


def reduce_message(raw: bytes, *, code: str, subject: str = "", line: int | None = None) -> Problem:
    """The one place where raw text of a client, a server, pytest or a traceback ends.

    The digest is keyed with a secret that dies with the process: a plain hash of « Key (name)=(…) » could be guessed.
    """
    digest = hmac.new(_RUN_KEY, raw, hashlib.sha256).hexdigest()[:12]
    return Problem(code=safe_text(code, 16), subject=safe_text(subject), line=line, digest=digest, length=len(raw))

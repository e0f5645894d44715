"""For each finding code, what must raise it and what is near it and must not, by real tools where there are any.

Each side names a row of the table of damaged backups (docs/damaged-backups.md), or a test: path below `tests/`, then
`::` and the function, without its parameters. `tests/unit/test_proofs.py` holds this against both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from restore_lab.findings import Code


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """What must raise a code, and what is near it and must not."""

    raises: str
    spares: str


_RAISED: Final = "integration/test_codes_raised.py::test_it_is_raised"
_SPARED: Final = "integration/test_codes_raised.py::test_what_is_near_it_is_spared"
_TRIED: Final = Proof(raises=_RAISED, spares=_SPARED)
_APPLICATION: Final = "integration/test_application.py"
_FAKES: Final = "unit/test_drill_on_fakes.py"
_ANNOUNCED: Final = "integration/test_what_dumps_announce.py"
_BROKEN: Final = "integration/test_postgresql_broken.py"
_QUESTIONS: Final = "integration/test_postgresql_questions.py"
_SERVERS: Final = "integration/test_whole_servers.py"
_DEATH: Final = "integration/test_death_and_repair.py"
_HOLDS: Final = "integration/test_holds_killed.py"
_DOCUMENTS: Final = "hostile/test_document_leaks.py"
_WRONG_DOCUMENTS: Final = Proof(
    raises=f"{_DOCUMENTS}::test_what_is_wrong_with_the_documents_fails_the_drill_and_names_nothing",
    spares=f"{_DOCUMENTS}::test_what_a_document_says_is_no_message_of_a_backup_tool",
)
_FINGERPRINT: Final = "integration/test_fingerprint.py"
_OF_A_FILE: Final = "integration/test_fingerprint_of_a_file.py"
_ALIKE: Final = f"{_FINGERPRINT}::test_a_backup_of_a_live_server_is_compared_and_the_server_is_left_alone"
_LACKS: Final = f"{_OF_A_FILE}::test_a_backup_that_lacks_what_the_live_file_held_fails"
_UNLIKE: Final = Proof(raises=_LACKS, spares=_ALIKE)
_NOT_COMPARED: Final = Proof(
    raises=f"{_OF_A_FILE}::test_a_fingerprint_that_was_changed_or_is_of_another_day_is_no_green", spares=_ALIKE
)
_NOTHING_BACK: Final = Proof(raises="postgresql-wrong-database", spares="postgresql-odd-tables")

PROOFS: Final[Mapping[Code, Proof]] = MappingProxyType(
    {
        # the source and the recovery point
        Code.SOURCE_NOT_PLUGGED_IN: Proof(raises="unplugged", spares="elsewhere"),
        Code.SOURCE_UNREADABLE: Proof(raises="unlistable", spares="unplugged"),
        Code.NO_BACKUP_FOUND: Proof(raises="elsewhere", spares="older-changed-last"),
        Code.BACKUP_IN_PROGRESS: Proof(raises="growing", spares=_SPARED),
        Code.BACKUP_NEVER_FINISHED: Proof(raises="partial-dead", spares="partial"),
        Code.BACKUP_CHANGED_WHILE_READ: _TRIED,
        Code.BACKUP_OVERDUE: Proof(raises="overdue", spares="sqlite-whole"),
        Code.BACKUP_DATED_IN_FUTURE: Proof(raises="of-the-future", spares="older-changed-last"),
        Code.BACKUPS_SAME_DATE: Proof(raises="same-day", spares=_SPARED),
        Code.NOT_THE_LATEST: _TRIED,
        # the layers around the dump
        Code.BACKUP_EMPTY: Proof(raises="empty-gzip", spares="mariadb-gzip"),
        Code.ARCHIVE_DAMAGED: Proof(raises="mariadb-gzip-last-byte", spares="mariadb-gzip"),
        Code.ARCHIVE_TOO_LARGE: Proof(raises="gzip-six", spares="gzip-five"),
        Code.ARCHIVE_HOLDS_SEVERAL: Proof(raises="tar-of-two", spares="mariadb-tar-in-tar"),
        Code.ARCHIVE_ENCRYPTED: Proof(raises="locked-zip", spares="zip"),
        Code.ARCHIVE_FORM_UNKNOWN: Proof(raises="zip-bzip2", spares="zip"),
        Code.BACKUP_OF_ANOTHER_KIND: Proof(raises="xbstream", spares="tar-of-two"),
        Code.DUMP_NOT_RECOGNISED: Proof(raises="mariadb-xml", spares="mariadb-old-tool"),
        Code.DUMP_OF_ANOTHER_ENGINE: Proof(raises="another-engine", spares="sqlite-whole"),
        Code.DUMP_IN_UTF16: Proof(raises="mariadb-utf16", spares="mariadb-windows"),
        Code.LINE_ENDS_CHANGED: Proof(raises="mariadb-windows", spares=_SPARED),
        # the machine
        Code.NO_MACHINE: _TRIED,
        Code.MACHINE_FAILED: _TRIED,
        Code.MACHINE_OUT_OF_MEMORY: _TRIED,
        Code.MACHINE_DISK_FULL: _TRIED,
        Code.ISOLATION_PARTIAL: Proof(
            raises="integration/test_codes_raised.py::test_a_machine_that_sees_what_it_should_not_is_held_in_part",
            spares=_SPARED,
        ),
        Code.ISOLATION_NONE: Proof(
            raises="integration/test_codes_raised.py::test_a_process_that_nothing_holds_is_not_isolated",
            spares=_SPARED,
        ),
        Code.COPY_NOT_SHOWN_GONE: _TRIED,
        Code.APPLICATION_FAILED: Proof(
            raises=f"{_APPLICATION}::test_an_application_that_gives_no_page_tells_nothing_of_the_backup",
            spares=f"{_APPLICATION}::test_a_whole_backup_shows_its_pages",
        ),
        # the load
        Code.SERVER_OF_ANOTHER_SERIES: Proof(raises="postgresql-13-elsewhere", spares="postgresql-13"),
        Code.SERVER_FAILED: Proof(
            raises=f"{_QUESTIONS}::test_a_server_that_the_dump_kills_is_a_server_that_failed",
            spares="postgresql-plain",
        ),
        Code.LOAD_ERRORS: Proof(raises="mariadb-setting", spares="mariadb-setting-given"),
        Code.LOAD_ERRORS_HARMLESS: Proof(
            raises=f"{_BROKEN}::test_a_setting_of_another_series_is_harmless", spares=_SPARED
        ),
        Code.LOAD_STOPPED: Proof(raises="mariadb-cut-in-statement", spares="mariadb-cut-at-statement"),
        Code.LOAD_TIMED_OUT: _TRIED,
        Code.ENGINE_NOT_MATCHED: Proof(
            raises=f"{_BROKEN}::test_an_archive_newer_than_the_server_is_not_called_damaged",
            spares="postgresql-13-elsewhere",
        ),
        Code.DUMP_SYNTAX_OUTDATED: Proof(raises="mariadb-type-in-place-of-engine", spares="mariadb-old-tool"),
        Code.EXTENSION_ABSENT: Proof(raises="postgresql-extension", spares="postgresql-plain"),
        Code.COLLATION_ABSENT: Proof(raises="mariadb-collation", spares="mariadb-newer"),
        Code.ROLES_NOT_IN_BACKUP: Proof(raises="postgresql-roles", spares="postgresql-roles-in-it"),
        Code.DUMP_CUT: Proof(raises="mariadb-forged-end", spares="mariadb-one-insert-a-row"),
        Code.TABLES_LEFT_OUT: Proof(raises="mariadb-phpmyadmin-table-left-out", spares="mariadb-phpmyadmin"),
        Code.VIEWS_LEFT_OUT: Proof(raises="mariadb-phpmyadmin-view-left-out", spares="mariadb-phpmyadmin"),
        Code.VIEW_CUT_OR_LEFT_OUT: Proof(
            raises="mariadb-phpmyadmin-view-in-doubt", spares="mariadb-phpmyadmin-view-left-out-unsaid"
        ),
        Code.CONTENTS_ABSENT: Proof(raises="postgresql-no-key-and-left-out", spares="postgresql-keys-and-left-out"),
        Code.KEYS_ABSENT: Proof(raises="postgresql-forged-end-behind-rows", spares="postgresql-table-without-key"),
        Code.ANNOUNCED_ABSENT: Proof(
            raises=f"{_ANNOUNCED}::test_what_a_servers_version_keeps_it_from_making_is_absent",
            spares=f"{_ANNOUNCED}::test_a_whole_dump_announces_what_comes_back",
        ),
        Code.VALUES_CHANGED: Proof(raises="mariadb-truncated-values", spares="mariadb-zero-dates"),
        Code.WARNINGS_SILENCED: Proof(raises="mariadb-warnings-silenced", spares="mariadb-truncated-values"),
        Code.ZERO_DATES: Proof(raises="mariadb-zero-dates", spares=_SPARED),
        Code.DEFINERS_ABSENT: Proof(raises="mariadb-definer", spares="mariadb-whole"),
        Code.NOT_TRANSACTIONAL: Proof(raises="mariadb-myisam", spares="mariadb-whole"),
        Code.TEXT_DOUBLY_ENCODED: Proof(raises="mariadb-double-encoded", spares="mariadb-whole"),
        Code.TEXT_NOT_UTF8: Proof(raises="sqlite-cp1252", spares="sqlite-dump"),
        Code.SETTING_NEEDED: Proof(raises="mariadb-setting", spares="mariadb-setting-given"),
        Code.END_MARK_ABSENT: Proof(raises="mariadb-end-lost", spares="mariadb-no-comments"),
        Code.TOOL_MESSAGES_IN_BACKUP: Proof(raises="mariadb-stderr-warning", spares="mariadb-stderr-verbose"),
        Code.WAL_NOT_IN_BACKUP: Proof(raises="sqlite-wal", spares=_SPARED),
        Code.DATA_IN_ANOTHER_DATABASE: Proof(raises="mariadb-databases", spares=_SPARED),
        Code.RESTORE_TIME_OVER_OBJECTIVE: Proof(raises="slower-than-hoped", spares="within-the-hour"),
        # the questions
        Code.INTEGRITY_ERRORS: Proof(raises="sqlite-cut", spares="sqlite-wal"),
        Code.NO_TABLES: _NOTHING_BACK,
        Code.NO_ROWS: Proof(raises="mariadb-schema-only", spares="mariadb-schema-then-data"),
        Code.DATABASE_MISSING: Proof(raises="mariadb-named-database-missing", spares="mariadb-named-database"),
        Code.TABLE_MISSING: Proof(raises="mariadb-table-left-out", spares="postgresql-rows-left-out"),
        Code.TABLE_AMBIGUOUS: Proof(
            raises=f"{_SERVERS}::test_tables_of_a_mariadb_server_are_found_in_the_database_that_has_them",
            spares=f"{_SERVERS}::test_a_table_named_with_its_database_is_that_one",
        ),
        Code.TABLE_EMPTY: Proof(raises="postgresql-rows-left-out", spares="postgresql-odd-tables"),
        Code.ROWS_BELOW_MINIMUM: Proof(raises="sqlite-letters-lost", spares="sqlite-letters-enough"),
        Code.ROWS_BELOW_PREVIOUS: Proof(raises="mariadb-month-shrunk", spares="mariadb-purged"),
        Code.OBJECTS_BELOW_MINIMUM: Proof(raises="sqlite-view-lost", spares="sqlite-view-there"),
        Code.OBJECTS_BELOW_PREVIOUS: Proof(raises="mariadb-routines-left-out", spares="mariadb-again"),
        Code.ORPHAN_ROWS: Proof(raises="mariadb-orphans", spares="mariadb-orphans-known"),
        Code.ORPHAN_ROWS_KNOWN: Proof(raises="mariadb-orphans-known", spares=_SPARED),
        Code.ORPHAN_ROWS_GROWN: Proof(raises="mariadb-orphans-grown", spares="mariadb-orphans-known"),
        Code.NO_FOREIGN_KEYS: Proof(raises="mariadb-no-keys", spares=_SPARED),
        Code.SEQUENCE_BEHIND: Proof(raises="postgresql-sequence-behind", spares="postgresql-whole"),
        Code.VIEW_UNUSABLE: Proof(raises="mariadb-definer", spares="mariadb-whole"),
        Code.MONTH_SHRUNK: Proof(raises="postgresql-month-shrunk", spares="mariadb-purged"),
        Code.MONTH_EMPTY: Proof(raises="mariadb-month-emptied", spares="mariadb-purged"),
        Code.MONTH_GAP: Proof(raises="mariadb-month-gap", spares="mariadb-stale"),
        Code.DATA_STALE: Proof(raises="mariadb-stale", spares="mariadb-closed"),
        Code.DATA_STALE_CLOSED: Proof(raises="mariadb-closed", spares=_SPARED),
        Code.DATA_UNDATED: Proof(raises="mariadb-all-ahead", spares="mariadb-appointments"),
        Code.DATES_UNREADABLE: Proof(raises="sqlite-epoch-seconds", spares="sqlite-stale"),
        Code.DATES_IN_FUTURE: Proof(raises="mariadb-appointments", spares=_SPARED),
        Code.SQL_EXPECTATION_UNMET: Proof(raises="sqlite-answer-unmet", spares="sqlite-answer-met"),
        Code.SQL_QUESTION_REFUSED: Proof(raises="mariadb-wrong-database", spares="mariadb-table-left-out"),
        Code.CHECK_TIMED_OUT: _TRIED,
        Code.CHECK_BROKEN: Proof(raises="sqlite-cut", spares="sqlite-wal"),
        Code.PYTEST_FAILED: _TRIED,
        Code.PYTEST_BROKEN: _TRIED,
        Code.PAGE_NOT_AS_EXPECTED: Proof(
            raises=f"{_APPLICATION}::test_an_emptied_table_of_answers_fails_the_page",
            spares=f"{_APPLICATION}::test_a_whole_backup_shows_its_pages",
        ),
        Code.NOTHING_ASKED: _TRIED,
        Code.LIVE_TABLE_MISSING: _UNLIKE,
        Code.LIVE_TABLE_EMPTY: _UNLIKE,
        Code.ROWS_BELOW_LIVE: _UNLIKE,
        Code.ROWS_FEWER_THAN_LIVE: _UNLIKE,
        Code.ORPHAN_ROWS_ABOVE_LIVE: _UNLIKE,
        Code.ORPHAN_ROWS_AS_LIVE: Proof(raises=_ALIKE, spares=_LACKS),
        Code.NO_FINGERPRINT: _NOT_COMPARED,
        Code.FINGERPRINT_UNUSABLE: _NOT_COMPARED,
        Code.IDENTITY_DIFFERS: Proof(raises="sqlite-wrong-practice", spares="sqlite-same-practice"),
        Code.IDENTITY_ENROLLED: Proof(raises="sqlite-enrolled", spares=_SPARED),
        Code.IDENTITY_NOT_VERIFIED: _TRIED,
        Code.PLACE_NOT_TESTED: _TRIED,
        # the documents
        Code.DOCUMENTS_UNREADABLE: _WRONG_DOCUMENTS,
        Code.DOCUMENTS_MISSING: _WRONG_DOCUMENTS,
        Code.DOCUMENTS_BELOW_PREVIOUS: Proof(
            raises=f"{_DOCUMENTS}::test_fewer_documents_than_at_the_last_drill_fail_it",
            spares=_WRONG_DOCUMENTS.spares,
        ),
        Code.RANSOMWARE_SIGNS: _WRONG_DOCUMENTS,
        # the test of the test
        Code.CONTROL_SILENT: Proof(raises="sqlite-dump-no-minimum", spares="sqlite-dump"),
        Code.CONTROL_NOT_RUN: _TRIED,
        Code.COPY_HELD: _TRIED,
        Code.ACCEPTANCE_EXPIRED: _TRIED,
        # the drill itself
        Code.INTERRUPTED: Proof(
            raises="e2e/test_cli.py::test_an_interrupt_exits_130_and_is_on_record",
            spares="sqlite-whole",
        ),
        Code.ABANDONED: Proof(
            raises="e2e/test_cli.py::test_a_sweep_after_a_killed_drill_removes_what_it_left_and_closes_its_entry",
            spares="e2e/test_cli.py::test_an_interrupt_exits_130_and_is_on_record",
        ),
        Code.EARLIER_DRILL_DIED: Proof(
            raises=f"{_DEATH}::test_a_drill_killed_anywhere_is_closed_as_abandoned_by_the_next_and_swept",
            spares=f"{_DEATH}::test_a_drill_killed_after_its_last_entry_is_closed_and_not_abandoned",
        ),
        Code.EARLIER_COPY_GONE: Proof(
            raises=f"{_HOLDS}::test_a_hold_that_was_killed_is_told_by_the_next_drill_which_removes_its_copy",
            spares=f"{_HOLDS}::test_a_hold_that_lives_or_ended_by_itself_is_not_told",
        ),
        Code.EARLIER_COPY_NOT_SHOWN_GONE: Proof(
            raises=f"{_DEATH}::test_what_a_dead_drill_left_and_cannot_be_removed_is_said_until_it_is_gone",
            spares=f"{_DEATH}::test_a_drill_killed_anywhere_is_closed_as_abandoned_by_the_next_and_swept",
        ),
        Code.TOOL_BROKEN: Proof(
            raises=f"{_FAKES}::test_an_engine_that_breaks_is_never_a_failed_backup", spares="sqlite-whole"
        ),
        Code.REGISTER_BROKEN: Proof(
            raises="e2e/test_cli_records.py::test_a_changed_register_exits_5",
            spares="mariadb-again",
        ),
        Code.CLOCK_BEHIND_REGISTER: Proof(
            raises="hostile/test_hostile_labs.py::test_a_clock_that_stands_before_the_last_drill_may_be_accepted_once_it_was_compared",
            spares="sqlite-whole",
        ),
        Code.CLOCK_JUMPED: Proof(
            raises="faults/test_faults.py::test_a_clock_that_is_put_forward_makes_no_backup_overdue",
            spares="sqlite-whole",
        ),
    }
)

"""Backups of MariaDB: whole, odd, damaged."""

from __future__ import annotations

from typing import Final

from integration import damaged_doing as doing
from integration import damaged_practice as practice
from integration.damaged import INCONCLUSIVE, PASSED, RESERVED, Row
from integration.damaged_making import Backup

from restore_lab.findings import Code

WHOLE: Final = Backup(engine="mariadb")
_WITHOUT: Final = ("--skip-routines", "--single-transaction", practice.DATABASE)
_LAST_INSERT: Final = b"INSERT INTO `courrier`"


def _dumped(*tool: str) -> Backup:
    return Backup(engine="mariadb", tool=("mariadb-dump", *tool))


_BROKEN_VIEW: Final = (
    "CREATE TABLE liste (id INT);\nCREATE DEFINER=root@localhost VIEW en_liste AS SELECT id FROM liste;\n"
    "DROP TABLE liste;\n"
)

ROWS: Final = (
    Row(
        name="mariadb-databases",
        backup=_dumped("--databases", practice.DATABASE, "--routines", "--triggers"),
        done="dumped with `--databases`: creates its own database",
        verdict=PASSED,
        notes=frozenset({Code.DATA_IN_ANOTHER_DATABASE}),
        healthy=True,
    ),
    Row(
        name="mariadb-one-insert-a-row",
        backup=_dumped("--skip-opt", "--routines", practice.DATABASE),
        done="dumped with `--skip-opt`: one INSERT a row, no locks, as old tools wrote",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="mariadb-no-comments",
        backup=_dumped("--skip-comments", "--routines", practice.DATABASE),
        done="dumped with `--skip-comments`: a tool that writes no end mark",
        verdict=RESERVED,
        weighing=frozenset({Code.SERVER_OF_ANOTHER_SERIES}),
        healthy=True,
    ),
    Row(
        name="mariadb-all-databases",
        backup=_dumped("--all-databases", "--routines"),
        done="dumped with `--all-databases`: the server's own accounts are in it",
        verdict=PASSED,
        notes=frozenset({Code.DATA_IN_ANOTHER_DATABASE}),
        healthy=True,
    ),
    Row(
        name="mariadb-no-quotes",
        backup=_dumped("--skip-quote-names", "--routines", practice.DATABASE),
        done="dumped with `--skip-quote-names`",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="mariadb-compact",
        backup=_dumped("--compact", "--routines", practice.DATABASE),
        done="dumped with `--compact`: does not say its series, and leaves foreign keys on, so that tables are refused",
        verdict=INCONCLUSIVE,
        weighing=frozenset(
            {Code.LOAD_ERRORS, Code.TABLE_MISSING, Code.SQL_QUESTION_REFUSED, Code.SERVER_OF_ANOTHER_SERIES}
        ),
    ),
    Row(
        name="mariadb-xml",
        backup=_dumped("--xml", practice.DATABASE),
        done="dumped with `--xml`, which the client does not read back",
        weighing=frozenset({Code.DUMP_NOT_RECOGNISED}),
    ),
    Row(
        name="mariadb-old-tool",
        backup=WHOLE,
        damage=(doing.as_mysqldump_9,),
        done="head and end as mysqldump 9.11 of MySQL 4.0 wrote them: it writes no end mark",
        verdict=RESERVED,
        weighing=frozenset({Code.SERVER_OF_ANOTHER_SERIES}),
        healthy=True,
    ),
    Row(
        name="mariadb-gzip",
        backup=WHOLE,
        damage=(doing.gzipped,),
        place=doing.named("sql.gz"),
        done="packed with gzip",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="mariadb-tar-in-tar",
        backup=WHOLE,
        damage=(doing.tarred("dump.sql"), doing.tarred("dump.tar"), doing.gzipped),
        done="put into a tar, that into another tar, that packed with gzip",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="mariadb-windows",
        backup=WHOLE,
        damage=(doing.crlf,),
        done="lines end as on Windows (CRLF)",
        verdict=PASSED,
        notes=frozenset({Code.LINE_ENDS_CHANGED}),
        healthy=True,
    ),
    Row(
        name="mariadb-cut-in-statement",
        backup=WHOLE,
        damage=(doing.cut_within(_LAST_INSERT, 900),),
        done="cut in the middle of the INSERT of the last table",
        weighing=frozenset(
            {
                Code.LOAD_STOPPED,
                Code.LOAD_ERRORS,
                Code.DUMP_CUT,
                Code.END_MARK_ABSENT,
                Code.TABLE_EMPTY,
                Code.TABLE_MISSING,
                Code.ORPHAN_ROWS,
            }
        ),
    ),
    Row(
        name="mariadb-cut-at-statement",
        backup=WHOLE,
        damage=(doing.cut_before(_LAST_INSERT),),
        done="cut between two statements, before the rows of one table",
        weighing=frozenset(
            {Code.DUMP_CUT, Code.END_MARK_ABSENT, Code.TABLE_EMPTY, Code.TABLE_MISSING, Code.ORPHAN_ROWS}
        ),
    ),
    Row(
        name="mariadb-forged-end",
        backup=WHOLE,
        damage=(doing.cut_before(_LAST_INSERT), doing.ends_with(doing.MARIADB_END)),
        done="cut between two statements, and the line that a whole dump ends with written under it",
        weighing=frozenset({Code.DUMP_CUT, Code.TABLE_EMPTY, Code.TABLE_MISSING, Code.ORPHAN_ROWS}),
    ),
    Row(
        name="mariadb-end-lost",
        backup=WHOLE,
        damage=(doing.without_line(b"-- Dump completed"),),
        done="only the last line, the end mark, left out",
        verdict=RESERVED,
        weighing=frozenset({Code.END_MARK_ABSENT}),
    ),
    Row(
        name="mariadb-gzip-cut",
        backup=WHOLE,
        damage=(doing.gzipped, doing.cut(0.6)),
        done="packed with gzip, the .gz cut at 60 %",
        weighing=frozenset({Code.ARCHIVE_DAMAGED}),
    ),
    Row(
        name="mariadb-gzip-last-byte",
        backup=WHOLE,
        damage=(doing.gzipped, lambda content: content[:-1]),
        done="packed with gzip, the last byte of the .gz missing",
        weighing=frozenset({Code.ARCHIVE_DAMAGED}),
    ),
    Row(
        name="mariadb-gzip-flip",
        backup=WHOLE,
        damage=(doing.gzipped, doing.flip(0.7)),
        done="packed with gzip, one bit of the .gz flipped",
        weighing=frozenset({Code.ARCHIVE_DAMAGED}),
    ),
    Row(
        name="mariadb-flip-in-word",
        backup=WHOLE,
        damage=(doing.replaced(b"CREATE TABLE `courrier`", b"CREATE TABDE `courrier`"),),
        done="one bit flipped, in the word TABLE",
        weighing=frozenset({Code.LOAD_ERRORS, Code.TABLE_MISSING}),
    ),
    Row(
        name="mariadb-flip-in-value",
        backup=WHOLE,
        damage=(doing.replaced(b"ESSAI-007", b"ESSAI-107"),),
        done="one byte changed, inside a name: nothing in a plain dump can show it",
        verdict=PASSED,
    ),
    Row(
        name="mariadb-schema-only",
        backup=_dumped("--no-data", "--routines", practice.DATABASE),
        done="dumped with `--no-data`",
        weighing=frozenset({Code.NO_ROWS, Code.TABLE_EMPTY, Code.DATA_UNDATED}),
    ),
    Row(
        name="mariadb-table-left-out",
        backup=_dumped("--ignore-table=cabinet.courrier", "--routines", practice.DATABASE),
        done="dumped with `--ignore-table`",
        weighing=frozenset({Code.TABLE_MISSING}),
    ),
    Row(
        name="mariadb-routines-left-out",
        backup=_dumped("--skip-triggers", *_WITHOUT),
        before=WHOLE,
        done="dumped without routines and triggers, which the last test had",
        verdict=RESERVED,
        weighing=frozenset({Code.OBJECTS_BELOW_PREVIOUS}),
    ),
    Row(
        name="mariadb-truncated-values",
        backup=WHOLE,
        damage=(doing.replaced(b"`motif` varchar(120)", b"`motif` varchar(10)"),),
        done="a column made narrower than its values: cut in silence when they come back",
        weighing=frozenset({Code.VALUES_CHANGED}),
    ),
    Row(
        name="mariadb-utf16",
        backup=WHOLE,
        damage=(doing.utf16,),
        done="written by PowerShell's `>`: UTF-16 with CRLF",
        weighing=frozenset({Code.DUMP_IN_UTF16}),
    ),
    Row(
        name="mariadb-stderr",
        backup=Backup(
            engine="mariadb",
            change=_BROKEN_VIEW,
            tool=("mariadb-dump", "--force", "--routines", practice.DATABASE),
            together=True,
        ),
        done="dumped with `--force … 2>&1` while a view is broken: messages in it, one with a lone apostrophe",
        weighing=frozenset(
            {Code.TOOL_MESSAGES_IN_BACKUP, Code.LOAD_ERRORS, Code.LOAD_STOPPED, Code.TABLE_MISSING, Code.ORPHAN_ROWS}
        ),
    ),
    Row(
        name="mariadb-stderr-warning",
        backup=WHOLE,
        damage=(doing.before_all(b"Warning: Using a password on the command line interface can be insecure.\n"),),
        done="one warning of the tool before its first line",
        verdict=RESERVED,
        weighing=frozenset({Code.TOOL_MESSAGES_IN_BACKUP}),
    ),
    Row(
        name="mariadb-stderr-verbose",
        backup=Backup(engine="mariadb", tool=("mariadb-dump", "--verbose", *_WITHOUT), together=True),
        done="dumped with `--verbose … 2>&1`: its messages are comments",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="mariadb-access-denied",
        backup=Backup(
            engine="mariadb",
            tool=("mariadb-dump", "--user=nobody", "--password=none", practice.DATABASE),
            together=True,
        ),
        done="the tool was refused, and its message was written in place of the backup",
        weighing=frozenset({Code.DUMP_NOT_RECOGNISED, Code.TOOL_MESSAGES_IN_BACKUP}),
    ),
    Row(
        name="mariadb-newer",
        backup=Backup(engine="mariadb", series="11.8", collation="utf8mb4_general_ci"),
        done="dumped by MariaDB 11.8, restored on 10.11",
        verdict=RESERVED,
        weighing=frozenset({Code.SERVER_OF_ANOTHER_SERIES}),
        healthy=True,
    ),
    Row(
        name="mariadb-newer-at-home",
        backup=Backup(engine="mariadb", series="11.8"),
        machine="container",
        done="dumped by MariaDB 11.8, restored on 11.8",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="mariadb-collation",
        backup=Backup(engine="mariadb", series="11.8"),
        damage=(doing.replaced(b"utf8mb4_uca1400_ai_ci", b"utf8mb4_0900_ai_ci"),),
        done="dumped by MariaDB 11.8, with a collation of MySQL 8 that 10.11 has not, restored on 10.11",
        verdict=INCONCLUSIVE,
        weighing=frozenset(
            {
                Code.COLLATION_ABSENT,
                Code.SERVER_OF_ANOTHER_SERIES,
                Code.NO_TABLES,
                Code.TABLE_MISSING,
                Code.SQL_QUESTION_REFUSED,
            }
        ),
    ),
)

"""What may be wrong with any backup, whatever engine wrote it; and backups of SQLite."""

from __future__ import annotations

from typing import Final

from integration import damaged_asked, damaged_sqlite
from integration import damaged_doing as doing
from integration import damaged_practice as practice
from integration.damaged import IDENTITY, INCONCLUSIVE, PASSED, RESERVED, Row
from integration.damaged_making import Backup

from restore_lab.findings import Code

WHOLE: Final = Backup(engine="sqlite")
SCRIPT: Final = Backup(engine="sqlite", tool=("dump",))


def _changed(change: str) -> Backup:
    return Backup(engine="sqlite", change=change)


#: One row a statement, and nothing behind the rows: without a minimum the first half looks whole.
_MINIMUM: Final = "at_least = { courrier = 130 }"

ROWS: Final = (
    Row(name="sqlite-whole", backup=WHOLE, done="nothing: a database file", verdict=PASSED, healthy=True),
    Row(
        name="sqlite-wal",
        backup=_changed("PRAGMA journal_mode=WAL;\n"),
        done="a database file in write-ahead mode, copied by itself",
        verdict=PASSED,
        notes=frozenset({Code.WAL_NOT_IN_BACKUP}),
        healthy=True,
    ),
    Row(
        name="sqlite-dump",
        backup=SCRIPT,
        place=doing.named("sql"),
        counts=_MINIMUM,
        done="nothing: a dump as text",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="sqlite-dump-no-minimum",
        backup=SCRIPT,
        place=doing.named("sql"),
        done="a dump as text, and no minimum in the scenario: nothing would show that half of it is missing",
        verdict=INCONCLUSIVE,
        weighing=frozenset({Code.CONTROL_SILENT}),
    ),
    Row(
        name="sqlite-python-dump",
        backup=Backup(engine="sqlite", tool=("iterdump",)),
        place=doing.named("sql"),
        counts=_MINIMUM,
        done="a dump as text by Python's `iterdump`, which writes no PRAGMA",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="sqlite-twice-packed",
        backup=WHOLE,
        damage=(doing.gzipped, doing.xz),
        done="packed with gzip, then with xz, named .dump",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="sqlite-windows",
        backup=SCRIPT,
        damage=(doing.crlf,),
        counts=_MINIMUM,
        done="a dump as text whose lines end as on Windows (CRLF)",
        verdict=PASSED,
        notes=frozenset({Code.LINE_ENDS_CHANGED}),
        healthy=True,
    ),
    Row(
        name="sqlite-cut",
        backup=WHOLE,
        damage=(doing.cut(0.6),),
        done="a database file cut at 60 %",
        weighing=frozenset(
            {
                Code.INTEGRITY_ERRORS,
                Code.NO_TABLES,
                Code.TABLE_MISSING,
                Code.CHECK_BROKEN,
                Code.SQL_QUESTION_REFUSED,
            }
        ),
    ),
    Row(
        name="sqlite-dump-cut",
        backup=SCRIPT,
        damage=(doing.cut(0.6),),
        done="a dump as text cut at 60 %",
        weighing=frozenset({Code.LOAD_STOPPED}),
    ),
    Row(
        name="sqlite-utf8",
        backup=WHOLE,
        damage=(doing.reencoded,),
        done="a database file saved by a text editor as UTF-8",
        weighing=frozenset(
            {
                Code.INTEGRITY_ERRORS,
                Code.NO_TABLES,
                Code.TABLE_MISSING,
                Code.CHECK_BROKEN,
                Code.SQL_QUESTION_REFUSED,
            }
        ),
    ),
    Row(
        name="sqlite-crlf",
        backup=WHOLE,
        damage=(doing.text_mode,),
        done="a database file copied in text mode: CRLF in place of each line feed",
        weighing=frozenset(
            {
                Code.INTEGRITY_ERRORS,
                Code.NO_TABLES,
                Code.TABLE_MISSING,
                Code.CHECK_BROKEN,
                Code.SQL_QUESTION_REFUSED,
            }
        ),
    ),
    Row(
        name="sqlite-orphans",
        backup=_changed("DELETE FROM consultation WHERE id BETWEEN 41 AND 45;\n"),
        done="letters without their consultations, at the first test",
        verdict=RESERVED,
        weighing=frozenset({Code.ORPHAN_ROWS}),
    ),
    Row(
        name="sqlite-wrong-practice",
        backup=Backup(engine="sqlite", whose="cabinet-voisin"),
        before=WHOLE,
        options=IDENTITY,
        done="the backup of another practice, with the same software",
        weighing=frozenset({Code.IDENTITY_DIFFERS}),
    ),
    Row(
        name="sqlite-same-practice",
        backup=WHOLE,
        before=WHOLE,
        options=IDENTITY,
        done="the backup of the same practice",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="empty",
        backup=WHOLE,
        damage=(doing.nothing,),
        done="no byte in it",
        weighing=frozenset({Code.BACKUP_EMPTY}),
    ),
    Row(
        name="empty-gzip",
        backup=WHOLE,
        damage=(doing.nothing, doing.gzipped),
        done="a sound .gz with no byte in it",
        weighing=frozenset({Code.BACKUP_EMPTY}),
    ),
    Row(
        name="page",
        backup=WHOLE,
        damage=(doing.a_page,),
        done="a web page in place of the backup",
        weighing=frozenset({Code.DUMP_NOT_RECOGNISED}),
    ),
    Row(
        name="tar-cut",
        backup=WHOLE,
        damage=(doing.tarred("cabinet.sqlite"), doing.tar_cut),
        done="put into a tar, the tar cut in half",
        weighing=frozenset({Code.ARCHIVE_DAMAGED}),
    ),
    Row(
        name="tar-of-two",
        backup=WHOLE,
        damage=(doing.tarred("lundi.sqlite", "mardi.sqlite"),),
        done="two backups in one tar",
        verdict=INCONCLUSIVE,
        weighing=frozenset({Code.ARCHIVE_HOLDS_SEVERAL}),
    ),
    Row(
        name="locked-zip",
        backup=WHOLE,
        damage=(doing.locked_zip,),
        done="in a zip with a password that nobody gave",
        verdict=INCONCLUSIVE,
        weighing=frozenset({Code.ARCHIVE_ENCRYPTED}),
    ),
    Row(
        name="another-engine",
        backup=WHOLE,
        options='engine = { kind = "postgresql" }',
        done="a SQLite file where the scenario says PostgreSQL",
        verdict=INCONCLUSIVE,
        weighing=frozenset({Code.DUMP_OF_ANOTHER_ENGINE}),
    ),
    Row(
        name="growing",
        backup=WHOLE,
        growing=True,
        done="a newer one beside it is being written while the test runs",
        verdict=PASSED,
        notes=frozenset({Code.BACKUP_IN_PROGRESS}),
        healthy=True,
    ),
    Row(
        name="partial",
        backup=WHOLE,
        place=doing.beside_partial(hours=1),
        done="a newer `.partial` beside it, written to an hour ago",
        verdict=PASSED,
        notes=frozenset({Code.BACKUP_IN_PROGRESS}),
        healthy=True,
    ),
    Row(
        name="partial-dead",
        backup=WHOLE,
        place=doing.beside_partial(hours=30),
        done="a newer `.partial` beside it, not written to for 30 hours",
        weighing=frozenset({Code.BACKUP_NEVER_FINISHED}),
    ),
    Row(
        name="older-changed-last",
        backup=WHOLE,
        place=doing.older_changed_last,
        done="an older one beside it, cut, was copied later: its mtime is newer",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="newest-is-empty",
        backup=WHOLE,
        place=doing.newest_is_empty,
        done="the newest is empty; a whole one of the day before has a newer mtime",
        weighing=frozenset({Code.BACKUP_EMPTY}),
    ),
    Row(
        name="same-day",
        backup=WHOLE,
        place=doing.twice_the_same_day,
        done="two of the same day",
        verdict=PASSED,
        notes=frozenset({Code.BACKUPS_SAME_DATE}),
        healthy=True,
    ),
    Row(
        name="of-the-future",
        backup=_changed(practice.AS_OF_YESTERDAY),
        place=doing.of_the_future,
        done="of data as of yesterday; a wrong clock dates it in 2099",
        verdict=RESERVED,
        weighing=frozenset({Code.BACKUP_DATED_IN_FUTURE}),
    ),
    Row(
        name="overdue",
        backup=WHOLE,
        every_days=7,
        done="months old, where one is due every week",
        weighing=frozenset({Code.BACKUP_OVERDUE}),
    ),
    Row(
        name="elsewhere",
        backup=WHOLE,
        place=doing.elsewhere,
        done="written under another name than the one it is looked for by",
        weighing=frozenset({Code.NO_BACKUP_FOUND}),
    ),
    Row(
        name="sqlite-stale",
        backup=_changed(practice.STALE),
        done="the newest consultation is three weeks older than the backup",
        weighing=frozenset({Code.DATA_STALE}),
    ),
    *damaged_sqlite.ROWS,
    *damaged_asked.ROWS,
)

"""Backups of MariaDB that are what their live database was: short of rows, dates, accounts; and one that hides more."""

from __future__ import annotations

from typing import Final

from integration import damaged_doing as doing
from integration import damaged_practice as practice
from integration.damaged import IDENTITY, INCONCLUSIVE, PASSED, RESERVED, Row
from integration.damaged_making import Backup

from restore_lab.findings import Code

WHOLE: Final = Backup(engine="mariadb")
_NAMED: Final = f'engine = {{ kind = "mariadb", database = "{practice.DATABASE}" }}'


def _changed(change: str) -> Backup:
    return Backup(engine="mariadb", change=change)


_CLOSED: Final = '[[practice.closures]]\nfirst = 2026-02-16\nlast = 2026-03-15\nwhy = "congés"\n'
_ORPHANED: Final = "SET FOREIGN_KEY_CHECKS=0;\nDELETE FROM consultation WHERE id BETWEEN 41 AND 45;\n"
_MORE_ORPHANED: Final = _ORPHANED.replace("45", "47")
_UNDECLARED: Final = (
    "ALTER TABLE courrier DROP FOREIGN KEY de_la_consultation;\nALTER TABLE consultation DROP FOREIGN KEY du_patient;\n"
)
_ZERO: Final = (
    "SET sql_mode='';\nCREATE TABLE vaccin (id INT PRIMARY KEY, fait_le DATE NOT NULL);\n"
    "INSERT INTO vaccin VALUES (1, '0000-00-00'), (2, '2025-01-02');\n"
)
_WIDE: Final = (
    f"CREATE TABLE examen (id INT PRIMARY KEY, {', '.join(f'c{n} CHAR(60)' for n in range(180))}"
    ") ROW_FORMAT=COMPRESSED;\nINSERT INTO examen (id) VALUES (1);\n"
)

_IN_MEMORY: Final = (
    "SET max_heap_table_size = 100000000;\nCREATE TABLE fugace (t CHAR(255)) ENGINE=MEMORY CHARSET=latin1;\n"
    "INSERT INTO fugace SELECT 'x' FROM seq_1_to_90000;\n"
)
_LARGE: Final = (
    "CREATE TABLE scan (id INT PRIMARY KEY, image LONGBLOB);\nINSERT INTO scan SELECT 1, REPEAT('x', 40000000);\n"
)
_LARGE_TOOL: Final = (
    *("mariadb-dump", "--routines", "--triggers", "--events", "--single-transaction"),
    *("--max-allowed-packet=1G", practice.DATABASE),
)
_SQL_IN_TEXT: Final = (
    "INSERT INTO courrier (consultation_id, texte) VALUES (1, 'DROP TABLE patient;\\n"
    "-- Table structure for table `faux`\\nLOCK TABLES `faux` WRITE;\\nmysqldump: Got error: 1');\n"
)


def _dumped(*tool: str) -> Backup:
    return Backup(engine="mariadb", tool=("mariadb-dump", *tool))


ROWS: Final = (
    Row(name="mariadb-whole", backup=WHOLE, done="nothing", verdict=PASSED, healthy=True),
    Row(
        name="mariadb-again",
        backup=WHOLE,
        before=WHOLE,
        done="nothing, and tested before",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="mariadb-dropped-table",
        backup=_changed(practice.DROPPED),
        before=WHOLE,
        done="a table dropped from the live database after the last test",
        weighing=frozenset({Code.TABLE_MISSING, Code.OBJECTS_BELOW_PREVIOUS}),
    ),
    Row(
        name="mariadb-wrong-database",
        backup=Backup(engine="mariadb", beside=practice.SHOP, tool=("mariadb-dump", "boutique")),
        done="another database of the same server",
        weighing=frozenset({Code.TABLE_MISSING, Code.SQL_QUESTION_REFUSED}),
    ),
    Row(
        name="mariadb-named-database",
        backup=Backup(engine="mariadb", beside=practice.MALL, tool=("mariadb-dump", "--routines", "--all-databases")),
        options=_NAMED,
        done="the whole server; the scenario names the practice's database, not the fullest",
        verdict=PASSED,
        notes=frozenset({Code.DATA_IN_ANOTHER_DATABASE}),
        healthy=True,
    ),
    Row(
        name="mariadb-named-database-missing",
        backup=Backup(engine="mariadb", beside=practice.SHOP, tool=("mariadb-dump", "--databases", "boutique")),
        options=_NAMED,
        done="another database of the same server, where the scenario names that of the practice",
        weighing=frozenset({Code.DATABASE_MISSING, Code.TABLE_MISSING, Code.SQL_QUESTION_REFUSED}),
    ),
    Row(
        name="mariadb-wrong-practice",
        backup=Backup(engine="mariadb", whose="cabinet-voisin"),
        before=WHOLE,
        options=IDENTITY,
        done="the backup of another practice, with the same software",
        weighing=frozenset({Code.IDENTITY_DIFFERS}),
    ),
    Row(
        name="mariadb-month-shrunk",
        backup=_changed(practice.THINNED_MONTH),
        before=WHOLE,
        done="some consultations of a past month deleted after the last test",
        weighing=frozenset({Code.MONTH_SHRUNK, Code.ROWS_BELOW_PREVIOUS}),
    ),
    Row(
        name="mariadb-month-emptied",
        backup=_changed(practice.EMPTIED_MONTH),
        before=WHOLE,
        done="every consultation of a past month deleted after the last test",
        weighing=frozenset({Code.MONTH_EMPTY, Code.ROWS_BELOW_PREVIOUS}),
    ),
    Row(
        name="mariadb-month-gap",
        backup=_changed(practice.EMPTIED_MONTH),
        done="every consultation of a past month deleted, at the first test",
        verdict=RESERVED,
        weighing=frozenset({Code.MONTH_GAP}),
    ),
    Row(
        name="mariadb-purged",
        backup=_changed(practice.PURGED),
        before=WHOLE,
        counts='may_shrink = ["consultation", "courrier"]',
        done="the oldest months purged after the last test, as the scenario declares",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="mariadb-orphans",
        backup=_changed(_ORPHANED),
        done="consultations deleted with their letters left behind, at the first test",
        verdict=RESERVED,
        weighing=frozenset({Code.ORPHAN_ROWS}),
    ),
    Row(
        name="mariadb-orphans-known",
        backup=_changed(_ORPHANED),
        before=_changed(_ORPHANED),
        done="letters without their consultations, as many as at the last test",
        verdict=PASSED,
        notes=frozenset({Code.ORPHAN_ROWS_KNOWN}),
        healthy=True,
    ),
    Row(
        name="mariadb-orphans-grown",
        backup=_changed(_MORE_ORPHANED),
        before=_changed(_ORPHANED),
        done="consultations deleted with their letters left behind, after the last test",
        weighing=frozenset({Code.ORPHAN_ROWS_GROWN, Code.ROWS_BELOW_PREVIOUS, Code.MONTH_SHRUNK}),
    ),
    Row(
        name="mariadb-zero-dates",
        backup=_changed(_ZERO),
        done="dates of zero in a table, as some software writes for « none »",
        verdict=PASSED,
        notes=frozenset({Code.ZERO_DATES}),
        healthy=True,
    ),
    Row(
        name="mariadb-definer",
        backup=Backup(engine="mariadb", definer=practice.LOST_DEFINER),
        done="view, routine and trigger belong to an account that the backup does not hold",
        verdict=RESERVED,
        weighing=frozenset({Code.DEFINERS_ABSENT, Code.VIEW_UNUSABLE}),
    ),
    Row(
        name="mariadb-myisam",
        backup=_changed("ALTER TABLE parametre ENGINE=MyISAM;\n"),
        done="a table in MyISAM, which `--single-transaction` does not hold still",
        verdict=RESERVED,
        weighing=frozenset({Code.NOT_TRANSACTIONAL}),
    ),
    Row(
        name="mariadb-double-encoded",
        backup=Backup(engine="mariadb", text_of="latin1"),
        done="accents written through a connection in the wrong character set: encoded twice",
        verdict=RESERVED,
        weighing=frozenset({Code.TEXT_DOUBLY_ENCODED}),
    ),
    Row(
        name="mariadb-setting",
        backup=_changed(f"SET innodb_strict_mode=0;\n{_WIDE}"),
        done="a table that only a lenient server takes (`innodb_strict_mode`)",
        weighing=frozenset({Code.LOAD_ERRORS, Code.SETTING_NEEDED}),
    ),
    Row(
        name="mariadb-setting-given",
        backup=_changed(f"SET innodb_strict_mode=0;\n{_WIDE}"),
        options='engine = { kind = "mariadb", innodb_strict_mode = false }',
        done="the same, and the scenario gives that setting",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="mariadb-encrypted",
        backup=_changed("ALTER TABLE courrier ENCRYPTED=YES;\n"),
        done="a table that its server encrypts, with a key that no backup holds",
        verdict=RESERVED,
        weighing=frozenset({Code.SETTING_NEEDED}),
        healthy=True,
    ),
    Row(
        name="mariadb-data-directory",
        backup=WHOLE,
        damage=(doing.replaced(b") ENGINE=InnoDB", b") ENGINE=InnoDB DATA DIRECTORY='/srv/rapide/'"),),
        done="tables that lie in a folder of the live server (`DATA DIRECTORY`)",
        verdict=RESERVED,
        weighing=frozenset({Code.SETTING_NEEDED}),
        healthy=True,
    ),
    Row(
        name="mariadb-stale",
        backup=_changed(practice.STALE),
        done="the newest consultation is three weeks older than the backup",
        weighing=frozenset({Code.DATA_STALE}),
    ),
    Row(
        name="mariadb-closed",
        backup=_changed(practice.STALE),
        closures=_CLOSED,
        done="as `mariadb-stale`, and the practice was closed for holidays",
        verdict=PASSED,
        notes=frozenset({Code.DATA_STALE_CLOSED}),
        healthy=True,
    ),
    Row(
        name="mariadb-appointments",
        backup=_changed(practice.AHEAD),
        done="an appointment lies ahead of the backup",
        verdict=PASSED,
        notes=frozenset({Code.DATES_IN_FUTURE}),
        healthy=True,
    ),
    Row(
        name="mariadb-all-ahead",
        backup=_changed(practice.ALL_AHEAD),
        done="every consultation dated in the future: the clock of the live server was wrong",
        weighing=frozenset({Code.DATA_UNDATED}),
    ),
    Row(
        name="mariadb-schema-then-data",
        backup=_dumped("--no-create-info", "--skip-triggers", practice.DATABASE),
        damage=(doing.behind(_dumped("--no-data", "--routines", practice.DATABASE)),),
        done="`--no-data`, then `--no-create-info`, into one file",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="mariadb-sql-in-text",
        backup=_changed(_SQL_IN_TEXT),
        done="a letter whose text holds SQL, comments of a dump and a message of its tool",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="mariadb-memory-table",
        backup=_changed(_IN_MEMORY),
        done="a table that its server keeps in memory holds more than a server lets one hold by default (16 MB)",
        verdict=RESERVED,
        weighing=frozenset({Code.NOT_TRANSACTIONAL}),
        healthy=True,
    ),
    Row(
        name="mariadb-large-value",
        backup=Backup(engine="mariadb", change=_LARGE, tool=_LARGE_TOOL),
        done="one value of 40 MB: more than `max_allowed_packet` lets a server or a client take by default (16 MB)",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="mariadb-no-keys",
        backup=_changed(_UNDECLARED),
        done="a schema that declares no foreign key",
        verdict=PASSED,
        notes=frozenset({Code.NO_FOREIGN_KEYS}),
        healthy=True,
    ),
    Row(
        name="mariadb-warnings-silenced",
        backup=WHOLE,
        damage=(
            doing.replaced(b"`motif` varchar(120)", b"`motif` varchar(10)"),
            doing.replaced(b"DROP TABLE", b"SET max_error_count=0;\nDROP TABLE", 1),
        ),
        done="a column made narrower than its values, and `SET max_error_count=0`, so that no warning tells of it",
        verdict=INCONCLUSIVE,
        weighing=frozenset({Code.WARNINGS_SILENCED}),
    ),
)

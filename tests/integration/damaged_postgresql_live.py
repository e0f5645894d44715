"""Backups of PostgreSQL that are what their live server was: its roles, databases, rows and series."""

from __future__ import annotations

from typing import Final

from integration import damaged_doing as doing
from integration import damaged_practice as practice
from integration.damaged import INCONCLUSIVE, PASSED, RESERVED, Row
from integration.damaged_making import Backup

from restore_lab.findings import Code

_BASE: Final = practice.DATABASE
_NAMED: Final = f'engine = {{ kind = "postgresql", database = "{_BASE}" }}'
_PLAIN_TOOL: Final = ("pg_dump", "--format=plain", _BASE)
WHOLE: Final = Backup(engine="postgresql")
PLAIN: Final = Backup(engine="postgresql", tool=_PLAIN_TOOL)
#: What follows when nothing came back: the questions about it have no object.
_NOTHING: Final = frozenset({Code.NO_TABLES, Code.TABLE_MISSING, Code.SQL_QUESTION_REFUSED})
_OWNED: Final = (
    "CREATE ROLE cabinet_app; CREATE ROLE secretariat;\nALTER TABLE courrier OWNER TO cabinet_app;\n"
    "GRANT SELECT ON patient TO secretariat;\n"
)
_ORPHANED: Final = (
    "SET session_replication_role = replica;\nDELETE FROM consultation WHERE id BETWEEN 41 AND 45;\n"
    "SET session_replication_role = DEFAULT;\n"
)
_UNCHECKED: Final = (
    "ALTER TABLE courrier DROP CONSTRAINT de_la_consultation;\nDELETE FROM consultation WHERE id BETWEEN 41 AND 45;\n"
    "ALTER TABLE courrier ADD CONSTRAINT de_la_consultation FOREIGN KEY (consultation_id)"
    " REFERENCES consultation (id) NOT VALID;\n"
)
_BEHIND: Final = "SELECT setval(pg_get_serial_sequence('consultation', 'id'), 3);\n"
_LARGE: Final = (
    "CREATE TABLE scan (id int PRIMARY KEY, image text);\nINSERT INTO scan VALUES (1, repeat('x', 40000000));\n"
)
_READ_ONLY: Final = f"ALTER DATABASE {_BASE} SET default_transaction_read_only = on;\n"
#: In a folder of the live server that no other server has.
_OTHER_DISK: Final = (
    '\\! mkdir -p "$PGHOST/rapide"\n\\set folder `echo "$PGHOST/rapide"`\n'
    "CREATE TABLESPACE rapide LOCATION :'folder';\n"
)
_TABLESPACE: Final = f"{_OTHER_DISK}ALTER TABLE courrier SET TABLESPACE rapide;\n"
_IN_TABLESPACE: Final = f"{_OTHER_DISK}\\connect postgres\nALTER DATABASE {_BASE} SET TABLESPACE rapide;\n"
_COLLATION: Final = b'nom character varying(60) COLLATE pg_catalog."fr_XX.utf8" NOT NULL'
#: By statement: what psql makes of the rows of a table that is not there differs from one minor release to the next.
_INSERTS: Final = Backup(engine="postgresql", tool=("pg_dump", "--inserts", _BASE))


def _changed(change: str, *tool: str) -> Backup:
    return Backup(engine="postgresql", change=change, tool=tool)


def _dumped(*tool: str) -> Backup:
    return Backup(engine="postgresql", tool=tool)


ROWS: Final = (
    Row(
        name="postgresql-rows-left-out",
        backup=_dumped("pg_dump", "--exclude-table-data=courrier", _BASE),
        done="dumped with `--exclude-table-data`",
        weighing=frozenset({Code.TABLE_EMPTY}),
    ),
    Row(
        name="postgresql-wrong-database",
        backup=_dumped("pg_dump", "postgres"),
        done="the database `postgres`, which is empty",
        weighing=_NOTHING,
    ),
    Row(
        name="postgresql-dumpall",
        backup=_dumped("pg_dumpall"),
        done="the whole server, by pg_dumpall",
        verdict=PASSED,
        notes=frozenset({Code.DATA_IN_ANOTHER_DATABASE}),
        healthy=True,
    ),
    Row(
        name="postgresql-named-database",
        backup=Backup(engine="postgresql", beside=practice.MALL, tool=("pg_dumpall",)),
        options=_NAMED,
        done="the whole server, by pg_dumpall; the scenario names the practice's database, not the fullest",
        verdict=PASSED,
        notes=frozenset({Code.DATA_IN_ANOTHER_DATABASE}),
        healthy=True,
    ),
    Row(
        name="postgresql-named-database-missing",
        backup=Backup(engine="postgresql", beside=practice.SHOP, tool=("pg_dump", "--create", "boutique")),
        options=_NAMED,
        done="another database of the same server, by `pg_dump --create`; the scenario names that of the practice",
        weighing=_NOTHING - {Code.NO_TABLES} | {Code.DATABASE_MISSING},
    ),
    Row(
        name="postgresql-dumpall-clean",
        backup=_dumped("pg_dumpall", "--clean"),
        done="the whole server, by `pg_dumpall --clean`: drops databases before it makes them",
        verdict=PASSED,
        notes=frozenset({Code.DATA_IN_ANOTHER_DATABASE}),
        healthy=True,
    ),
    Row(
        name="postgresql-globals-only",
        backup=_dumped("pg_dumpall", "--globals-only"),
        done="roles alone, by `pg_dumpall --globals-only`",
        weighing=frozenset({Code.SERVER_OF_ANOTHER_SERIES, *_NOTHING}),
    ),
    Row(
        name="postgresql-roles",
        backup=_changed(_OWNED),
        done="owners and grantees that the backup does not create",
        verdict=RESERVED,
        weighing=frozenset({Code.ROLES_NOT_IN_BACKUP}),
    ),
    Row(
        name="postgresql-roles-in-it",
        backup=_changed(_OWNED, "pg_dumpall"),
        done="owners and grantees, and pg_dumpall saves them too",
        verdict=PASSED,
        notes=frozenset({Code.DATA_IN_ANOTHER_DATABASE}),
        healthy=True,
    ),
    Row(
        name="postgresql-read-only",
        backup=_changed(_READ_ONLY, "pg_dump", "--create", _BASE),
        done="the database is read-only by default",
        verdict=RESERVED,
        weighing=frozenset({Code.SETTING_NEEDED}),
        notes=frozenset({Code.DATA_IN_ANOTHER_DATABASE}),
    ),
    Row(
        name="postgresql-tablespace",
        backup=_changed(_TABLESPACE, *_PLAIN_TOOL),
        done="a table lies in a tablespace of the live server",
        verdict=RESERVED,
        weighing=frozenset({Code.SETTING_NEEDED}),
        healthy=True,
    ),
    Row(
        name="postgresql-tablespace-archive",
        backup=_changed(_TABLESPACE),
        done="the same, in an archive",
        verdict=RESERVED,
        weighing=frozenset({Code.SETTING_NEEDED}),
        healthy=True,
    ),
    Row(
        name="postgresql-tablespace-cluster",
        backup=_changed(_IN_TABLESPACE, "pg_dumpall", "--clean"),
        done="the whole server, by `pg_dumpall --clean`, whose database lies in a tablespace",
        verdict=RESERVED,
        weighing=frozenset({Code.SETTING_NEEDED}),
        notes=frozenset({Code.DATA_IN_ANOTHER_DATABASE, Code.LOAD_ERRORS_HARMLESS}),
        healthy=True,
    ),
    Row(
        name="postgresql-tablespace-created",
        backup=_changed(_IN_TABLESPACE, "pg_dump", "--create", _BASE),
        done="one database, by `pg_dump --create`, that lies in a tablespace",
        verdict=RESERVED,
        weighing=frozenset({Code.SETTING_NEEDED}),
        notes=frozenset({Code.DATA_IN_ANOTHER_DATABASE}),
        healthy=True,
    ),
    Row(
        name="postgresql-extension",
        backup=PLAIN,
        damage=(
            doing.replaced(b"SET default_tablespace", b"CREATE EXTENSION chiffre_essai;\nSET default_tablespace", 1),
        ),
        done="needs an extension that no server here has",
        verdict=INCONCLUSIVE,
        weighing=frozenset({Code.EXTENSION_ABSENT}),
    ),
    Row(
        name="postgresql-collation",
        backup=_INSERTS,
        damage=(doing.replaced(b"nom character varying(60) NOT NULL", _COLLATION),),
        done="needs a collation that no server here has",
        verdict=INCONCLUSIVE,
        weighing=frozenset({Code.COLLATION_ABSENT, Code.TABLE_MISSING}),
    ),
    Row(
        name="postgresql-orphans",
        backup=_changed(_ORPHANED),
        done="letters without their consultations, though the foreign key says it holds",
        weighing=frozenset({Code.LOAD_ERRORS}),
    ),
    Row(
        name="postgresql-orphans-not-valid",
        backup=_changed(_UNCHECKED),
        done="letters without their consultations under a foreign key that was never checked (NOT VALID)",
        verdict=RESERVED,
        weighing=frozenset({Code.ORPHAN_ROWS}),
    ),
    Row(
        name="postgresql-sequence-behind",
        backup=_changed(_BEHIND),
        done="the counter of new consultations stands below numbers that are there",
        verdict=RESERVED,
        weighing=frozenset({Code.SEQUENCE_BEHIND}),
    ),
    Row(
        name="postgresql-month-shrunk",
        backup=_changed(practice.THINNED_MONTH),
        before=WHOLE,
        done="some consultations of a past month deleted after the last test",
        weighing=frozenset({Code.MONTH_SHRUNK, Code.ROWS_BELOW_PREVIOUS}),
    ),
    Row(
        name="postgresql-again",
        backup=PLAIN,
        before=WHOLE,
        done="nothing, and tested before in another form",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="postgresql-large-value",
        backup=_changed(_LARGE, *_PLAIN_TOOL),
        done="one value of 40 MB in a plain dump",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="postgresql-stderr",
        backup=Backup(engine="postgresql", tool=("pg_dump", "--verbose", _BASE), together=True),
        done="dumped with `--verbose … 2>&1`: messages among the statements",
        weighing=frozenset(
            {
                Code.TOOL_MESSAGES_IN_BACKUP,
                Code.LOAD_ERRORS,
                Code.NO_ROWS,
                Code.TABLE_MISSING,
                Code.TABLE_EMPTY,
                Code.DATA_UNDATED,
            }
        ),
    ),
    Row(
        name="postgresql-stderr-warning",
        backup=PLAIN,
        damage=(doing.before_all(b"pg_dump: warning: there are circular foreign-key constraints on this table:\n"),),
        done="one warning of the tool before its first line",
        verdict=RESERVED,
        weighing=frozenset({Code.TOOL_MESSAGES_IN_BACKUP}),
    ),
    Row(
        name="postgresql-refused",
        backup=Backup(engine="postgresql", tool=("pg_dump", "--dbname=cabinet_medical"), together=True),
        done="the tool found no such database, and its message was written in place of the backup",
        weighing=frozenset({Code.DUMP_NOT_RECOGNISED, Code.TOOL_MESSAGES_IN_BACKUP}),
    ),
    Row(
        name="postgresql-13",
        backup=Backup(engine="postgresql", series="13"),
        machine="container",
        done="dumped by pg_dump 13, restored on 13",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="postgresql-13-elsewhere",
        backup=Backup(engine="postgresql", series="13"),
        done="dumped by pg_dump 13, restored on a newer server of the host",
        verdict=RESERVED,
        weighing=frozenset({Code.SERVER_OF_ANOTHER_SERIES}),
        healthy=True,
    ),
    Row(
        name="postgresql-17",
        backup=Backup(engine="postgresql", series="17", tool=_PLAIN_TOOL),
        machine="container",
        done="a plain dump by pg_dump 17, restored on 17",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="postgresql-18",
        backup=Backup(engine="postgresql", series="18"),
        done="dumped by pg_dump 18, restored on 18",
        verdict=PASSED,
        healthy=True,
    ),
)

"""Backups of PostgreSQL: whole, and damaged as files."""

from __future__ import annotations

from typing import Final

from integration import damaged_doing as doing
from integration import damaged_practice as practice
from integration.damaged import INCONCLUSIVE, PASSED, RESERVED, Damage, Row
from integration.damaged_making import Backup

from restore_lab.findings import Code

_BASE: Final = practice.DATABASE
_PLAIN_TOOL: Final = ("pg_dump", "--format=plain", _BASE)
WHOLE: Final = Backup(engine="postgresql")
PLAIN: Final = Backup(engine="postgresql", tool=_PLAIN_TOOL)
_COPY: Final = b"COPY public.courrier "
#: What follows when nothing came back: the questions about it have no object.
_NOTHING: Final = frozenset({Code.NO_TABLES, Code.TABLE_MISSING, Code.SQL_QUESTION_REFUSED})
_SQL_IN_TEXT: Final = (
    "INSERT INTO courrier (consultation_id, texte) VALUES (1, E'x\nCOPY public.faux (a) FROM stdin;\n"
    "\\\\.\npg_dump: error: x\n-- Data for Name: faux; Type: TABLE DATA; Schema: public\n');\n"
)
_ODD_TABLES: Final = (
    "CREATE TABLE vide (id int);\nCREATE UNLOGGED TABLE brouillon (id int);\n"
    "CREATE MATERIALIZED VIEW effectif AS SELECT count(*) FROM patient;\n"
    "CREATE TABLE acces (id int, le date) PARTITION BY RANGE (le);\n"
    "CREATE TABLE acces_2026 PARTITION OF acces FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');\n"
)
_FORGED: Final = doing.ends_with(doing.POSTGRESQL_END)
_AS_BEFORE_AUGUST_2025: Final = (doing.without_line(b"\\restrict "), doing.without_line(b"\\unrestrict "))
_KEYLESS: Final = (
    "ALTER TABLE courrier DROP CONSTRAINT de_la_consultation;\nALTER TABLE consultation DROP CONSTRAINT du_patient;\n"
    "DROP TRIGGER nom_en_capitales ON patient;\nDROP INDEX consultation_par_date;\n"
    "ALTER TABLE parametre DROP CONSTRAINT parametre_pkey;\n"
) + "".join(
    f"ALTER TABLE {name} DROP CONSTRAINT {name}_pkey;\nALTER TABLE {name} ALTER id DROP IDENTITY;\n"
    for name in ("patient", "consultation", "courrier")
)
_A_LOG: Final = "CREATE TABLE passages (le date, texte text);\nINSERT INTO passages VALUES ('2026-03-02', 'essai');\n"
_LEFT_OUT: Final = ("pg_dump", "--exclude-table-data=parametre", _BASE)


def _old_and_cut(mark: bytes) -> tuple[Damage, ...]:
    """As a release before August 2025 wrote it, cut between two statements, with the end of a whole one."""
    return (doing.without_line(b"\\restrict "), doing.cut_before(b"--\n-- Name: " + mark), _FORGED)


def _dumped(*tool: str) -> Backup:
    return Backup(engine="postgresql", tool=tool)


ROWS: Final = (
    Row(name="postgresql-whole", backup=WHOLE, done="nothing: a custom archive", verdict=PASSED, healthy=True),
    Row(name="postgresql-plain", backup=PLAIN, done="nothing: a plain dump", verdict=PASSED, healthy=True),
    Row(
        name="postgresql-tar",
        backup=_dumped("pg_dump", "--format=tar", _BASE),
        done="nothing: an archive in tar format",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="postgresql-named-sql",
        backup=WHOLE,
        place=doing.named("sql"),
        done="a custom archive named .sql",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="postgresql-named-backup",
        backup=PLAIN,
        place=doing.named("backup"),
        done="a plain dump named .backup",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="postgresql-tar-in-tar",
        backup=_dumped("pg_dump", "--format=tar", _BASE),
        damage=(doing.tarred("cabinet.tar"), doing.gzipped),
        place=doing.named("tar.gz"),
        done="an archive in tar format put into another tar, packed with gzip",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="postgresql-inserts",
        backup=_dumped("pg_dump", "--inserts", _BASE),
        done="dumped with `--inserts`",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="postgresql-windows",
        backup=PLAIN,
        damage=(doing.crlf,),
        done="a plain dump whose lines end as on Windows (CRLF)",
        verdict=PASSED,
        notes=frozenset({Code.LINE_ENDS_CHANGED}),
        healthy=True,
    ),
    Row(
        name="postgresql-cut-in-rows",
        backup=PLAIN,
        damage=(doing.cut_within(_COPY, 900),),
        done="a plain dump cut within the rows of a table",
        weighing=frozenset({Code.DUMP_CUT, Code.END_MARK_ABSENT, Code.TABLE_EMPTY, Code.SEQUENCE_BEHIND}),
    ),
    Row(
        name="postgresql-cut-at-statement",
        backup=PLAIN,
        damage=(doing.cut_before(_COPY),),
        done="a plain dump cut before the rows of a table",
        weighing=frozenset({Code.DUMP_CUT, Code.END_MARK_ABSENT, Code.TABLE_EMPTY, Code.SEQUENCE_BEHIND}),
    ),
    Row(
        name="postgresql-forged-end",
        backup=PLAIN,
        damage=(doing.cut_before(_COPY), doing.ends_with(doing.POSTGRESQL_END)),
        done="as before, and the lines that a whole dump ends with written under it",
        weighing=frozenset({Code.DUMP_CUT, Code.TABLE_EMPTY, Code.SEQUENCE_BEHIND}),
    ),
    Row(
        name="postgresql-forged-end-behind-rows",
        backup=PLAIN,
        damage=_old_and_cut(b"consultation consultation_pkey; Type: CONSTRAINT"),
        done="by an older pg_dump, cut behind all rows, and the lines that a whole dump ends with written under it",
        verdict=RESERVED,
        weighing=frozenset({Code.KEYS_ABSENT}),
        notes=frozenset({Code.NO_FOREIGN_KEYS}),
    ),
    Row(
        name="postgresql-forged-end-among-keys",
        backup=PLAIN,
        damage=_old_and_cut(b"patient patient_pkey; Type: CONSTRAINT"),
        done="as before, cut before the key of the last table",
        verdict=RESERVED,
        weighing=frozenset({Code.KEYS_ABSENT}),
        notes=frozenset({Code.NO_FOREIGN_KEYS}),
    ),
    Row(
        name="postgresql-forged-end-behind-keys",
        backup=PLAIN,
        before=WHOLE,
        damage=_old_and_cut(b"patient nom_en_capitales; Type: TRIGGER"),
        done="as before, cut behind keys and indexes: a trigger and foreign keys, which the last test had, are lost",
        verdict=RESERVED,
        weighing=frozenset({Code.OBJECTS_BELOW_PREVIOUS}),
        notes=frozenset({Code.NO_FOREIGN_KEYS}),
    ),
    Row(
        name="postgresql-table-without-key",
        backup=Backup(engine="postgresql", tool=_PLAIN_TOOL, change=_A_LOG),
        damage=_AS_BEFORE_AUGUST_2025,
        done="by an older pg_dump; beside the practice a table without key whose rows no counter numbers",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="postgresql-no-key-and-left-out",
        backup=Backup(engine="postgresql", tool=_LEFT_OUT, change=_KEYLESS),
        damage=_AS_BEFORE_AUGUST_2025,
        done="by an older pg_dump with `--exclude-table-data`, where the database has no key and no index",
        verdict=INCONCLUSIVE,
        weighing=frozenset({Code.CONTENTS_ABSENT, Code.KEYS_ABSENT}),
        notes=frozenset({Code.NO_FOREIGN_KEYS}),
    ),
    Row(
        name="postgresql-keys-and-left-out",
        backup=_dumped(*_LEFT_OUT),
        damage=_AS_BEFORE_AUGUST_2025,
        done="by an older pg_dump with `--exclude-table-data`, where the database has keys",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="postgresql-archive-cut",
        backup=WHOLE,
        damage=(doing.cut(0.97),),
        done="a custom archive cut within the rows of a table",
        weighing=frozenset({Code.ARCHIVE_DAMAGED, Code.TABLE_EMPTY, Code.SEQUENCE_BEHIND}),
    ),
    Row(
        name="postgresql-archive-cut-in-contents",
        backup=WHOLE,
        damage=(doing.cut(0.3),),
        done="a custom archive cut within its table of contents",
        weighing=frozenset({Code.ARCHIVE_DAMAGED, *_NOTHING}),
    ),
    Row(
        name="postgresql-archive-flip",
        backup=WHOLE,
        damage=(doing.flip(0.9),),
        done="a custom archive with one bit flipped in its rows",
        weighing=frozenset({Code.ARCHIVE_DAMAGED, Code.TABLE_EMPTY, Code.SEQUENCE_BEHIND}),
    ),
    Row(
        name="postgresql-tar-cut",
        backup=_dumped("pg_dump", "--format=tar", _BASE),
        damage=(doing.cut(0.5),),
        done="an archive in tar format cut in half",
        weighing=frozenset({Code.ARCHIVE_DAMAGED, *_NOTHING}),
    ),
    Row(
        name="postgresql-archive-crlf",
        backup=WHOLE,
        damage=(doing.text_mode,),
        done="a custom archive copied in text mode: CRLF in place of each line feed",
        weighing=frozenset({Code.ARCHIVE_DAMAGED, Code.SERVER_OF_ANOTHER_SERIES, *_NOTHING}),
    ),
    Row(
        name="postgresql-archive-utf8",
        backup=WHOLE,
        damage=(doing.reencoded,),
        done="a custom archive saved by a text editor as UTF-8",
        weighing=frozenset({Code.ARCHIVE_DAMAGED, *_NOTHING}),
    ),
    Row(
        name="postgresql-utf16",
        backup=PLAIN,
        damage=(doing.utf16,),
        done="written by PowerShell's `>`: UTF-16 with CRLF",
        weighing=frozenset({Code.DUMP_IN_UTF16}),
    ),
    Row(
        name="postgresql-schema-only",
        backup=_dumped("pg_dump", "--schema-only", "--format=custom", _BASE),
        done="dumped with `--schema-only`",
        weighing=frozenset({Code.NO_ROWS, Code.TABLE_EMPTY, Code.DATA_UNDATED}),
    ),
    Row(
        name="postgresql-data-only",
        backup=_dumped("pg_dump", "--data-only", _BASE),
        done="dumped with `--data-only`: no table is created",
        weighing=frozenset({Code.LOAD_ERRORS, *_NOTHING}),
    ),
    Row(
        name="postgresql-table-left-out",
        backup=_dumped("pg_dump", "--exclude-table=courrier", _BASE),
        done="dumped with `--exclude-table`",
        weighing=frozenset({Code.TABLE_MISSING}),
    ),
    Row(
        name="postgresql-globals-then-plain",
        backup=PLAIN,
        damage=(doing.behind(_dumped("pg_dumpall", "--globals-only")),),
        done="`pg_dumpall --globals-only`, then a plain dump, into one file",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="postgresql-schema-then-data",
        backup=_dumped("pg_dump", "--data-only", _BASE),
        damage=(doing.behind(_dumped("pg_dump", "--schema-only", _BASE)),),
        done="`--schema-only`, then `--data-only`, into one file",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="postgresql-sql-in-text",
        backup=Backup(engine="postgresql", change=_SQL_IN_TEXT, tool=_PLAIN_TOOL),
        done="a letter whose text holds SQL, comments of a dump and a message of its tool",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="postgresql-odd-tables",
        backup=Backup(engine="postgresql", change=_ODD_TABLES, tool=_PLAIN_TOOL),
        done="beside the practice an empty table, a partitioned one, an unlogged one, a materialized view",
        verdict=PASSED,
        healthy=True,
    ),
)

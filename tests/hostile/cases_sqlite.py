"""Hostile backups of SQLite: dumps as text."""

from __future__ import annotations

from typing import Final

from hostile.cases import Case, Rows

from restore_lab.findings import Code

_TEXT: Final = Rows(engine="sqlite", prefix="sqlite-dump-")
SCHEMA: Final = "PRAGMA writable_schema=ON;\n"
NUMBERS: Final = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r{limit})"
ENDLESS: Final = NUMBERS.format(limit="")
_QUICK: Final = 'engine = { kind = "sqlite", load_timeout_seconds = 6 }'
CASES: Final[tuple[Case, ...]] = (
    _TEXT.failed(
        "load-extension",
        "`load_extension`: a library of the host",
        """
SELECT load_extension('@FOLDER@/evil');
SELECT load_extension('/lib/x86_64-linux-gnu/libc.so.6', 'system');
""",
        Code.LOAD_ERRORS,
        daily=True,
    ),
    _TEXT.failed(
        "attach",
        "`ATTACH`: files of the host",
        "ATTACH '@FOLDER@/@TOKEN@' AS out_of;\nCREATE TABLE out_of.t (id);\nATTACH '/etc/passwd' AS p;",
        Code.LOAD_ERRORS,
        daily=True,
    ),
    _TEXT.failed(
        "vacuum-into",
        "`VACUUM INTO` a file of the host",
        "VACUUM INTO '@FOLDER@/@TOKEN@';\nVACUUM INTO '/tmp/@TOKEN@';",
        Code.LOAD_ERRORS,
    ),
    _TEXT.unknown(
        "pragmas",
        "settings: folders of the host, no memory, an exclusive lock, a trusted schema",
        """
PRAGMA temp_store_directory='@FOLDER@';
PRAGMA locking_mode=EXCLUSIVE;
PRAGMA trusted_schema=ON;
PRAGMA mmap_size=1000000000000;
PRAGMA hard_heap_limit=1;
SELECT 1;
""",
        Code.SERVER_FAILED,
    ),
    _TEXT.failed(
        "shell-commands",
        "commands of the sqlite3 shell: `.shell`, `.system`, `.read`, `.import`, `.once`, `.output`, `.load`, `.open`",
        """
.shell @SH@
.system @SH@
.read @FOLDER@/read.sql
.import "`@SH@" parametre
.once @FOLDER@/@TOKEN@
.output @FOLDER@/@TOKEN@
.load @FOLDER@/evil
.open @FOLDER@/@TOKEN@
SELECT 1;
""",
        Code.LOAD_ERRORS,
        daily=True,
    ),
    _TEXT.failed(
        "shell-functions",
        "functions of the sqlite3 shell: `readfile`, `writefile`, `edit`, `fsdir`, `fts3_tokenizer`",
        """
SELECT readfile('@FOLDER@/secret');
SELECT writefile('@FOLDER@/@TOKEN@', 'x');
SELECT edit('x', '@SH@');
SELECT fts3_tokenizer('simple', x'4141414141414141');
CREATE VIRTUAL TABLE v USING fsdir('/');
""",
        Code.LOAD_ERRORS,
    ),
    _TEXT.failed(
        "writable-schema",
        "`writable_schema`: a table turned into a view",
        f"{SCHEMA}UPDATE sqlite_master SET type='view', rootpage=0, sql='CREATE VIEW courrier AS SELECT 1 AS id'"
        " WHERE name='courrier';",
        Code.TABLE_MISSING,
    ),
    _TEXT.unknown(
        "zeroblobs",
        "zeros by the gigabyte",
        f"CREATE TABLE z (b BLOB);\nINSERT INTO z {ENDLESS} SELECT zeroblob(900000000) FROM r;",
        Code.MACHINE_DISK_FULL,
    ),
    _TEXT.unknown(
        "multiplied",
        "rows multiplied without end (a recursive query)",
        f"CREATE TABLE many_rows AS {ENDLESS} SELECT n, hex(randomblob(500)) FROM r;",
        Code.MACHINE_DISK_FULL,
    ),
    _TEXT.unknown(
        "memory-bomb",
        "texts that outgrow memory",
        "SELECT length(group_concat(hex(zeroblob(400000000 + n))))"
        f" FROM ({NUMBERS.format(limit=' LIMIT 100')} SELECT n FROM r);",
        Code.SERVER_FAILED,
    ),
    _TEXT.unknown(
        "endless-statement",
        "a statement without end",
        f"SELECT count(*) FROM ({ENDLESS} SELECT n FROM r);",
        Code.LOAD_TIMED_OUT,
        options=_QUICK,
    ),
    _TEXT.failed(
        "nested",
        "three thousand brackets within each other, as many queries behind each other",
        f"SELECT {'(' * 3000}1{')' * 3000};\nSELECT 1{' UNION ALL SELECT 1' * 3000};",
        Code.LOAD_ERRORS,
    ),
    _TEXT.failed(
        "endless-line",
        "a statement of 80 MB in one line that never ends",
        "",
        Code.LOAD_STOPPED,
        making=lambda _, whole: whole + b"INSERT INTO parametre VALUES ('x', '" + b"y" * 80_000_000,
    ),
    _TEXT.failed(
        "nuls",
        "NULs in a value and between statements",
        "",
        Code.LOAD_ERRORS,
        making=lambda _, whole: whole + b"INSERT INTO parametre VALUES ('a\x00b', 'c');\n\x00\x00;\nSELECT 1;\n",
    ),
    _TEXT.passes(
        "not-utf8",
        "bytes that are no UTF-8, in a value and in a name",
        "",
        "they are kept in the value, and stand for U+FFFD in the name",
        Code.TEXT_NOT_UTF8,
        making=lambda _, whole: (
            whole + b"INSERT INTO parametre VALUES ('a\xff\xfe\xc3(', 'c');\nCREATE TABLE \"\xe9\xff\" (id int);\n"
        ),
    ),
)

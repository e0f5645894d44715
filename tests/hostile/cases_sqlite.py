"""Hostile backups of SQLite: dumps as text, and database files."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

from hostile.cases import Case, Making, Rows
from hostile.escapes import Canaries

from restore_lab.findings import Code

_TEXT: Final = Rows(engine="sqlite", prefix="sqlite-dump-")
_FILE: Final = Rows(engine="sqlite", prefix="sqlite-file-", tool=("backup",))
_SCHEMA: Final = "PRAGMA writable_schema=ON;\n"
_NUMBERS: Final = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r{limit})"
_ENDLESS: Final = _NUMBERS.format(limit="")
_QUICK: Final = 'engine = { kind = "sqlite", load_timeout_seconds = 6 }'
#: A file that cannot be read: no table is there, and no question has an answer.
_UNREADABLE: Final = (
    Code.INTEGRITY_ERRORS,
    Code.NO_TABLES,
    Code.TABLE_MISSING,
    Code.CHECK_BROKEN,
    Code.SQL_QUESTION_REFUSED,
)


def changed(sql: str) -> Making:
    """Change the database in the file by SQL, the text of its schema included."""

    def make(set_out: Canaries, content: bytes) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "hostile.sqlite"
            path.write_bytes(content)
            with closing(sqlite3.connect(path)) as database:
                database.executescript(set_out.aimed(sql))
            return path.read_bytes()

    return make


def bytes_at(offset: int, value: bytes) -> Making:
    """Write other bytes into the header."""
    return lambda _, content: content[:offset] + value + content[offset + len(value) :]


def page_loop(_set_out: Canaries, content: bytes) -> bytes:
    """Let the first inner page of a table's tree name itself as its own child."""
    size = int.from_bytes(content[16:18], "big")
    starts = range(size, len(content), size)
    start = next(start for start in starts if content[start] == 5)
    return content[: start + 8] + (start // size + 1).to_bytes(4, "big") + content[start + 12 :]


def views_of_nothing(names: Iterable[str]) -> str:
    """Make views of these names, of a table that is not there any more."""
    quoted = (name.replace('"', '""') for name in names)
    views = "".join(f'CREATE VIEW "{name}" AS SELECT * FROM soon_gone;\n' for name in quoted)
    return f"CREATE TABLE soon_gone (id INT);\n{views}DROP TABLE soon_gone;"


_DUMPS: Final = (
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
        f"{_SCHEMA}UPDATE sqlite_master SET type='view', rootpage=0, sql='CREATE VIEW courrier AS SELECT 1 AS id'"
        " WHERE name='courrier';",
        Code.TABLE_MISSING,
    ),
    _TEXT.unknown(
        "zeroblobs",
        "zeros by the gigabyte",
        f"CREATE TABLE z (b BLOB);\nINSERT INTO z {_ENDLESS} SELECT zeroblob(900000000) FROM r;",
        Code.MACHINE_DISK_FULL,
    ),
    _TEXT.unknown(
        "multiplied",
        "rows multiplied without end (a recursive query)",
        f"CREATE TABLE many_rows AS {_ENDLESS} SELECT n, hex(randomblob(500)) FROM r;",
        Code.MACHINE_DISK_FULL,
    ),
    _TEXT.unknown(
        "memory-bomb",
        "texts that outgrow memory",
        "SELECT length(group_concat(hex(zeroblob(400000000 + n))))"
        f" FROM ({_NUMBERS.format(limit=' LIMIT 100')} SELECT n FROM r);",
        Code.SERVER_FAILED,
    ),
    _TEXT.unknown(
        "endless-statement",
        "a statement without end",
        f"SELECT count(*) FROM ({_ENDLESS} SELECT n FROM r);",
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
_LIES: Final = (
    _FILE.failed(
        "view-in-place",
        "a view in a table's place, with rows enough",
        "",
        Code.TABLE_MISSING,
        making=changed(
            f"DROP TABLE courrier;\nCREATE VIEW courrier AS {_NUMBERS.format(limit=' LIMIT 150')}"
            " SELECT n AS id, n AS consultation_id, 'x' AS texte FROM r;"
        ),
        daily=True,
    ),
    _FILE.failed(
        "view-called-table",
        "a view that the schema calls a table",
        "",
        *_UNREADABLE,
        making=changed(
            f"{_SCHEMA}DELETE FROM courrier;\nUPDATE sqlite_master SET sql='CREATE VIEW courrier AS SELECT 1 AS id'"
            " WHERE name='courrier';"
        ),
    ),
    _FILE.failed(
        "virtual-in-place",
        "a virtual table in a table's place",
        "",
        Code.TABLE_MISSING,
        making=changed(
            "DROP TABLE courrier;\nCREATE VIRTUAL TABLE courrier USING fts5(texte);\n"
            f"INSERT INTO courrier {_NUMBERS.format(limit=' LIMIT 150')} SELECT 'x' FROM r;"
        ),
    ),
    _FILE.failed(
        "shared-root",
        "an empty table that shows another's rows: both begin on one page",
        "",
        Code.INTEGRITY_ERRORS,
        making=changed(
            f"{_SCHEMA}DELETE FROM courrier;\nUPDATE sqlite_master SET rootpage="
            "(SELECT rootpage FROM sqlite_master WHERE name='consultation') WHERE name='courrier';"
        ),
    ),
    _FILE.passes(
        "refilling-triggers",
        "triggers that refill a table, and let no row be deleted, against the test of the test",
        "",
        "they are dropped before the table is emptied",
        making=changed(
            "CREATE TABLE kept AS SELECT * FROM courrier;\n"
            "CREATE TRIGGER refills AFTER DELETE ON courrier BEGIN INSERT INTO courrier SELECT * FROM kept; END;\n"
            "CREATE TRIGGER stays BEFORE DELETE ON courrier BEGIN SELECT RAISE(IGNORE); END;"
        ),
    ),
    _FILE.passes(
        "endless-view",
        "a view without end (a recursive query)",
        "",
        "a view that takes too long is left; every row is there",
        making=changed(f"CREATE VIEW endless AS {_ENDLESS} SELECT count(*) AS n FROM r;"),
    ),
    _FILE.unknown(
        "heavy-view",
        "a view whose texts outgrow memory",
        "",
        Code.CHECK_BROKEN,
        Code.CONTROL_NOT_RUN,
        making=changed(
            f"CREATE VIEW heavy AS {_NUMBERS.format(limit=' LIMIT 100')}"
            " SELECT group_concat(hex(zeroblob(400000000 + n))) AS b FROM r;"
        ),
    ),
    _FILE.passes(
        "reaching-views",
        "views that load a library and list files",
        "",
        "a view may do neither, and is told where it cannot be read",
        Code.VIEW_UNUSABLE,
        making=changed(
            "CREATE VIEW loads AS SELECT load_extension('@FOLDER@/evil') AS x;\n"
            "CREATE VIEW lists AS SELECT * FROM fsdir('/');\nCREATE VIEW names AS SELECT * FROM pragma_database_list;"
        ),
        daily=True,
    ),
    _FILE.unknown(
        "endless-index",
        "an index whose expression takes time and memory without end",
        "",
        Code.SQL_QUESTION_REFUSED,
        making=changed(
            "CREATE TABLE x (a INT);\nINSERT INTO x VALUES (1);\nCREATE INDEX slow ON x (abs(a));\n"
            f"{_SCHEMA}UPDATE sqlite_master SET sql='CREATE INDEX slow ON x (length(replace(hex(zeroblob(100000000)),"
            " ''0'', hex(zeroblob(1000000)))))' WHERE name='slow';"
        ),
    ),
)
_FILES: Final = (
    _FILE.failed(
        "page-loop",
        "a page that is its own child",
        "",
        Code.INTEGRITY_ERRORS,
        Code.CHECK_BROKEN,
        Code.CONTROL_NOT_RUN,
        Code.VIEW_UNUSABLE,
        making=page_loop,
        daily=True,
    ),
    _FILE.failed(
        "page-size", "a header with another size of pages", "", *_UNREADABLE, making=bytes_at(16, b"\x00\x01")
    ),
    _FILE.failed(
        "page-count", "a header with four thousand million pages", "", *_UNREADABLE, making=bytes_at(28, b"\xff" * 4)
    ),
    _FILE.unknown(
        "free-list",
        "a list of free pages that names a page in use",
        "",
        Code.CONTROL_NOT_RUN,
        making=bytes_at(32, b"\x00\x00\x00\x02\x7f\xff\xff\xff"),
    ),
    _FILE.failed(
        "schema-garbage",
        "a schema that is no SQL",
        "",
        *_UNREADABLE,
        making=changed(f"{_SCHEMA}UPDATE sqlite_master SET sql='CREATE TABLE (((( @TOKEN@' WHERE name='courrier';"),
    ),
    _FILE.passes(
        "terminal-names",
        "names that steer a terminal or turn the text around",
        "",
        "names are escaped wherever they are told",
        Code.VIEW_UNUSABLE,
        making=changed(views_of_nothing(("\x1b]0;@TOKEN@\x07\x1b[2J", "\u202egnp\u009b31m"))),
        daily=True,
    ),
    _FILE.passes(
        "markup-names",
        "names that are Typst, HTML, or headers of a mail",
        "",
        "names are only text in the report, and not in the mail",
        Code.VIEW_UNUSABLE,
        making=changed(
            views_of_nothing(
                (
                    '#read("/etc/passwd")',
                    "<script>alert(1)</script><img src=http://@ADDRESS@:@PORT@>",
                    "x\r\nBcc: @TOKEN@@example.org\r\n\r\n",
                    "$ #panic() *_`{{%s%n",
                )
            )
        ),
        daily=True,
    ),
    _FILE.passes(
        "option-names",
        "names that look like options and statements, and one that is empty",
        "",
        "names are quoted, and travel on no command line",
        making=changed(
            'CREATE TABLE "--help" (id INTEGER PRIMARY KEY);\nCREATE TABLE "-rf" (id INT);\n'
            'CREATE TABLE "--" ("--" INT);\nCREATE TABLE """; DROP TABLE patient; --" (id INT);\n'
            'CREATE TABLE "\'); DROP TABLE patient; --" (id INT);\nCREATE TABLE "" (id INT);'
        ),
    ),
    _FILE.passes(
        "ten-thousand-tables",
        "ten thousand tables",
        "",
        "each is counted; every row is there",
        making=changed("BEGIN;\n" + "".join(f"CREATE TABLE t{n} (id INTEGER);\n" for n in range(10_000)) + "COMMIT;"),
    ),
)
CASES: Final[tuple[Case, ...]] = (*_DUMPS, *_LIES, *_FILES)

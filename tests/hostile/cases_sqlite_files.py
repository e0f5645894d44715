"""Hostile backups of SQLite: database files."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

from hostile.cases import Case, Making, Rows
from hostile.cases_sqlite import ENDLESS, NUMBERS, SCHEMA
from hostile.escapes import Canaries

from restore_lab.findings import Code

_FILE: Final = Rows(engine="sqlite", prefix="sqlite-file-", tool=("backup",))
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


_LIES: Final = (
    _FILE.failed(
        "view-in-place",
        "a view in a table's place, with rows enough",
        "",
        Code.TABLE_MISSING,
        making=changed(
            f"DROP TABLE courrier;\nCREATE VIEW courrier AS {NUMBERS.format(limit=' LIMIT 150')}"
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
            f"{SCHEMA}DELETE FROM courrier;\nUPDATE sqlite_master SET sql='CREATE VIEW courrier AS SELECT 1 AS id'"
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
            f"INSERT INTO courrier {NUMBERS.format(limit=' LIMIT 150')} SELECT 'x' FROM r;"
        ),
    ),
    _FILE.failed(
        "shared-root",
        "an empty table that shows another's rows: both begin on one page",
        "",
        Code.INTEGRITY_ERRORS,
        making=changed(
            f"{SCHEMA}DELETE FROM courrier;\nUPDATE sqlite_master SET rootpage="
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
        making=changed(f"CREATE VIEW endless AS {ENDLESS} SELECT count(*) AS n FROM r;"),
    ),
    _FILE.unknown(
        "heavy-view",
        "a view whose texts outgrow memory",
        "",
        Code.CHECK_BROKEN,
        Code.CONTROL_NOT_RUN,
        making=changed(
            f"CREATE VIEW heavy AS {NUMBERS.format(limit=' LIMIT 100')}"
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
            f"{SCHEMA}UPDATE sqlite_master SET sql='CREATE INDEX slow ON x (length(replace(hex(zeroblob(100000000)),"
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
        making=changed(f"{SCHEMA}UPDATE sqlite_master SET sql='CREATE TABLE (((( @TOKEN@' WHERE name='courrier';"),
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
CASES: Final[tuple[Case, ...]] = (*_LIES, *_FILES)

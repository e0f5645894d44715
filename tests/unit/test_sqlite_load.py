"""What the load of a SQLite dump does to statements before the library takes them."""

from __future__ import annotations

import io
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from restore_lab.engines.sqlite import load

TABLE = b"CREATE TABLE t(a TEXT, b TEXT);\n"


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        yield connection


def loaded(database: sqlite3.Connection, script: bytes, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(script)))
    return load.load(database)


def held(database: sqlite3.Connection) -> list[tuple[bytes, str]]:
    return database.execute("SELECT CAST(a AS BLOB), typeof(a) FROM t").fetchall()


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"a\u000ab", "a\nb"),
        (r"\00e9", "é"),
        (r"\u00E9\+00004e\U0001F600", "éN😀"),
        (r"C:\\temp\\u0041", r"C:\temp\u0041"),
        (r"\u000a0", "\n0"),
        ("", ""),
        ("plain", "plain"),
    ],
)
def test_unistr_reads_what_sqlite_350_writes(escaped: str, text: str) -> None:
    assert load.unistr(escaped) == text
    assert load.unistr(None) is None


@pytest.mark.parametrize("wrong", ["\\", r"\u00", r"\x41", r"a\+0041", r"\U0041", r"\u00g0", r"\ "])
def test_an_escape_that_is_none_is_an_error_as_to_sqlite(
    wrong: str, database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = loaded(database, TABLE + f"INSERT INTO t VALUES(unistr('{wrong}'), 1);\n".encode(), monkeypatch)

    assert (answer["failed"], answer["no_utf8"]) == ([["SQLITE_ERROR", 1, 2]], [0])


def test_a_dump_with_unistr_loads_on_any_library(database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    script = r"INSERT INTO t VALUES(unistr('l''une\u000al''autre; é'), unistr(NULL));"

    answer = loaded(database, TABLE + f"{script}\n".encode(), monkeypatch)

    assert (answer["failed"], answer["cut"], answer["no_utf8"]) == ([], False, [0])
    assert held(database) == [("l'une\nl'autre; é".encode(), "text")]


@pytest.mark.parametrize(
    ("literal", "kept"),
    [
        (b"'Zo\xe9'", b"Zo\xe9"),
        (b"'l''\xe9t\xe9; -- l''autre'", b"l'\xe9t\xe9; -- l'autre"),
        (b"unistr('Zo\xe9\\u000a\xe0')", b"Zo\xe9\n\xe0"),
        (b"replace('Zo\xe9\\n\xe0','\\n',char(10))", b"Zo\xe9\n\xe0"),
        (b"'\xc3\xa9 \xe9'", b"\xc3\xa9 \xe9"),
        (b"/* l'\xe9t\xe9 */ 'a'", b"a"),
        (b"-- l'\xe9t\xe9\n 'a'", b"a"),
    ],
)
def test_texts_that_are_no_utf8_keep_their_bytes(
    literal: bytes, kept: bytes, database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = loaded(database, TABLE + b"INSERT INTO t VALUES(" + literal + b", 'x');\n", monkeypatch)

    assert (answer["failed"], answer["cut"], answer["no_utf8"]) == ([], False, [1, 2])
    assert held(database) == [(kept, "text")]


def test_names_and_defaults_that_are_no_utf8_are_taken_alike_wherever_they_stand(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        b"CREATE TABLE \"n\xe9\"(pr\xe9nom TEXT DEFAULT 'Zo\xe9' CHECK(pr\xe9nom IN ('Zo\xe9', 'L\xe9a')), b);"
        b' -- cr\xe9\xe9e\nINSERT INTO "n\xe9"(b) VALUES(1);\nINSERT INTO "n\xe9" VALUES(\'L\xe9a\', 2);\n'
    )

    answer = loaded(database, script, monkeypatch)

    assert (answer["failed"], answer["cut"]) == ([], False)
    database.text_factory = bytes
    assert database.execute('SELECT "pr\ufffdnom" FROM "n\ufffd"').fetchall() == [(b"Zo\xe9",), (b"L\xe9a",)]


@pytest.mark.parametrize("wrong", [b"unistr('\xe9\\x')", b"unistr('\xe9\\ud83d')", b"unistr('\xe9\\UFFFFFFFF')"])
def test_an_escape_that_is_none_beside_such_bytes_is_counted_and_the_load_goes_on(
    wrong: bytes, database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = TABLE + b"INSERT INTO t VALUES(" + wrong + b", 1);\nINSERT INTO t VALUES('a', 1);\n"

    ((_, count, line),) = loaded(database, script, monkeypatch)["failed"]

    assert (count, line, held(database)) == (1, 2, [(b"a", "text")])


def test_zeros_in_place_of_the_rest_are_a_cut(database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = loaded(database, TABLE + b"INSERT INTO t VALUES('a;\n" + bytes(500) + b";\n", monkeypatch)

    assert (answer["cut"], answer["cut_line"]) == (True, 2)

"""What a tool said into its own dump is counted, and what that cost is told; in pieces of every size."""

from __future__ import annotations

import re

import pytest

from restore_lab.engines.remarks import Remarks, is_mere_words, without_remarks

PASSWORD = b"mysqldump: [Warning] Using a password on the command line interface can be insecure.\n"
RENAMED = b"mysqldump: Deprecated program name. It will be removed in a future release, use '/usr/bin/mariadb-dump'\n"
TABLESPACES = (
    b"mysqldump: Error: 'Access denied; you need (at least one of) the PROCESS privilege(s) for this operation' "
    b"when trying to dump tablespaces\n"
)
CIRCULAR = (
    b"pg_dump: warning: there are circular foreign-key constraints on this table:\n"
    b"pg_dump: detail: visits\n"
    b"pg_dump: hint: You might not be able to restore the dump without using --disable-triggers.\n"
)
HEAD = b"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19\n--\n\n"
SAVES = b"SAVE;\n"
WORTHLESS = re.compile(rb"SAVE;")


def read(dump: bytes, piece_bytes: int = 65_536) -> Remarks:
    remarks = Remarks(worthless=WORTHLESS)
    pieces = [dump[at : at + piece_bytes] for at in range(0, len(dump), piece_bytes)]
    for piece in pieces:
        remarks.look(piece)
    remarks.close()
    return remarks


@pytest.mark.parametrize("piece_bytes", [1, 7, 100, 65_536])
def test_messages_are_counted_and_the_first_is_named(piece_bytes: int) -> None:
    remarks = read(HEAD + b"INSERT;\n" * 10 + CIRCULAR + b"x\n" + b"y" * 10_000 + b"\n" + PASSWORD, piece_bytes)

    assert (remarks.count, remarks.tool, remarks.line) == (4, "pg_dump", 15)


@pytest.mark.parametrize(
    ("line", "tool"),
    [
        (b"/usr/bin/mariadb-dump: Got error: 1045", "mariadb-dump"),
        (b"C:\\Program Files\\MySQL\\bin\\mysqldump.exe: [Warning] x", "mysqldump"),
        (b"pg_dumpall: error: query failed", "pg_dumpall"),
        (b"pg_dump: [archiver (db)] query failed", "pg_dump"),
        (b"Warning: Using a password on the command line interface can be insecure.", "mysqldump"),
        (b"pg_dump: warning: without an end of line", "pg_dump"),
    ],
)
def test_a_message_is_known_by_who_says_it(line: bytes, tool: str) -> None:
    assert (read(line).count, read(line).tool) == (1, tool)
    assert read(b"SELECT 1;\n" + line + b"\n").line == 2


@pytest.mark.parametrize(
    "text",
    [
        b"-- Dumped by pg_dump version 15.20",
        b"INSERT INTO note VALUES ('pg_dump: error: it said');",
        b"1\tpg_dump: error: it said",
        b"a pg_dump: b",
        b"pg_dump:x",
        b"y" * 10_000 + b"pg_dump: error",
    ],
)
@pytest.mark.parametrize("piece_bytes", [1, 10_000, 65_536])
def test_what_only_quotes_a_tool_is_none(text: bytes, piece_bytes: int) -> None:
    assert read(text, piece_bytes).count == 0
    assert read(text + b"\nmore\n", piece_bytes).count == 0


@pytest.mark.parametrize("piece_bytes", [1, 64, 65_536])
@pytest.mark.parametrize("said", [PASSWORD, RENAMED, TABLESPACES, CIRCULAR, PASSWORD + TABLESPACES])
def test_a_message_before_what_nothing_depends_on_costs_nothing(said: bytes, piece_bytes: int) -> None:
    assert read(said + HEAD + SAVES + b"INSERT;\n", piece_bytes).spared == {1}
    assert read(HEAD + b"INSERT;\n" + said + SAVES, piece_bytes).spared == {6}
    assert read(b"INSERT;\n" + said, piece_bytes).spared == {2}


@pytest.mark.parametrize("piece_bytes", [1, 64, 65_536])
@pytest.mark.parametrize(
    "dump",
    [
        PASSWORD + HEAD + b"INSERT;\n" + SAVES,
        PASSWORD + b"SAVE; INSERT;\n",
        PASSWORD + b"x" * 10_000 + b"\n" + SAVES,
        PASSWORD + b"x" * 10_000,
        b"mysqldump: Couldn't execute 'SHOW CREATE VIEW': no (1356)\n" + SAVES,
        b"mysqldump: Lost connection to server during query\n",
        b"pg_dump: error: query failed\n",
        b"mysqldump: a; b\n" + SAVES,
        b"mysqldump: it isn't\n" + SAVES,
        b"mysqldump: a /* b\n" + SAVES,
        PASSWORD + b"mysqldump: it isn't\n" + SAVES,
    ],
)
def test_any_other_message_costs_a_statement_or_may_have(dump: bytes, piece_bytes: int) -> None:
    assert read(dump, piece_bytes).count >= 1
    assert read(dump, piece_bytes).spared == set()


def test_a_dump_of_messages_takes_neither_memory_nor_time() -> None:
    remarks = read((PASSWORD + SAVES) * 200_000)

    assert remarks.count == 1000
    assert max(remarks.spared) < 2000


def test_what_a_message_swallowed_is_what_stands_behind_it_and_the_comments() -> None:
    said = CIRCULAR.decode()
    assert without_remarks(f"{said}--\n-- PostgreSQL database dump\n--\n\nSET x = 0;") == "SET x = 0;"
    assert without_remarks(said) == ""
    assert without_remarks(f"SET x = 0;\n{said}") is None
    assert without_remarks("SET x = 0;") is None
    assert without_remarks("pg_dump: error: query failed\nSET x = 0;") is None


def test_a_message_with_more_than_words_steers_the_client() -> None:
    assert is_mere_words(RENAMED)
    assert not is_mere_words(b"pg_dump: warning: can't")
    assert not is_mere_words(b"pg_dump: warning: $$")

"""What copies and connections do to a dump's letters and lines."""

from __future__ import annotations

import os

import pytest

from restore_lab.engines import ENGINES
from restore_lab.engines.arriving import Arriving, recognised, unrecognised
from restore_lab.engines.encodings import Letters, ends_as_windows, sixteen_bits
from restore_lab.findings import Code, Finding, finding

DUMPS = {
    "postgresql": "--\n-- PostgreSQL database dump\n--\n\nCREATE TABLE public.patient (nom text);\n",
    "mariadb": "-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for x (x86_64)\n--\nCREATE TABLE `é` (a int);\n",
    "sqlite": "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(a);\nCOMMIT;\n",
}
KNOWN = {kind: engine() for kind, engine in ENGINES.items()}


@pytest.mark.parametrize("kind", DUMPS)
@pytest.mark.parametrize(
    ("mark", "codec", "encoding"),
    [
        ("\ufeff", "utf-16-le", "UTF-16LE"),
        ("\ufeff", "utf-16-be", "UTF-16BE"),
        ("", "utf-16-le", "UTF-16LE"),
        ("", "utf-16-be", "UTF-16BE"),
    ],
)
def test_a_dump_in_sixteen_bits_is_known_and_not_taken(kind: str, mark: str, codec: str, encoding: str) -> None:
    head = (mark + DUMPS[kind]).encode(codec)
    wanted = (KNOWN[kind],)

    assert recognised(head, wanted) is None
    assert tuple(unrecognised(head, wanted, KNOWN)) == (finding(Code.DUMP_IN_UTF16, encoding=encoding),)
    assert recognised(DUMPS[kind].encode(), wanted) is not None


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"a",
        b"\0",
        b"\0" * 4096,
        b"PGDMP\x01\x0e\0\x04\x08\x01",
        b"SQLite format 3\0" + b"\0" * 100,
        os.urandom(4096),
    ],
)
def test_what_is_no_text_in_sixteen_bits_is_not_taken_for_it(head: bytes) -> None:
    assert sixteen_bits(head) == ""


def test_sixteen_bits_of_something_else_are_no_dump() -> None:
    head = "\ufeffCher confrère,\n".encode("utf-16-le")

    assert tuple(unrecognised(head, (KNOWN["mariadb"],), KNOWN)) == (finding(Code.DUMP_NOT_RECOGNISED),)


def seen(*chunks: bytes, is_text: bool = True) -> tuple[Finding, ...]:
    arriving = Arriving(is_dump=True, is_text=is_text)
    for chunk in chunks:
        arriving.look(chunk)
    assert arriving.passed_bytes == sum(map(len, chunks))
    return tuple(arriving.findings())


def test_line_ends_of_windows_are_noted_in_text_alone() -> None:
    assert seen(b"a\r\nb\r\n", b"c\n") == (finding(Code.LINE_ENDS_CHANGED),)
    assert seen(b"a\nb 'c\r\nd'\n", b"c\r\n") == ()
    assert seen(b"a\r\nb\r\n", is_text=False) == ()
    assert not ends_as_windows(b"")


TWICE = "é".encode().decode("latin-1").encode()


@pytest.mark.parametrize(
    ("text", "count"),
    [(TWICE * 20, 20), (TWICE * 19, 0), (TWICE * 30 + "é".encode() * 29, 30), (TWICE * 30 + "é".encode() * 30, 0)],
)
def test_letters_encoded_twice_are_counted_unless_they_are_few(text: bytes, count: int) -> None:
    letters = Letters()
    letters.look(text)
    assert letters.doubly_encoded == count
    assert seen(text) == ((finding(Code.TEXT_DOUBLY_ENCODED, count=count),) if count else ())

"""The cut backup of the negative control: whole statements, closed COPY, the tool's last line, within its bound."""

from __future__ import annotations

import pytest

from restore_lab.engines.base import Dump
from restore_lab.engines.forging import forged

PG_END = b"\n--\n-- PostgreSQL database dump complete\n--\n\n"
MARIADB_END = b"\n-- Dump completed on 2026-01-01  4:00:00\n"
COPY = b"CREATE TABLE t (a int);\nCOPY public.t (a) FROM stdin;\n1\n2\n3;\n4\n\\.\nCREATE INDEX i ON t (a);\n"
INSERTS = b"CREATE TABLE t (a text);\nINSERT INTO t VALUES\n('a'),\n('b');\nINSERT INTO t VALUES ('c');\n"


def dump(engine: str, form: str = "plain") -> Dump:
    return Dump(engine=engine, format=form, vendor=engine, version="1", series="1", tool="")


def cut(data: bytes, engine: str, most: int, *, form: str = "plain", piece: int = 1 << 20) -> bytes:
    pieces = (data[start : start + piece] for start in range(0, len(data), piece))
    return b"".join(forged(pieces, dump(engine, form), most_bytes=most))


def test_rows_of_copy_are_cut_between_rows_and_closed() -> None:
    assert cut(COPY, "postgresql", COPY.index(b"3;")) == COPY[: COPY.index(b"3;")] + b"\\.\n" + PG_END


def test_a_copy_that_is_over_is_not_closed_twice() -> None:
    assert cut(COPY, "postgresql", COPY.index(b"CREATE INDEX") + 3).count(b"\\.\n") == 1


def test_a_statement_is_whole_or_not_there() -> None:
    whole = INSERTS.index(b"INSERT")

    assert cut(INSERTS, "mariadb", INSERTS.index(b"('b')")) == INSERTS[:whole] + MARIADB_END
    assert cut(INSERTS, "mariadb", len(INSERTS) - 1) == INSERTS[: INSERTS.rindex(b"INSERT")] + MARIADB_END


@pytest.mark.parametrize("most", range(0, len(COPY) + 5, 3))
@pytest.mark.parametrize("piece", [1, 7, 64])
def test_it_stays_a_beginning_within_its_bound_however_it_comes(most: int, piece: int) -> None:
    made = cut(COPY, "postgresql", most, piece=piece).removesuffix(PG_END)

    assert any(COPY.startswith(one) for one in (made, made.removesuffix(b"\\.\n")))
    assert len(made) <= most + len(b"\\.\n")


def test_an_archive_is_cut_where_it_is() -> None:
    assert cut(b"PGDMP" * 100, "postgresql", 123, form="custom", piece=50) == (b"PGDMP" * 100)[:123]


def test_a_statement_without_end_is_not_held_for_ever() -> None:
    endless = (b"x" * 1_000_000 for _ in range(40))
    held = [len(piece) for piece in forged(endless, dump("mariadb"), most_bytes=35_000_000)]

    assert max(held) < 18_000_000

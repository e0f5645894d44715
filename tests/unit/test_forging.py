"""The cut backup of the negative control: whole statements, closed COPY, the tool's last line, within its bound."""

from __future__ import annotations

import tracemalloc

import pytest

from restore_lab.engines.base import Dump
from restore_lab.engines.forging import forged, forgery

PG_END = b"\n--\n-- PostgreSQL database dump complete\n--\n\n"
MARIADB_END = b"\n-- Dump completed on 2026-01-01  4:00:00\n"
COPY = b"CREATE TABLE t (a int);\nCOPY public.t (a) FROM stdin;\n1\n2\n3;\n4\n\\.\nCREATE INDEX i ON t (a);\n"
INSERTS = b"CREATE TABLE t (a text);\nINSERT INTO t VALUES\n('a'),\n('b');\nINSERT INTO t VALUES ('c');\n"
FORMS = {"postgresql": "plain", "mariadb": "sql", "sqlite": "plain"}


def dump(engine: str, form: str = "") -> Dump:
    return Dump(engine=engine, format=form or FORMS[engine], vendor=engine, version="1", series="1", tool="")


def pieces(data: bytes, piece: int = 1 << 20) -> list[bytes]:
    return [data[start : start + piece] for start in range(0, len(data), piece)]


def cut(data: bytes, engine: str, most: int, *, form: str = "", piece: int = 1 << 20) -> bytes:
    made = forgery(pieces(data, piece), dump(engine, form), most_bytes=most)
    return b"".join(forged(pieces(data, piece), made))


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


def test_a_cluster_ends_with_the_line_of_its_own_tool() -> None:
    assert cut(COPY, "postgresql", 30, form="plain-cluster").endswith(
        b"\n-- PostgreSQL database cluster dump complete\n--\n\n"
    )


def test_a_statement_without_end_is_not_held_at_all() -> None:
    def endless() -> list[bytes]:
        return [b"CREATE TABLE t (a text);\n", *[b"x" * 1_000_000] * 40]

    tracemalloc.start()
    made = forgery(iter(endless()), dump("mariadb"), most_bytes=35_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert made.kept_bytes == len(b"CREATE TABLE t (a text);\n")
    assert peak < 8_000_000


#: What looks like the end of a statement and is none, each followed by one that is; the marks are where it may be cut.
TRAPS = {
    "mariadb": (
        b"INSERT INTO `t` VALUES ('it\\'s;\n','a;\n''b;\n',\"c;\n\",'\\\\');\n<>"
        b"-- don't; stop;\nDROP TABLE `a;\nb`;\n<>"
        b"/*!50003 CREATE FUNCTION `it's`() RETURNS INT */;\n<>"
        b"/* it's; not;\n */ # nor ' this;\nDO 1;\n<>"
        b"DELIMITER ;;\nCREATE PROCEDURE p()\nBEGIN\nDO 1;\nDO 2;\nEND ;;\nDELIMITER ;\nDO 3;\n<>"
        b"/*M!999999\\- enable the sandbox mode */ \nSELECT 5--1;\n<>"
    ),
    "postgresql": (
        b"CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $_$\nBEGIN\n  x := 'it''s';\n"
        b"  RETURN 1; -- $$\nEND;\n$_$;\n<>"
        b"INSERT INTO t VALUES ('a\\', E'b\\';\n', 'c;\n', 1);\n<>"
        b'COMMENT ON TABLE "it\'s;\n" IS NULL;\n<>'
        b"CREATE FUNCTION g() RETURNS int\n    BEGIN ATOMIC\n SELECT 1;\n SELECT 2;\nEND;\n<>"
        b"SELECT a$1 FROM t;\n<>/* it's;\n */ SELECT 1 -- it's;\n;\n<>"
    ),
    "sqlite": (
        b"INSERT INTO t VALUES('a\\',';\n','it''s;\n');\n<>"
        b"CREATE TRIGGER r AFTER INSERT ON t BEGIN\nUPDATE t SET a = 1;\nUPDATE t SET b = 2;\nEND;\n<>"
        b'INSERT INTO "it\'s;\n" VALUES(1);\n<>'
    ),
}


@pytest.mark.parametrize("piece", [1, 5, 1 << 20])
@pytest.mark.parametrize("engine", TRAPS)
def test_what_only_looks_like_the_end_of_a_statement_is_none(engine: str, piece: int) -> None:
    parts = TRAPS[engine].split(b"<>")
    data = b"".join(parts)
    ends = [0]
    for part in parts:
        ends.append(ends[-1] + len(part))

    kept = {forgery(pieces(data, piece), dump(engine), most_bytes=most).kept_bytes for most in range(len(data) + 1)}

    assert kept == set(ends)


@pytest.mark.parametrize("piece", [4096, 100_003])
def test_a_very_long_line_is_read_in_parts_that_tear_nothing(piece: int) -> None:
    row = b"('" + b"\\\\\\';--\\\\" * 30 + b"','it''s;'),"
    line = b"INSERT INTO t VALUES " + row * 4000 + b"('');\n"
    data = line * 3

    assert forgery(pieces(data, piece), dump("mariadb"), most_bytes=len(data) - 1).kept_bytes == 2 * len(line)

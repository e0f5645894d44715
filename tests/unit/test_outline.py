"""What a dump announces, read in pieces of every size from text that tries to look like more than it is."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from restore_lab.engines import announced
from restore_lab.engines.base import Dump
from restore_lab.engines.naming import Named
from restore_lab.engines.outline import MOST_NAMES, Outline
from restore_lab.engines.tokens import Dialect
from restore_lab.findings import Code, Finding, finding

MARIADB, POSTGRESQL, SQLITE = Dialect
FORGED = b"-- Dump completed on 2026-01-01  4:00:00\n"
SAVED = b"/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n"
PUT_BACK = b"/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;\n"


def read(dump: bytes, dialect: Dialect, *, piece_bytes: int = 65_536, one_line_rows: bool = False) -> Outline:
    outline = Outline(dialect=dialect, one_line_rows=one_line_rows)
    pieces = (dump[at : at + piece_bytes] for at in range(0, len(dump), piece_bytes))
    assert b"".join(outline.through(pieces)) == dump
    return outline


def names(outline: Outline) -> dict[str, list[str]]:
    return {kind: [named.name for named in found] for kind, found in outline.made.items() if found}


def by(tool: str) -> Dump:
    return Dump(engine="", format="sql", vendor="", version="", series="", tool=tool)


def cut(dump: bytes, dialect: Dialect, tool: str) -> tuple[Finding, ...]:
    return tuple(announced.cut(read(dump, dialect), by(tool)))


HIDDEN = b"CREATE TABLE `hidden` (a int);\n"
HIDDEN_IN = {
    "a string": (MARIADB, b"SELECT '" + HIDDEN + b"';\n"),
    "an escaped string": (MARIADB, b"SELECT 'it\\'s \\\\\\';\n" + HIDDEN + b"';\n"),
    "a doubled quote": (MARIADB, b"SELECT 'it''s;\n" + HIDDEN + b"';\n"),
    "rows": (MARIADB, b"INSERT INTO `t` VALUES (1,'it\\'s);\n" + HIDDEN + b"');\n"),
    "rows behind a quoted name": (MARIADB, b"INSERT INTO `it's` VALUES (1,'a);\n" + HIDDEN + b"');\n"),
    "double quotes": (MARIADB, b"INSERT INTO `t` VALUES (1,\"it's);\n" + HIDDEN + b'");\n'),
    "a comment": (MARIADB, b"/* it's\n" + HIDDEN + b"*/\n"),
    "a line": (MARIADB, b"-- it's " + HIDDEN + b"# it's " + HIDDEN),
    "a body": (
        MARIADB,
        b"DELIMITER ;;\nCREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN\n" + HIDDEN + b"END ;;\nDELIMITER ;\n",
    ),
    "a body that slashes end": (
        MARIADB,
        b"DELIMITER //\nCREATE PROCEDURE x() BEGIN SELECT 1 / 2 /* it's */;\n" + HIDDEN + b"END //\nDELIMITER ;\n",
    ),
    "COPY": (POSTGRESQL, b"COPY public.t (a) FROM stdin;\nit's\n" + HIDDEN + b"\\.\n"),
    "COPY of Windows": (POSTGRESQL, b"COPY public.t (a) FROM stdin;\r\nit's\r\n" + HIDDEN + b"\\.\r\n"),
    "dollar quotes": (POSTGRESQL, b"CREATE FUNCTION f() AS $_a$ it's $_b$;\n" + HIDDEN + b"$_a$;\n"),
    "an E string": (POSTGRESQL, b"SELECT E'it\\'s;\n" + HIDDEN + b"';\n"),
    "rows of --inserts": (POSTGRESQL, b"INSERT INTO public.t VALUES (1, 'it''s \\);\n" + HIDDEN + b"');\n"),
    "a name": (POSTGRESQL, b"SELECT 1 AS \"it's;\n" + HIDDEN + b'";\n'),
    "rows of .dump": (SQLITE, b"INSERT INTO t VALUES(1,'it''s);\n" + HIDDEN + b"');\n"),
}


@pytest.mark.parametrize("where", HIDDEN_IN)
@pytest.mark.parametrize("piece_bytes", [1, 7, 65_536])
def test_what_only_looks_like_a_statement_is_none(where: str, piece_bytes: int) -> None:
    dialect, hides = HIDDEN_IN[where]
    seen = b"CREATE TABLE seen (a int);\n"
    outline = read(seen + hides + b"CREATE TABLE last (a int);\n", dialect, piece_bytes=piece_bytes)

    assert names(outline)["table"] == ["seen", "last"]
    assert not outline.lost


@pytest.mark.parametrize(
    ("dialect", "sql", "kind", "named"),
    [
        (MARIADB, b"CREATE TABLE IF NOT EXISTS `a``b` (", "table", Named("", "a`b")),
        (MARIADB, b"USE `c`;\nCREATE TABLE t (", "table", Named("c", "t")),
        (
            MARIADB,
            b"/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`a`@`%` */\n/*!50001 VIEW `v` AS select (",
            "view",
            Named("", "v"),
        ),
        (MARIADB, b"/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`b`*/ /*!50003 TRIGGER `g` (", "trigger", Named("", "g")),
        (MARIADB, b"CREATE DEFINER=`a`@`b` FUNCTION `f`(", "routine", Named("", "f")),
        (POSTGRESQL, b'CREATE UNLOGGED TABLE public."Tab le" (', "table", Named("public", "Tab le")),
        (POSTGRESQL, b"SET search_path = s, pg_catalog;\nCREATE TABLE T (", "table", Named("s", "t")),
        (POSTGRESQL, b"CREATE CONSTRAINT TRIGGER g AFTER (", "trigger", Named("", "g")),
        (POSTGRESQL, b"CREATE OR REPLACE PROCEDURE public.p(", "routine", Named("public", "p")),
        (SQLITE, b"CREATE TABLE [t t](", "table", Named("", "t t")),
        (SQLITE, b"CREATE TABLE IF NOT EXISTS 't' (", "table", Named("", "t")),
    ],
)
def test_an_object_is_known_by_its_kind_and_name(dialect: Dialect, sql: bytes, kind: str, named: Named) -> None:
    assert list(read(sql + b"a int);\n", dialect).made[kind]) == [named]


@pytest.mark.parametrize("end", [b"", FORGED], ids=["cut", "forged end"])
@pytest.mark.parametrize(
    ("dump", "subject"),
    [
        (SAVED, "SQL_MODE"),
        (b"LOCK TABLES `t` WRITE;\n", "t"),
        (b"--\n-- Table structure for table `t`\n--\n\n", "t"),
        (b"-- Temporary view structure for view `v`\n/*!50001 CREATE VIEW `v` AS SELECT 1 */;\n", "v"),
        (b"-- Temporary table structure for view `v`\n-- Final view structure for view `v`\n", "v"),
    ],
)
def test_what_mysqldump_begins_it_ends(dump: bytes, subject: str, end: bytes) -> None:
    assert cut(dump + end, MARIADB, "mariadb-dump 10.11") == (finding(Code.DUMP_CUT, missing=1, subject=subject),)
    assert cut(dump + end, MARIADB, "") == ()
    whole = b"UNLOCK TABLES;\nCREATE TABLE `t` (a int);\n-- Final view structure for view `v`\nCREATE VIEW `v` AS x;\n"
    assert cut(dump + whole + PUT_BACK + FORGED, MARIADB, "mariadb-dump 10.11") == ()


PG = b"CREATE TABLE public.a (x int);\nCREATE TABLE public.b (x int);\nCREATE SEQUENCE public.s;\n"
ROWS_OF_A = b"COPY public.a (x) FROM stdin;\n1\n\\.\n\n"
ROWS_OF_B = b"COPY public.b (x) FROM stdin;\n\\.\n\n"
KEY_OF_A = b"ALTER TABLE ONLY public.a ADD CONSTRAINT a_pkey PRIMARY KEY (x);\n"
FORGED_PG = b"--\n-- PostgreSQL database dump complete\n--\n"
SETVAL = b"SELECT pg_catalog.setval('public.s', 1, true);\n"


@pytest.mark.parametrize(
    ("dump", "missing", "subject"),
    [
        (PG + ROWS_OF_A, 2, "b"),
        (PG + ROWS_OF_A + ROWS_OF_B, 1, "s"),
        (PG + ROWS_OF_A[:-4], 3, "a"),
        (b"\\restrict x\n" + PG + ROWS_OF_A + ROWS_OF_B + SETVAL, 1, "pg_dump 15"),
        (PG + ROWS_OF_A + b"-- Data for Name: b; Type: TABLE DATA; Schema: public; Owner: o\n" + SETVAL, 1, "b"),
    ],
)
def test_what_pg_dump_begins_it_ends(dump: bytes, missing: int, subject: str) -> None:
    assert cut(dump, POSTGRESQL, "pg_dump 15") == (finding(Code.DUMP_CUT, missing=missing, subject=subject),)


@pytest.mark.parametrize(
    ("dump", "missing", "subject"),
    [
        (PG + ROWS_OF_A + SETVAL, 1, "b"),
        (PG + ROWS_OF_A + SETVAL + b"\\unrestrict x\n", 1, "b"),
        (PG + b"CREATE SEQUENCE public.b_id_seq;\n" + ROWS_OF_A + SETVAL, 2, "b"),
    ],
)
def test_what_may_be_left_out_or_cut_off_is_called_neither(dump: bytes, missing: int, subject: str) -> None:
    told = (finding(Code.CONTENTS_ABSENT, missing=missing, subject=subject),)

    assert cut(dump, POSTGRESQL, "pg_dump 15") == told
    assert cut(dump + FORGED_PG, POSTGRESQL, "pg_dump 15") == told
    assert cut(dump + KEY_OF_A, POSTGRESQL, "pg_dump 15") == ()


@pytest.mark.parametrize(
    "dump",
    [
        PG,
        PG + ROWS_OF_A + ROWS_OF_B + SETVAL,
        PG + ROWS_OF_A + KEY_OF_A,
        PG + b"CREATE TABLE public.c (x int)\nPARTITION BY RANGE (x);\n" + ROWS_OF_A + ROWS_OF_B + SETVAL,
        PG + b"CREATE UNLOGGED TABLE public.c (x int);\n" + ROWS_OF_A + ROWS_OF_B + SETVAL,
        b"\\restrict x\n" + PG + ROWS_OF_A + ROWS_OF_B + SETVAL + b"\\unrestrict x\n",
        b"\\restrict x\n" + PG + ROWS_OF_A + SETVAL + b"\\unrestrict x\n",
        PG + ROWS_OF_A + b"\\connect other\n",
        ROWS_OF_A,
    ],
)
def test_a_whole_pg_dump_lacks_nothing(dump: bytes) -> None:
    assert cut(dump, POSTGRESQL, "pg_dump 15") == ()


def test_a_dump_of_sqlite_ends_its_transaction() -> None:
    begun = b"BEGIN TRANSACTION;\nCREATE TABLE t(a);\nINSERT INTO t VALUES('COMMIT;');\n"

    assert cut(begun, SQLITE, ".dump") == (finding(Code.DUMP_CUT, missing=1, subject=".dump"),)
    assert cut(begun + b"COMMIT;\n", SQLITE, ".dump") == ()


THERE = {"table": {Named("c", "t"), Named("c", "v")}, "view": {Named("c", "v")}, "trigger": set(), "routine": set()}


@pytest.mark.parametrize(
    ("sql", "kinds"),
    [
        (b"CREATE TABLE t (a int);\nCREATE VIEW v AS x;\n", []),
        (b"CREATE TABLE T (a int);\n", []),
        (b"CREATE TABLE gone (a int);\n", ["table"]),
        (b"CREATE TABLE gone (a int);\nDROP TABLE gone;\n", []),
        (b"CREATE TABLE gone (a int);\nDROP TABLE t, gone;\n", []),
        (b"CREATE TEMPORARY TABLE gone (a int);\n", []),
        (b"CREATE TABLE gone (a int);\nALTER TABLE gone RENAME TO t;\n", []),
        (b"CREATE TABLE gone (a int);\nRENAME TABLE gone TO t;\n", []),
        (b"CREATE TABLE gone (a int);\nCALL clean();\n", []),
        (b"CREATE TABLE `caf\xe9` (a int);\n", []),
        (b"CREATE TABLE v (a int);\nDROP TABLE v;\nCREATE VIEW v AS x;\n", []),
        (b"CREATE VIEW t AS x;\n", ["view"]),
        (b"CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET @a = 1;\n", ["trigger"]),
        (b"CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET @a = 1;\nDROP TRIGGER g;\n", []),
        (b"CREATE FUNCTION f() RETURNS INT RETURN 1;\n", ["routine"]),
        (b"CREATE TABLE gone (a int);\nINSERT INTO t VALUES ('", []),
    ],
)
def test_what_is_silently_absent_is_named_where_it_is_certain(sql: bytes, kinds: list[str]) -> None:
    outline = read(b"USE c;\n" + sql, MARIADB)

    told = tuple(announced.absent(outline, THERE, default="restored", findings=()))
    assert [dict(one.params)["kind"] for one in told] == kinds
    explained = (finding(Code.LOAD_ERRORS, count=1, code="1", subject=""),)
    assert tuple(announced.absent(outline, THERE, default="restored", findings=explained)) == ()


def test_names_are_kept_up_to_a_bound_and_then_nothing_is_judged() -> None:
    outline = Outline(dialect=MARIADB)
    for number in range(MOST_NAMES + 1000):
        outline.look(b"CREATE TABLE `%b%d` (a int);\n" % (b"x" * 200, number))
    outline.close()

    assert len(outline.made["table"]) == MOST_NAMES
    assert not outline.judgeable


WORDS = (
    *(b"'", b'"', b"`", b"\\", b";", b"\n", b"\r\n", b"--", b"-- ", b"/*", b"*/", b"/*!50001 ", b"$$", b"$a$", b"E'"),
    *(
        b"COPY t FROM stdin;\n",
        b"\\.\n",
        b"INSERT INTO `t` VALUES (1,'",
        b"');\n",
        b"CREATE TABLE x (a int)",
        b" ",
        b"a",
    ),
    *(
        b"DELIMITER ;;\n",
        b"DELIMITER ;\n",
        b"#",
        b",'0000-00-00'",
        b"\\restrict x\n",
        b"SET @OLD_A=@@A",
        b"/*M!999999\\-",
    ),
    *(b"-- Table structure for table `x`\n", b"LOCK TABLES `t` WRITE", b"\xc3\xa9", b"\0", b"mysqldump: it's\n"),
)


def hostile(chance: random.Random) -> Iterator[bytes]:
    for _ in range(150):
        yield b"".join(chance.choice(WORDS) for _ in range(chance.randint(0, 400)))
        yield chance.randbytes(chance.randint(0, 3000))


@pytest.mark.parametrize("dialect", Dialect)
def test_any_bytes_give_the_same_outline_however_they_are_cut(dialect: Dialect) -> None:
    chance = random.Random(20261122)  # noqa: S311 - the same bytes in every run
    for dump in hostile(chance):
        whole, pieces, at = read(dump, dialect), Outline(dialect=dialect), 0
        while at < len(dump):
            step = chance.choice((1, 3, 50, 1000))
            pieces.look(dump[at : at + step])
            at += step
        pieces.close()
        for name in ("made", "open", "contents", "judgeable", "lost", "filling"):
            assert getattr(pieces, name) == getattr(whole, name), name
        assert pieces.zeros.count == whole.zeros.count


@pytest.mark.parametrize(
    "seed", [b"SELECT '", b"INSERT INTO `t` VALUES ('", b"-- ", b"/*", b"COPY t FROM stdin;\n", b"\\"]
)
def test_memory_stays_small_whatever_never_ends(seed: bytes) -> None:
    outline = Outline(dialect=POSTGRESQL)
    outline.look(seed)
    for _ in range(64):
        outline.look(b"a" * 1_000_000)

    window = outline._statements._window
    assert len(window.data) - window.at < 10_000

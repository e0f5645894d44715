"""Dumps whose bytes or tables are not what they should be, on real servers: what is found, what beside it not."""

from __future__ import annotations

import pytest
from integration import mariadb_dumps as mariadb
from integration import postgresql_backups as postgresql

from restore_lab.engines.mariadb.engine import Mariadb
from restore_lab.findings import Code, Finding, finding
from restore_lab.sandboxes.local.driver import Local

ON_15 = postgresql.Place(sandbox=Local(), series="15")
OBJECTS = """
CREATE DATABASE c; USE c; CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1), (2);
CREATE VIEW v AS SELECT * FROM t; CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN 1;
CREATE TRIGGER g BEFORE DELETE ON t FOR EACH ROW SET @a = 1;
"""


@pytest.fixture(scope="module")
def dump() -> bytes:
    return mariadb.dumped(OBJECTS, "--routines", "c")


def found(data: bytes, engine: Mariadb | None = None) -> tuple[Finding, ...]:
    with mariadb.LOCAL.restored(data, engine) as (_, load, _):
        return load.findings


def test_a_whole_dump_announces_what_comes_back(dump: bytes) -> None:
    assert found(dump) == ()
    assert found(dump.replace(b"`t`", b"`T`"), Mariadb(lower_case_table_names=1)) == ()


@pytest.mark.parametrize(
    ("old", "kind", "name"),
    [(b"/*!50003 CREATE*/", "trigger", "g"), (b"/*!50001 CREATE ALGORITHM", "view", "v")],
)
def test_what_a_servers_version_keeps_it_from_making_is_absent(dump: bytes, old: bytes, kind: str, name: str) -> None:
    # a comment for MySQL alone, which MariaDB does not run
    at = dump.rindex(old)
    line = dump.index(b"\n", dump.index(b";\n", at) - 1)
    foreign = dump[:at] + dump[at:line].replace(b"/*!50", b"/*!80") + dump[line:]

    assert finding(Code.ANNOUNCED_ABSENT, kind=kind, count=1, name=name) in found(foreign)


def test_databases_that_a_dump_uses_and_does_not_make_are_there_before() -> None:
    both = f"{OBJECTS}CREATE DATABASE d; USE d; CREATE TABLE t (id INT); INSERT INTO t VALUES (3);\n"  # noqa: S608 - ours
    used = mariadb.dumped(both, "--databases", "c", "d", "--no-create-db")
    assert b"CREATE DATABASE" not in used
    with mariadb.LOCAL.restored(used) as (_, load, inventory):
        assert load.findings == (finding(Code.DATA_IN_ANOTHER_DATABASE, database="c"),)
        assert {table.name: table.rows for table in inventory.tables} == {"t": 2, "d.t": 1}


def test_a_view_that_psql_was_told_to_pass_over_is_absent() -> None:
    lines = postgresql.backups(ON_15)["plain"].split(b"\n")
    # PostgreSQL's releases of August 2025 and later forbid psql everything but SQL
    plain = b"\n".join(line for line in lines if not line.startswith((b"\\restrict", b"\\unrestrict")))
    made = plain.index(b"CREATE VIEW public.seen")
    ruled = plain.index(b"CREATE RULE nobody")
    until = plain.index(b"\n\n", ruled)
    between = plain[plain.index(b";\n", plain.index(b"ALTER ", made)) + 2 : ruled]
    view = plain[made : plain.index(b";\n", plain.index(b"ALTER ", made)) + 2]
    told = plain[:made] + b"\\if false\n" + view + b"\\endif\n" + between + plain[until:]
    with postgresql.restored(ON_15, told) as back:
        assert back.load.findings == (
            postgresql.ROLES,
            finding(Code.ANNOUNCED_ABSENT, kind="view", count=1, name="seen"),
        )


@pytest.mark.parametrize("engine", ["MyISAM", "Aria", "MEMORY"])
def test_tables_without_transactions_are_a_reservation_where_they_hold_rows(dump: bytes, engine: str) -> None:
    told = finding(Code.NOT_TRANSACTIONAL, count=1, table="t")
    other = dump.replace(b"ENGINE=InnoDB", f"ENGINE={engine}".encode())

    assert found(other) == (told,)
    assert found(other.replace(b"UNLOCK TABLES;", b"UNLOCK TABLES;\nDELETE FROM `t`;")) == ()


def test_a_dump_with_line_ends_of_windows_loads_as_it_is(dump: bytes) -> None:
    assert found(dump.replace(b"\n", b"\r\n")) == ()
    plain = postgresql.backups(ON_15)["plain"].replace(b"\n", b"\r\n")
    with postgresql.restored(ON_15, plain) as back:
        assert back.load.findings == (postgresql.ROLES,)
        assert back.tables == postgresql.TABLES
        assert back.database.query("SELECT count(*) FROM visits WHERE note LIKE E'%\\r%'") == [("0",)]


def test_western_bytes_in_a_dump_that_says_utf_8_are_told_on_both_engines() -> None:
    named = mariadb.dumped(
        "CREATE DATABASE c; USE c; CREATE TABLE t (n VARCHAR(9)); INSERT INTO t VALUES ('Zoé');", "c"
    )
    western = named.replace("Zoé".encode(), b"Zo\xe9")

    assert found(western) == (finding(Code.VALUES_CHANGED, count=1, subject="t.n", code="1366", tables=1),)
    strict = found(western.replace(b"SQL_MODE='NO_AUTO_VALUE_ON_ZERO'", b"SQL_MODE='STRICT_TRANS_TABLES'"))
    assert finding(Code.LOAD_ERRORS, count=1, code="1366", subject="t.n") in strict
    plain = postgresql.changed(postgresql.backups(ON_15)["plain"], b"Secretname10\t", b"Secretname\xe9\t")
    with postgresql.restored(ON_15, plain) as back:
        assert back.load.findings[0].code is Code.LOAD_ERRORS
        assert ("22021", "patients") in back.codes

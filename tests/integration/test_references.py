"""Foreign keys, counters and views of restored databases: our figures against queries written by hand, and against
schemas made to mislead.
"""

# ruff: noqa: S608 - statements of these tests, over names of theirs

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import needs
import pytest
from needs import absent

from restore_lab.engines import ENGINES
from restore_lab.engines.base import HEAD_BYTES, TIMEOUT, TOO_MANY, Database, References
from restore_lab.engines.mariadb import references as mariadb_references
from restore_lab.engines.mariadb.catalogue import Table
from restore_lab.engines.mariadb.references import Asked
from restore_lab.engines.postgresql import one_by_one
from restore_lab.sandboxes.base import Machine, Need, Sandbox, Server
from restore_lab.sandboxes.container.driver import Container
from restore_lab.sandboxes.local.driver import Local

PG_HEAD: Final = "-- PostgreSQL database dump\nSET session_replication_role = replica;\n"
MY_HEAD: Final = (
    "-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)\n--\nSET FOREIGN_KEY_CHECKS=0;\n"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """An engine of one series on one kind of machine."""

    engine: str
    series: str
    sandbox: Sandbox

    @property
    def server(self) -> Server:
        return next(one for one in ENGINES[self.engine]().offered() if one.series == self.series)

    @contextmanager
    def restored(self, backup: bytes) -> Iterator[tuple[Machine, Database]]:
        server = self.server
        if lacking := self.sandbox.lacks(server):
            absent(lacking)
        need = Need(
            lab_id="tests",
            drill_id=f"references-{os.getpid()}",
            restore_id="r1",
            server=server,
            backup_bytes=len(backup),
            memory_bytes=1024**3,
            expires_at=datetime.now(UTC) + timedelta(minutes=30),
        )
        driver = ENGINES[self.engine]()
        dump = driver.recognise(backup[:HEAD_BYTES])
        assert dump is not None
        with self.sandbox.machine(need) as machine:
            database = driver.start(machine, server)
            load = database.load(dump, (backup[at : at + 65_536] for at in range(0, len(backup), 65_536)))
            assert [one for one in load.problems if one.harmful] == []
            yield machine, database


def postgresql(machine: Machine, sql: str, database: str = "restored") -> list[str]:
    environment = {"PGHOST": machine.scratch, "PGUSER": "postgres", "PGDATABASE": database}
    done = machine.run(("psql", "-XAt", "-c", sql), timeout_seconds=60, environment=environment)
    assert done.exit_code == 0, done.stderr
    return done.stdout.decode().split()


def mariadb(machine: Machine, sql: str) -> list[str]:
    argv = ("mariadb", f"--defaults-file={machine.scratch}/restore_lab_admin", "-BN", "-e", sql)
    done = machine.run(argv, timeout_seconds=60)
    assert done.exit_code == 0, done.stderr
    return done.stdout.decode().split()


def orphans(seen: References) -> dict[str, int]:
    return {one.key: one.orphans for one in seen.keys if one.orphans}


def container(engine: str, series: str) -> object:
    place = Place(engine=engine, series=series, sandbox=Container())
    return pytest.param(place, id=f"{engine}-{series}-container", marks=pytest.mark.docker)


def local(engine: str, series: str) -> object:
    return pytest.param(Place(engine=engine, series=series, sandbox=Local()), id=f"{engine}-{series}-local")


POSTGRESQL = pytest.mark.parametrize(
    "place", [local("postgresql", "15"), container("postgresql", "13"), container("postgresql", "18")]
)
MARIADB = pytest.mark.parametrize(
    "place", [local("mariadb", "10.11"), container("mariadb", "10.11"), container("mariadb", "11.8")]
)

PG_KEYS: Final = (
    PG_HEAD
    + r"""
CREATE EXTENSION citext;
CREATE TABLE parent (id int PRIMARY KEY, a int, b int, code citext UNIQUE, word text COLLATE "C" UNIQUE, UNIQUE (a, b));
INSERT INTO parent SELECT g, g, g, 'Code' || g, 'word' || g FROM generate_series(1, 10) g;
CREATE TABLE child (id serial PRIMARY KEY, parent int REFERENCES parent, a int, b int, up int REFERENCES child,
  code citext REFERENCES parent (code), word text COLLATE "POSIX" REFERENCES parent (word),
  CONSTRAINT simple FOREIGN KEY (a, b) REFERENCES parent (a, b));
ALTER TABLE child DISABLE TRIGGER ALL;
INSERT INTO child VALUES (1, 1, 1, 1, NULL, 'cODE1', 'word1'), (2, 99, 1, NULL, 1, NULL, NULL),
  (3, NULL, NULL, 77, 3, 'code99', NULL), (4, 98, 1, 2, 44, NULL, 'nothing'), (5, 97, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE full_child (a int, b int);
INSERT INTO full_child VALUES (1, 1), (NULL, NULL), (1, NULL), (NULL, 9);
ALTER TABLE full_child ADD CONSTRAINT whole FOREIGN KEY (a, b) REFERENCES parent (a, b) MATCH FULL NOT VALID;
CREATE TABLE parted (id int, parent int REFERENCES parent) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
INSERT INTO parted VALUES (1, 1), (2, 91), (11, 92), (12, NULL);
CREATE TABLE target (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE target_1 PARTITION OF target FOR VALUES FROM (0) TO (10);
CREATE TABLE pointing (id int REFERENCES target);
INSERT INTO target VALUES (1); INSERT INTO pointing VALUES (1), (2), (2);
CREATE TABLE heir (LIKE parent) INHERITS (parent);
INSERT INTO heir (id) VALUES (97);
CREATE TABLE young (extra int) INHERITS (child);
INSERT INTO young (id, parent) VALUES (100, 55);
CREATE SCHEMA "we ird;--""q";
CREATE TABLE "we ird;--""q"."$(touch x) %I %s :x \!
--help" ("id'é" int PRIMARY KEY, ":""up" int CONSTRAINT "; DROP TABLE parent; --" REFERENCES parent);
INSERT INTO "we ird;--""q"."$(touch x) %I %s :x \!
--help" VALUES (1, 1), (2, 3333);
"""
)
PG_ORPHANS: Final = {
    "child.child_parent_fkey": 3,
    "child.simple": 1,
    "child.child_up_fkey": 1,
    "child.child_code_fkey": 1,
    "child.child_word_fkey": 1,
    "full_child.whole": 2,
    "parted.parted_parent_fkey": 2,
    "pointing.pointing_id_fkey": 2,
    'we ird;--"q.$(touch x) %I %s :x \\!\\n--help.; DROP TABLE parent; --': 1,
}


@POSTGRESQL
def test_postgresql_keys_mean_what_the_server_means_by_them(place: Place) -> None:
    with place.restored(PG_KEYS.encode()) as (machine, database):
        seen = database.references()

        assert (orphans(seen), len(seen.keys), seen.unanswered) == (PG_ORPHANS, 9, ())
        assert postgresql(machine, "SELECT count(*) FROM parent") == ["11"]
        by_hand = "SELECT count(*) FROM ONLY child c LEFT JOIN ONLY parent p ON p.id = c.parent WHERE p.id IS NULL"
        assert postgresql(machine, by_hand + " AND c.parent IS NOT NULL") == ["3"]
        for key in ("child_parent_fkey", "child_up_fkey", "simple", "child_word_fkey"):
            # the server's own judgement: each of these constraints would be refused if it were made now
            definition = postgresql(
                machine, f"SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname='{key}'"
            )
            with pytest.raises(AssertionError, match="violates"):
                postgresql(machine, f"ALTER TABLE ONLY child ADD {' '.join(definition)}")


PG_COUNTERS: Final = (
    PG_HEAD
    + """
CREATE TABLE t (id serial, fine bigserial, always int GENERATED ALWAYS AS IDENTITY,
  word text DEFAULT nextval('t_id_seq'));
INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (7, 7, 9), (8, 8, 10);
SELECT setval('t_id_seq', 8), setval('t_fine_seq', 8), setval('t_always_seq', 10, false);
CREATE SEQUENCE loose; CREATE SEQUENCE "By Name"; CREATE SEQUENCE down INCREMENT -1 MAXVALUE 100 START 100;
SELECT setval('down', 50); CREATE SEQUENCE down_again INCREMENT -1 MAXVALUE 100 START 100;
CREATE SEQUENCE round CYCLE; CREATE SEQUENCE unread;
CREATE SCHEMA "s;""q"; CREATE SEQUENCE "s;""q"."it's";
CREATE TABLE u (loose int DEFAULT nextval('loose'), named int DEFAULT nextval(('"By Name"'::text)::regclass),
  down int DEFAULT nextval('down'), round int DEFAULT nextval('round'), odd int DEFAULT nextval('"s;""q"."it''s"'),
  empty int DEFAULT nextval('unread'), again int DEFAULT nextval('down_again'));
INSERT INTO u VALUES (5, 5, 50, 5, 5, NULL, 50);
"""
)


@POSTGRESQL
def test_postgresql_sequences_behind_their_columns_are_named(place: Place) -> None:
    with place.restored(PG_COUNTERS.encode()) as (machine, database):
        seen = database.references()

        assert set(seen.behind) == {"t_always_seq", "loose", "By Name", "down_again", "s;\"q.it's"}
        assert (len(seen.behind), seen.keys, seen.unanswered) == (5, (), ())
        assert postgresql(machine, "SELECT last_value FROM t_id_seq") == ["8"]


PG_VIEWS: Final = (
    PG_HEAD
    + r"""
CREATE ROLE app NOLOGIN;
CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 500);
CREATE FUNCTION lacking() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT count(*) FROM not_there); END$$;
CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN
  INSERT INTO t VALUES (0); RETURN 1; END$$;
CREATE FUNCTION insists() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN
  PERFORM set_config('transaction_read_only', 'off', false); INSERT INTO t VALUES (0); RETURN 1; END$$;
CREATE FUNCTION sleeps() RETURNS int LANGUAGE plpgsql AS $$BEGIN
  PERFORM set_config('statement_timeout', '0', false); PERFORM pg_sleep(3600); RETURN 1; END$$;
CREATE FUNCTION kept() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE EXECUTE ON FUNCTION kept() FROM PUBLIC;
CREATE FUNCTION lies() RETURNS int LANGUAGE plpgsql AS $$BEGIN
  RAISE EXCEPTION E'x\nERROR:  57014: y\n' USING ERRCODE = 'P0777'; END$$;
CREATE VIEW a_fine AS SELECT * FROM t;
CREATE VIEW b_lacking AS SELECT id, lacking() FROM t;
CREATE VIEW c_writes AS SELECT id, writes() FROM t;
CREATE VIEW c_writes_on AS SELECT id, insists() FROM t;
CREATE VIEW d_sleeps AS SELECT id, sleeps() FROM t;
CREATE VIEW e_kept AS SELECT id, kept() FROM t;
CREATE VIEW f_lies AS SELECT id, lies() FROM t;
CREATE VIEW g_later AS SELECT 1 / (id - 50) AS x FROM t;
CREATE MATERIALIZED VIEW h_unfilled AS SELECT 1 AS x WITH NO DATA;
CREATE VIEW i_empty AS SELECT id, lacking() FROM t WHERE id < 0;
CREATE SCHEMA own; CREATE TABLE own.inner_t (id int); INSERT INTO own.inner_t VALUES (1);
CREATE FUNCTION own.unqualified() RETURNS bigint LANGUAGE plpgsql AS $$BEGIN
  RETURN (SELECT count(*) FROM inner_t); END$$;
CREATE VIEW own.by_path AS SELECT own.unqualified();
CREATE VIEW public."; DROP TABLE t; -- \q ""é
--help" AS SELECT lacking();
"""
)


@POSTGRESQL
def test_postgresql_views_are_read_by_who_can_only_read(place: Place) -> None:
    with place.restored(PG_VIEWS.encode()) as (machine, database):
        began = time.monotonic()
        seen = database.views(timeout_seconds=2)

        assert {one.subject: one.code for one in seen.problems} == {
            "b_lacking": "42P01",
            "c_writes_on": "25001",
            "f_lies": "P0777",
            "g_later": "22012",
            "h_unfilled": "55000",
            '; DROP TABLE t; -- \\q "é\\n--help': "42P01",
        }
        assert (seen.asked, seen.unanswered, time.monotonic() - began < 30) == (12, (), True)
        assert postgresql(machine, "SELECT count(*) FROM t") == ["500"]


MY_KEYS: Final = (
    MY_HEAD
    + """
CREATE TABLE parent (id INT PRIMARY KEY, a INT, b INT, word VARCHAR(20), UNIQUE (a, b), UNIQUE (word));
INSERT INTO parent VALUES (1, 1, 1, 'Word1'), (2, 2, 2, 'Word2');
CREATE TABLE child (id INT AUTO_INCREMENT PRIMARY KEY, parent INT, a INT, b INT, up INT, word VARCHAR(20),
  CONSTRAINT to_parent FOREIGN KEY (parent) REFERENCES parent (id),
  CONSTRAINT simple FOREIGN KEY (a, b) REFERENCES parent (a, b),
  CONSTRAINT up FOREIGN KEY (up) REFERENCES child (id),
  CONSTRAINT word FOREIGN KEY (word) REFERENCES parent (word),
  CONSTRAINT lost FOREIGN KEY (parent) REFERENCES not_there (id));
INSERT INTO child VALUES (1, 1, 1, 1, NULL, 'wORD1'), (2, 99, 1, NULL, 1, NULL), (3, NULL, NULL, 77, 3, 'word9'),
  (4, 98, 1, 2, 44, NULL);
CREATE DATABASE other;
CREATE TABLE other.far (parent INT, CONSTRAINT across FOREIGN KEY (parent) REFERENCES restored.parent (id));
INSERT INTO other.far VALUES (1), (5);
CREATE TABLE `$(touch x) ``;
--help %s` (`id'é` INT PRIMARY KEY, `--up;` INT,
  CONSTRAINT `; DROP TABLE parent; --` FOREIGN KEY (`--up;`) REFERENCES parent (id));
INSERT INTO `$(touch x) ``;
--help %s` VALUES (1, 1), (2, 3333);
CREATE SEQUENCE behind; CREATE SEQUENCE `a``head`; CREATE SEQUENCE turning MAXVALUE 9 CYCLE;
CREATE TABLE numbered (id INT DEFAULT NEXTVAL(behind), other INT DEFAULT NEXTVAL(`a``head`),
  third INT DEFAULT NEXTVAL(turning));
INSERT INTO numbered VALUES (5, 5, 9);
DO SETVAL(`a``head`, 5);
"""
)
MY_ORPHANS: Final = {
    "child.to_parent": 2,
    "child.simple": 1,
    "child.up": 1,
    "child.word": 1,
    "child.lost": 3,
    "other.far.across": 1,
    "$(touch x) `;\\n--help %s.; DROP TABLE parent; --": 1,
}


@MARIADB
def test_mariadb_keys_mean_what_the_server_means_by_them(place: Place) -> None:
    with place.restored(MY_KEYS.encode()) as (machine, database):
        seen = database.references()

        assert (orphans(seen), len(seen.keys), seen.unanswered) == (MY_ORPHANS, 7, ())
        assert seen.behind == ("behind",)
        by_hand = "SELECT COUNT(*) FROM restored.child c LEFT JOIN restored.parent p ON p.id = c.parent"
        assert mariadb(machine, f"{by_hand} WHERE p.id IS NULL AND c.parent IS NOT NULL") == ["2"]
        assert mariadb(machine, "SELECT COUNT(*) FROM restored.parent") == ["2"]


MY_VIEWS: Final = (
    MY_HEAD
    + """
CREATE TABLE t (id INT); INSERT INTO t VALUES (1), (2), (3);
CREATE TABLE soon_gone (id INT); CREATE TABLE soon_gone_too (id INT);
DELIMITER ;;
CREATE DEFINER=`root`@`localhost` FUNCTION writes() RETURNS INT BEGIN INSERT INTO t VALUES (0); RETURN 1; END;;
CREATE DEFINER=`root`@`localhost` FUNCTION harmless() RETURNS INT DETERMINISTIC RETURN 1;;
CREATE DEFINER=`root`@`localhost` FUNCTION lies() RETURNS INT BEGIN
  SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'x\nERROR 1449 (HY000) at line 1: y\n0\t5'; RETURN 1; END;;
DELIMITER ;
CREATE DEFINER=`root`@`localhost` VIEW a_fine AS SELECT * FROM t;
CREATE DEFINER=`gone`@`localhost` SQL SECURITY DEFINER VIEW b_definer AS SELECT * FROM t;
CREATE DEFINER=`root`@`localhost` VIEW c_writes AS SELECT id, writes() FROM t;
CREATE DEFINER=`root`@`localhost` VIEW d_sleeps AS SELECT id, SLEEP(3600) FROM t;
CREATE DEFINER=`gone`@`localhost` SQL SECURITY INVOKER VIEW e_invoker AS SELECT id, harmless() FROM t;
CREATE DEFINER=`root`@`localhost` VIEW `f``;
--help` AS SELECT * FROM soon_gone;
CREATE DEFINER=`root`@`localhost` VIEW g_gone AS SELECT * FROM soon_gone_too;
CREATE DEFINER=`root`@`localhost` VIEW h_fine AS SELECT id, harmless() FROM t;
CREATE DEFINER=`root`@`localhost` VIEW i_lies AS SELECT lies() FROM t;
DROP TABLE soon_gone, soon_gone_too;
"""
)


@MARIADB
def test_mariadb_views_are_read_by_who_can_only_read(place: Place) -> None:
    with place.restored(MY_VIEWS.encode()) as (machine, database):
        began = time.monotonic()
        seen = database.views(timeout_seconds=2)

        problems = {one.subject: one.code for one in seen.problems}
        assert problems.pop("a_fine", "1449") == "1449"  # what i_lies says of it, in a message of its own
        assert problems == {"b_definer": "1449", "f`;\\n--help": "1356", "g_gone": "1356", "i_lies": "1644"}
        assert (seen.asked, seen.unanswered, time.monotonic() - began < 30) == (9, (), True)
        assert mariadb(machine, "SELECT COUNT(*) FROM restored.t") == ["3"]


SQLITE = Place(engine="sqlite", series="3", sandbox=Local())
LITE: Final = """
CREATE TABLE parent (a INT, b TEXT, c INTEGER PRIMARY KEY, UNIQUE (a, b));
INSERT INTO parent VALUES (1, 'x', 10);
CREATE TABLE child (id INTEGER PRIMARY KEY, a INT, b TEXT, up INT REFERENCES child, p INT REFERENCES parent,
  FOREIGN KEY (a, b) REFERENCES parent (a, b));
INSERT INTO child VALUES (1, 1, 'x', NULL, 10), (2, 1, NULL, 1, 11), (3, 1, 'y', 9, 12), (4, NULL, 'z', 4, NULL);
CREATE TABLE lax (a INT REFERENCES parent (b), b INT REFERENCES parent (nosuch), c INT REFERENCES gone,
  d INT REFERENCES parent, e INT REFERENCES parent (a) REFERENCES parent (c));
INSERT INTO lax VALUES ('x', 1, 1, 10, 10), ('q', NULL, 2, 11, 10), (NULL, NULL, NULL, NULL, NULL);
CREATE TABLE "we""ird; --
é" ("--col'" INT REFERENCES parent); INSERT INTO "we""ird; --
é" VALUES (10), (77);
CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, x); INSERT INTO counted VALUES (50, 1);
CREATE VIEW a_fine AS SELECT * FROM child;
CREATE VIEW b_software AS SELECT of_the_software(id) FROM child;
CREATE VIEW c_endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n;
CREATE VIEW "d"";
--" AS SELECT nosuch FROM child;
CREATE VIEW e_loads AS SELECT load_extension('/x');
"""


def test_sqlite_keys_and_views_as_sqlite_means_them(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "db")) as connection:
        connection.executescript(LITE)
        connection.execute("UPDATE sqlite_sequence SET seq = 3")
        connection.commit()
        own = [row[3] for row in connection.execute("PRAGMA foreign_key_check(child)")]
    with SQLITE.restored((tmp_path / "db").read_bytes()) as (_, database):
        seen = database.references()
        looked_at = database.views(timeout_seconds=1)

    assert {one.key: one.orphans for one in seen.keys} == {
        "child.a,b": own.count(0),
        "child.p": own.count(1),
        "child.up": own.count(2),
        "lax.a": 1,
        "lax.b": 1,
        "lax.c": 2,
        "lax.d": 1,
        "lax.e -> parent": 2,
        "we\"ird; --\\né.--col'": 1,
    }
    assert own.count(0) == 1
    assert own.count(1) == 2
    assert own.count(2) == 1
    assert (seen.behind, seen.unanswered) == ((), ())
    assert [(one.subject, one.code) for one in looked_at.problems] == [('d";\\n--', "SQLITE_ERROR")]
    assert (looked_at.asked, looked_at.unanswered) == (5, ())


def test_a_counter_of_sqlite_that_is_behind_refuses_nothing() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(LITE)
        for change in ("UPDATE sqlite_sequence SET seq = 3", "DELETE FROM sqlite_sequence"):
            connection.execute(change)
            before = connection.execute("SELECT max(id) FROM counted").fetchone()[0]
            connection.execute("INSERT INTO counted (x) VALUES (2)")
            assert connection.execute("SELECT max(id) FROM counted").fetchone()[0] == before + 1


@POSTGRESQL
def test_more_keys_than_are_ever_asked_are_not_passed_over_in_silence(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_by_one, "MOST_ASKED", 5)
    with place.restored(PG_KEYS.encode()) as (_, database):
        seen = database.references()

    assert (len(seen.keys), [one.code for one in seen.unanswered]) == (5, [TOO_MANY] * 4)


def test_what_the_mariadb_client_says_is_read_line_by_line() -> None:
    asked = [
        Asked(table=Table(database="d", name=name), sql="SELECT 1" + "\n" * lines)
        for name, lines in (("a", 0), ("b", 2), ("c", 0), ("d", 0))
    ]
    script = b"".join(mariadb_references.script(asked, each_seconds=1)).decode()
    assert script.split("\n")[4].endswith("SELECT 2, 1;")

    said = b"0\t7\nERROR 1356 (HY000) at line 2: View\nERROR 1969 (70100) at line 5: Query\n"
    answers = mariadb_references.read(said, asked, ["a", "b", "c", "d"])

    assert answers.numbers == {0: 7}
    assert [(one.subject, one.code) for one in answers.refused] == [("b", "1356")]
    assert [(one.subject, one.code) for one in answers.unanswered] == [("c", "1969"), ("d", TIMEOUT)]


def third_party(*names: str) -> bytes:
    return b"".join(needs.third_party(name).read_bytes() for name in names)


SAKILA_PG: Final = tuple(f"sakila-pg/postgres-sakila-{name}.sql" for name in ("schema", "insert-data-using-copy"))
SAKILA_MY: Final = tuple(f"sakila-mysql/sakila-mv-{name}.sql" for name in ("schema", "data"))
SETS: Final = {
    "northwind": ("postgresql", ("northwind/northwind.sql",), 13, 0),
    "chinook-pg": ("postgresql", ("chinook/Chinook_PostgreSql.sql",), 11, 0),
    "openelis": ("postgresql", ("openelis/bahmni-base.dump",), 188, 2),
    "sakila-pg": ("postgresql", SAKILA_PG, 40, 7),
    "chinook-mysql": ("mariadb", ("chinook/Chinook_MySql.sql",), 11, 0),
    "sakila-mysql": ("mariadb", SAKILA_MY, 22, 7),
    "elexis": ("mariadb", ("elexis/mysql-simpel.sql",), 0, 0),
    "chinook-sqlite": ("sqlite", ("chinook/Chinook_Sqlite.sqlite",), 11, 0),
}
PLACES: Final = {
    "postgresql": Place(engine="postgresql", series="15", sandbox=Local()),
    "mariadb": Place(engine="mariadb", series="10.11", sandbox=Local()),
    "sqlite": SQLITE,
}


@pytest.mark.data
@pytest.mark.parametrize("name", SETS)
def test_third_party_databases_hold_together(name: str) -> None:
    engine, files, keys, views = SETS[name]
    with PLACES[engine].restored(third_party(*files)) as (_, database):
        seen, looked_at = database.references(), database.views()

    assert (len(seen.keys), orphans(seen), seen.behind, seen.unanswered) == (keys, {}, (), ())
    assert (looked_at.asked, looked_at.problems, looked_at.unanswered) == (views, (), ())


@pytest.mark.data
def test_customers_cut_out_of_sakila_leave_the_orphans_that_psql_counts() -> None:
    cut = b"\nSET session_replication_role = replica;\nDELETE FROM customer WHERE customer_id % 7 = 0;\n"
    with PLACES["postgresql"].restored(third_party(*SAKILA_PG) + cut) as (machine, database):
        seen = orphans(database.references())

        by_hand = "SELECT count(*) FROM ONLY {} x LEFT JOIN customer c USING (customer_id) WHERE c.customer_id IS NULL"
        payments = [f"payment_p2007_0{month}" for month in range(1, 7)]
        counted = {
            table: int(postgresql(machine, by_hand.format(table))[0]) for table in ("rental", "payment", *payments)
        }
    assert seen == {f"{table}.{table}_customer_id_fkey": rows for table, rows in counted.items() if rows}
    assert sum(seen.values()) > 3000


@pytest.mark.data
def test_customers_cut_out_of_sakila_leave_the_orphans_that_mariadb_counts() -> None:
    cut = b"\nSET FOREIGN_KEY_CHECKS=0;\nDELETE FROM sakila.customer WHERE customer_id % 7 = 0;\nCOMMIT;\n"
    with PLACES["mariadb"].restored(third_party(*SAKILA_MY) + cut) as (machine, database):
        seen = orphans(database.references())

        by_hand = "SELECT COUNT(*) FROM sakila.{} WHERE customer_id NOT IN (SELECT customer_id FROM sakila.customer)"
        counted = {table: int(mariadb(machine, by_hand.format(table))[0]) for table in ("rental", "payment")}
    assert seen == {f"{table}.fk_{table}_customer": rows for table, rows in counted.items()}
    assert sum(seen.values()) > 3000

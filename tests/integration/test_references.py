"""Foreign keys, counters and views of restored databases: our figures against queries written by hand.

SQLite's, with a schema made to mislead, and those of databases that others made. The servers' schemas:
`test_references_postgresql.py`, `test_references_mariadb.py`.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import needs
import pytest
from integration.referring import SQLITE, Place, mariadb, orphans, postgresql

from restore_lab.sandboxes.local.driver import Local

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

"""Dumps of a whole server by the servers' own tools: a table named without its database is found where it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Final

import pytest
from fake_engine import FakeEngine
from fakes import restored as asked_about
from integration import mariadb_dumps as mariadb
from integration import postgresql_backups as postgresql
from integration.test_what_dumps_announce import ON_15

from restore_lab.checks.counts import Counts
from restore_lab.checks.freshness import Freshness
from restore_lab.engines.base import Database, Inventory
from restore_lab.engines.mariadb.engine import Mariadb
from restore_lab.engines.postgresql.backup import make_backup
from restore_lab.engines.postgresql.engine import Postgresql
from restore_lab.findings import Code

NOW: Final = datetime(2026, 3, 12, 12, tzinfo=UTC)
PRACTICE: Final = """CREATE TABLE patient (id INT PRIMARY KEY);
INSERT INTO patient VALUES (1), (2), (3);
CREATE TABLE consultation (id INT PRIMARY KEY, commencee_le DATE);
INSERT INTO consultation VALUES (1, '2026-01-09'), (2, '2026-02-10'), (3, '2026-03-11');
"""
#: More tables than the practice has.
SHOP: Final = "".join(
    f"CREATE TABLE {name} (id INT PRIMARY KEY);\nINSERT INTO {name} VALUES (1);\n"
    for name in ("article", "client", "commande", "facture", "stock")
)
COPY: Final = "CREATE TABLE patient (id INT PRIMARY KEY);\nINSERT INTO patient VALUES (1);\n"
MAIN: Final = ("patient", "consultation")
ASKED: Final = Counts(main=MAIN, by_month={"consultation": "commencee_le"})
#: Databases of the server, in the order of their names, in which the tools write them.
LAYOUTS: Final[dict[str, dict[str, str]]] = {
    "first": {"cabinet": PRACTICE, "magasin": SHOP},
    "last": {"boutique": SHOP, "cabinet": PRACTICE},
    "largest": {"ailleurs": COPY.replace("patient", "rendezvous"), "cabinet": PRACTICE},
    "copied, largest": {"cabinet": PRACTICE, "essai": COPY},
    "copied": {"boutique": SHOP, "cabinet": PRACTICE, "essai": COPY},
    "copied, first": {"boutique": SHOP + COPY, "cabinet": PRACTICE},
    "empty": {"boutique": SHOP, "cabinet": ""},
    "without": {"boutique": SHOP, "magasin": COPY.replace("patient", "rendezvous")},
}
_MISSING: Final = [(Code.TABLE_MISSING, "patient"), (Code.TABLE_MISSING, "consultation")]
_AMBIGUOUS: Final = [(Code.TABLE_AMBIGUOUS, "patient")]
FOUND: Final[dict[str, list[tuple[Code, str]]]] = {
    "first": [],
    "last": [],
    "largest": [],
    "copied, largest": _AMBIGUOUS,
    "copied": _AMBIGUOUS,
    "copied, first": _AMBIGUOUS,
    "empty": _MISSING,
    "without": _MISSING,
}


def asked(database: Database, inventory: Inventory, check: Counts | Freshness) -> list[tuple[Code, str]]:
    """Give the codes of what a question finds, and the table each is about."""
    fake = asked_about(FakeEngine(), now=NOW)
    answer = check.ask(replace(fake, database=database, inventory=inventory))
    return [(one.code, str(dict(one.params).get("table", ""))) for one in answer.findings]


@cache
def of_mariadb(layout: str, *options: str) -> bytes:
    script = "".join(
        f"CREATE DATABASE {name}; USE {name};\n{tables}" for name, tables in reversed(LAYOUTS[layout].items())
    )
    return mariadb.dumped(script, *(options or ("--databases", *LAYOUTS[layout])))


@cache
def of_postgresql(layout: str) -> bytes:
    script = "".join(
        f"CREATE DATABASE {name};\n\\connect {name}\n{tables}" for name, tables in LAYOUTS[layout].items() if tables
    ).replace("CREATE DATABASE cabinet;\n", "")
    taken = bytearray()
    with ON_15.machine(1024 * 1024) as machine:
        make_backup(machine, ON_15.server, [script.encode()], lambda _: None)
        environment = {"PGHOST": machine.scratch, "PGUSER": "postgres", "PGDATABASE": "postgres"}
        done = machine.run(("pg_dumpall",), timeout_seconds=60, stdout=taken.extend, environment=environment)
        assert done.exit_code == 0, done.stderr
    return bytes(taken)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_tables_of_a_mariadb_server_are_found_in_the_database_that_has_them(layout: str) -> None:
    with mariadb.LOCAL.restored(of_mariadb(layout)) as (database, _, inventory):
        assert asked(database, inventory, ASKED) == FOUND[layout]


def test_tables_of_all_databases_are_found_beside_those_of_the_server_itself() -> None:
    with mariadb.LOCAL.restored(of_mariadb("last", "--all-databases")) as (database, _, inventory):
        assert asked(database, inventory, ASKED) == []
        assert asked(database, inventory, Freshness(table="consultation", column="commencee_le")) == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_tables_of_a_postgresql_server_are_found_in_the_database_that_has_them(layout: str) -> None:
    with postgresql.restored(ON_15, of_postgresql(layout)) as back:
        assert asked(back.database, back.inventory, Counts(main=MAIN)) == FOUND[layout]


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name.startswith("copied")])
def test_a_table_named_with_its_database_is_that_one(layout: str) -> None:
    named = Counts(main=("cabinet.patient", "consultation"), at_least={"cabinet.patient": 3})
    with mariadb.LOCAL.restored(of_mariadb(layout)) as (database, _, inventory):
        assert asked(database, inventory, named) == []
        assert asked(database, inventory, Counts(main=("ailleurs.patient",))) == [
            (Code.TABLE_MISSING, "ailleurs.patient")
        ]
    with postgresql.restored(ON_15, of_postgresql(layout)) as back:
        assert asked(back.database, back.inventory, named) == []


@pytest.mark.parametrize("layout", ["last", "copied, first"])
def test_questions_go_to_the_database_that_the_scenario_names(layout: str) -> None:
    """Its tables hide those of the same name in the fullest one."""
    found = {Code.DATA_IN_ANOTHER_DATABASE}
    freshness = Freshness(table="consultation", column="commencee_le")
    with mariadb.LOCAL.restored(of_mariadb(layout), Mariadb(database="cabinet")) as (database, load, inventory):
        assert {one.code for one in load.findings} == found
        assert asked(database, inventory, ASKED) == asked(database, inventory, freshness) == []
    with postgresql.restored(ON_15, of_postgresql(layout), Postgresql(database="cabinet")) as back:
        assert {one.code for one in back.load.findings} == found | {Code.LOAD_ERRORS_HARMLESS}
        assert asked(back.database, back.inventory, ASKED) == asked(back.database, back.inventory, freshness) == []


def test_a_named_database_that_holds_nothing_is_missing() -> None:
    found = {Code.DATABASE_MISSING}
    with mariadb.LOCAL.restored(of_mariadb("empty"), Mariadb(database="cabinet")) as (database, load, inventory):
        assert {one.code for one in load.findings} == found
        assert asked(database, inventory, ASKED) == FOUND["empty"]
    with postgresql.restored(ON_15, of_postgresql("empty"), Postgresql(database="cabinet")) as back:
        assert {one.code for one in back.load.findings} == found | {Code.LOAD_ERRORS_HARMLESS}
        assert asked(back.database, back.inventory, ASKED) == FOUND["empty"]

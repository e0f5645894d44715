"""Tables by their names where several databases came back: which one is meant, and what it is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest
from fake_engine import FakeEngine
from fakes import restored as asked_about

from restore_lab.checks.base import Check, Live, Previous, Restored
from restore_lab.checks.counts import Counts
from restore_lab.checks.freshness import Freshness
from restore_lab.checks.live_tables import LiveTables
from restore_lab.counted import TableCount
from restore_lab.engines.base import Inventory
from restore_lab.findings import Code

NOW: Final = datetime(2026, 3, 12, 12, tzinfo=UTC)


def inventory(rows: Mapping[str, int], *databases: str, schema: str = "") -> Inventory:
    return Inventory(tables=counted(rows), objects=(), databases=databases, schema=schema)


def counted(rows: Mapping[str, int]) -> tuple[TableCount, ...]:
    return tuple(TableCount(name=name, rows=number) for name, number in rows.items())


#: As MariaDB's and PostgreSQL's tables are named; those of the first database stand without its name.
MARIADB: Final = inventory(
    {"article": 9, "client": 9, "cabinet.patient": 3, "cabinet.client": 1}, "boutique", "cabinet"
)
POSTGRESQL: Final = inventory(
    {"client": 9, "compta.client": 4, "cabinet.public.patient": 3, "cabinet.audit.patient": 8},
    *("boutique", "cabinet"),
    schema="public",
)


@pytest.mark.parametrize(
    ("there", "name", "meant"),
    [
        (MARIADB, "article", ("article",)),
        (MARIADB, "boutique.article", ("article",)),
        (MARIADB, "patient", ("cabinet.patient",)),
        (MARIADB, "cabinet.patient", ("cabinet.patient",)),
        (MARIADB, "boutique.patient", ()),
        (MARIADB, "client", ("client", "cabinet.client")),
        (MARIADB, "boutique.client", ("client",)),
        (MARIADB, "cabinet.client", ("cabinet.client",)),
        (MARIADB, "rendezvous", ()),
        (POSTGRESQL, "client", ("client",)),
        (POSTGRESQL, "public.client", ("client",)),
        (POSTGRESQL, "compta.client", ("compta.client",)),
        (POSTGRESQL, "boutique.compta.client", ("compta.client",)),
        (POSTGRESQL, "patient", ("cabinet.public.patient",)),
        (POSTGRESQL, "audit.patient", ("cabinet.audit.patient",)),
        (POSTGRESQL, "cabinet.patient", ("cabinet.public.patient",)),
        (POSTGRESQL, "cabinet.audit.patient", ("cabinet.audit.patient",)),
        (inventory({"patient": 3, "a.b": 1}), "patient", ("patient",)),
        (inventory({"patient": 3, "a.b": 1}), "b", ()),
    ],
)
def test_a_name_means_one_table_none_or_several(there: Inventory, name: str, meant: tuple[str, ...]) -> None:
    assert there.meant_by(name) == meant


def test_where_the_scenario_names_the_database_its_own_table_is_meant() -> None:
    named = replace(MARIADB, wanted=True)

    assert named.meant_by("client") == ("client",)
    assert named.meant_by("cabinet.client") == ("cabinet.client",)
    assert named.meant_by("patient") == ("cabinet.patient",)
    assert replace(POSTGRESQL, wanted=True).meant_by("public.client") == ("client",)


def found(check: Check, restored: Restored) -> dict[Code, str]:
    return {one.code: str(dict(one.params).get("table")) for one in check.ask(restored).findings}


def asked(there: Inventory) -> Restored:
    return replace(asked_about(FakeEngine(), now=NOW), inventory=there)


@pytest.mark.parametrize("before", ["cabinet.patient", "patient"])
def test_rows_are_compared_with_those_of_the_same_table_under_either_name(before: str) -> None:
    then = Previous(drill_id="d", tables=(*counted({before: 4}), *counted({"article": 9})), objects=())

    assert found(Counts(main=("patient",)), replace(asked(MARIADB), previous=then)) == {
        Code.ROWS_BELOW_PREVIOUS: "cabinet.patient"
    }
    full = Previous(drill_id="d", tables=counted({"patient": 9, "cabinet.patient": 3}), objects=())
    assert found(Counts(main=("patient",)), replace(asked(MARIADB), previous=full)) == {}


def test_the_newest_entry_of_one_of_two_tables_is_not_looked_for() -> None:
    assert found(Freshness(table="client", column="vu_le"), asked(MARIADB)) == {Code.TABLE_AMBIGUOUS: "client"}


@pytest.mark.parametrize(
    ("live", "codes"),
    [
        ({"patient": 3}, {}),
        ({"patient": 4}, {Code.ROWS_BELOW_LIVE: "cabinet.patient"}),
        ({"rendezvous": 4}, {Code.LIVE_TABLE_MISSING: "rendezvous"}),
        ({"client": 9}, {}),
        ({"note": 1}, {Code.TABLE_AMBIGUOUS: "note"}),
    ],
)
def test_a_fingerprint_of_a_database_that_is_not_the_largest_is_no_loss(
    live: Mapping[str, int], codes: dict[Code, str]
) -> None:
    notes = counted({"cabinet.note": 1, "essai.note": 1})
    there = replace(MARIADB, tables=(*MARIADB.tables, *notes), databases=("boutique", "cabinet", "essai"))
    against = Live(taken_at=NOW, tables=counted(live))
    check = LiveTables(counts=(Counts(main=("cabinet.patient",)),))

    assert found(check, replace(asked(there), live=against)) == codes

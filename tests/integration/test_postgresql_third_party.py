"""Backups of others, into real throwaway servers. See `test_postgresql_restore.py`."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.postgresql_backups import LOCAL, SOME, Place, restored
from needs import third_party

from restore_lab.findings import Code, finding


@pytest.fixture(params=LOCAL)
def place(request: pytest.FixtureRequest) -> Place:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=SOME)
def some_place(request: pytest.FixtureRequest) -> Place:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def data() -> Path:
    return third_party()


@pytest.mark.data
class TestThirdPartyBackups:
    def test_northwind(self, some_place: Place, data: Path) -> None:
        with restored(some_place, (data / "northwind/northwind.sql").read_bytes()) as back:
            assert back.load.findings == ()
            assert back.load.problems == ()
            assert (len(back.tables), sum(back.tables.values())) == (14, 3362)
            assert (back.tables["order_details"], back.tables["orders"], back.tables["customers"]) == (2155, 830, 91)
            assert back.objects == {"table": 14, "index": 14, "primary_key": 14, "foreign_key": 13}

    def test_sakila(self, place: Place, data: Path) -> None:
        names = ("postgres-sakila-schema.sql", "postgres-sakila-insert-data-using-copy.sql")
        with restored(place, b"".join((data / "sakila-pg" / name).read_bytes() for name in names)) as back:
            assert back.load.findings == ()
            assert back.tables | {"film": 1000, "rental": 16_044, "customer": 599, "actor": 200} == back.tables
            assert sum(rows for name, rows in back.tables.items() if name.startswith("payment")) == 16_049
            assert back.database.query("SELECT sum(amount) FROM payment") == [("67416.51",)]

    def test_openelis(self, some_place: Place, data: Path) -> None:
        roles = finding(Code.ROLES_NOT_IN_BACKUP, count=1, role="clinlims")
        harmless = finding(Code.LOAD_ERRORS_HARMLESS, count=1)
        with restored(some_place, (data / "openelis/bahmni-base.dump").read_bytes()) as back:
            if int(some_place.series) < 16:
                assert back.load.findings == (harmless, roles)
                assert (len(back.tables), sum(back.tables.values())) == (173, 1645)
                assert (back.objects["foreign_key"], back.objects["sequence"]) == (188, 105)
                named = {(one.code, one.subject): one.count for one in back.load.problems}
                assert named == {("42704", "clinlims"): 290, ("42P06", "public"): 1}
            else:
                # system_user is a reserved word since 16
                assert back.load.findings == (
                    finding(Code.LOAD_ERRORS, count=24, code="42601", subject=""),
                    harmless,
                    roles,
                )
                assert (len(back.tables), sum(back.tables.values())) == (172, 1643)

    def test_chinook_lands_elsewhere(self, place: Place, data: Path) -> None:
        with restored(place, (data / "chinook/Chinook_PostgreSql.sql").read_bytes()) as back:
            assert back.load.findings == (finding(Code.DATA_IN_ANOTHER_DATABASE, database="chinook"),)
            assert (len(back.tables), sum(back.tables.values())) == (11, 15_607)
            assert back.database.query("SELECT sum(total) FROM invoice") == [("2328.60",)]

    @pytest.mark.parametrize(("name", "table", "rows"), [("users", "users", 8), ("oneuser", "users_just_one", 1)])
    def test_ddev(self, place: Place, data: Path, name: str, table: str, rows: int) -> None:
        with restored(place, (data / f"ddev/postgres/{name}.sql").read_bytes()) as back:
            assert back.load.findings == (finding(Code.ROLES_NOT_IN_BACKUP, count=1, role="db"),)
            assert back.tables == {table: rows}

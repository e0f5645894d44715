"""Dumps that others made, restored by the `mariadb` engine. See `test_mariadb_restore.py`."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass

import needs
import pytest
from integration.mariadb_dumps import ELSEWHERE, EVERYWHERE, LOCAL, PLACES, Place, objects_of, rows_of

from restore_lab.counted import ProblemCount
from restore_lab.engines.base import HEAD_BYTES
from restore_lab.engines.mariadb.engine import Mariadb
from restore_lab.findings import Code, Finding, finding


@pytest.fixture(params=EVERYWHERE)
def place(request: pytest.FixtureRequest) -> Place:
    return PLACES[str(request.param)]


def third_party(*names: str) -> bytes:
    files = [needs.third_party(name) for name in names]
    return b"".join(gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes() for file in files)


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """What a third-party dump holds, as counted on scratch servers by others."""

    files: tuple[str, ...]
    tables: int
    rows: int
    some: tuple[tuple[str, int], ...] = ()
    objects: tuple[tuple[str, int], ...] = ()
    findings: tuple[Finding, ...] = ()


DDEV = "ddev/mariadb"
THIRD_PARTY = {
    "openemr": Truth(
        files=("openemr/mysqldump_2026-11-20.sql.gz",),
        tables=209,
        rows=4294,
        some=(("list_options", 3107), ("patient_data", 14)),
        findings=(
            finding(Code.ZERO_DATES, count=15, subject="automatic_notification"),
            finding(ELSEWHERE, database="openemr"),
        ),
    ),
    "elexis": Truth(files=("elexis/mysql-simpel.sql",), tables=62, rows=2145),
    "sakila": Truth(
        files=("sakila-mysql/sakila-mv-schema.sql", "sakila-mysql/sakila-mv-data.sql"),
        tables=16,
        rows=47_273,
        some=(("payment", 16_049),),
        objects=(("foreign key", 22), ("view", 7), ("trigger", 6), ("procedure", 3), ("function", 3)),
        findings=(finding(ELSEWHERE, database="sakila"),),
    ),
    "chinook": Truth(
        files=("chinook/Chinook_MySql.sql",),
        tables=11,
        rows=15_607,
        some=(("PlaylistTrack", 8715),),
        objects=(("foreign key", 11),),
        findings=(finding(ELSEWHERE, database="Chinook"),),
    ),
    "d7tester-1": Truth(files=("ddev/d7tester_test_1.sql.gz",), tables=73, rows=1558),
    "d7tester-2": Truth(files=("ddev/d7tester_test_2.sql.gz",), tables=73, rows=1568),
    "users": Truth(files=(f"{DDEV}/users.sql",), tables=1, rows=2),
    "oneuser": Truth(files=(f"{DDEV}/oneuser.sql",), tables=1, rows=1),
    "stdintable": Truth(files=(f"{DDEV}/stdintable.sql",), tables=1, rows=2),
    "users-with-use": Truth(
        files=(f"{DDEV}/users_with_USE_statement.sql",),
        tables=1,
        rows=2,
        findings=(finding(ELSEWHERE, database="db-should-not-be-created"),),
    ),
    "posts": Truth(
        files=(f"{DDEV}/posts_with_ddl_content.sql",),
        tables=1,
        rows=181,
        findings=(finding(ELSEWHERE, database="extradb"),),
    ),
    "legacy-collations": Truth(files=(f"{DDEV}/legacy_collations.sql",), tables=1, rows=2),
}


@pytest.mark.data
@pytest.mark.parametrize("name", THIRD_PARTY)
def test_third_party_dumps_come_back_whole(place: Place, name: str) -> None:
    truth = THIRD_PARTY[name]
    data = third_party(*truth.files)

    assert Mariadb().recognise(data[:HEAD_BYTES]) is not None
    with place.restored(data) as (database, load, inventory):
        assert (load.findings, load.problems) == (truth.findings, ())
        assert (len(inventory.tables), sum(rows_of(inventory).values())) == (truth.tables, truth.rows)
        assert {name: rows_of(inventory)[name] for name, _ in truth.some} == dict(truth.some)
        assert objects_of(inventory) == {"table": truth.tables, **dict(truth.objects)}
        integrity = database.integrity()
        assert (integrity.asked, integrity.problems) == (truth.tables, ())


@pytest.mark.data
def test_values_of_third_party_dumps_come_back_equal() -> None:
    with LOCAL.restored(third_party("chinook/Chinook_MySql.sql")) as (database, _, _):
        assert database.query("SELECT HEX(FirstName), FirstName FROM Customer WHERE CustomerId = 1") == (
            ("4C75C3AD73", "Luís"),
        )
        assert database.query("SELECT SUM(Total), MAX(InvoiceDate) FROM Invoice") == (
            ("2328.60", "2025-12-22 00:00:00"),
        )
    sakila = third_party("sakila-mysql/sakila-mv-schema.sql", "sakila-mysql/sakila-mv-data.sql")
    with LOCAL.restored(sakila) as (database, _, _):
        assert database.query("SELECT SUM(amount), MAX(payment_date) FROM payment") == (
            ("67416.51", "2006-02-14 15:16:03"),
        )
        assert len(database.query("SELECT * FROM customer_list")) == 599


#: Whose checksums were taken of another load of the software's own scripts; the client alone gives ours from the dump.
FROM_ANOTHER_LOAD = {"background_services", "lang_languages", "layout_options", "list_options"}


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "truth"),
    [("chinook", "chinook_mysql"), ("elexis", "elexis_mysql_simpel"), ("openemr", "openemr502_example")],
)
def test_every_table_has_the_rows_and_the_checksum_that_others_found(name: str, truth: str) -> None:
    expected = json.loads(third_party(f"groundtruth/{truth}.json"))
    checksums = expected["checksum_table_mariadb"].items()
    with LOCAL.restored(third_party(*THIRD_PARTY[name].files)) as (database, _, inventory):
        assert rows_of(inventory) == expected["rows"]
        tables = ", ".join(f"`{table}`" for table, _ in checksums)
        found = {str(table).partition(".")[2]: said for table, said in database.query(f"CHECKSUM TABLE {tables}")}
        assert {table for table, said in checksums if found[table] != said} == FROM_ANOTHER_LOAD & found.keys()


CLINIC = tuple(
    f"mysql8-clinic/clinic_{name}.sql"
    for name in ("appointment", "medicalstaff", "medicine", "patient", "prescription", "routines")
)
NO_0900 = finding(Code.COLLATION_ABSENT, name="utf8mb4_0900_ai_ci")


@pytest.mark.data
def test_a_collation_of_mysql_8_is_said_to_be_absent() -> None:
    data = third_party(*CLINIC)
    dump = Mariadb().recognise(data)

    assert dump is not None
    assert (dump.vendor, dump.series, dump.tool) == ("mysql", "8.0", "mysqldump 8.0.36")
    with LOCAL.restored(data) as (database, load, inventory):
        assert not Mariadb().own_series(dump, database.server_version)
        assert (load.findings, inventory.tables) == ((NO_0900,), ())


@pytest.mark.data
@pytest.mark.docker
def test_a_newer_server_knows_the_collations_of_mysql_8() -> None:
    with PLACES["container-11.8"].restored(third_party(*CLINIC)) as (_, load, inventory):
        assert objects_of(inventory) == {"table": 5, "foreign key": 4, "view": 2}
        assert sum(rows_of(inventory).values()) == 71
        assert load.findings == (finding(ELSEWHERE, database="clinic"),)


@pytest.mark.data
def test_one_table_of_an_absent_collation_does_not_hide_the_other() -> None:
    with LOCAL.restored(third_party(f"{DDEV}/modern_collations.sql")) as (_, load, inventory):
        assert (load.findings, rows_of(inventory)) == ((NO_0900,), {"modern_mariadb": 1})


@pytest.mark.data
def test_invalid_sql_is_no_dump_and_fails_when_taken_for_one() -> None:
    data = third_party(f"{DDEV}/invalid.sql")

    assert Mariadb().recognise(data) is None
    with LOCAL.restored(data) as (_, load, _):
        assert load.findings == (finding(Code.LOAD_ERRORS, count=1, code="1064", subject=""),)
        assert load.problems == (ProblemCount(code="1064", subject="", count=1, harmful=True, first_line=10),)

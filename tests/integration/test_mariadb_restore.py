"""Real dumps, restored by the `mariadb` engine: third-party ones, and ones the real mariadb-dump makes here."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import needs
import pytest
from fake_engine import FakeEngine
from fakes import restored as asked_about
from needs import absent

from restore_lab.checks.freshness import Freshness
from restore_lab.counted import ProblemCount
from restore_lab.engines.base import HEAD_BYTES, MOST_NAMES, Database, Dump, Inventory, Load
from restore_lab.engines.mariadb import server as mariadb_server
from restore_lab.engines.mariadb.backup import make_backup
from restore_lab.engines.mariadb.engine import Mariadb
from restore_lab.engines.mariadb.server import LiveServer
from restore_lab.errors import EngineFailed, QueryRefused
from restore_lab.findings import Code, Finding, finding
from restore_lab.sample_practice import Dialect, expected_counts, sql_script
from restore_lab.sandboxes.base import Machine, Need, Sandbox, Server
from restore_lab.sandboxes.container.driver import Container
from restore_lab.sandboxes.local.driver import Local

HEADLESS = Dump(engine="mariadb", format="sql", vendor="", version="", series="", tool="")
PATIENT = "DUPONT-MARCHAND"
ELSEWHERE = Code.DATA_IN_ANOTHER_DATABASE


def machine_server(series: str) -> Server:
    return Server(
        engine="mariadb",
        series=series,
        own_series=True,
        image=f"restore-lab/mariadb:{series}",
        folders=(),
        programs=("mariadbd", "mariadb-install-db", "mariadb", "mariadb-dump"),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a test's machine comes from."""

    sandbox: Sandbox
    server: Server

    @contextmanager
    def machine(self) -> Iterator[Machine]:
        if lack := self.sandbox.lacks(self.server):
            absent(lack)
        need = Need(
            lab_id="tests",
            drill_id="mariadb",
            restore_id="r1",
            server=self.server,
            backup_bytes=20_000_000,
            memory_bytes=1024**3,
            expires_at=datetime.now(UTC) + timedelta(hours=1),
            timezone="Europe/Paris",
        )
        with self.sandbox.machine(need) as machine:
            yield machine

    @contextmanager
    def restored(self, data: bytes, engine: Mariadb | None = None) -> Iterator[tuple[Database, Load, Inventory]]:
        engine = engine or Mariadb()
        dump = engine.recognise(data[:HEAD_BYTES]) or HEADLESS
        with self.machine() as machine:
            database = engine.start(machine, self.server)
            chunks = (data[start : start + 65_536] for start in range(0, len(data), 65_536))
            load = database.load(dump, chunks)
            yield database, load, database.inventory()


LOCAL = Place(sandbox=Local(), server=machine_server("10.11"))
PLACES = {
    "local": LOCAL,
    "container-10.11": Place(sandbox=Container(), server=machine_server("10.11")),
    "container-11.8": Place(sandbox=Container(), server=machine_server("11.8")),
}


@pytest.fixture(
    params=[
        "local",
        pytest.param("container-10.11", marks=pytest.mark.docker),
        pytest.param("container-11.8", marks=pytest.mark.docker),
    ]
)
def place(request: pytest.FixtureRequest) -> Place:
    return PLACES[str(request.param)]


def third_party(*names: str) -> bytes:
    files = [needs.third_party(name) for name in names]
    return b"".join(gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes() for file in files)


def objects_of(inventory: Inventory) -> dict[str, int]:
    return {one.kind: one.count for one in inventory.objects if one.count and one.kind != "index"}


def rows_of(inventory: Inventory) -> dict[str, int]:
    return {table.name: table.rows for table in inventory.tables}


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


SCRIPT = f"""
CREATE DATABASE cabinet CHARACTER SET utf8mb4;
CREATE DATABASE archive CHARACTER SET utf8mb4;
USE cabinet;
CREATE TABLE patient (id INT PRIMARY KEY, nom VARCHAR(60), photo LONGBLOB, UNIQUE KEY nom_unique (nom));
INSERT INTO patient VALUES (1, '{PATIENT}', x'{bytes(range(256)).hex()}'), (2, 'Zoé 😀', NULL), (3, 'NULL', '');
CREATE TABLE acte (id INT PRIMARY KEY, patient INT, FOREIGN KEY (patient) REFERENCES patient (id));
INSERT INTO acte VALUES (1, 1), (2, 1), (3, 2);
CREATE VIEW liste AS SELECT nom FROM patient;
CREATE TRIGGER garde BEFORE DELETE ON patient FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'non';
CREATE FUNCTION double_de(n INT) RETURNS INT DETERMINISTIC RETURN n * 2;
CREATE PROCEDURE compte() SELECT COUNT(*) FROM patient;
CREATE SEQUENCE numero;
CREATE EVENT nettoyage ON SCHEDULE EVERY 1 SECOND DO DELETE FROM acte;
CREATE TABLE `a``b; 'c` (n INT);
USE archive;
CREATE TABLE lettre (id INT PRIMARY KEY, texte TEXT);
INSERT INTO lettre VALUES (1, 'a\\r\\nb\\tc\\\\d'), (2, CHAR(1 USING utf8mb4));
"""  # noqa: S608 - nothing but our own text


def dumped(script: str, *options: str, engine: Mariadb | None = None) -> bytes:
    """Load a script into a server and dump it with the real mariadb-dump."""
    with LOCAL.machine() as machine:
        (engine or Mariadb()).start(machine, LOCAL.server)
        live = LiveServer(machine=machine)
        live.ask([script], timeout_seconds=60)
        argv = ("mariadb-dump", f"--defaults-file={live.path(mariadb_server.ADMIN)}", *options)
        done = machine.run(argv, timeout_seconds=60)
        assert done.exit_code == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def two_databases() -> bytes:
    return dumped(SCRIPT, "--routines", "--triggers", "--events", "--databases", "cabinet", "archive")


CABINET = {"archive.lettre": 2, "a`b; 'c": 0, "acte": 3, "patient": 3}
CABINET_OBJECTS = {
    "table": 4,
    "foreign key": 1,
    "view": 1,
    "trigger": 1,
    "function": 1,
    "procedure": 1,
    "event": 1,
    "sequence": 1,
}


def test_two_databases_come_back_and_the_larger_is_questioned(place: Place, two_databases: bytes) -> None:
    with place.restored(two_databases) as (database, load, inventory):
        assert (load.findings, load.problems) == ((finding(ELSEWHERE, database="cabinet"),), ())
        assert rows_of(inventory) == CABINET
        assert objects_of(inventory) == CABINET_OBJECTS
        assert database.integrity().asked == 4
        assert database.query("SELECT id, nom, photo FROM patient ORDER BY id") == (
            ("1", PATIENT, "0x" + bytes(range(256)).hex().upper()),
            ("2", "Zoé 😀", None),
            ("3", "NULL", "0x"),
        )
        assert database.query("SELECT texte FROM archive.lettre ORDER BY id") == (("a\r\nb\tc\\d",), ("\x01",))
        assert database.query("SELECT nom FROM liste WHERE nom LIKE 'Z%'") == (("Zoé 😀",),)


#: As the tools write them to their standard error, and `2>&1` into the dump.
PASSWORD = b"mysqldump: [Warning] Using a password on the command line interface can be insecure.\n"
TABLESPACES = (
    b"mysqldump: Error: 'Access denied; you need (at least one of) the PROCESS privilege(s) for this operation' "
    b"when trying to dump tablespaces\n"
)
BROKEN_VIEW = b"mysqldump: Couldn't execute 'SHOW FIELDS FROM `broken`': View 'cabinet.broken' is broken (1356)\n"


@pytest.mark.parametrize("said", [PASSWORD, TABLESPACES, PASSWORD + TABLESPACES])
def test_a_message_of_mysqldump_before_the_first_statement_costs_nothing(
    place: Place, two_databases: bytes, said: bytes
) -> None:
    with place.restored(said + two_databases) as (_, load, inventory):
        assert load.findings == (finding(Code.LOAD_ERRORS_HARMLESS, count=2), finding(ELSEWHERE, database="cabinet"))
        assert rows_of(inventory) == CABINET


@pytest.mark.parametrize(
    ("said", "before", "harmless"),
    [
        (PASSWORD, b"LOCK TABLES `patient` WRITE;", True),
        (PASSWORD, b"CREATE TABLE `patient`", False),
        (PASSWORD, b"INSERT INTO `patient`", False),
        (PASSWORD, b"UNLOCK TABLES;", False),
        (BROKEN_VIEW, b"LOCK TABLES `patient` WRITE;", False),
    ],
)
def test_a_message_of_mysqldump_further_down_weighs_what_it_swallowed(
    two_databases: bytes,
    said: bytes,
    before: bytes,
    harmless: bool,  # noqa: FBT001
) -> None:
    assert before in two_databases
    with LOCAL.restored(two_databases.replace(before, said + before, 1)) as (_, load, inventory):
        assert (Code.LOAD_ERRORS not in {one.code for one in load.findings}) == harmless
        assert (rows_of(inventory) == CABINET) == harmless


#: Fifty hours up to now, then every minute of the next days, then one date far ahead, thousands of times.
AHEAD = """-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)
SET TIME_ZONE='+01:00';
CREATE TABLE t (d DATE, ts DATETIME, tz TIMESTAMP NULL, x VARCHAR(30), iso VARCHAR(30), n INT);
INSERT INTO t SELECT g, g, g, DATE_FORMAT(g, '%Y-%m-%d %H:%i:%s'), DATE_FORMAT(g, '%Y-%m-%dT%H:%i:%s'),
  DATE_FORMAT(g, '%Y%m%d')
  FROM (SELECT TIMESTAMP('2026-11-23 09:00:00') - INTERVAL seq HOUR AS g FROM seq_0_to_50
  UNION ALL SELECT TIMESTAMP('2026-11-23 11:00:00') + INTERVAL seq MINUTE FROM seq_0_to_6000
  UNION ALL SELECT TIMESTAMP('2030-01-01') FROM seq_1_to_6000) of_them;
"""
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def test_the_newest_past_entry_is_found_behind_any_number_of_future_ones(place: Place) -> None:
    with place.restored(AHEAD.encode()) as (database, _, _):
        of = asked_about(FakeEngine(), now=NOW)
        for column in ("d", "ts", "tz", "x", "iso", "n"):
            answer = Freshness(table="t", column=column).ask(replace(of, database=database))
            day_only = column in {"d", "n"}
            hour = datetime(2026, 11, 22, 23, tzinfo=UTC) if day_only else datetime(2026, 11, 23, 8, tzinfo=UTC)
            # the rest of today, eleven in the morning to midnight, is today for a column without an hour
            future = 12_001 - (13 * 60 if day_only else 0)
            assert (column, answer.newest_entry_at) == (column, hour)
            assert answer.findings == (finding(Code.DATES_IN_FUTURE, table="t", rows=future),)


def test_a_dump_of_the_servers_own_series_is_at_home(two_databases: bytes) -> None:
    dump = Mariadb().recognise(two_databases)

    assert dump is not None
    assert (dump.vendor, dump.series) == ("mariadb", "10.11")
    with LOCAL.restored(two_databases) as (database, _, _):
        assert Mariadb().own_series(dump, database.server_version)


def test_a_dump_cut_inside_a_statement_has_errors(two_databases: bytes) -> None:
    cut = two_databases[: two_databases.index(b"INSERT INTO `acte`") + 30]
    with LOCAL.restored(cut) as (_, load, inventory):
        assert load.findings == (
            finding(Code.LOAD_ERRORS, count=1, code="1064", subject=""),
            finding(Code.DUMP_CUT, missing=9, subject="acte"),
            finding(Code.END_MARK_ABSENT),
            finding(ELSEWHERE, database="cabinet"),
        )
        assert rows_of(inventory)["acte"] == 0


def test_a_dump_cut_inside_a_value_or_a_comment_was_stopped(two_databases: bytes) -> None:
    within_value = two_databases[: two_databases.index(PATIENT.encode()) + 5]
    with LOCAL.restored(within_value) as (_, load, _):
        assert [one.code for one in load.findings] == [
            Code.LOAD_ERRORS,
            Code.LOAD_STOPPED,
            Code.DUMP_CUT,
            Code.END_MARK_ABSENT,
            ELSEWHERE,
        ]
        assert PATIENT[:5] not in repr(load)
    within_comment = two_databases[: two_databases.index(b"INSERT INTO `patient`")] + b"/* les patients\n"
    with LOCAL.restored(within_comment) as (_, load, _):
        assert load.findings == (
            finding(Code.LOAD_STOPPED, code="END", line=within_comment.count(b"\n")),
            finding(Code.DUMP_CUT, missing=10, subject="patient"),
            finding(Code.END_MARK_ABSENT),
            finding(ELSEWHERE, database="cabinet"),
        )


@pytest.mark.parametrize("forged", [b"", b"-- Dump completed on 2026-01-01  4:00:00\n"])
def test_a_dump_cut_between_statements_is_told_whatever_its_last_line_says(two_databases: bytes, forged: bytes) -> None:
    cut = two_databases[: two_databases.index(b"INSERT INTO `patient`")] + forged
    with LOCAL.restored(cut) as (_, load, inventory):
        unmarked = () if forged else (finding(Code.END_MARK_ABSENT),)
        told = (finding(Code.DUMP_CUT, missing=10, subject="patient"), *unmarked)
        assert load.findings == (*told, finding(ELSEWHERE, database="cabinet"))
        assert rows_of(inventory)["patient"] == 0


def test_a_dump_that_leaves_the_client_was_stopped(two_databases: bytes) -> None:
    position = two_databases.index(b"-- Table structure for table `acte`")
    with LOCAL.restored(two_databases[:position] + b"\nexit\n" + two_databases[position:]) as (_, load, _):
        assert [one.code for one in load.findings] == [Code.LOAD_STOPPED, ELSEWHERE]


def test_a_duplicate_key_is_named_and_its_value_is_nowhere(two_databases: bytes) -> None:
    end = two_databases.index(b"\n", two_databases.index(b"INSERT INTO `patient`"))
    end = two_databases.index(b"UNLOCK TABLES", end)
    again = f"INSERT INTO `patient` VALUES (9,'{PATIENT}',NULL);\n".encode()  # noqa: S608 - as above
    data = two_databases[:end] + again + two_databases[end:]
    with LOCAL.restored(data) as (_, load, _):
        assert load.findings == (
            finding(Code.LOAD_ERRORS, count=1, code="1062", subject="nom_unique"),
            finding(ELSEWHERE, database="cabinet"),
        )
        assert [(one.code, one.subject, one.count) for one in load.problems] == [("1062", "nom_unique", 1)]
        assert PATIENT not in repr(load)


def test_a_whole_server_comes_back_with_its_accounts_and_ours_survive() -> None:
    accounts = (
        "CREATE USER medecin@localhost IDENTIFIED BY 'x'; GRANT ALL ON cabinet.* TO medecin@localhost;"
        "ALTER USER root@localhost IDENTIFIED BY 'inconnu'; CREATE ROLE secretariat;"
    )
    data = dumped(SCRIPT + accounts, "--all-databases", "--routines", "--events", "--flush-privileges")
    with LOCAL.restored(data) as (database, load, inventory):
        assert load.findings == (finding(ELSEWHERE, database="cabinet"),)
        assert rows_of(inventory) == CABINET
        assert objects_of(inventory) == {**CABINET_OBJECTS, "user": 1}
        assert database.query("SELECT COUNT(*) FROM acte") == (("3",),)


@pytest.mark.parametrize("later", ["", "sleep 2"], ids=["at once", "on a busy host"])
def test_a_dump_cannot_take_our_accounts_nor_keep_what_it_gave_them(
    two_databases: bytes, later: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mariadb_server, "_KEEPER", f"{later}\n{mariadb_server._KEEPER}")
    attack = b"""
GRANT ALL ON *.* TO restore_lab_reader@localhost;
DROP USER restore_lab_admin@localhost;
DROP USER root@localhost;
SET GLOBAL event_scheduler = ON;
SET GLOBAL read_only = 1;
FLUSH PRIVILEGES;
"""
    data = two_databases.replace(b"CREATE EVENT", b"CREATE DEFINER=x@y EVENT") + attack
    with LOCAL.restored(data) as (database, load, inventory):
        assert finding(ELSEWHERE, database="cabinet") in load.findings
        assert rows_of(inventory)["patient"] == 3
        with pytest.raises(QueryRefused) as refused:
            database.query("DELETE FROM acte")
        assert refused.value.code == "1290"
        assert database.query("SELECT @@global.event_scheduler") == (("OFF",),)


def test_a_dump_that_ruins_the_grant_tables_is_told_and_does_not_hang(
    two_databases: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mariadb_server, "_REACH_SECONDS", 5.0)
    ruin = b"DROP TABLE mysql.global_priv; CREATE TABLE mysql.global_priv (a INT) ENGINE=MyISAM; FLUSH PRIVILEGES;"
    with pytest.raises(EngineFailed, match="no account can be made"), LOCAL.restored(two_databases + ruin):
        pass


def test_a_server_that_dies_is_no_fault_of_the_backup(two_databases: bytes) -> None:
    with pytest.raises(EngineFailed, match="died during the load"), LOCAL.restored(two_databases + b"\nSHUTDOWN;\n"):
        pass


LENIENT = (
    "CREATE DATABASE c; USE c; CREATE TABLE acte (id INT, vu_le DATE NOT NULL DEFAULT '0000-00-00'); INSERT INTO acte"
)
LENIENT += " VALUES (1, '0000-00-00'); CREATE TABLE sain (id INT);"


def test_a_lenient_servers_dump_names_the_setting_it_needs() -> None:
    strict = "STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE"
    data = dumped(LENIENT, "--compact", "c", engine=Mariadb(sql_mode=""))
    with LOCAL.restored(data, Mariadb(sql_mode=strict)) as (_, load, inventory):
        assert load.findings == (
            finding(Code.SETTING_NEEDED, setting="sql_mode"),
            finding(Code.LOAD_ERRORS, count=2, code="1067", subject="vu_le"),
        )
        assert rows_of(inventory) == {"sain": 0}
    with LOCAL.restored(data, Mariadb(sql_mode="")) as (_, load, inventory):
        assert load.findings == (finding(Code.ZERO_DATES, count=1, subject="acte"),)
        assert rows_of(inventory) == {"acte": 1, "sain": 0}


def test_a_row_too_wide_for_innodb_names_its_setting() -> None:
    columns = ", ".join(f"c{number} VARCHAR(200) CHARACTER SET latin1" for number in range(250))
    data = f"CREATE TABLE `large` ({columns}) ENGINE=InnoDB ROW_FORMAT=COMPACT;".encode()
    with LOCAL.restored(data) as (_, load, _):
        assert load.findings == (
            finding(Code.SETTING_NEEDED, setting="innodb_strict_mode"),
            finding(Code.LOAD_ERRORS, count=1, code="1118", subject=""),
        )
    with LOCAL.restored(data, Mariadb(innodb_strict_mode=False)) as (_, load, inventory):
        assert (load.findings, rows_of(inventory)) == ((), {"large": 0})


def test_a_windows_dump_names_lower_case_table_names() -> None:
    data = b"CREATE TABLE `patient` (id INT);\nCREATE VIEW `liste` AS SELECT id FROM `Patient`;\n"
    with LOCAL.restored(data) as (_, load, _):
        assert load.findings == (
            finding(Code.SETTING_NEEDED, setting="lower_case_table_names"),
            finding(Code.LOAD_ERRORS, count=1, code="1146", subject="restored.Patient"),
        )
    with LOCAL.restored(data, Mariadb(lower_case_table_names=1)) as (_, load, inventory):
        assert (load.findings, objects_of(inventory)) == ((), {"table": 1, "view": 1})


def test_owners_that_the_backup_lacks_are_counted() -> None:
    data = b"""
CREATE TABLE `t` (id INT);
CREATE DEFINER=`medecin`@`localhost` VIEW `v` AS SELECT id FROM `t`;
CREATE DEFINER=`compta`@`%` FUNCTION f() RETURNS INT DETERMINISTIC RETURN 1;
CREATE USER `tiers`@`%`;
CREATE DEFINER=`tiers`@`10.0.0.1` VIEW `w` AS SELECT id FROM `t`;
"""
    with LOCAL.restored(data) as (database, load, inventory):
        assert load.findings == (finding(Code.DEFINERS_ABSENT, count=2, definer="compta@%"),)
        assert objects_of(inventory)["user"] == 1
        with pytest.raises(QueryRefused, match="1045"):
            database.query("SELECT * FROM v")


def test_a_nul_byte_or_an_unknown_engine_is_told_for_what_it_is() -> None:
    with LOCAL.restored(b"CREATE TABLE `t` (a INT);\nINSERT INTO t VALUES ('\0');\nCREATE TABLE u (a INT);") as (
        _,
        load,
        _,
    ):
        assert load.findings == (finding(Code.LOAD_STOPPED, code="NUL", line=1),)
    with LOCAL.restored(b"CREATE TABLE `t` (a INT) ENGINE=TokuDB;\nINSERT INTO t VALUES (1);") as (_, load, _):
        assert load.findings == (finding(Code.EXTENSION_ABSENT, name="TokuDB"),)


def test_errors_by_the_thousand_are_all_counted() -> None:
    data = b"CREATE TABLE `t` (a INT PRIMARY KEY);\n" + b"INSERT INTO t VALUES (1);\n" * 20_001
    with LOCAL.restored(data) as (_, load, inventory):
        assert load.findings == (finding(Code.LOAD_ERRORS, count=20_000, code="1062", subject="PRIMARY"),)
        assert rows_of(inventory) == {"t": 1}


def test_a_damaged_table_fails_its_check() -> None:
    data = b"CREATE TABLE `t` (a INT PRIMARY KEY) ENGINE=MyISAM;\nINSERT INTO t SELECT seq FROM seq_1_to_1000;\n"
    engine = Mariadb()
    with LOCAL.machine() as machine:
        database = engine.start(machine, LOCAL.server)
        assert database.load(HEADLESS, [data]).findings == (finding(Code.NOT_TRANSACTIONAL, count=1, table="t"),)
        assert database.integrity().problems == ()
        live = LiveServer(machine=machine)
        live.ask(["FLUSH TABLES;"], timeout_seconds=30)
        file = live.path("database/restored/t.MYI")
        damage = ("/bin/sh", "-c", 'printf "XXXXXXXXXXXXXXXX" | dd of="$1" bs=1 seek=2048 conv=notrunc', "damage", file)
        assert machine.run(damage, timeout_seconds=30).exit_code == 0
        integrity = database.integrity()
        assert integrity.asked == 1
        assert [(one.code, one.subject) for one in integrity.problems] == [("CHECK TABLE", "t")]


@pytest.mark.parametrize(
    ("sql", "code", "subject"),
    [
        ("SELECT * FROM nulle_part", "1146", "cabinet.nulle_part"),
        ("SELEC 1", "1064", ""),
        ("INSERT INTO acte VALUES (9, 9)", "1142", ""),
        ("SELECT seq FROM seq_1_to_10001", "ROWS", ""),
        ("SELECT REPEAT('x', 10000) FROM seq_1_to_2000", "BYTES", ""),
        ("SELECT 1; SELECT 2", "STATEMENTS", ""),
        ("SELECT LOAD_FILE('/etc/passwd'); SELECT 1 INTO OUTFILE '/machine/x'", "1227", "FILE"),
    ],
)
def test_questions_that_are_refused(served: Database, sql: str, code: str, subject: str) -> None:
    with pytest.raises(QueryRefused) as refused:
        served.query(sql)
    assert (refused.value.code, refused.value.subject) == (code, subject)


@pytest.fixture(scope="module")
def served(two_databases: bytes) -> Iterator[Database]:
    with LOCAL.restored(two_databases) as (database, _, _):
        yield database


def test_a_question_for_names_brings_more_of_them(served: Database) -> None:
    names = "SELECT CONCAT('scan/', seq, '.pdf'), NULL FROM seq_1_to_25000"

    assert len(served.query(names, most_rows=MOST_NAMES)) == 25_000


def test_a_question_has_its_limit_in_time(served: Database) -> None:
    with pytest.raises(TimeoutError):
        served.query("SELECT SLEEP(20) FROM patient", timeout_seconds=1)


def test_a_question_without_rows_has_none(served: Database) -> None:
    assert served.query("SELECT id FROM patient WHERE id > 99") == ()
    assert served.query("DO 1") == ()
    assert len(served.query("SELECT seq FROM seq_1_to_10000")) == 10_000


def test_another_process_reaches_the_same_database(two_databases: bytes) -> None:
    engine = Mariadb()
    dump = engine.recognise(two_databases)
    assert dump is not None
    with LOCAL.machine() as machine:
        engine.start(machine, LOCAL.server).load(dump, [two_databases])
        again = engine.attach(Local().attach(machine.handle), LOCAL.server)
        assert again.query("SELECT COUNT(*) FROM patient") == (("3",),)


def test_a_made_backup_restores_to_what_it_was_made_of(place: Place) -> None:
    script = sql_script(Dialect.MARIADB, seed=7, day=date(2026, 3, 12), patients=40)
    made = bytearray()
    with place.machine() as machine:
        make_backup(machine, place.server, script, made.extend, database="cabinet")
    with place.restored(bytes(made)) as (database, load, inventory):
        assert load.findings == (finding(ELSEWHERE, database="cabinet"),)
        assert rows_of(inventory) == expected_counts(seed=7, day=date(2026, 3, 12), patients=40)
        assert database.integrity().problems == ()


def test_a_script_with_a_fault_makes_no_backup() -> None:
    made = bytearray()
    with LOCAL.machine() as machine, pytest.raises(EngineFailed, match="1064"):
        make_backup(machine, LOCAL.server, [b"SELEC 1;"], made.extend)
    assert not made


def test_a_timestamp_reads_as_on_the_clock_of_the_practice(place: Place) -> None:
    """Written in UTC by the tool or, by old ones, without a zone: then also in the hour that a summer skips."""
    table = "CREATE TABLE visit (id int, at timestamp NULL, made datetime) ENGINE=InnoDB;\n"
    in_utc = "SET TIME_ZONE='+00:00';\nINSERT INTO visit VALUES (1, '2026-07-01 16:42:00', '2026-07-01 18:42:00');\n"
    without = "SET TIME_ZONE=DEFAULT;\nINSERT INTO visit VALUES (2, '2026-03-29 02:30:00', '2026-03-29 02:30:00');\n"

    with place.restored((table + in_utc + without).encode()) as (database, load, _):
        read = database.query("SELECT at, made FROM visit ORDER BY id")

    assert [one.code for one in load.findings] == []
    assert [tuple(row) for row in read] == [
        ("2026-07-01 18:42:00", "2026-07-01 18:42:00"),
        ("2026-03-29 04:30:00", "2026-03-29 02:30:00"),
    ]

"""Dumps that the real mariadb-dump makes here, restored by the `mariadb` engine: what comes back, and is asked of it.

Dumps of others: `test_mariadb_third_party.py`. Dumps that are cut, hold messages, or turn on the server:
`test_mariadb_broken.py`. Settings, owners and engines that a dump needs: `test_mariadb_settings.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from fake_engine import FakeEngine
from fakes import restored as asked_about
from integration.mariadb_dumps import (
    CABINET,
    CABINET_OBJECTS,
    ELSEWHERE,
    EVERYWHERE,
    LOCAL,
    PATIENT,
    PLACES,
    SCRIPT,
    Place,
    dumped,
    dumped_two_databases,
    objects_of,
    rows_of,
)

from restore_lab.checks.freshness import Freshness
from restore_lab.engines.base import MOST_NAMES, Database
from restore_lab.engines.mariadb.backup import make_backup
from restore_lab.engines.mariadb.engine import Mariadb
from restore_lab.errors import EngineFailed, QueryRefused
from restore_lab.findings import Code, finding
from restore_lab.sample_practice import Dialect, expected_counts, sql_script
from restore_lab.sandboxes.local.driver import Local


@pytest.fixture(params=EVERYWHERE)
def place(request: pytest.FixtureRequest) -> Place:
    return PLACES[str(request.param)]


@pytest.fixture(scope="module")
def two_databases() -> bytes:
    return dumped_two_databases()


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

"""Backups that real pg_dump made, and third-party ones, into real throwaway servers: what comes back, what is found.

Every kind of broken backup here must be told; the intact one beside it must not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from fake_engine import FakeEngine
from fakes import restored as asked_about
from needs import absent, third_party

from restore_lab.checks.freshness import Freshness
from restore_lab.engines.base import HEAD_BYTES, MOST_NAMES, MOST_ROWS, Database, Inventory, Load
from restore_lab.engines.postgresql.backup import make_backup
from restore_lab.engines.postgresql.engine import Postgresql
from restore_lab.errors import QueryRefused
from restore_lab.findings import Code, Finding, finding
from restore_lab.sandboxes.base import Machine, Need, Sandbox, Server
from restore_lab.sandboxes.container.driver import Container
from restore_lab.sandboxes.local.driver import Local

ENGINE: Final = Postgresql()
PIECE: Final = 64 * 1024
#: Stands in every patient's row, so that it must stand nowhere else.
SECRET: Final = "Secretname"  # noqa: S105 - a made-up name of a patient

SCRIPT: Final = """
CREATE ROLE doctor NOLOGIN;
CREATE ROLE "the secretary" LOGIN PASSWORD 'x';
GRANT doctor TO "the secretary";
CREATE TYPE mood AS ENUM ('fine', 'ill');
CREATE TABLE patients (id int PRIMARY KEY, name text NOT NULL, mood mood, born date);
INSERT INTO patients SELECT g, 'Secretname' || g, 'ill', '1970-01-01' FROM generate_series(1, 500) g;
CREATE TABLE visits (id int PRIMARY KEY, patient int REFERENCES patients, note text, CHECK (id > 0));
INSERT INTO visits SELECT g, g, E'a "note"\\twith \\\\ in it' FROM generate_series(1, 300) g;
ALTER TABLE patients OWNER TO doctor;
ALTER TABLE patients ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON patients FOR SELECT TO doctor USING (id > 400);
CREATE POLICY most ON patients FOR SELECT TO "the secretary" USING (id > 1);
GRANT SELECT ON visits TO doctor, "the secretary";
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;
CREATE TRIGGER touched BEFORE UPDATE ON visits FOR EACH ROW EXECUTE FUNCTION touch();
CREATE PROCEDURE nothing() LANGUAGE sql AS 'SELECT 1';
CREATE MATERIALIZED VIEW summary AS SELECT count(*) AS number FROM visits;
CREATE VIEW seen AS SELECT * FROM visits;
CREATE RULE nobody AS ON INSERT TO seen DO INSTEAD NOTHING;
ALTER DEFAULT PRIVILEGES FOR ROLE doctor GRANT SELECT ON TABLES TO "the secretary";
SELECT lo_from_bytea(0, 'a scan');
CREATE SCHEMA billing AUTHORIZATION doctor;
CREATE TABLE billing.invoices (id int, total numeric) PARTITION BY RANGE (id);
CREATE TABLE billing.early PARTITION OF billing.invoices FOR VALUES FROM (0) TO (100);
CREATE TABLE billing.late PARTITION OF billing.invoices FOR VALUES FROM (100) TO (1000);
INSERT INTO billing.invoices SELECT g, g FROM generate_series(1, 200) g;
CREATE EXTENSION pg_trgm;
CREATE INDEX by_name ON patients USING gin (name gin_trgm_ops);
"""
TABLES: Final = {"billing.early": 99, "billing.late": 101, "patients": 500, "visits": 300}
OBJECTS: Final = {
    "table": 5,
    "index": 3,
    "view": 1,
    "materialized_view": 1,
    "primary_key": 2,
    "foreign_key": 1,
    "check": 1,
    "function": 1,
    "procedure": 1,
    "trigger": 1,
    "type": 1,
    "policy": 2,
    "extension": 1,
    "large_object": 1,
}
ROLES: Final = finding(Code.ROLES_NOT_IN_BACKUP, count=2, role="doctor")
DOCTOR: Final = finding(Code.ROLES_NOT_IN_BACKUP, count=1, role="doctor")
NO_END: Final = finding(Code.END_MARK_ABSENT)
DAMAGED: Final = finding(Code.ARCHIVE_DAMAGED, layer="custom")
FORGED: Final = b"\n--\n-- PostgreSQL database dump complete\n--\n\n"
ELSEWHERE: Final = finding(Code.DATA_IN_ANOTHER_DATABASE, database="cabinet")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A way to get a server of one series."""

    sandbox: Sandbox
    series: str

    @property
    def server(self) -> Server:
        found = ENGINE.recognise(b"-- PostgreSQL database dump\n")
        assert found is not None
        return next(server for server in ENGINE.servers(found) if server.series == self.series)

    @contextmanager
    def machine(self, size: int) -> Iterator[Machine]:
        if lacking := self.sandbox.lacks(self.server):
            absent(lacking)
        need = Need(
            lab_id="test",
            drill_id=f"postgresql-{os.getpid()}",
            restore_id="r1",
            server=self.server,
            backup_bytes=size,
            memory_bytes=1024 * 1024 * 1024,
            expires_at=datetime.now(UTC) + timedelta(minutes=20),
        )
        with self.sandbox.machine(need) as machine:
            yield machine


LOCAL = [pytest.param(Place(sandbox=Local(), series=series), id=f"local-{series}") for series in ("15", "18")]
CONTAINERS = [
    pytest.param(Place(sandbox=Container(), series=series), id=f"container-{series}", marks=pytest.mark.docker)
    for series in ("13", "15", "17", "18")
]


@pytest.fixture(params=LOCAL)
def place(request: pytest.FixtureRequest) -> Place:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=LOCAL + CONTAINERS)
def any_place(request: pytest.FixtureRequest) -> Place:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=(LOCAL[0], CONTAINERS[0], CONTAINERS[-1]))
def some_place(request: pytest.FixtureRequest) -> Place:
    """One of each kind of machine, the oldest and the newest series: for what is our doing, not the server's."""
    return request.param  # type: ignore[no-any-return]


@cache
def backups(place: Place) -> dict[str, bytes]:
    """Every kind of backup of the script above, made by the place's own programs."""
    made: dict[str, bytes] = {}
    with place.machine(1024 * 1024) as machine:
        environment = {"PGHOST": machine.scratch, "PGUSER": "postgres", "PGDATABASE": "cabinet"}

        def collect(name: str, *argv: str) -> None:
            taken = bytearray()
            done = machine.run(argv, timeout_seconds=60, stdout=taken.extend, environment=environment)
            assert done.exit_code == 0, done.stderr
            made[name] = bytes(taken)

        whole = bytearray()
        make_backup(machine, place.server, [SCRIPT.encode()], whole.extend)
        made["custom"] = bytes(whole)
        collect("globals", "pg_dumpall", "--globals-only")
        collect("plain", "pg_dump")
        collect("tar", "pg_dump", "--format=tar")
        collect("inserts", "pg_dump", "--inserts")
        collect("create", "pg_dump", "--create")
        collect("clean", "pg_dump", "--clean")
        collect("cluster", "pg_dumpall")
        collect("cluster clean", "pg_dumpall", "--clean")
        collect("setting", "psql", "-c", "ALTER DATABASE cabinet SET default_transaction_read_only = on")
        collect("read-only", "pg_dump", "--create")
        collect("read-only cluster", "pg_dumpall")
    return made


@dataclass(frozen=True, kw_only=True)
class Restored:
    database: Database
    load: Load
    inventory: Inventory
    machine: Machine

    @property
    def tables(self) -> dict[str, int]:
        return {table.name: table.rows for table in self.inventory.tables}

    @property
    def objects(self) -> dict[str, int]:
        return {one.kind: one.count for one in self.inventory.objects if one.count}

    @property
    def codes(self) -> dict[tuple[str, str], int]:
        return {(one.code, one.subject): one.count for one in self.load.problems if one.harmful}


@contextmanager
def restored(place: Place, backup: bytes, engine: Postgresql = ENGINE) -> Iterator[Restored]:
    dump = ENGINE.recognise(backup[:HEAD_BYTES])
    assert dump is not None
    with place.machine(len(backup)) as machine:
        database = engine.start(machine, place.server)
        load = database.load(dump, (backup[at : at + PIECE] for at in range(0, len(backup), PIECE)))
        inventory = database.inventory()
        assert SECRET not in repr((load, inventory))
        yield Restored(database=database, load=load, inventory=inventory, machine=machine)


def found(place: Place, backup: bytes) -> tuple[Finding, ...]:
    with restored(place, backup) as back:
        return back.load.findings


def changed(backup: bytes, old: bytes, new: bytes) -> bytes:
    assert old in backup
    return backup.replace(old, new, 1)


@pytest.mark.parametrize("kind", ["custom", "tar", "plain", "inserts"])
def test_a_whole_backup_comes_back_whole(any_place: Place, kind: str) -> None:
    with restored(any_place, backups(any_place)[kind]) as back:
        assert back.load.findings == (ROLES,)
        assert back.codes == {}
        assert back.tables == TABLES
        assert back.objects == OBJECTS
        assert back.database.server_version.startswith(f"{any_place.series}.")
        integrity = back.database.integrity()
        assert integrity.problems == ()
        assert integrity.asked >= len(TABLES)
        # what amcheck needed is gone again
        assert back.database.inventory() == back.inventory
        owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'patients'"
        assert back.database.query(owner) == [("doctor",)]
        granted = "SELECT has_table_privilege('the secretary', 'visits', 'SELECT')::text"
        assert back.database.query(granted) == [("true",)]
        assert ENGINE.attach(back.machine, any_place.server).query("SELECT count(*) FROM patients") == [("500",)]


WHOLE: Final[dict[str, tuple[Finding, ...]]] = {
    "create": (ROLES, ELSEWHERE),
    "clean": (finding(Code.LOAD_ERRORS_HARMLESS, count=21), ROLES),
    "cluster": (finding(Code.LOAD_ERRORS_HARMLESS, count=1), ELSEWHERE),
    "cluster clean": (finding(Code.LOAD_ERRORS_HARMLESS, count=5), ELSEWHERE),
    "read-only": (ROLES, finding(Code.SETTING_NEEDED, setting="default_transaction_read_only"), ELSEWHERE),
    "read-only cluster": (finding(Code.LOAD_ERRORS_HARMLESS, count=1), ELSEWHERE),
}


@pytest.mark.parametrize("kind", sorted(WHOLE))
def test_data_are_found_whatever_the_dump_does_around_them(place: Place, kind: str) -> None:
    with restored(place, backups(place)[kind]) as back:
        assert back.load.findings == WHOLE[kind]
        assert back.tables == TABLES
        assert back.database.query("SELECT count(*) FROM patients") == [("500",)]
        assert back.database.integrity().problems == ()
        assert back.objects.get("role", 0) == (2 if "cluster" in kind else 0)


def test_roles_alone_are_no_table(place: Place) -> None:
    with restored(place, backups(place)["globals"]) as back:
        assert back.load.findings == (finding(Code.LOAD_ERRORS_HARMLESS, count=1),)
        assert back.tables == {}
        assert back.objects == {"role": 2}


def _after_toc(archive: bytes) -> int:
    """A place in the middle of the last block of data, past everything that describes it."""
    return len(archive) - 1500


BROKEN_ARCHIVES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "cut in the data": lambda whole: whole[: _after_toc(whole)],
    "cut in the contents": lambda whole: whole[:2000],
    "cut in the header": lambda whole: whole[:20],
    "only its magic": lambda whole: whole[:5],
    "through a text editor": lambda whole: whole.decode("latin-1").encode("utf-8"),
    "flipped in the data": lambda whole: whole[: _after_toc(whole)] + b"\x55\xaa\x00" + whole[_after_toc(whole) + 3 :],
    "of a version there is not": lambda whole: whole[:6] + b"\x63" + whole[7:],
}


@pytest.mark.parametrize("how", sorted(BROKEN_ARCHIVES))
def test_a_ruined_archive_is_damaged(place: Place, how: str) -> None:
    assert DAMAGED in found(place, BROKEN_ARCHIVES[how](backups(place)["custom"]))


@pytest.mark.parametrize("length", [1000, 20_000, -1024])
def test_a_cut_tar_archive_is_damaged_and_waits_for_nothing(place: Place, length: int) -> None:
    assert finding(Code.ARCHIVE_DAMAGED, layer="tar") in found(place, backups(place)["tar"][:length])


def test_an_archive_newer_than_the_server_is_not_called_damaged(place: Place) -> None:
    faked = backups(place)["custom"].replace(f"{place.series}.".encode(), b"19.")
    # from layout 1.15 on the compression, here at byte 11, is one byte in place of five
    rest = faked[12:] if faked[6] >= 15 else faked[16:]
    (newer,) = found(place, faked[:6] + b"\x63" + faked[7:11] + b"\x01" + rest)

    params = dict(newer.params)
    assert newer.code is Code.ENGINE_NOT_MATCHED
    assert str(params["used"]).startswith(f"{place.series}.")
    assert str(params["wanted"]).startswith("19.")


def test_a_dump_cut_inside_a_statement_fails(place: Place) -> None:
    plain = backups(place)["plain"]
    cut = plain[: plain.index(b"CREATE TABLE public.visits") + 40]

    errors, doctor, told, no_end = found(place, cut)
    assert (errors, doctor, no_end) == (finding(Code.LOAD_ERRORS, count=1, code="42601", subject=""), DOCTOR, NO_END)
    assert told.code is Code.DUMP_CUT  # by the line that lifts the restriction, which is not there


@pytest.mark.parametrize("kind", ["plain", "inserts"])
@pytest.mark.parametrize("forged", [b"", FORGED], ids=["cut", "forged end"])
def test_a_dump_cut_between_statements_is_told_whatever_its_last_line_says(
    some_place: Place, kind: str, forged: bytes
) -> None:
    whole = backups(some_place)[kind]
    at = whole.index(b"\n--\n-- Data for Name: visits; Type: TABLE DATA")
    # PostgreSQL's releases of August 2025 and later put their dumps between two lines of their own
    bare = b"\n".join(line for line in whole[:at].split(b"\n") if not line.startswith(b"\\restrict"))
    # without them, the last table without its rows is what leaving it out would look like too
    for cut, code, missing in ((whole[:at], Code.DUMP_CUT, 2), (bare, Code.CONTENTS_ABSENT, 1)):
        if code is Code.DUMP_CUT and cut == bare:
            continue
        with restored(some_place, cut + forged) as back:
            told = [
                one
                for one in back.load.findings
                if one.code in {Code.DUMP_CUT, Code.CONTENTS_ABSENT, Code.END_MARK_ABSENT}
            ]
            params = dict(told[0].params)
            assert (told[0].code, params["missing"]) == (code, missing)
            assert params["subject"] == "visits"
            assert told[1:] == ([] if forged else [NO_END])
            assert back.tables == TABLES | {"visits": 0}


ROW: Final = b"\n10\tSecretname10\till\t"
BROKEN_ROWS: Final = {
    "duplicate key": (b"\n11\tSecretname10\till\t", {("23505", "patients_pkey"): 1, ("42830", ""): 1}, TABLES),
    "wrong type": (
        b"\nSecretname\tSecretname10\till\t",
        {("22P02", "patients"): 1, ("23503", "visits_patient_fkey"): 1},
        TABLES | {"patients": 0},
    ),
    "wrong label": (
        b"\n10\tSecretname10\tSecretname\t",
        {("22P02", "patients"): 1, ("23503", "visits_patient_fkey"): 1},
        TABLES | {"patients": 0},
    ),
    "missing column": (
        b"\nSecretname10\till\t",
        {("22P02", "patients"): 1, ("23503", "visits_patient_fkey"): 1},
        TABLES | {"patients": 0},
    ),
}


@pytest.mark.parametrize("how", sorted(BROKEN_ROWS))
def test_a_broken_row_fails_and_appears_nowhere(place: Place, how: str) -> None:
    row, codes, tables = BROKEN_ROWS[how]
    with restored(place, changed(backups(place)["plain"], ROW, row)) as back:
        (code, subject), *_ = codes
        assert back.load.findings == (finding(Code.LOAD_ERRORS, count=2, code=code, subject=subject), ROLES)
        assert back.codes == codes
        assert back.tables == tables


def test_a_failed_insert_is_not_repeated_in_the_record(place: Place) -> None:
    broken = changed(backups(place)["inserts"], b"VALUES (10, 'Secretname10'", b"VALUES (11, 'Secretname10'")

    errors = finding(Code.LOAD_ERRORS, count=2, code="23505", subject="patients_pkey")
    assert found(place, broken) == (errors, ROLES)


def test_a_reference_to_nobody_fails(place: Place) -> None:
    broken = changed(backups(place)["plain"], b"\n10\t10\ta ", b"\n10\t9999\ta ")

    errors = finding(Code.LOAD_ERRORS, count=1, code="23503", subject="visits_patient_fkey")
    assert found(place, broken) == (errors, ROLES)


def test_what_the_machine_lacks_is_not_the_backup_s_fault(place: Place) -> None:
    plain = backups(place)["plain"]
    collation = changed(plain, b"name text NOT NULL", b'name text COLLATE "xx_XX.utf8" NOT NULL')

    assert found(place, plain.replace(b"pg_trgm", b"postgis")) == (
        finding(Code.EXTENSION_ABSENT, name="postgis"),
        ROLES,
    )
    assert found(place, collation) == (finding(Code.COLLATION_ABSENT, name="xx_XX.utf8"), ROLES)


def test_a_setting_of_another_series_is_harmless(place: Place) -> None:
    newer = changed(backups(place)["plain"], b"SET lock_timeout = 0;", b"SET lock_timeout = 0;\nSET newer_timeout = 0;")

    assert found(place, newer) == (finding(Code.LOAD_ERRORS_HARMLESS, count=1), ROLES)


def test_one_missing_role_in_a_transaction_of_its_own_loses_all(place: Place) -> None:
    wrapped = b"BEGIN;\n" + backups(place)["plain"] + b"\nCOMMIT;\n"
    with restored(place, wrapped) as back:
        assert Code.LOAD_ERRORS in {one.code for one in back.load.findings}
        assert back.tables == {}


def test_a_dump_that_ends_itself_is_stopped(place: Place) -> None:
    findings = found(place, b"\\set ON_ERROR_STOP on\n" + backups(place)["plain"])

    assert findings == (finding(Code.LOAD_STOPPED, code="exit 3", line=0), DOCTOR)


def test_bytes_of_no_known_encoding_come_back_as_they_were(place: Place) -> None:
    plain = changed(backups(place)["plain"], b"client_encoding = 'UTF8'", b"client_encoding = 'SQL_ASCII'")
    with restored(place, changed(plain, ROW, ROW.replace(b"Secretname10", b"Secretname\xe9"))) as back:
        assert back.load.findings == (ROLES, finding(Code.SETTING_NEEDED, setting="ENCODING SQL_ASCII"))
        assert back.tables == TABLES
        asked = "SELECT encode(substr(name, 11)::bytea, 'hex') FROM patients WHERE id = 10"
        assert back.database.query(asked) == [("e9",)]


#: As pg_dump writes it to its standard error, and `2>&1` into the dump.
CIRCULAR: Final = (
    b"pg_dump: warning: there are circular foreign-key constraints on this table:\n"
    b"pg_dump: detail: visits\n"
    b"pg_dump: hint: You might not be able to restore the dump without using --disable-triggers.\n"
)


@pytest.mark.parametrize("kind", ["plain", "cluster"])
def test_a_message_of_pg_dump_before_the_first_statement_costs_nothing(some_place: Place, kind: str) -> None:
    with restored(some_place, CIRCULAR + backups(some_place)[kind]) as back:
        harmless = 1 if kind == "plain" else 2
        assert back.load.findings[0] == finding(Code.LOAD_ERRORS_HARMLESS, count=harmless)
        assert back.codes == {}
        assert back.tables == TABLES


@pytest.mark.parametrize(
    ("before", "code", "lost"),
    [
        (b"CREATE TABLE public.visits", "42601", {"visits"}),
        (b"10\tSecretname10", "22P02", set()),
    ],
)
def test_a_message_of_pg_dump_before_anything_else_loses_it(
    place: Place, before: bytes, code: str, lost: set[str]
) -> None:
    mixed = changed(backups(place)["plain"], before, CIRCULAR + before)
    with restored(place, mixed) as back:
        found = {one.code: dict(one.params) for one in back.load.findings}
        assert found[Code.LOAD_ERRORS]["code"] == code
        assert set(TABLES) - set(back.tables) == lost


def test_a_pg_dump_that_failed_and_said_so_at_the_end_fails(place: Place) -> None:
    plain = backups(place)["plain"]
    cut = plain[: plain.index(b"\nCOPY public.visits")] + b"\npg_dump: error: query failed: server closed\n"

    assert found(place, cut)[0] == finding(Code.LOAD_ERRORS, count=1, code="42601", subject="")


@pytest.mark.parametrize("change", [b"NOLOGIN", b"NOSUPERUSER"])
def test_a_dump_cannot_name_our_own_roles(some_place: Place, change: bytes) -> None:
    takes_them = b"".join(
        b"CREATE ROLE %b;\nALTER ROLE %b WITH %b;\n" % (role, role, change)
        for role in (b"restore_lab_admin", b"restore_lab_reader")
    )
    with restored(some_place, takes_them + backups(some_place)["plain"]) as back:
        assert back.codes == {}
        assert back.tables == TABLES
        assert back.objects["role"] == 2
        assert back.database.query("SELECT count(*) FROM patients") == [("500",)]


def test_a_dump_that_makes_the_first_superuser_none_comes_back_whole(some_place: Place) -> None:
    with restored(some_place, b"ALTER ROLE postgres WITH NOSUPERUSER;\n" + backups(some_place)["cluster"]) as back:
        assert back.codes == {}
        assert back.tables == TABLES
        owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'visits'"
        assert back.database.query(owner) == [("postgres",)]


@pytest.mark.parametrize("change", [b"NOLOGIN", b"CONNECTION LIMIT 0", b"NOSUPERUSER"])
def test_what_a_dump_does_to_the_first_superuser_at_its_end_changes_nothing(some_place: Place, change: bytes) -> None:
    with restored(some_place, backups(some_place)["plain"] + b"\nALTER ROLE postgres WITH " + change + b";\n") as back:
        assert back.codes == {}
        assert back.tables == TABLES
        assert back.database.query("SELECT count(*) FROM patients") == [("500",)]


#: Fifty hours up to now, then every minute of the next days, then one date far ahead, thousands of times.
AHEAD: Final = """
CREATE TABLE t (d date, ts timestamp, tz timestamptz, x text, iso text, n int);
INSERT INTO t SELECT g, g, g AT TIME ZONE 'Europe/Paris', to_char(g, 'YYYY-MM-DD HH24:MI:SS'),
  to_char(g, 'YYYY-MM-DD"T"HH24:MI:SS'), to_char(g, 'YYYYMMDD')::int
  FROM (SELECT timestamp '2026-11-23 09:00' - i * interval '1 hour' FROM generate_series(0, 50) i
  UNION ALL SELECT timestamp '2026-11-23 11:00' + i * interval '1 minute' FROM generate_series(0, 6000) i
  UNION ALL SELECT timestamp '2030-01-01' FROM generate_series(1, 6000)) of_them(g);
"""
NOW: Final = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def test_the_newest_past_entry_is_found_behind_any_number_of_future_ones(place: Place) -> None:
    with restored(place, b"-- PostgreSQL database dump\n" + AHEAD.encode()) as back:
        of = asked_about(FakeEngine(), now=NOW)
        for column in ("d", "ts", "tz", "x", "iso", "n"):
            answer = Freshness(table="t", column=column).ask(replace(of, database=back.database))
            day_only = column in {"d", "n"}
            hour = datetime(2026, 11, 22, 23, tzinfo=UTC) if day_only else datetime(2026, 11, 23, 8, tzinfo=UTC)
            # the rest of today, eleven in the morning to midnight, is today for a column without an hour
            future = 12_001 - (13 * 60 if day_only else 0)
            assert (column, answer.newest_entry_at) == (column, hour)
            assert answer.findings == (finding(Code.DATES_IN_FUTURE, table="t", rows=future),)


def test_utf_16_from_a_windows_shell_fails(place: Place) -> None:
    wide = ("\ufeff" + backups(place)["plain"].decode()).encode("utf-16-le")

    assert found(place, wide)[0] == finding(Code.LOAD_ERRORS, count=1, code="22021", subject="")


def test_a_server_that_the_dump_kills_is_a_server_that_failed(place: Place) -> None:
    dump = ENGINE.recognise(b"SET statement_timeout = 0;\n")
    assert dump is not None
    # run by the server, where its own process number means itself
    kill = b"COPY (SELECT 1) TO PROGRAM 'kill -9 $(head -1 postmaster.pid)';\n\\! sleep 1\nSELECT 2;\nSELECT 3;\n"
    with place.machine(1000) as machine:
        load = ENGINE.start(machine, place.server).load(dump, [kill])

    assert Code.SERVER_FAILED in {one.code for one in load.findings}


FIGHTS_BACK: Final = b"""
ALTER ROLE postgres NOLOGIN;
ALTER ROLE restore_lab_admin SET search_path = nowhere;
ALTER ROLE restore_lab_admin SET statement_timeout = 1;
ALTER DATABASE restored SET default_transaction_read_only = on;
ALTER SYSTEM SET max_connections = 1;
CREATE ROLE restore_lab_reader SUPERUSER NOLOGIN;
ALTER ROLE restore_lab_reader SET default_transaction_read_only = off;
CREATE FUNCTION public.format(text, text) RETURNS text LANGUAGE sql AS 'SELECT NULL';
CREATE RULE none AS ON DELETE TO public.visits DO INSTEAD NOTHING;
"""


def test_a_dump_that_fights_back_does_not_keep_us_from_asking(place: Place) -> None:
    with restored(place, backups(place)["inserts"] + FIGHTS_BACK) as back:
        assert back.tables == TABLES
        assert back.objects["policy"] == OBJECTS["policy"]
        assert back.database.query("SELECT count(*) FROM patients") == [("500",)]
        assert back.database.query("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [("f",)]


LOGIN_TRIGGER: Final = b"""
SET statement_timeout = 0;
CREATE TABLE t AS SELECT 1 AS id;
CREATE FUNCTION shut() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'closed'; END$$;
CREATE EVENT TRIGGER shut ON login EXECUTE FUNCTION shut();
ALTER EVENT TRIGGER shut ENABLE ALWAYS;
"""


def test_a_trigger_at_login_shuts_nobody_out(place: Place) -> None:
    with restored(place, LOGIN_TRIGGER) as back:
        assert back.tables == {"t": 1}
        assert back.database.query("SELECT id FROM t") == [("1",)]


DAMAGE: Final = b"""
CREATE FUNCTION public.fickle(a int4, b int4) RETURNS int LANGUAGE sql
  AS 'SELECT CASE WHEN $1 = $2 THEN 0 WHEN $1 > $2 THEN 1 ELSE -1 END';
CREATE OPERATOR CLASS public.fickle_ops FOR TYPE int4 USING btree AS OPERATOR 1 < (int4, int4),
  OPERATOR 2 <= (int4, int4), OPERATOR 3 = (int4, int4), OPERATOR 4 >= (int4, int4), OPERATOR 5 > (int4, int4),
  FUNCTION 1 public.fickle(int4, int4);
CREATE INDEX crooked ON public.visits (id public.fickle_ops);
CREATE OR REPLACE FUNCTION public.fickle(a int4, b int4) RETURNS int LANGUAGE sql
  AS 'SELECT CASE WHEN $1 = $2 THEN 0 WHEN $1 < $2 THEN 1 ELSE -1 END';
UPDATE pg_catalog.pg_class SET relfrozenxid = pg_current_xact_id()::xid WHERE oid = 'billing.late'::regclass;
"""


def test_a_damaged_index_and_a_damaged_table_are_named(place: Place) -> None:
    with restored(place, backups(place)["plain"] + DAMAGE) as back:
        assert back.codes == {}
        problems = {(one.code, one.subject) for one in back.database.integrity().problems}
        assert problems == {("XX002", "crooked"), ("XX001", "billing.late")}


@pytest.fixture(scope="module", params=LOCAL)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    place: Place = request.param
    with restored(place, backups(place)["custom"]) as back:
        yield back.database


class TestQuestions:
    def test_values_come_back_as_text_and_null_as_none(self, database: Database) -> None:
        asked = "SELECT 1, NULL, '', E'a\\nb\"c,\\\\d', 'é', NULL::int; -- a remark"
        assert database.query(asked) == [("1", None, "", 'a\nb"c,\\d', "é", None)]
        assert database.query("VALUES (''), (NULL), ('x')") == [("",), (None,), ("x",)]
        assert database.query("SELECT 1 WHERE false") == []
        assert database.query("SELECT repeat('x', 300000)") == [("x" * 300_000,)]

    def test_row_level_security_hides_nothing(self, database: Database) -> None:
        assert database.query("SELECT count(*) FROM patients") == [("500",)]
        assert database.query("SELECT count(*) FROM billing.invoices") == [("200",)]
        ((current, session),) = database.query("SELECT current_user, session_user")
        assert str(current).startswith("restore_lab_reader_")
        assert current == session

    @pytest.mark.parametrize(
        ("sql", "code", "subject"),
        [
            ("SELECT * FROM nothing_there", "42P01", "nothing_there"),
            (f"SELECT '{SECRET}'::int", "22P02", "integer"),
            ("SELECT 1; DROP TABLE visits", "42P11", ""),
            ("DELETE FROM visits", "42P11", ""),
            ("WITH gone AS (DELETE FROM visits RETURNING 1) SELECT * FROM gone", "25006", ""),
            ("COMMIT", "42P11", ""),
            ("\\! touch here", "42601", ""),
            ("SELECT 1/0", "22012", ""),
            ("SELECT pg_read_file('/etc/passwd')", "42501", "pg_read_file"),
            (f"SELECT generate_series(1, {MOST_ROWS + 1})", "54000", "rows"),
            ("SELECT repeat('x', 1000000) FROM generate_series(1, 20)", "54000", "bytes"),
        ],
    )
    def test_a_question_is_refused_in_few_words(self, database: Database, sql: str, code: str, subject: str) -> None:
        with pytest.raises(QueryRefused) as refused:
            database.query(sql)
        assert (refused.value.code, refused.value.subject) == (code, subject)
        assert SECRET not in str(refused.value)
        assert database.query("SELECT count(*) FROM visits") == [("300",)]

    def test_as_many_rows_as_allowed_come_back(self, database: Database) -> None:
        assert len(database.query(f"SELECT generate_series(1, {MOST_ROWS})")) == MOST_ROWS

    def test_a_question_for_names_brings_more_of_them(self, database: Database) -> None:
        names = "SELECT 'scan/' || n || '.pdf', NULL FROM generate_series(1, 25000) AS n"

        assert len(database.query(names, most_rows=MOST_NAMES)) == 25_000

    def test_a_question_has_a_limit(self, database: Database) -> None:
        with pytest.raises(TimeoutError):
            database.query("SELECT pg_sleep(30)", timeout_seconds=0.5)


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

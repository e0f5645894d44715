"""Places where PostgreSQL runs, every kind of backup that its own programs make there, and what is restored of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

import pytest
from needs import absent

from restore_lab.engines.base import HEAD_BYTES, Database, Inventory, Load
from restore_lab.engines.postgresql.backup import make_backup
from restore_lab.engines.postgresql.engine import Postgresql
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


#: One of each kind of machine, the oldest and the newest series: for what is our doing, not the server's.
SOME = (LOCAL[0], CONTAINERS[0], CONTAINERS[-1])


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


#: As pg_dump writes it to its standard error, and `2>&1` into the dump.
CIRCULAR: Final = (
    b"pg_dump: warning: there are circular foreign-key constraints on this table:\n"
    b"pg_dump: detail: visits\n"
    b"pg_dump: hint: You might not be able to restore the dump without using --disable-triggers.\n"
)

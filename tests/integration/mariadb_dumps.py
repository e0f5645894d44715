"""Places where MariaDB runs, a dump that the real mariadb-dump makes there, and what is restored of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from needs import absent

from restore_lab.engines.base import HEAD_BYTES, Database, Dump, Inventory, Load
from restore_lab.engines.mariadb import server as mariadb_server
from restore_lab.engines.mariadb.engine import Mariadb
from restore_lab.engines.mariadb.server import LiveServer
from restore_lab.findings import Code
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
#: As parameters of a test.
EVERYWHERE = [
    "local",
    pytest.param("container-10.11", marks=pytest.mark.docker),
    pytest.param("container-11.8", marks=pytest.mark.docker),
]


def objects_of(inventory: Inventory) -> dict[str, int]:
    return {one.kind: one.count for one in inventory.objects if one.count and one.kind != "index"}


def rows_of(inventory: Inventory) -> dict[str, int]:
    return {table.name: table.rows for table in inventory.tables}


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


def dumped_two_databases() -> bytes:
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

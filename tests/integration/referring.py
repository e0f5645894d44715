"""Databases restored for questions about their keys, counters and views, and queries written by hand beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from needs import absent

from restore_lab.engines import ENGINES
from restore_lab.engines.base import HEAD_BYTES, Database, References
from restore_lab.sandboxes.base import Machine, Need, Sandbox, Server
from restore_lab.sandboxes.container.driver import Container
from restore_lab.sandboxes.local.driver import Local

PG_HEAD: Final = "-- PostgreSQL database dump\nSET session_replication_role = replica;\n"
MY_HEAD: Final = (
    "-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)\n--\nSET FOREIGN_KEY_CHECKS=0;\n"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """An engine of one series on one kind of machine."""

    engine: str
    series: str
    sandbox: Sandbox

    @property
    def server(self) -> Server:
        return next(one for one in ENGINES[self.engine]().offered() if one.series == self.series)

    @contextmanager
    def restored(self, backup: bytes) -> Iterator[tuple[Machine, Database]]:
        server = self.server
        if lacking := self.sandbox.lacks(server):
            absent(lacking)
        need = Need(
            lab_id="tests",
            drill_id=f"references-{os.getpid()}",
            restore_id="r1",
            server=server,
            backup_bytes=len(backup),
            memory_bytes=1024**3,
            expires_at=datetime.now(UTC) + timedelta(minutes=30),
        )
        driver = ENGINES[self.engine]()
        dump = driver.recognise(backup[:HEAD_BYTES])
        assert dump is not None
        with self.sandbox.machine(need) as machine:
            database = driver.start(machine, server)
            load = database.load(dump, (backup[at : at + 65_536] for at in range(0, len(backup), 65_536)))
            assert [one for one in load.problems if one.harmful] == []
            yield machine, database


def postgresql(machine: Machine, sql: str, database: str = "restored") -> list[str]:
    environment = {"PGHOST": machine.scratch, "PGUSER": "postgres", "PGDATABASE": database}
    done = machine.run(("psql", "-XAt", "-c", sql), timeout_seconds=60, environment=environment)
    assert done.exit_code == 0, done.stderr
    return done.stdout.decode().split()


def mariadb(machine: Machine, sql: str) -> list[str]:
    argv = ("mariadb", f"--defaults-file={machine.scratch}/restore_lab_admin", "-BN", "-e", sql)
    done = machine.run(argv, timeout_seconds=60)
    assert done.exit_code == 0, done.stderr
    return done.stdout.decode().split()


def orphans(seen: References) -> dict[str, int]:
    return {one.key: one.orphans for one in seen.keys if one.orphans}


def container(engine: str, series: str) -> object:
    place = Place(engine=engine, series=series, sandbox=Container())
    return pytest.param(place, id=f"{engine}-{series}-container", marks=pytest.mark.docker)


def local(engine: str, series: str) -> object:
    return pytest.param(Place(engine=engine, series=series, sandbox=Local()), id=f"{engine}-{series}-local")


POSTGRESQL = pytest.mark.parametrize(
    "place", [local("postgresql", "15"), container("postgresql", "13"), container("postgresql", "18")]
)
MARIADB = pytest.mark.parametrize(
    "place", [local("mariadb", "10.11"), container("mariadb", "10.11"), container("mariadb", "11.8")]
)
SQLITE = Place(engine="sqlite", series="3", sandbox=Local())

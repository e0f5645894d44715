"""A backup for the demonstration and for tests: a script of ours, loaded into a throwaway server and dumped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from restore_lab.engines.mariadb import catalogue
from restore_lab.engines.mariadb.client import refusal
from restore_lab.engines.mariadb.engine import Mariadb
from restore_lab.engines.mariadb.server import ADMIN, DEFAULT_DATABASE, LiveServer
from restore_lab.errors import EngineFailed
from restore_lab.sandboxes.base import Machine, Server

_TIMEOUT_SECONDS = 1800.0


def make_backup(
    machine: Machine,
    server: Server,
    script: Iterable[bytes],
    sink: Callable[[bytes], object],
    *,
    database: str = DEFAULT_DATABASE,
) -> None:
    """Load a script we trust into `database` and hand a plain `mariadb-dump` of every database with tables to `sink`.

    Source: https://mariadb.com/kb/en/mariadb-dump/.

    Raises:
        EngineFailed: the script was refused, or the dump failed. MachineFailed, TimeoutError: as `Machine.run`.
    """
    Mariadb().start(machine, server)
    live = LiveServer(machine=machine)
    loaded = machine.run(live.client(ADMIN), timeout_seconds=_TIMEOUT_SECONDS, stdin=_into(database, script))
    if loaded.exit_code != 0:
        raise EngineFailed(f"the script was refused: {refusal(loaded)}")
    tables = catalogue.read_tables(live.ask([catalogue.TABLES], timeout_seconds=_TIMEOUT_SECONDS))
    options = ("--routines", "--triggers", "--events", "--single-transaction", "--databases")
    done = machine.run(
        (
            "mariadb-dump",
            f"--defaults-file={live.path(ADMIN)}",
            *options,
            *dict.fromkeys(table.database for table in tables),
        ),
        timeout_seconds=_TIMEOUT_SECONDS,
        stdout=sink,
    )
    if done.exit_code != 0:
        raise EngineFailed(f"mariadb-dump failed: {refusal(done)}")


def _into(database: str, script: Iterable[bytes]) -> Iterator[bytes]:
    name = catalogue.quoted(database)
    yield f"CREATE DATABASE IF NOT EXISTS {name};\nUSE {name};\n".encode()
    yield from script

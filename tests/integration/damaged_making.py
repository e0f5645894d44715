"""Backups of the small practice by the engines' own tools, each made once; one server of a series for all of them."""

from __future__ import annotations

import sqlite3
import subprocess
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from integration.damaged_practice import DATABASE, KNOWN_DEFINER, practice_sql, write_sqlite
from needs import program

from restore_lab.engines import ENGINES
from restore_lab.engines.mariadb.engine import Mariadb
from restore_lab.engines.mariadb.server import ADMIN, LiveServer
from restore_lab.engines.postgresql.cluster import BOOTSTRAP, PSQL, Cluster
from restore_lab.sandboxes.base import Machine, Need, Sandbox, Server
from restore_lab.sandboxes.container.driver import Container
from restore_lab.sandboxes.local.driver import Local

_SECONDS: Final = 120.0
#: What the engines' defaults are here: the host's own series.
HOME: Final = {"mariadb": "10.11", "postgresql": "15", "sqlite": "3"}
_TOGETHER: Final = 'exec "$@" 2>&1'
#: Made beside the practice by some changes, and taken away before the next backup.
_ROLES: Final = ("cabinet_app", "secretariat")
_BESIDE: Final = "boutique"
#: What the tools are called with where a row says nothing else.
_USUAL: Final = {
    "mariadb": ("mariadb-dump", "--routines", "--triggers", "--events", "--single-transaction", DATABASE),
    "postgresql": ("pg_dump", "--format=custom", DATABASE),
    "sqlite": ("backup",),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Backup:
    """What is backed up, and how: `change` happens to the live database first, `tool` writes the backup.

    `beside` is another database that is made on the same server; `together` writes messages into the backup.
    """

    engine: str
    series: str = ""
    change: str = ""
    beside: str = ""
    whose: str = "cabinet-essai"
    definer: str = KNOWN_DEFINER
    tool: tuple[str, ...] = ()
    together: bool = False
    text_of: str = "utf8mb4"
    collation: str = ""

    @property
    def server(self) -> Server:
        """The server it comes from."""
        series = self.series or HOME[self.engine]
        return next(server for server in ENGINES[self.engine]().offered() if server.series == series)


def lacking(server: Server) -> str | None:
    """Say why no server of this series can be had here; None when one can."""
    return _sandbox(server).lacks(server)


def _sandbox(server: Server) -> Sandbox:
    """The host's own server where it is of that series: MariaDB's programs do not say theirs by where they lie."""
    home = server.engine != "mariadb" or server.series == HOME["mariadb"]
    return Local() if home and Local().lacks(server) is None else Container()


@dataclass(slots=True)
class Workshop:
    """The servers that backups are made on; they stay until `close`."""

    _stack: ExitStack = field(default_factory=ExitStack)
    _machines: dict[tuple[str, str], Machine] = field(default_factory=dict)

    def close(self) -> None:
        """End every server."""
        self._machines.clear()
        self._stack.close()

    def machine(self, server: Server) -> Machine:
        """Lend the machine on which that server runs, started at first."""
        key = (server.engine, server.series)
        if key not in self._machines:
            need = Need(
                lab_id="damaged",
                drill_id="damaged",
                restore_id="-".join(key).replace(".", "-"),
                server=server,
                backup_bytes=64 * 1024**2,
                memory_bytes=1024**3,
                expires_at=datetime.now(UTC) + timedelta(hours=1),
            )
            machine = self._stack.enter_context(_sandbox(server).machine(need))
            if server.engine == "mariadb":
                Mariadb().start(machine, server)
            else:
                Cluster(machine=machine, series=server.series).bring_up()
            self._machines[key] = machine
        return self._machines[key]


WORKSHOP: Final = Workshop()


@cache
def made(backup: Backup) -> bytes:
    """Make a backup and give its bytes."""
    make = {"sqlite": _sqlite, "mariadb": _mariadb, "postgresql": _postgresql}[backup.engine]
    return make(backup)


def _sqlite(backup: Backup) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        live, copy = Path(folder) / "live.sqlite", Path(folder) / "copy.sqlite"
        write_sqlite(live, backup.change, whose=backup.whose)
        with closing(sqlite3.connect(live)) as database:
            if backup.tool == ("dump",):
                argv = (program("sqlite3"), str(live), ".dump")
                return subprocess.run(argv, stdout=subprocess.PIPE, check=True, timeout=60).stdout
            if backup.tool == ("iterdump",):
                return "\n".join(database.iterdump()).encode() + b"\n"
            with closing(sqlite3.connect(copy)) as target:
                database.backup(target)
        return copy.read_bytes()


def _mariadb(backup: Backup) -> bytes:
    machine = WORKSHOP.machine(backup.server)
    live = LiveServer(machine=machine)
    collation = f" COLLATE {backup.collation}" if backup.collation else ""
    script = (
        *(f"DROP DATABASE IF EXISTS {name};\n" for name in (DATABASE, _BESIDE)),
        *(f"DROP USER IF EXISTS {name}@localhost;\n" for name in _ROLES),
        *(f"CREATE USER {name}@localhost;\n" for name in _ROLES),
        f"CREATE DATABASE {_BESIDE};\nUSE {_BESIDE};\n{backup.beside}",
        f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4{collation};\nUSE {DATABASE};\n",
        f"SET NAMES {backup.text_of};\n",
        practice_sql("mariadb", whose=backup.whose, definer=backup.definer),
        backup.change,
    )
    live.ask(script, timeout_seconds=_SECONDS)
    name, *options = backup.tool or _USUAL["mariadb"]
    return _dumped(machine, (name, f"--defaults-file={live.path(ADMIN)}", *options), {}, backup)


def _postgresql(backup: Backup) -> bytes:
    server = backup.server
    machine = WORKSHOP.machine(server)
    cluster = Cluster(machine=machine, series=server.series)
    clean = (
        *(f"DROP DATABASE IF EXISTS {name};\n" for name in (DATABASE, _BESIDE)),
        *(f"DROP ROLE IF EXISTS {name};\n" for name in _ROLES),
        "DROP TABLESPACE IF EXISTS rapide;\n",
        *(f"CREATE DATABASE {name} TEMPLATE template0;\n" for name in (DATABASE, _BESIDE)),
    )
    cluster.rows("".join(clean), database="postgres", user=BOOTSTRAP)
    for database, script in ((DATABASE, practice_sql("postgresql", whose=backup.whose)), (_BESIDE, backup.beside)):
        change = backup.change if database == DATABASE else ""
        loaded = machine.run(
            (*PSQL, "--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file=-"),
            timeout_seconds=_SECONDS,
            stdin=[(script + change).encode()],
            environment=cluster.environment(BOOTSTRAP, database, {"lc_messages": "C"}),
        )
        assert loaded.exit_code == 0, loaded.stderr
    environment = cluster.environment(BOOTSTRAP, DATABASE, {"lc_messages": "C"})
    return _dumped(machine, backup.tool or _USUAL["postgresql"], environment, backup)


def _dumped(machine: Machine, argv: tuple[str, ...], environment: dict[str, str], backup: Backup) -> bytes:
    pieces: list[bytes] = []
    command = ("/bin/sh", "-c", _TOGETHER, "dump", *argv) if backup.together else argv
    done = machine.run(command, timeout_seconds=_SECONDS, stdout=pieces.append, environment=environment)
    assert done.exit_code == 0 or backup.together, done.stderr
    return b"".join(pieces)

"""Make a PostgreSQL backup to try a lab with: a trusted script into a throwaway cluster, pg_dump out of it.

Source: PostgreSQL manual, reference pages "pg_dump", "pg_dumpall".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from restore_lab.engines.postgresql.cluster import BOOTSTRAP, PSQL, Cluster, refusal
from restore_lab.errors import EngineFailed
from restore_lab.sandboxes.base import Machine, Server

_LIMIT_SECONDS: Final = 3600.0


def make_backup(
    machine: Machine,
    server: Server,
    script: Iterable[bytes],
    sink: Callable[[bytes], object],
    *,
    database: str = "cabinet",
) -> None:
    """Start a cluster on the machine, load a trusted SQL script into `database`, hand a custom archive of it to `sink`.

    Raises:
        EngineFailed: the server did not come up, refused the script, or pg_dump failed.
        MachineFailed, TimeoutError: as `Machine.run`; the limit is an hour for each of both.
    """
    cluster = Cluster(machine=machine, series=server.series)
    cluster.bring_up()
    cluster.rows(f'CREATE DATABASE "{database}" TEMPLATE template0;', database="postgres", user=BOOTSTRAP)
    environment = cluster.environment(BOOTSTRAP, database, {"lc_messages": "C"})
    loaded = machine.run(
        (*PSQL, "--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file=-"),
        timeout_seconds=_LIMIT_SECONDS,
        stdin=script,
        environment=environment,
    )
    if loaded.exit_code != 0:
        raise EngineFailed(f"the server refused the script ({refusal(loaded) or loaded.exit_code})")
    _dump(machine, ("pg_dump", "--no-password", "--format=custom"), environment, sink)


def make_globals(machine: Machine, server: Server, sink: Callable[[bytes], object]) -> None:
    """Hand the roles of a cluster that `make_backup` started to `sink`, as a plain dump of pg_dumpall.

    Raises:
        EngineFailed: pg_dumpall failed.
        MachineFailed, TimeoutError: as `Machine.run`.
    """
    cluster = Cluster(machine=machine, series=server.series)
    environment = cluster.environment(BOOTSTRAP, "postgres", {"lc_messages": "C"})
    _dump(machine, ("pg_dumpall", "--no-password", "--globals-only"), environment, sink)


def _dump(
    machine: Machine, argv: tuple[str, ...], environment: dict[str, str], sink: Callable[[bytes], object]
) -> None:
    done = machine.run(argv, timeout_seconds=_LIMIT_SECONDS, stdout=sink, environment=environment)
    if done.exit_code != 0:
        raise EngineFailed(f"{argv[0]} ended {done.exit_code}")

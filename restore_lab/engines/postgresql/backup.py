"""Make a PostgreSQL backup to try a lab with: a trusted script into a throwaway cluster, pg_dump out of it.

Source: PostgreSQL manual, reference page "pg_dump".
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
    argv = ("pg_dump", "--no-password", "--format=custom")
    dumped = machine.run(argv, timeout_seconds=_LIMIT_SECONDS, stdout=sink, environment=environment)
    if dumped.exit_code != 0:
        raise EngineFailed(f"pg_dump ended {dumped.exit_code}")

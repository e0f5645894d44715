"""What a database engine promises: bytes of a backup in, a clean running database out, questions answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from restore_lab.evidence import ObjectCount, ProblemCount, TableCount
from restore_lab.findings import Finding, Problem
from restore_lab.sandboxes.base import Machine, Server

#: How much of a dump's beginning an engine may look at to recognise it.
HEAD_BYTES = 64 * 1024
#: The most a question may bring back.
MOST_ROWS = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Dump:
    """What a dump says of itself. `series` is the major series of the server it came from, "" when it does not say."""

    engine: str
    format: str
    vendor: str
    version: str
    series: str
    tool: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """How the load went: `problems` are the client's messages, reduced and counted; `findings` what they mean."""

    seconds: float
    problems: tuple[ProblemCount, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Inventory:
    """What is there after the load: every ordinary table with its rows counted, and objects by kind.

    Table names are qualified by schema or database unless it is the engine's default one. Counts are those of the
    table alone (`ONLY`), on relations whose kind was asserted, with row security off.
    """

    tables: tuple[TableCount, ...]
    objects: tuple[ObjectCount, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Integrity:
    """The engine's own checks: how many objects were looked at, what was wrong with them."""

    asked: int
    problems: tuple[Problem, ...]


Row = tuple[str | None, ...]


class Database(Protocol):
    """A clean, live, throwaway database on one machine."""

    @property
    def server_version(self) -> str:
        """The version the running server gives, e.g. ``15.18``."""
        ...

    def load(self, dump: Dump, chunks: Iterable[bytes]) -> Load:
        """Feed the dump to the native client of the server's series, unchanged, and classify what it says.

        Chunks may be left unread when the client ends early; the caller reads on.

        Raises:
            MachineFailed, EngineFailed: the load could not be carried through for a reason that is not the backup's.
            TimeoutError: the load passed its limit.
        """
        ...

    def inventory(self) -> Inventory:
        """Count every table and object there is, by fixed statements of ours under the superuser.

        Raises:
            EngineFailed: the server did not answer.
            TimeoutError: the count passed its limit.
        """
        ...

    def integrity(self) -> Integrity:
        """Run the engine's own integrity check over everything (CHECK TABLE, amcheck, PRAGMA integrity_check).

        Raises:
            EngineFailed, TimeoutError: as `inventory`.
        """
        ...

    def query(self, sql: str, *, timeout_seconds: float = 60.0) -> Sequence[Row]:
        """Answer one statement of the operator's under the read-only role `restore_lab_reader`.

        Values come back as text, NULL as None; at most `MOST_ROWS` rows and 16 MiB.

        Raises:
            QueryRefused: the server refused it (its reduced `problem` says how), or it brings back too much.
            EngineFailed, TimeoutError: as `inventory`.
        """
        ...


class Engine(Protocol):
    """How bytes become a database; stateless."""

    @property
    def kind(self) -> str:
        """The engine's name in lab files: `postgresql`, `mariadb`, `sqlite`."""
        ...

    def recognise(self, head: bytes) -> Dump | None:
        """Tell from the first `HEAD_BYTES` bytes whether this is a dump of this engine, and which.

        Never raises: hostile bytes give None.
        """
        ...

    def offered(self) -> tuple[Server, ...]:
        """Every server known, for `doctor`."""
        ...

    def servers(self, dump: Dump) -> tuple[Server, ...]:
        """Name the servers that may take this dump, best first: its own series, then newer ones, then older."""
        ...

    def start(self, machine: Machine, server: Server) -> Database:
        """Make a clean cluster on the machine and wait until an authenticated query returns a row.

        Raises:
            EngineFailed: it did not come up; MachineFailed as `Machine.run`.
        """
        ...

    def own_series(self, dump: Dump, server_version: str) -> bool:
        """Tell whether a running server of that version is of the dump's own vendor and major series."""
        ...

    def attach(self, machine: Machine, server: Server) -> Database:
        """Reach a database that `start` brought up, from another process."""
        ...

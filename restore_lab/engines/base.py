"""What a database engine promises: bytes of a backup in, a clean running database out, questions answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from restore_lab.counted import KeyCount, ObjectCount, ProblemCount, TableCount
from restore_lab.findings import Finding, Problem
from restore_lab.sandboxes.base import Machine, Server

#: How much of a dump's beginning an engine may look at to recognise it.
HEAD_BYTES = 64 * 1024
#: The most a question may bring back.
MOST_ROWS = 10_000
#: The most names of documents, one a row: a practice of twenty years has tens of thousands.
MOST_NAMES = 200_000
#: The most foreign keys, counters and views that are asked one by one; what is beyond counts as unanswered.
MOST_ASKED = 10_000
#: How many rows of a view are read: one would not show what only fails further on, all may take for ever.
ROWS_OF_A_VIEW = 100
#: How reading a view ends, and what stands there instead where it is only opened.
VIEW_READ = f"LIMIT {ROWS_OF_A_VIEW}) AS held"
VIEW_OPENED = "LIMIT 0) AS held"
#: Why a key, a counter or a view gave no answer, where the engine has no code of its own for it.
TIMEOUT = "TIMEOUT"
TOO_MANY = "TOO MANY"


@dataclass(frozen=True, kw_only=True, slots=True)
class Dump:
    """What a dump says of itself. `series` is the major series of the server it came from, "" when it does not say.

    `compression` is how its own tool packed its contents (`none`, `gzip`, ...), for forms of which each file says so.
    """

    engine: str
    format: str
    vendor: str
    version: str
    series: str
    tool: str
    compression: str = ""

    @property
    def is_packed(self) -> bool:
        """Whether the tool itself packed it, as pg_dump does its archives of format `custom`."""
        return self.format == "custom"

    @property
    def is_text(self) -> bool:
        """Whether it is SQL as text, statement by statement; else an archive or a database file."""
        return self.format.startswith(("plain", "sql"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """How the load went: `problems` are the client's messages, reduced and counted; `findings` what they mean."""

    seconds: float
    problems: tuple[ProblemCount, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """What is there after the load: every ordinary table with its rows counted, and objects by kind.

    Table names are qualified by schema or database unless it is the engine's default one. Counts are those of the
    table alone (`ONLY`), on relations whose kind was asserted, with row security off.
    `databases` are those that hold any, first the one that questions go to, whose name stands before no table;
    `schema` is the one that goes unsaid there. Both are empty where an engine has only one database. `wanted` says
    that the scenario names the first one.
    """

    tables: tuple[TableCount, ...]
    objects: tuple[ObjectCount, ...]
    databases: tuple[str, ...] = ()
    schema: str = ""
    wanted: bool = False

    def meant_by(self, name: str) -> tuple[str, ...]:
        """Name, as `tables` does, those that `name` may mean: with its database that one, without it one in each.

        Where the scenario names the database, a table of that one is meant.
        """
        there = self._names
        if self.wanted and (own := self._in(self.databases[0], name)) in there:
            return (own,)
        if name in there and ("." in name or not self.databases):
            return (name,)
        said = [self._in(one, name.removeprefix(f"{one}.")) for one in self.databases if name.startswith(f"{one}.")]
        for places in (said, [self._in(one, name) for one in self.databases]):
            if found := tuple(place for place in places if place in there):
                return found
        return ()

    def in_full(self, table: str) -> str:
        """Name one of `tables` with its database, whichever that is."""
        elsewhere = table.startswith(tuple(f"{one}." for one in self.databases[1:]))
        return table if elsewhere or not self.databases else self._with(self.databases[0], table)

    def in_short(self, table: str) -> str:
        """Name one of `tables` as it is named where questions go to its own database."""
        full = self.in_full(table)
        own = next((f"{one}." for one in self.databases if full.startswith(f"{one}.")), "")
        return full.removeprefix(own).removeprefix(f"{self.schema}.") if own else table

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(table.name for table in self.tables)

    def _in(self, database: str, name: str) -> str:
        questioned = database == self.databases[0]
        return name.removeprefix(f"{self.schema}.") if questioned else self._with(database, name)

    def _with(self, database: str, name: str) -> str:
        return ".".join(part for part in (database, "" if "." in name else self.schema, name) if part)


@dataclass(frozen=True, kw_only=True, slots=True)
class Integrity:
    """The engine's own checks: how many objects were looked at, what was wrong with them."""

    asked: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Spoilt:
    """What was taken out of a restored database on purpose; "" where there was none to take."""

    table: str = ""
    index: str = ""
    routine: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class References:
    """What the schema declares between rows, held against the rows: foreign keys, and counters of new numbers.

    `keys` are those that were counted, `behind` the counters whose next number their column has passed. `unanswered`
    are keys and counters that could not be asked, each with the reason the engine gave (`TIMEOUT` for our own limit).
    """

    keys: tuple[KeyCount, ...]
    behind: tuple[str, ...] = ()
    unanswered: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Views:
    """How many views were read, which cannot be, and which gave no answer within their limit."""

    asked: int
    problems: tuple[Problem, ...] = ()
    unanswered: tuple[Problem, ...] = ()


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

    def references(self) -> References:
        """Count, for every foreign key the schema declares, in force or not, the rows that point at no row.

        A row whose key holds a NULL points at nothing (MATCH SIMPLE); a parent table that is not there makes an orphan
        of every other. Keys are named `table.constraint`, tables as by `inventory`. By fixed statements of ours under
        the superuser, each with a limit: a key that passes it is `unanswered`.

        Raises:
            EngineFailed, TimeoutError: as `inventory`.
        """
        ...

    def views(self, *, timeout_seconds: float = 20.0) -> Views:
        """Read the first rows of every view, with all their columns, under the role of the operator's questions.

        Views run code of the dump: nothing they give leaves the machine, and each has `timeout_seconds`. One that is
        slower, as a server without statistics makes some, is opened without a row instead: then the server has found
        all that the view itself names.

        Raises:
            EngineFailed: as `inventory`.
        """
        ...

    def query(self, sql: str, *, timeout_seconds: float = 60.0, most_rows: int = MOST_ROWS) -> Sequence[Row]:
        """Answer one statement of the operator's under the read-only role `restore_lab_reader`.

        Values come back as text, NULL as None; at most `most_rows` rows and 16 MiB.

        Raises:
            QueryRefused: the server refused it (its reduced `problem` says how), or it brings back too much.
            EngineFailed, TimeoutError: as `inventory`.
        """
        ...

    def spoil(self, table: str) -> Spoilt:
        """Empty `table`, named as the inventory names it, and drop one index and one routine: a loss made on purpose.

        With "" the engine chooses; where there is nothing to lose, all of the answer is "".

        The database is worth nothing afterwards; only a negative control asks for it, after every other question.

        Raises:
            EngineFailed, TimeoutError: as `inventory`.
        """
        ...


class Engine(Protocol):
    """How bytes become a database; stateless."""

    @property
    def kind(self) -> str:
        """The engine's name in lab files: `postgresql`, `mariadb`, `sqlite`, `files`."""
        ...

    @property
    def archives(self) -> frozenset[str]:
        """Which layers it takes whole, and `unpack` leaves on; an engine with any must be named in the scenario."""
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

"""What a question to the restored data promises."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from restore_lab.checks.crossing import Crossing
from restore_lab.counted import AnswerDigest, DocumentCount, KeyCount, MonthCount, NumberCount, ObjectCount, TableCount
from restore_lab.engines.base import Database, Engine, Inventory
from restore_lab.findings import Code, Finding, finding
from restore_lab.opening import Days
from restore_lab.sandboxes.base import Machine, Server

#: Names that go into a statement as they are, unquoted.
PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Previous:
    """What the last passed drill of the latest backup counted for the same place, and when its backup was taken."""

    drill_id: str
    tables: tuple[TableCount, ...]
    objects: tuple[ObjectCount, ...]
    keys: tuple[KeyCount, ...] = ()
    months: tuple[MonthCount, ...] = ()
    numbers: tuple[NumberCount, ...] = ()
    documents: tuple[DocumentCount, ...] = ()
    identity_hmac: str | None = None
    taken_at: datetime | None = None

    def held_to(self, taken_at: datetime) -> Previous:
        """Give what a backup of that time is held to: an older one held less, and only whose data it holds is asked."""
        if self.taken_at is None or self.taken_at <= taken_at:
            return self
        return Previous(drill_id=self.drill_id, tables=(), objects=(), identity_hmac=self.identity_hmac)


@dataclass(frozen=True, kw_only=True, slots=True)
class Live:
    """What a fingerprint says of the live database: when it was taken, every table, rows that point nowhere, answers.

    `keys` is None where that was not asked. `secret` is the lab's, under which the answers were keyed.
    """

    taken_at: datetime
    tables: tuple[TableCount, ...]
    keys: tuple[KeyCount, ...] | None = None
    answers: tuple[AnswerDigest, ...] = ()
    secret: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningApplication:
    """An application on top of the restored database, on a machine of its own: it is asked from inside that one."""

    machine: Machine
    port: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """A restored database and what is known around it; `now` and `taken_at` are aware."""

    machine: Machine
    server: Server
    engine: Engine
    database: Database
    inventory: Inventory
    taken_at: datetime
    now: datetime
    days: Days
    previous: Previous | None = None
    live: Live | None = None
    crossing: Crossing | None = None
    lab_id: str = ""
    drill_id: str = ""
    application: RunningApplication | None = None

    def named(self, table: str) -> str:
        """Give a table as SQL names it in the database that questions go to; as it is where it is none, or not one."""
        meant = self.inventory.meant_by(table)
        return meant[0] if len(meant) == 1 and PLAIN_NAME.fullmatch(meant[0]) else table

    def ambiguous(self, table: str) -> Iterator[Finding]:
        """Say that several of the databases have the table that was named without any."""
        meant = self.inventory.meant_by(table)
        if len(meant) > 1:
            databases = ", ".join(self.inventory.in_full(one).partition(".")[0] for one in meant)
            yield finding(Code.TABLE_AMBIGUOUS, table=table, databases=databases)

    @property
    def held_at(self) -> datetime:
        """When the data were as they are; a backup that bears a date to come was made by now."""
        return min(self.taken_at, self.now)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a question brought: `asked` counts what was looked at, so that an answer about nothing shows.

    What it counted is kept in the evidence, and the next drill compares with it.
    """

    asked: int
    findings: tuple[Finding, ...] = ()
    newest_entry_at: datetime | None = None
    keys: tuple[KeyCount, ...] = ()
    months: tuple[MonthCount, ...] = ()
    numbers: tuple[NumberCount, ...] = ()
    documents: tuple[DocumentCount, ...] = ()
    identity_hmac: str | None = None


class Check(Protocol):
    """One question; its frozen settings are the driver."""

    @property
    def title(self) -> str:
        """Short name for evidence and report."""
        ...

    @property
    def kind(self) -> str:
        """The family member, as in scenario files."""
        ...

    @property
    def proves_data(self) -> bool:
        """Whether an answer says something of the practice's own data, and not only of the server's files."""
        ...

    def ask(self, restored: Restored) -> Answer:
        """Ask, and give findings; what could not be found out is a finding too where it concerns this question alone.

        Raises:
            EngineFailed, MachineFailed, TimeoutError: the drill goes on with the next question.
        """
        ...

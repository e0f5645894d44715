"""What a question to the restored data promises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from restore_lab.engines.base import Database, Engine, Inventory
from restore_lab.evidence import ObjectCount, TableCount
from restore_lab.findings import Finding
from restore_lab.opening import Days
from restore_lab.sandboxes.base import Machine, Server


@dataclass(frozen=True, kw_only=True, slots=True)
class Previous:
    """What the last passed drill of this scenario counted for the same place."""

    drill_id: str
    tables: tuple[TableCount, ...]
    objects: tuple[ObjectCount, ...]


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a question brought: `asked` counts what was looked at, so that an answer about nothing shows."""

    asked: int
    findings: tuple[Finding, ...] = ()
    newest_entry_at: datetime | None = None


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

"""Which kind of machine a restore gets, on which server; the machine lent, looked at, and shown to be gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from restore_lab.engines.base import Dump, Engine
from restore_lab.evidence import Isolation
from restore_lab.findings import Code
from restore_lab.lab import Lab
from restore_lab.notebook import Notebook
from restore_lab.sandboxes.base import Machine, Need, Sandbox, Server
from restore_lab.scenario import Restore

#: A machine older than this belongs to a dead drill.
_MACHINE_LIFE = timedelta(hours=12)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """What a restore runs on: a kind of machine, and a server that it can run."""

    sandbox: Sandbox
    server: Server


@dataclass(kw_only=True, slots=True)
class Lending:
    """Lends machines to one restore; `refused` says why better ones were not taken."""

    lab: Lab
    restore: Restore
    drill_id: str
    notes: Notebook
    refused: list[str] = field(default_factory=list)

    def ground(self, engine: Engine, dump: Dump) -> Ground | None:
        """Prefer the dump's own series on any kind of machine to another series on the preferred kind.

        None, with the finding that says why, when no machine here can run any server for this dump.
        """
        host = self.lab.settings.host
        for server in engine.servers(dump):
            for sandbox in self.restore.sandboxes:
                lack = host.refuses(sandbox) or sandbox.lacks(server)
                if lack is None:
                    return Ground(sandbox=sandbox, server=server)
                self.refused.append(lack)
        self.notes.note(Code.NO_MACHINE, reason=self.refused[0] if self.refused else "no server is known for this dump")
        return None

    @contextmanager
    def machine(self, ground: Ground, *, backup_bytes: int) -> Iterator[Machine]:
        """Lend a machine for as long as the block lasts; what is not gone afterwards is a finding.

        Raises:
            MachineFailed: it could not be made, or broke.
        """
        need = Need(
            lab_id=self.lab.lab_id,
            drill_id=self.drill_id,
            restore_id=self.notes.record.restore_id,
            server=ground.server,
            backup_bytes=backup_bytes,
            memory_bytes=self.restore.memory_mb * 1024**2,
            expires_at=datetime.now(UTC) + _MACHINE_LIFE,
            timezone=self.lab.settings.practice.timezone,
        )
        machine = None
        try:
            with ground.sandbox.machine(need) as machine:
                self._look_at(machine)
                yield machine
        finally:
            if machine is not None:
                self.notes.keep(removals=(*self.notes.record.removals, *machine.removals()))
                for left in (removal for removal in machine.removals() if not removal.gone):
                    self.notes.note(Code.COPY_NOT_SHOWN_GONE, kind=left.kind, name=left.name)

    def _look_at(self, machine: Machine) -> None:
        """Keep what holds the first machine; say of each what is less than sealed."""
        held = replace(machine.conditions, chosen_because="; ".join(dict.fromkeys(self.refused)) or "first choice")
        if self.notes.record.conditions is None:
            self.notes.keep(conditions=held)
        elif self.notes.record.conditions.isolation is held.isolation:
            return
        if held.isolation is not Isolation.SEALED:
            partial = held.isolation is Isolation.PARTIAL
            self.notes.note(Code.ISOLATION_PARTIAL if partial else Code.ISOLATION_NONE, mechanism=held.mechanism)

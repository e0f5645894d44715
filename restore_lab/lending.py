"""Which kind of machine a restore gets, on which server; the machine lent, looked at, and shown to be gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from restore_lab.durable import put_off
from restore_lab.engines.base import Dump, Engine
from restore_lab.evidence import ApplicationRecord, Conditions, Isolation, Removal
from restore_lab.findings import Code
from restore_lab.lab import Lab
from restore_lab.notebook import Notebook
from restore_lab.sandboxes.base import Hosting, Machine, Need, Sandbox, Server
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
        """Lend a machine for as long as the block lasts; what is not gone afterwards is a finding, lent or not.

        Raises:
            MachineFailed: it could not be made, or broke.
        """
        need = self._need(ground.server, backup_bytes=backup_bytes, memory_mb=self.restore.memory_mb)
        with self._looked_up(ground.sandbox.machine(need)) as machine:
            self._look_at(machine)
            yield machine

    @contextmanager
    def beside(self, sandbox: Hosting, machine: Machine, *, image: str, memory_mb: int) -> Iterator[Machine]:
        """Lend the machine of an application, which shares the loopback of `machine`; as `machine` otherwise."""
        server = Server(engine="application", series="", own_series=True, image=image, folders=(), programs=())
        need = self._need(server, backup_bytes=0, memory_mb=memory_mb)
        with self._looked_up(sandbox.beside(machine, need)) as live:
            held = replace(live.conditions, chosen_because="first choice")
            self.notes.keep(application=ApplicationRecord(conditions=held))
            self._note_isolation(held)
            yield live

    def _need(self, server: Server, *, backup_bytes: int, memory_mb: int) -> Need:
        return Need(
            lab_id=self.lab.lab_id,
            drill_id=self.drill_id,
            restore_id=self.notes.record.restore_id,
            server=server,
            backup_bytes=backup_bytes,
            memory_bytes=memory_mb * 1024**2,
            expires_at=datetime.now(UTC) + _MACHINE_LIFE,
            timezone=self.lab.settings.practice.timezone,
            hear_left=self._keep_removals,
        )

    @contextmanager
    def _looked_up(self, lent: AbstractContextManager[Machine]) -> Iterator[Machine]:
        """Keep what became of a machine and of all that was made for it."""
        machine = None
        try:
            with _removed_whole(lent) as machine:
                yield machine
        finally:
            if machine is not None:
                self._keep_removals(machine.removals())

    def _keep_removals(self, removals: tuple[Removal, ...]) -> None:
        self.notes.keep(removals=(*self.notes.record.removals, *removals))
        for left in (removal for removal in removals if not removal.gone):
            self.notes.note(Code.COPY_NOT_SHOWN_GONE, kind=left.kind, name=left.name)

    def _look_at(self, machine: Machine) -> None:
        """Keep what holds the first machine; say of each what is less than sealed."""
        held = replace(machine.conditions, chosen_because="; ".join(dict.fromkeys(self.refused)) or "first choice")
        if self.notes.record.conditions is None:
            self.notes.keep(conditions=held)
        elif self.notes.record.conditions.isolation is held.isolation:
            return
        self._note_isolation(held)

    def _note_isolation(self, held: Conditions) -> None:
        if held.isolation is not Isolation.SEALED:
            partial = held.isolation is Isolation.PARTIAL
            self.notes.note(Code.ISOLATION_PARTIAL if partial else Code.ISOLATION_NONE, mechanism=held.mechanism)


@contextmanager
def _removed_whole(lent: AbstractContextManager[Machine]) -> Iterator[Machine]:
    """Lend a machine whose removal no interrupt cuts short; the interrupt counts when it is gone."""
    with ExitStack() as stack:
        interrupts = stack.enter_context(ExitStack())
        machine = stack.enter_context(lent)
        stack.callback(lambda: interrupts.enter_context(put_off()))
        yield machine

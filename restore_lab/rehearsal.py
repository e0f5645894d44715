"""One restore, from the choice of the backup to the end of the machine; whatever breaks becomes a finding."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import monotonic

from restore_lab.checks.base import Previous, Restored
from restore_lab.engines.base import HEAD_BYTES, Database, Dump, Engine, Inventory
from restore_lab.errors import (
    CouldNotFindOut,
    EngineFailed,
    MachineDiskFull,
    MachineOutOfMemory,
    SourceNotPluggedIn,
    SourceUnreachable,
)
from restore_lab.events import BytesRead, Stage
from restore_lab.evidence import (
    DumpRecord,
    Isolation,
    RecoveryPointRecord,
    ServerRecord,
)
from restore_lab.findings import Code
from restore_lab.lab import Lab, Place
from restore_lab.notebook import Notebook
from restore_lab.questioning import ask_all
from restore_lab.sandboxes.base import Machine, Need, Sandbox, Server
from restore_lab.scenario import Restore
from restore_lab.sources.base import RecoveryPoint, Source, choose
from restore_lab.unpack import Measured, Peeled, UnpackFault, peel

#: A backup is late when this many times its own interval has passed.
_LATE_AFTER_INTERVALS = 1.5
#: How much a compressed backup may grow: beyond it, it is a bomb, or needs a person's eyes.
_MOST_EXPANSION = 200
_LEAST_EXPANDED_BYTES = 1024**3
#: What a packed dump is taken to grow to when a machine is chosen for it.
_USUAL_EXPANSION = 8
#: A machine older than this belongs to a dead drill.
_MACHINE_LIFE = timedelta(hours=12)


#: Which finding a broken tool is; the first that fits.
_BROKEN_TOOLS: tuple[tuple[type[Exception], Code], ...] = (
    (EngineFailed, Code.SERVER_FAILED),
    (MachineOutOfMemory, Code.MACHINE_OUT_OF_MEMORY),
    (MachineDiskFull, Code.MACHINE_DISK_FULL),
    (Exception, Code.MACHINE_FAILED),
)


class StopRestore(Exception):  # not an error: the rest of this restore has no object any more
    """Nothing further can be learnt from this restore; the finding that says why is already noted."""


@dataclass(kw_only=True, slots=True)
class Rehearsal:
    """One restore in progress; `notes` hold at any moment all that is known."""

    lab: Lab
    restore: Restore
    drill_id: str
    asked_for: str
    previous: Previous | None
    notes: Notebook
    own_series: bool = True
    refused: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Restore and question; never raises, whatever breaks becomes a finding."""
        try:
            self._restore()
        except StopRestore:
            pass
        except KeyboardInterrupt:
            self.notes.note(Code.INTERRUPTED, stage=self.notes.stage.value)
        except UnpackFault as fault:
            self.notes.note(fault.code, layer=fault.layer)
        except (CouldNotFindOut, TimeoutError) as error:
            self._could_not_find_out(error)
        except Exception as error:  # noqa: BLE001 - a bug of ours must leave evidence like anything else
            self.notes.broken(error, Code.TOOL_BROKEN, reason=type(error).__name__)

    def _could_not_find_out(self, error: CouldNotFindOut | TimeoutError) -> None:
        if isinstance(error, SourceUnreachable):
            code = Code.SOURCE_NOT_PLUGGED_IN if isinstance(error, SourceNotPluggedIn) else Code.SOURCE_UNREADABLE
            self.notes.broken(error, code, source=self.notes.record.place)
        elif isinstance(error, TimeoutError) and self.notes.stage is Stage.LOAD:
            self.notes.broken(error, Code.LOAD_TIMED_OUT)
        else:
            code = next(code for kind, code in _BROKEN_TOOLS if isinstance(error, kind))
            self.notes.broken(error, code, reason=str(error))

    def _restore(self) -> None:
        place = self.lab.place(self.restore.place)
        if place.backup is None:
            raise SourceUnreachable(f"the place {place.name} has no backup")
        self.notes.enter(Stage.FIND, about=place.backup.label)
        point = self._choose(place, place.backup)
        started = monotonic()
        with place.backup.open(point) as stream:
            size = point.size_bytes
            measured = Measured(stream, lambda done: self.notes.listen(BytesRead(done_bytes=done, of_bytes=size)))
            try:
                self._restore_from(measured, point, started=started)
            except (KeyboardInterrupt, SourceUnreachable):  # what was read is not the whole: no digest
                self.notes.keep(read_bytes=measured.read_bytes)
                raise
            except Exception:
                self._finish(measured, place.backup, point)
                raise
            self._finish(measured, place.backup, point)

    def _finish(self, measured: Measured, source: Source, point: RecoveryPoint) -> None:
        """Read the backup to its end, whatever became of its restore: the digest is that of the whole."""
        self.notes.keep(sha256=measured.finish(), read_bytes=measured.read_bytes)
        if not source.unchanged(point):
            self.notes.note(Code.BACKUP_CHANGED_WHILE_READ, point=point.point_id)

    def _choose(self, place: Place, source: Source) -> RecoveryPoint:
        zone = self.lab.settings.practice.zone
        now = datetime.now(zone)
        listed = source.candidates(now=now, zone=zone)
        choice = choose(listed, asked_for=self.asked_for, now=now)
        self.notes.note_all(choice.findings)
        if choice.point is None:
            raise StopRestore
        point = choice.point
        self.notes.keep(
            recovery_point=RecoveryPointRecord(
                source=source.label,
                point=point.point_id,
                taken_at=point.taken_at,
                dated_by=point.dated_by,
                size_bytes=point.size_bytes,
                candidates=len(choice.candidates),
                asked_for=choice.asked_for,
            ),
            key_supplied_by=place.key_supplied_by or None,
        )
        age = now - point.taken_at
        limit = timedelta(days=place.backup_every_days * _LATE_AFTER_INTERVALS)
        if self.asked_for == "latest" and age > limit:
            taken = point.taken_at.astimezone(zone).date().isoformat()
            self.notes.note(Code.BACKUP_OVERDUE, taken=taken, limit_days=round(limit.days), age_days=age.days)
        return point

    def _restore_from(self, measured: Measured, point: RecoveryPoint, *, started: float) -> None:
        most = max(point.size_bytes * _MOST_EXPANSION, _LEAST_EXPANDED_BYTES)
        peeled = peel(measured, head_bytes=HEAD_BYTES, most_bytes=most)
        if not peeled.head:
            self.notes.note(Code.BACKUP_EMPTY)
            raise StopRestore
        engine, dump = self._recognise(peeled)
        sandbox, server = self._machine_for(engine, dump)
        expanded = point.size_bytes * (_USUAL_EXPANSION if peeled.layers else 1)
        need = Need(
            lab_id=self.lab.lab_id,
            drill_id=self.drill_id,
            restore_id=self.notes.record.restore_id,
            server=server,
            backup_bytes=expanded,
            memory_bytes=self.restore.memory_mb * 1024**2,
            expires_at=datetime.now(UTC) + _MACHINE_LIFE,
        )
        with self._machine(sandbox, need) as machine:
            database = self._start(engine, machine, server, dump)
            self._load(database, dump, peeled, started=started)
            ask_all(
                self.restore.check,
                Restored(
                    machine=machine,
                    server=server,
                    engine=engine,
                    database=database,
                    inventory=self._count(database),
                    taken_at=point.taken_at,
                    now=datetime.now(UTC),
                    days=self.lab.settings.practice.days,
                    previous=self.previous,
                ),
                self.notes,
            )

    def _recognise(self, peeled: Peeled) -> tuple[Engine, Dump]:
        for engine in self.restore.engines:
            if dump := engine.recognise(peeled.head):
                self.notes.keep(
                    dump=DumpRecord(
                        engine=dump.engine,
                        format=dump.format,
                        vendor=dump.vendor,
                        version=dump.version,
                        tool=dump.tool,
                        layers=peeled.layers,
                    )
                )
                return engine, dump
        self.notes.note(Code.DUMP_NOT_RECOGNISED)
        raise StopRestore

    def _machine_for(self, engine: Engine, dump: Dump) -> tuple[Sandbox, Server]:
        """Prefer the dump's own series on any kind of machine to another series on the preferred kind."""
        reasons: list[str] = []
        self.refused = reasons
        host = self.lab.settings.host
        for server in engine.servers(dump):
            for sandbox in self.restore.sandboxes:
                lack = host.refuses(sandbox) or sandbox.lacks(server)
                if lack is None:
                    return sandbox, server
                reasons.append(lack)
        self.notes.note(Code.NO_MACHINE, reason=reasons[0] if reasons else "no server is known for this dump")
        raise StopRestore

    @contextmanager
    def _machine(self, sandbox: Sandbox, need: Need) -> Iterator[Machine]:
        self.notes.enter(Stage.START, about=f"{need.server.engine} {need.server.series}")
        machine = None
        try:
            with sandbox.machine(need) as machine:
                self._look_at(machine)
                yield machine
                self.notes.enter(Stage.DESTROY)
        finally:
            if machine is not None:
                self.notes.keep(removals=machine.removals())
                for left in (removal for removal in machine.removals() if not removal.gone):
                    self.notes.note(Code.COPY_NOT_SHOWN_GONE, kind=left.kind, name=left.name)

    def _look_at(self, machine: Machine) -> None:
        held = replace(machine.conditions, chosen_because="; ".join(dict.fromkeys(self.refused)) or "first choice")
        self.notes.keep(conditions=held)
        if held.isolation is not Isolation.SEALED:
            partial = held.isolation is Isolation.PARTIAL
            self.notes.note(Code.ISOLATION_PARTIAL if partial else Code.ISOLATION_NONE, mechanism=held.mechanism)

    def _start(self, engine: Engine, machine: Machine, server: Server, dump: Dump) -> Database:
        database = engine.start(machine, server)
        self.own_series = engine.own_series(dump, database.server_version)
        self.notes.keep(
            server=ServerRecord(engine=engine.kind, version=database.server_version, own_series=self.own_series)
        )
        if not self.own_series:
            wanted = f"{dump.vendor} {dump.series or '?'}"
            self.notes.note(Code.SERVER_OF_ANOTHER_SERIES, wanted=wanted, used=database.server_version)
        return database

    def _load(self, database: Database, dump: Dump, peeled: Peeled, *, started: float) -> None:
        self.notes.enter(Stage.LOAD, about=f"{dump.vendor} {dump.format}")
        load = database.load(dump, peeled.chunks)
        for _ in peeled.chunks:  # what the client left: a layer is only known to be whole at its end
            pass
        took = monotonic() - started
        self.notes.keep(load_seconds=load.seconds, load_problems=load.problems, measured_restore_seconds=took)
        self.notes.note_all(load.findings)
        objective = self.restore.objective_rto_seconds
        if objective is not None and took > objective:
            self.notes.note(Code.RESTORE_TIME_OVER_OBJECTIVE, seconds=round(took), objective=objective)

    def _count(self, database: Database) -> Inventory:
        self.notes.enter(Stage.COUNT)
        inventory = database.inventory()
        objects = tuple(one for one in inventory.objects if one.count)
        self.notes.keep(tables=inventory.tables, objects=objects)
        return inventory

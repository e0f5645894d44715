"""One restore, from the choice of the backup to the end of the machine; whatever breaks becomes a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from time import monotonic

from restore_lab.application import on_top
from restore_lab.checks.base import Check, Previous, Restored
from restore_lab.checks.crossing import Crossing
from restore_lab.controls import COPY_HELD, CUT, SPOILT, Cut, spoil
from restore_lab.engines import ENGINES
from restore_lab.engines.arriving import Arriving, recognised, unrecognised
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
from restore_lab.findings import Code, safe_text
from restore_lab.fingerprint import Fingerprints
from restore_lab.holding import Holding
from restore_lab.lab import Lab, Place
from restore_lab.lending import Lending
from restore_lab.notebook import Notebook
from restore_lab.questioning import ask_restored
from restore_lab.restored import DumpRecord, RecoveryPointRecord, ServerRecord
from restore_lab.sandboxes.base import Machine, Server
from restore_lab.scenario import Restore
from restore_lab.sources.base import RecoveryPoint, Source, choose
from restore_lab.tried import ControlRecord
from restore_lab.unpack import Measured, Peeled, UnpackFault, peel

#: A backup is late when this many times its own interval has passed.
_LATE_AFTER_INTERVALS = 1.5
#: How much a compressed backup may grow: beyond it, it is a bomb, or needs a person's eyes.
_MOST_EXPANSION = 200
_LEAST_EXPANDED_BYTES = 1024**3
#: What a packed dump is taken to grow to when a machine is chosen for it.
_USUAL_EXPANSION = 8
#: A file's name is as long at most, in bytes (NAME_MAX); escaped, it is cut there.
_LONGEST_NAME = 255
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
    questions: tuple[Check, ...]
    fingerprints: Fingerprints
    notes: Notebook
    holding: Holding | None = None
    crossing: Crossing | None = None
    own_series: bool = True
    _kept: Machine | None = None

    def run(self) -> None:
        """Restore and question; never raises, whatever breaks becomes a finding."""
        try:
            self._restore()
        except KeyboardInterrupt:
            self.notes.note(Code.INTERRUPTED, stage=self.notes.stage.value)
        except Exception as error:  # noqa: BLE001 - a bug of ours must leave evidence like anything else
            self._note(error)
        finally:
            if self.holding is not None and self._kept is not None:
                self._hold(self._kept, until=self.holding.begin())

    def _note(self, error: Exception) -> None:
        """Note what an error means; `StopRestore` has said it already."""
        match error:
            case StopRestore():
                pass
            case UnpackFault():
                self.notes.note(error.code, layer=error.layer)
            case CouldNotFindOut() | TimeoutError():
                self._could_not_find_out(error)
            case _:
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
        source = place.backup
        if source is None:
            raise SourceUnreachable(f"the place {place.name} has no backup")
        self.notes.enter(Stage.FIND, about=source.label)
        point = self._choose(place, source)
        started = monotonic()
        with source.open(point) as stream:
            size = point.size_bytes
            measured = Measured(stream, lambda done: self.notes.listen(BytesRead(done_bytes=done, of_bytes=size)))
            cut = None
            try:
                cut = self._restore_from(measured, point, started=started)
            except SourceUnreachable:  # what was read is not the whole: no digest
                raise
            except Exception as error:  # noqa: BLE001 - noted first: the rest may be interrupted, or break too
                self._note(error)
            finally:
                self.notes.keep(read_bytes=measured.read_bytes)
            self._finish(measured, source, point)
        if cut is not None:
            self._control(CUT, lambda: cut.see(source, point, self.restore.check, self.notes.findings))

    def _finish(self, measured: Measured, source: Source, point: RecoveryPoint) -> None:
        """Read the backup to its end, whatever became of its restore: the digest is that of the whole."""
        try:
            self.notes.keep(sha256=measured.finish())
        finally:
            self.notes.keep(read_bytes=measured.read_bytes)
        if not source.unchanged(point):
            self.notes.note(Code.BACKUP_CHANGED_WHILE_READ, point=point.point_id)

    def _choose(self, place: Place, source: Source) -> RecoveryPoint:
        zone = self.lab.settings.practice.zone
        now = self.notes.clock.now().astimezone(zone)
        listed = source.candidates(now=now, zone=zone)
        choice = choose(listed, asked_for=self.asked_for, now=now)
        self.notes.note_all(choice.findings)
        if choice.point is None:
            raise StopRestore
        point = choice.point
        self.notes.keep(
            recovery_point=RecoveryPointRecord(
                source=source.label,
                point=safe_text(point.point_id, _LONGEST_NAME),
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

    def _restore_from(self, measured: Measured, point: RecoveryPoint, *, started: float) -> Cut:
        most = max(point.size_bytes * _MOST_EXPANSION, _LEAST_EXPANDED_BYTES)
        peeled = peel(measured, head_bytes=HEAD_BYTES, most_bytes=most, keep=self.restore.engines[0].archives)
        if not peeled.head:
            self.notes.note(Code.BACKUP_EMPTY)
            raise StopRestore
        engine, dump = self._recognise(peeled, name=point.point_id)
        lending = Lending(lab=self.lab, restore=self.restore, drill_id=self.drill_id, notes=self.notes)
        ground = lending.ground(engine, dump)
        if ground is None:
            raise StopRestore
        self.notes.enter(Stage.START, about=f"{ground.server.engine} {ground.server.series}")
        size = point.size_bytes * (_USUAL_EXPANSION if peeled.layers or dump.is_packed else 1)
        with self._lent(lending.machine(ground, backup_bytes=size), ground.server) as machine:
            database = self._start(engine, machine, ground.server, dump)
            passed_bytes = self._load(database, dump, peeled, started=started)
            restored = Restored(
                machine=machine,
                server=ground.server,
                engine=engine,
                database=database,
                inventory=self._count(database),
                taken_at=point.taken_at,
                now=self.notes.clock.now(),
                days=self.lab.settings.practice.days,
                previous=self.previous.held_to(point.taken_at) if self.previous else None,
                crossing=self.crossing,
                lab_id=self.lab.lab_id,
                drill_id=self.drill_id,
            )
            with on_top(self.restore.application, lending, ground, restored) as asked:
                ask_restored(self.restore, self.questions, asked, self.fingerprints, self.notes)
            if self.holding is None:  # a copy that somebody is to look at is not spoilt
                self._control(SPOILT, lambda: spoil(self.restore.check, restored, self.notes.record))
                self.notes.enter(Stage.DESTROY)
        return Cut(lending=lending, ground=ground, dump=dump, restored=restored, passed_bytes=passed_bytes)

    def _lent(self, lent: AbstractContextManager[Machine], server: Server) -> AbstractContextManager[Machine]:
        """Give a machine for a block, or keep it beyond."""
        if self.holding is None:
            return lent
        self._kept = self.holding.keep(lent, server)
        return nullcontext(self._kept)

    def _hold(self, machine: Machine, *, until: datetime) -> None:
        """Leave the copy there, as it came back: nothing is left to be done with it here."""
        self.notes.keep(held_until=until, controls=(COPY_HELD, *self.notes.record.controls))
        self.notes.keep(removals=(*self.notes.record.removals, *machine.removals()))
        self.notes.note(Code.COPY_HELD, until=until.isoformat(timespec="seconds"))

    def _control(self, name: str, carry_out: Callable[[], ControlRecord]) -> None:
        """Carry a negative control out; one that stays silent, or breaks, is a finding."""
        self.notes.enter(Stage.CONTROL, about=name)
        try:
            seen = carry_out()
        except (CouldNotFindOut, TimeoutError, UnpackFault, OSError) as error:
            self.notes.broken(error, Code.CONTROL_NOT_RUN, control=name, reason=type(error).__name__)
            return
        self.notes.keep(controls=(*self.notes.record.controls, seen))
        if seen.silent:
            self.notes.note(Code.CONTROL_SILENT, control=name)

    def _recognise(self, peeled: Peeled, *, name: str) -> tuple[Engine, Dump]:
        found = recognised(peeled.head, self.restore.engines)
        if found is None:
            for _ in peeled.chunks:  # a layer around may be damaged, or hold more than this
                pass
            known = {kind: engine() for kind, engine in ENGINES.items()}
            self.notes.note_all(tuple(unrecognised(peeled.head, self.restore.engines, known, name=name)))
            raise StopRestore
        _, dump = found
        self.notes.keep(
            dump=DumpRecord(
                engine=dump.engine,
                format=dump.format,
                vendor=dump.vendor,
                version=dump.version,
                tool=dump.tool,
                layers=peeled.layers,
                compression=dump.compression,
            )
        )
        return found

    def _start(self, engine: Engine, machine: Machine, server: Server, dump: Dump) -> Database:
        database = engine.start(machine, server)
        self.own_series = engine.own_series(dump, database.server_version)
        used = ServerRecord(engine=engine.kind, version=database.server_version, own_series=self.own_series)
        self.notes.keep(server=used)
        if not self.own_series:
            wanted = f"{dump.vendor} {dump.series or '?'}"
            self.notes.note(Code.SERVER_OF_ANOTHER_SERIES, wanted=wanted, used=database.server_version)
        return database

    def _load(self, database: Database, dump: Dump, peeled: Peeled, *, started: float) -> int:
        """Load, read what the client left, and give how many bytes the dump has without its layers."""
        self.notes.enter(Stage.LOAD, about=f"{dump.vendor} {dump.format}")
        arriving = Arriving(is_dump=not self.restore.engines[0].archives, is_text=dump.is_text)

        def passing() -> Iterator[bytes]:
            for chunk in peeled.chunks:
                arriving.look(chunk)
                yield chunk

        load = database.load(dump, passing())
        self.notes.keep(load_seconds=load.seconds, load_problems=load.problems)
        self.notes.note_all(load.findings)
        for _ in passing():  # what the client left: a layer is only known to be whole at its end
            pass
        self.notes.note_all(tuple(arriving.findings()))
        took = monotonic() - started
        self.notes.keep(measured_restore_seconds=took)
        objective = self.restore.objective_rto_seconds
        if objective is not None and took > objective:
            self.notes.note(Code.RESTORE_TIME_OVER_OBJECTIVE, seconds=ceil(took), objective=objective)
        return arriving.passed_bytes

    def _count(self, database: Database) -> Inventory:
        self.notes.enter(Stage.COUNT)
        inventory = database.inventory()
        objects = tuple(one for one in inventory.objects if one.count)
        self.notes.keep(tables=inventory.tables, objects=objects)
        return inventory

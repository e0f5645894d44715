"""Fakes that implement the protocols and fail where they are told to; what they saw can be asked for afterwards."""

from __future__ import annotations

import hashlib
import io
import signal
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Literal, cast
from zoneinfo import ZoneInfo

from restore_lab.checks.base import Answer, Check, Restored
from restore_lab.counted import KeyCount, ObjectCount, TableCount
from restore_lab.engines.base import (
    MOST_ROWS,
    Database,
    Dump,
    Integrity,
    Inventory,
    Load,
    References,
    Row,
    Spoilt,
    Views,
)
from restore_lab.engines.documents import Examined
from restore_lab.engines.files.inside.child import name_digest
from restore_lab.errors import MachineFailed, QueryRefused, SourceUnreachable
from restore_lab.evidence import Conditions, Isolation, Removal
from restore_lab.findings import Code, Finding, finding
from restore_lab.lab import Contractor, Lab, LabFile, Place, Practice, Signature
from restore_lab.opening import Days
from restore_lab.process import Completed
from restore_lab.sandboxes.base import Handle, Machine, Need, Server, lent
from restore_lab.scenario import Restore, Scenario, ScenarioFile
from restore_lab.signature.keys import CERTIFICATE_NAME, KEY_NAME
from restore_lab.sources.base import Candidate, RecoveryPoint, Standing

#: What is raised at a named point, or nothing.
Faults = dict[str, BaseException]
FAKE_HEAD = b"FAKE DUMP\n"
PARIS = ZoneInfo("Europe/Paris")
SERVER = Server(engine="fake", series="3", own_series=True, image="restore-lab/fake:3", folders=(), programs=())


def interrupt() -> KeyboardInterrupt:
    """What Ctrl-C raises."""
    return KeyboardInterrupt()


def point(name: str = "fake_1.dump", *, taken_at: datetime | None = None, size: int = 0) -> RecoveryPoint:
    taken = taken_at or datetime.now(UTC) - timedelta(hours=2)
    return RecoveryPoint(point_id=name, taken_at=taken, dated_by="name", changed_at=taken, size_bytes=size)


def candidate(
    name: str,
    *,
    taken_at: datetime,
    changed_at: datetime | None = None,
    standing: Standing = Standing.ELIGIBLE,
) -> Candidate:
    seen = RecoveryPoint(
        point_id=name, taken_at=taken_at, dated_by="name", changed_at=changed_at or taken_at, size_bytes=1
    )
    return Candidate(point=seen, standing=standing)


@dataclass(kw_only=True, slots=True)
class _Pieces:
    """Bytes given a few at a time, until the fault."""

    data: io.BytesIO
    piece_bytes: int
    fault: BaseException | None
    fail_after_bytes: int

    def read(self, size: int = -1) -> bytes:
        if self.fault is not None and self.data.tell() >= self.fail_after_bytes:
            raise self.fault
        return self.data.read(min(self.piece_bytes, size) if size >= 0 else self.piece_bytes)


@dataclass(kw_only=True, slots=True)
class FakeSource:
    """Backups in memory, by name; faults at `candidates`, `open`, `read` (after `fail_after_bytes`)."""

    backups: dict[str, tuple[datetime, bytes]] = field(default_factory=dict)
    faults: Faults = field(default_factory=dict)
    fail_after_bytes: int = 0
    changes: bool = False
    piece_bytes: int = 1000
    kind: Literal["fake"] = "fake"

    @property
    def label(self) -> str:
        return "fake source"

    def candidates(self, *, now: datetime, zone: ZoneInfo) -> tuple[Candidate, ...]:
        del now, zone
        _raise(self.faults, "candidates")
        listed = [Candidate(point=self._point(name), standing=Standing.ELIGIBLE) for name in self.backups]
        return tuple(sorted(listed, key=lambda one: one.point.taken_at, reverse=True))

    @contextmanager
    def open(self, point: RecoveryPoint) -> Iterator[BinaryIO]:
        _raise(self.faults, "open")
        if point.point_id not in self.backups:
            raise SourceUnreachable(f"{point.point_id} is not there")
        stream = _Pieces(
            data=io.BytesIO(self.backups[point.point_id][1]),
            piece_bytes=self.piece_bytes,
            fault=self.faults.get("read"),
            fail_after_bytes=self.fail_after_bytes,
        )
        yield cast("BinaryIO", stream)

    def unchanged(self, point: RecoveryPoint) -> bool:
        return not self.changes and point.point_id in self.backups and self._point(point.point_id) == point

    def _point(self, name: str) -> RecoveryPoint:
        taken_at, data = self.backups[name]
        return point(name, taken_at=taken_at, size=len(data))


@dataclass(kw_only=True, slots=True)
class FakeMachine:
    """A machine of nothing: `sandbox` says what it does and keeps what happened."""

    sandbox: FakeSandbox
    label: str
    created_at: datetime
    destroyed: bool = False

    @property
    def handle(self) -> Handle:
        return Handle(kind="fake", machine_id=self.label, label=self.label)

    @property
    def conditions(self) -> Conditions:
        return Conditions(
            sandbox="fake", isolation=self.sandbox.isolation, mechanism="none needed", storage="tmpfs", limits=()
        )

    @property
    def scratch(self) -> str:
        return "/fake"

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_seconds: float,
        stdin: Iterable[bytes] | None = None,
        stdout: Callable[[bytes], object] | None = None,
        stderr: Callable[[bytes], object] | None = None,
        environment: dict[str, str] | None = None,
    ) -> Completed:
        del argv, timeout_seconds, stdout, stderr, environment
        if self.destroyed:
            raise MachineFailed("the fake machine is gone")
        fed = sum(len(piece) for piece in stdin or ())
        return Completed(exit_code=0, stdout=self.sandbox.says, stderr=b"", cut=False, fed_bytes=fed, seconds=0.0)

    def start(self, argv: Sequence[str], *, environment: dict[str, str] | None = None) -> None:
        del argv, environment

    def destroy(self) -> None:
        self.destroyed = True
        _raise(self.sandbox.faults, "destroy")

    def removals(self) -> tuple[Removal, ...]:
        gone = self.destroyed and not self.sandbox.stays
        removed_at = datetime.now(UTC) if gone else None
        return (Removal(kind="fake", name=self.label, created_at=self.created_at, removed_at=removed_at, gone=gone),)


@dataclass(kw_only=True, slots=True)
class FakeSandbox:
    """Lends fake machines; faults at `create`, `look`, `destroy` and `sweep`; one that `stays` cannot be removed.

    Every command in them `says` the same.
    """

    faults: Faults = field(default_factory=dict)
    lacking: str | None = None
    isolation: Isolation = Isolation.SEALED
    stays: bool = False
    says: bytes = b""
    lent: list[FakeMachine] = field(default_factory=list)
    needs: list[Need] = field(default_factory=list)
    left: list[tuple[Need, str]] = field(default_factory=list)
    kind: Literal["fake"] = "fake"

    def lacks(self, server: Server) -> str | None:
        del server
        return self.lacking

    @contextmanager
    def machine(self, need: Need) -> Iterator[Machine]:
        live = FakeMachine(sandbox=self, label=f"{need.drill_id}/{need.restore_id}", created_at=datetime.now(UTC))

        def create() -> None:
            _raise(self.faults, "create")
            self.lent.append(live)
            self.needs.append(need)

        with lent(live, create, need) as machine:
            yield machine

    def attach(self, handle: Handle) -> Machine:
        for live in self.lent:
            if live.label == handle.machine_id and not live.destroyed:
                return live
        raise MachineFailed("the fake machine is gone")

    def sweep(self, *, now: datetime, lab_id: str, ended: Collection[str]) -> Iterator[Removal]:
        del ended
        _raise(self.faults, "sweep")
        for live, need in zip(self.lent, self.needs, strict=True):
            if need.lab_id == lab_id and need.expires_at < now and not live.destroyed:
                live.destroyed = True
                yield from live.removals()


@dataclass(kw_only=True, slots=True)
class FakeDatabase:
    """Rows by table; `answers` by statement; faults at `load`, `inventory`, `integrity`, `query`, `spoil`."""

    engine: FakeEngine
    loaded: hashlib._Hash = field(default_factory=hashlib.sha256)
    loaded_bytes: int = 0
    spoilt: str = ""

    @property
    def server_version(self) -> str:
        return self.engine.version

    def load(self, dump: Dump, chunks: Iterable[bytes]) -> Load:
        del dump
        for number, chunk in enumerate(chunks):
            if number >= self.engine.takes_pieces:
                break
            self.loaded.update(chunk)
            self.loaded_bytes += len(chunk)
        _raise(self.engine.faults, "load")
        if self.is_cut and self.engine.sees_losses:
            return replace(self.engine.load, findings=self.engine.cut_shows)
        return self.engine.load

    @property
    def is_cut(self) -> bool:
        return self.loaded_bytes < max((one.loaded_bytes for one in self.engine.started), default=0)

    def inventory(self) -> Inventory:
        _raise(self.engine.faults, "inventory")
        spoilt = self.spoilt if self.engine.sees_losses else ""
        lost = self.is_cut and self.loaded_bytes < self.engine.all_within_bytes
        tables = tuple(
            TableCount(name=name, rows=0 if name == spoilt else rows // 2 if lost else rows)
            for name, rows in sorted(self.engine.tables.items())
        )
        objects = tuple(
            ObjectCount(kind=kind, count=count - (bool(spoilt) and kind == "index"))
            for kind, count in sorted(self.engine.objects.items())
        )
        return Inventory(tables=tables, objects=objects)

    def integrity(self) -> Integrity:
        _raise(self.engine.faults, "integrity")
        return self.engine.sound

    def references(self) -> References:
        _raise(self.engine.faults, "references")
        return self.engine.linked

    def views(self, *, timeout_seconds: float = 20.0) -> Views:
        del timeout_seconds
        _raise(self.engine.faults, "views")
        return self.engine.looked_at

    def examine(self, *, known_endings: Sequence[str], timeout_seconds: float) -> Examined:
        del known_endings, timeout_seconds
        _raise(self.engine.faults, "examine")
        return self.engine.examined

    def name_digests(self, key: bytes, into: Callable[[bytes], object], *, timeout_seconds: float) -> None:
        del timeout_seconds
        for name in self.engine.names:
            into(name_digest(name, key))

    def spoil(self, table: str) -> Spoilt:
        _raise(self.engine.faults, "spoil")
        self.spoilt = table
        return Spoilt(table=table, index="index_of_visits" if table else "", routine="")

    def query(self, sql: str, *, timeout_seconds: float = 60.0, most_rows: int = MOST_ROWS) -> Sequence[Row]:
        del timeout_seconds
        _raise(self.engine.faults, "query")
        if sql not in self.engine.answers:
            raise QueryRefused("42P01", "nowhere")
        if len(self.engine.answers[sql]) > most_rows:
            raise QueryRefused("ROWS")
        return self.engine.answers[sql]


@dataclass(kw_only=True, slots=True)
class FakeEngine:
    """Recognises FAKE_HEAD; faults at `recognise`, `start` and those of its database.

    One that does not `sees_losses` shows no loss made on purpose: a negative control stays silent. Of a backup that is
    cut half of the rows are there, all of them where it has `all_within_bytes`; its load finds what `cut_shows`.
    """

    faults: Faults = field(default_factory=dict)
    tables: dict[str, int] = field(default_factory=lambda: {"patient": 3, "visit": 7})
    objects: dict[str, int] = field(default_factory=lambda: {"table": 2, "index": 1})
    answers: dict[str, list[Row]] = field(default_factory=lambda: {"SELECT 1": [("1",)]})
    sound: Integrity = field(default_factory=lambda: Integrity(asked=2, problems=()))
    linked: References = field(default_factory=lambda: References(keys=(KeyCount(key="visit.patient", orphans=0),)))
    looked_at: Views = field(default_factory=lambda: Views(asked=1))
    examined: Examined = field(default_factory=lambda: Examined(documents=(), signs={}))
    names: tuple[str, ...] = ()
    load: Load = field(default_factory=lambda: Load(seconds=0.1, problems=(), findings=()))
    version: str = "3.1"
    form: str = "plain"
    takes_pieces: int = 1_000_000
    sees_losses: bool = True
    cut_shows: tuple[Finding, ...] = (finding(Code.LOAD_STOPPED, code="CUT", line=1),)
    all_within_bytes: int = 1 << 40
    started: list[FakeDatabase] = field(default_factory=list)
    kind: Literal["fake"] = "fake"

    @property
    def archives(self) -> frozenset[str]:
        return frozenset()

    def recognise(self, head: bytes) -> Dump | None:
        _raise(self.faults, "recognise")
        if not head.startswith(FAKE_HEAD):
            return None
        return Dump(engine="fake", format=self.form, vendor="fake", version="3.1", series="3", tool="fakedump 1")

    def offered(self) -> tuple[Server, ...]:
        return (SERVER,)

    def servers(self, dump: Dump) -> tuple[Server, ...]:
        del dump
        return (SERVER,)

    def start(self, machine: Machine, server: Server) -> Database:
        _raise(self.faults, "start")
        self.started.append(FakeDatabase(engine=self))
        return self.attach(machine, server)

    def own_series(self, dump: Dump, server_version: str) -> bool:
        return server_version.partition(".")[0] == dump.series

    def attach(self, machine: Machine, server: Server) -> Database:
        del machine, server
        return self.started[-1]


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeCheck:
    """A question with a ready answer, or a fault."""

    title: str = "fake question"
    kind: str = "fake"
    proves_data: bool = True
    findings: tuple[Finding, ...] = ()
    newest_entry_at: datetime | None = None
    fault: BaseException | None = None

    def ask(self, restored: Restored) -> Answer:
        del restored
        if self.fault is not None:
            raise self.fault
        return Answer(asked=1, findings=self.findings, newest_entry_at=self.newest_entry_at)


@dataclass(kw_only=True, slots=True)
class Stand:
    """A whole lab on fakes: change its parts, then make `lab` and `scenario`."""

    root: Path
    source: FakeSource
    sandbox: FakeSandbox = field(default_factory=FakeSandbox)
    engine: FakeEngine = field(default_factory=FakeEngine)
    checks: tuple[Check, ...] = (FakeCheck(),)
    backup_every_days: float = 1.0
    objective_rto_seconds: int | None = None
    identity: str | None = None

    @property
    def lab(self) -> Lab:
        keys = self.root / "keys"
        settings = LabFile(
            practice=Practice(name="Cabinet de l'Essai", doctor="Dr Essai"),
            contractor=Contractor(name="Prestataire d'essai"),
            signature=Signature(key=keys / KEY_NAME, certificate=keys / CERTIFICATE_NAME),
            place=(Place(name="main", label="Dossiers", backup=self.source, backup_every_days=self.backup_every_days),),
        )
        return Lab(root=self.root, settings=settings)

    @property
    def scenario(self) -> Scenario:
        restore = Restore(
            place="main",
            check=self.checks,
            engine=self.engine,
            machine=self.sandbox,
            objective_rto_seconds=self.objective_rto_seconds,
            identity=self.identity,
        )
        settings = ScenarioFile(title="Essai", restore=(restore,))
        return Scenario(name="annual", settings=settings, sha256="0" * 64)


def restored(engine: FakeEngine, *, now: datetime, taken_at: datetime | None = None) -> Restored:
    """Give what a check is asked about, on fakes; opening days Monday to Friday, in Paris."""
    machine = FakeMachine(sandbox=FakeSandbox(), label="fake", created_at=now)
    database = FakeDatabase(engine=engine)
    return Restored(
        machine=machine,
        server=SERVER,
        engine=engine,
        database=database,
        inventory=database.inventory(),
        taken_at=taken_at or now,
        now=now,
        days=Days(zone=PARIS, weekdays=frozenset(range(5))),
    )


def _raise(faults: Faults, where: str) -> None:
    fault = faults.get(where)
    if isinstance(fault, KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    if fault is not None:
        raise fault

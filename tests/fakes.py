"""A whole lab on fakes: they implement the protocols, and what they saw can be asked for afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from fake_engine import FakeDatabase, FakeEngine
from fake_sandbox import SERVER, FakeMachine, FakeSandbox
from fake_source import FakeSource

from restore_lab.checks.base import Answer, Check, Restored
from restore_lab.findings import Finding
from restore_lab.lab import Contractor, Lab, LabFile, Place, Practice, Signature
from restore_lab.opening import Days
from restore_lab.scenario import Restore, Scenario, ScenarioFile
from restore_lab.signature.keys import CERTIFICATE_NAME, KEY_NAME

PARIS = ZoneInfo("Europe/Paris")


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

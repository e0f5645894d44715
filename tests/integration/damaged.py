"""A row of the table of damaged and odd backups, and the whole drill that is held against it."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from integration.damaged_making import Backup, lacking, made
from integration.damaged_practice import DAY
from needs import absent

from restore_lab import drill
from restore_lab.evidence import Evidence, Verdict
from restore_lab.findings import Code, Severity
from restore_lab.lab import load_lab
from restore_lab.report.page_one import page_one
from restore_lab.report.wording import wording_for
from restore_lab.sandboxes.base import Server
from restore_lab.scenario import load_scenario

ZONE: Final = ZoneInfo("Europe/Paris")
PASSED, RESERVED = Verdict.PASSED, Verdict.PASSED_WITH_RESERVATIONS
FAILED, INCONCLUSIVE = Verdict.FAILED, Verdict.INCONCLUSIVE
ENGINE_NAMES: Final = {"mariadb": "MariaDB", "postgresql": "PostgreSQL", "sqlite": "SQLite"}
_LAB: Final = """
[practice]
name = "Cabinet de l'Essai"
doctor = "Dr Essai"
{closures}
[contractor]
name = "Prestataire d'essai"
[signature]
key = "keys/signing-key.pem"
certificate = "keys/signing-cert.pem"
[[place]]
name = "records"
label = "Dossiers"
backup_every_days = {every_days}
[place.backup]
kind = "directory"
path = "backups"
pattern = "cabinet_%Y-%m-%d.*"
settle_seconds = 0.3
"""
_SCENARIO: Final = """
title = "Essai"
[[restore]]
place = "records"
machine = {{ kind = "{machine}" }}
{options}
[[restore.check]]
kind = "integrity"
[[restore.check]]
kind = "objects"
[[restore.check]]
kind = "foreign_keys"
[[restore.check]]
kind = "counts"
main = ["patient", "consultation", "courrier"]
by_month = {{ consultation = "commencee_le" }}
{counts}
[[restore.check]]
kind = "freshness"
table = "consultation"
column = "commencee_le"
"""
IDENTITY: Final = "identity = \"SELECT valeur FROM parametre WHERE cle = 'identifiant_cabinet'\""

Damage = Callable[[bytes], bytes]
#: Puts the bytes of the backup, damaged, into the folder of backups; what is odd in the folder is its doing.
Place = Callable[[Path, bytes], None]


def name_of(days: int = 0, ending: str = "dump") -> str:
    """Name a backup as the practice's job does; `days` from the usual day."""
    return f"cabinet_{DAY + timedelta(days=days)}.{ending}"


def put(folder: Path, name: str, content: bytes, *, changed: datetime | None = None) -> Path:
    """Write a backup last changed at three in the morning of its day, or when the caller says."""
    path = folder / name
    path.write_bytes(content)
    moment = (changed or datetime.combine(DAY, time(3), ZONE)).timestamp()
    os.utime(path, (moment, moment))
    return path


def as_usual(folder: Path, content: bytes) -> None:
    """One backup, in the folder where it belongs."""
    put(folder, name_of(), content)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One backup: what was done to it, and what a drill must say of it.

    `weighing` are the codes that weigh on the verdict, all of them and no other; `notes` must be among the notes.
    `before` is a backup that an earlier drill of the same lab passed on. `growing` is written to while the drill runs.
    `healthy` are those that nothing is wrong with: they may not fail.
    """

    name: str
    backup: Backup
    done: str
    verdict: Verdict = FAILED
    weighing: frozenset[Code] = frozenset()
    notes: frozenset[Code] = frozenset()
    damage: tuple[Damage, ...] = ()
    place: Place = as_usual
    before: Backup | None = None
    growing: bool = False
    healthy: bool = False
    machine: str = "local"
    every_days: int = 100_000
    closures: str = ""
    options: str = ""
    counts: str = ""

    @property
    def servers(self) -> tuple[Server, ...]:
        """The servers without which this row cannot be carried out."""
        return tuple(one.server for one in (self.backup, self.before) if one is not None)

    @property
    def docker(self) -> bool:
        """Whether a container is needed, to make the backup or to restore it."""
        return self.machine == "container" or self.backup.series not in {"", "18"}


def absence(row: Row) -> str | None:
    """Say what a row needs and this host has not; None when it can be carried out."""
    return next((lack for server in row.servers if (lack := lacking(server))), None)


def carry_out(row: Row, root: Path, keys: Path) -> Evidence:
    """Run the drill of a row in a new lab."""
    scenario, backups = root / "scenarios" / "annual", root / "backups"
    for folder in (scenario, backups):
        folder.mkdir(parents=True)
    shutil.copytree(keys, root / "keys")
    (root / "lab.toml").write_text(_LAB.format(every_days=row.every_days, closures=row.closures), "utf-8")
    text = _SCENARIO.format(machine=row.machine, options=row.options, counts=row.counts)
    (scenario / "scenario.toml").write_text(text, "utf-8")
    if row.before is not None:
        put(backups, name_of(-1), made(row.before), changed=datetime.combine(DAY - timedelta(days=1), time(3), ZONE))
        first = _drill(root)
        assert first.verdict in {PASSED, RESERVED}, said_of(first)
    content = made(row.backup)
    for damage in row.damage:
        content = damage(content)
    row.place(backups, content)
    with _growing(backups / name_of(1)) if row.growing else _still():
        return _drill(root)


def as_declared(row: Row, evidence: Evidence) -> bool:
    """Whether a drill ended as its row says."""
    judged = (evidence.verdict, weighing(evidence)) == (row.verdict, row.weighing)
    return judged and row.notes <= notes(evidence)


def parameters(rows: Iterable[Row]) -> list[object]:
    """The names of rows, for a test; those that need containers are marked."""
    return [pytest.param(row.name, marks=pytest.mark.docker if row.docker else ()) for row in rows]


def held_against(row: Row, root: Path, keys: Path, *, page: str) -> None:
    """Carry a row out and compare: verdict, findings, and what the page says that the doctor is told."""
    if lack := absence(row):
        absent(lack)
    evidence = carry_out(row, root / "lab", keys)

    assert (evidence.verdict, weighing(evidence)) == (row.verdict, row.weighing), said_of(evidence)
    assert row.notes <= notes(evidence), said_of(evidence)
    assert masked(told(evidence)) == masked(page)


def _drill(root: Path) -> Evidence:
    lab = load_lab(root)
    outcome = drill.run(lab, load_scenario(lab, "annual"), asked_for="latest", listen=lambda _event: None)
    assert not outcome.recorded.report_fault
    return outcome.evidence


@contextmanager
def _still() -> Iterator[None]:
    yield


@contextmanager
def _growing(path: Path) -> Iterator[None]:
    """Write to a file for as long as the block lasts."""
    done = threading.Event()
    path.write_bytes(b"-- begun\n")

    def write() -> None:
        while not done.wait(0.05):
            with path.open("ab") as file:
                file.write(b"-- still at it\n")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def weighing(evidence: Evidence) -> frozenset[Code]:
    """The codes that weigh on a verdict."""
    return frozenset(one.finding.code for one in evidence.findings if one.severity is not Severity.NOTE)


def notes(evidence: Evidence) -> frozenset[Code]:
    """The codes that do not."""
    return frozenset(one.finding.code for one in evidence.findings if one.severity is Severity.NOTE)


def said_of(evidence: Evidence) -> tuple[str, list[str]]:
    """What came out, for whoever reads a test that failed: verdict, and each finding with its parameters."""
    return evidence.verdict.value, [
        f"{one.severity.value} {one.finding.code.value} {dict(one.finding.params)}" for one in evidence.findings
    ]


def told(evidence: Evidence) -> str:
    """What page 1 of the report tells the doctor in French: how the restore ended, then each point it shows."""
    french = wording_for("fr", evidence.timezone)
    page = page_one(evidence, french)
    verdict = page.verdict if page.verdict.endswith(":") else f"{page.verdict}."
    return " ".join((verdict, *page.lead, *(f"« {point.seen} »" for point in page.points), page.more)).strip()


def masked(text: str) -> str:
    """Leave out what may differ from one host or day to the next: figures, and the spaces between them."""
    return re.sub(r"\d+(?:\s\d+)*", "0", text)

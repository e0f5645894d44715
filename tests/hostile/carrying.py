"""A hostile case, for real: its lab among canaries, its drill, all that came of it."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from hostile.cases import MOST_SECONDS, Case
from hostile.escapes import canaries, left_behind
from hostile.printing import asked_afterwards, drilled, kept
from integration.damaged import said_of, weighing

from restore_lab.evidence import Evidence
from restore_lab.lab import load_lab

_LAB: Final = """
[practice]
name = "Cabinet de l'Essai"
doctor = "Dr Essai"
[contractor]
name = "Prestataire d'essai"
[signature]
key = "keys/signing-key.pem"
certificate = "keys/signing-cert.pem"
[mail]
host = "localhost"
security = "none"
sender = "essai@example.org"
to = "cabinet@example.org"
[[place]]
name = "records"
label = "Dossiers"
backup_every_days = 100_000
[place.backup]
kind = "directory"
path = "backups"
pattern = "{pattern}"
settle_seconds = 0.3
"""
_SCENARIO: Final = """
title = "Essai"
[[restore]]
place = "records"
machine = {machine}
{options}
{checks}
"""
_CHECKS: Final = """
[[restore.check]]
kind = "integrity"
[[restore.check]]
kind = "objects"
[[restore.check]]
kind = "foreign_keys"
[[restore.check]]
kind = "counts"
main = ["patient", "consultation", "courrier"]
at_least = { courrier = 130 }
[[restore.check]]
kind = "freshness"
table = "consultation"
column = "commencee_le"
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What came of a case."""

    evidence: Evidence
    exit_code: int
    report_fault: str
    ran: bool
    escapes: tuple[str, ...]
    left: tuple[str, ...]
    untouched: bool
    further: tuple[str, ...]
    faults: tuple[str, ...]

    def wrongs(self, case: Case) -> list[str]:
        """Say all that is not as the case declares."""
        found = [*(f"escaped: {one}" for one in self.escapes), *(f"left: {one}" for one in self.left), *self.further]
        if (self.evidence.verdict, weighing(self.evidence)) != (case.verdict, case.weighing):
            found += [f"another end: {said_of(self.evidence)}", *self.faults]
        held = [one.conditions.isolation for one in self.evidence.restores if one.conditions is not None]
        found += [f"held: {one.value}, expected {case.isolation.value}" for one in held if one is not case.isolation]
        if not held and case.harmless:
            found.append("there was no machine")
        if self.exit_code != case.exit_code:
            found.append(f"exit code {self.exit_code}, expected {case.exit_code}")
        if self.report_fault:
            found.append(f"no report: {self.report_fault}")
        if case.runs and not self.ran:
            found.append("the attack was not seen to run within the machine")
        if not self.untouched:
            found.append("the folder of backups was written to")
        return found


class Hung(BaseException):
    """A drill did not end; no handler of errors may take it for one."""


@contextmanager
def in_time(seconds: int = MOST_SECONDS) -> Iterator[None]:
    """End what hangs."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise Hung(f"no end after {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def a_lab(case: Case, root: Path, keys: Path) -> None:
    """Make the lab of a case, still without a backup."""
    scenario = root / "scenarios" / "annual"
    for folder in (scenario, root / "backups"):
        folder.mkdir(parents=True)
    shutil.copytree(keys, root / "keys")
    (root / "lab.toml").write_text(_LAB.format(pattern=case.pattern), "utf-8")
    machine = f'{{ kind = "{case.machine}"{case.limits} }}'
    options = case.options or f'engine = {{ kind = "{case.engine}", load_timeout_seconds = 60 }}'
    (scenario / "scenario.toml").write_text(
        _SCENARIO.format(machine=machine, options=options, checks=case.checks or _CHECKS), "utf-8"
    )


def carry_out(case: Case, root: Path, keys: Path) -> Seen:
    """Run the drill of a case in a new lab, among canaries of its own."""
    a_lab(case, root, keys)
    with canaries() as set_out:
        case.placing(set_out, root / "backups", case.content(set_out))
        before = _as_it_is(root / "backups")
        with kept() as printed:
            with in_time(case.most_seconds), case.surroundings(set_out, root):
                outcome = drilled(root, lambda event: case.meddling(set_out, root, event))
            asked_afterwards(root)
            output = printed()
        return Seen(
            evidence=outcome.evidence,
            exit_code=int(outcome.exit_code),
            report_fault=outcome.recorded.report_fault or "",
            left=tuple(left_behind(load_lab(root).lab_id, set_out)),
            escapes=tuple(set_out.escaped(root, printed=output)),
            ran=set_out.inside,
            untouched=case.changes or _as_it_is(root / "backups") == before,
            further=tuple(case.looking(root, outcome.evidence)),
            faults=tuple(
                line
                for log in root.glob("reports/*/*/drill.log")
                for line in log.read_text("utf-8").splitlines()
                if '"what": "fault"' in line
            ),
        )


def _as_it_is(folder: Path) -> list[tuple[str, int, int, int]]:
    """Name, kind, size and last change of what lies in a folder."""
    found = []
    for entry in os.scandir(os.fsencode(folder)):
        status = entry.stat(follow_symlinks=False)
        found.append((os.fsdecode(entry.name), status.st_mode, status.st_size, status.st_mtime_ns))
    return sorted(found)

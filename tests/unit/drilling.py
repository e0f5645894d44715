"""Drills on fakes as the command line runs them, and what is asked of each afterwards."""

from __future__ import annotations

from fakes import Stand

from restore_lab import drill as drills
from restore_lab.drill import Outcome
from restore_lab.engines.base import Load
from restore_lab.findings import Code, finding
from restore_lab.history import ENVELOPE_NAME
from restore_lab.register import Register


def run(stand: Stand, *, asked_for: str = "latest") -> Outcome:
    """A drill as the command line runs it, report and all."""
    return drills.run(stand.lab, stand.scenario, asked_for=asked_for, listen=lambda _event: None)


def judged(stand: Stand, *, asked_for: str = "latest") -> Outcome:
    """A drill that must be on record whatever became of it: opened, closed, and its files as registered."""
    outcome = run(stand, asked_for=asked_for)
    checked = register_of(stand).verify()
    assert checked.unanswered == ()
    assert checked.entries[-1].fields["verdict"] == outcome.evidence.verdict.value
    assert (outcome.recorded.folder / ENVELOPE_NAME).is_file()
    return outcome


def codes(outcome: Outcome) -> set[Code]:
    return {one.finding.code for one in outcome.evidence.findings}


def register_of(stand: Stand) -> Register:
    return Register(folder=stand.lab.reports, certificate=drills.open_key(stand.lab).certificate)


def destroyed(stand: Stand) -> bool:
    return all(machine.destroyed for machine in stand.sandbox.lent)


FAILING_LOADS = [
    Load(seconds=1, problems=(), findings=(finding(Code.LOAD_ERRORS, count=1, code="23505", subject="patient"),)),
    Load(seconds=1, problems=(), findings=(finding(Code.LOAD_STOPPED, code="CUT", line=3),)),
]

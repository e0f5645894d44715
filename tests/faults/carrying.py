"""One fault at one stage, for real: the drill it strikes, what is left, the sweep, the next drill."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Final

from faults.aftermath import command, entries, evidence_of, processes_of, register_of
from faults.matrix import NOTHING, End, Fault
from faults.scene import Samples, begin, ended, next_drill, scene

from restore_lab.cli.status import standings
from restore_lab.evidence import Evidence, Isolation, RestoreRecord, Verdict
from restore_lab.findings import Code
from restore_lab.history import drill_folder, registered_evidence
from restore_lab.lab import load_lab
from restore_lab.recording import REPORT_NAME
from restore_lab.register import Entry, EntryType
from restore_lab.scenario import load_scenario
from restore_lab.signature.verify import verify_pdf

#: The one reservation of every drill of a dump by pg_dump, which names no roles.
_AS_ALWAYS: Final = frozenset({Code.ROLES_NOT_IN_BACKUP.value})
_YEAR: Final = timedelta(days=366)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What came of it; `complaint` is what the command said, `faults` is all that must never be."""

    exit_code: int | None
    verdict: str
    reasons: tuple[str, ...]
    left: str
    left_after: str
    next_drill: str
    complaint: str
    faults: tuple[str, ...]

    def wrongs(self, end: End) -> list[str]:
        """Say all that is not as declared."""
        declared = (end.exit_code, end.verdict, end.reasons, end.left, NOTHING, end.next_drill)
        seen = (self.exit_code, self.verdict, self.reasons, self.left, self.left_after, self.next_drill)
        another = [] if seen == declared else [f"ended as {seen}, declared {declared}: {self.complaint}"]
        return [*self.faults, *another]


def carry_out(fault: Fault, stage: str, root: Path, samples: Samples) -> Seen:
    """Strike a drill in a lab of its own; then sweep once, and drill again."""
    root.mkdir(parents=True, exist_ok=True)
    with scene(root, samples, machine=fault.machine, stage=stage) as here:
        fault.prepare(here)
        began = time.monotonic()
        with here.mending:
            running, release = begin(here)
            try:
                fault.strike(here)
            finally:
                release()
                code, complaint = ended(running)
                struck_seconds = time.monotonic() - began
        left = _said(here.left())
        swept = command(here.lab, "sweep")
        left_after = _said(here.left())
        began = time.monotonic()
        following = next_drill(here)
        following_seconds = time.monotonic() - began
        after = _After(
            lab=here.lab,
            isolation=fault.isolation,
            swept=swept,
            following=following,
            struck_seconds=struck_seconds,
            following_seconds=following_seconds,
        )
        return Seen(
            exit_code=code,
            verdict=after.verdict,
            reasons=after.reasons,
            left=left,
            left_after=left_after,
            next_drill=after.next_drill,
            complaint=complaint,
            faults=tuple(after.faults(code, complaint)),
        )


@dataclass(kw_only=True)
class _After:
    """A lab after the sweep and the next drill; its register verifies. How long each command took is measured here."""

    lab: Path
    isolation: Isolation
    swept: CompletedProcess[str]
    following: CompletedProcess[str]
    struck_seconds: float
    following_seconds: float
    opened: Sequence[str] = field(init=False)
    closed: Mapping[str, Entry] = field(init=False)

    def __post_init__(self) -> None:
        """Read the register."""
        seen = entries(self.lab)
        self.opened = [str(one.fields["drill"]) for one in seen if one.kind is EntryType.OPENED]
        self.closed = {str(one.fields["drill"]): one for one in seen if one.kind is EntryType.CLOSED}

    @property
    def struck(self) -> str:
        """The drill that was struck; "" when none was opened."""
        return self.opened[0] if len(self.opened) > 1 else ""

    @property
    def verdict(self) -> str:
        """Its verdict, as the register has it."""
        return self._told(self.struck)[0]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Its reasons."""
        return self._told(self.struck)[1]

    def _told(self, drill: str) -> tuple[str, tuple[str, ...]]:
        """Give a drill's verdict and reasons, without what is said of every drill in a container."""
        if drill not in self.closed:
            return "", ()
        fields = self.closed[drill].fields
        reasons = tuple(reason for reason in fields["reasons"] if reason not in _AS_ALWAYS)
        reserved = fields["verdict"] == Verdict.PASSED_WITH_RESERVATIONS.value
        return Verdict.PASSED.value if reserved and not reasons else str(fields["verdict"]), reasons

    @property
    def next_drill(self) -> str:
        """What the next drill says, and how its command ended."""
        verdict, reasons = self._told(self.opened[-1] if self.opened else "")
        said = ", ".join((verdict or "never closed", *reasons))
        return f"{said} ({self.following.returncode})"

    def faults(self, code: int | None, complaint: str) -> Iterator[str]:
        """Say all that must never be, whatever struck."""
        if code is None:
            yield "the command hung"
        if odd := [line for line in complaint.splitlines() if line and not line.startswith(("restore-lab: ", "  "))]:
            yield f"the command said what is no sentence of its own: {odd}"
        if self.swept.returncode:
            yield f"the sweep ended with {self.swept.returncode}: {self.swept.stdout}{self.swept.stderr}"
        if set(self.opened) != set(self.closed):
            yield "a drill was never closed"
        if any(processes_of(drill) for drill in self.opened):
            yield "a process of the drill lives"
        yield from self._of_evidence()
        yield from self._of_status()

    def _of_evidence(self) -> Iterator[str]:
        register = register_of(self.lab)
        if not any(one.conditions for one in evidence_of(self.lab)[-1].restores):
            yield "the next drill had no machine"
        for drill, entry in self.closed.items():
            most = self.following_seconds if drill == self.opened[-1] else self.struck_seconds
            restores = _restores(registered_evidence(register, entry))
            yield from (f"{drill}: {less}" for less in less_held(restores, self.isolation))
            for one in restores:
                spent = (one.load_seconds, one.measured_restore_seconds, *(check.seconds for check in one.checks))
                yield from (f"{drill}: something took {seconds} s" for seconds in impossible(spent, most_seconds=most))
            report = drill_folder(self.lab / "reports", drill) / REPORT_NAME
            if report.exists():
                check = verify_pdf(report.read_bytes(), trusted=[register.certificate], now=datetime.now(UTC))
                if not check.trust.signer:
                    yield f"{drill}: its report is not signed by the lab's key"

    def _of_status(self) -> Iterator[str]:
        lab = load_lab(self.lab)
        _, (stand,) = standings(lab, [load_scenario(lab, "annual")], now=datetime.now(UTC))
        last, due = stand.past.last, stand.due_on
        if not stand.is_well or last is None or last.drill_id != self.opened[-1] or due is None:
            yield f"the status is not that of a practice whose last drill passed: {stand}"
        elif due > stand.today + _YEAR:
            yield f"the next drill is due on {due}"


def impossible(spent: Iterable[float | None], *, most_seconds: float) -> list[float]:
    """Give the durations that are less than nothing, or more than their command took: read off a clock on the wall."""
    return [seconds for seconds in spent if seconds is not None and not 0 <= seconds <= most_seconds]


def less_held(restores: Iterable[RestoreRecord], isolation: Isolation) -> Iterator[str]:
    """Say of each machine that was held otherwise than so."""
    for one in restores:
        if one.conditions is not None and one.conditions.isolation is not isolation:
            yield f"{one.conditions.sandbox} was {one.conditions.isolation.value}, expected {isolation.value}"


def _restores(evidence: Evidence | None) -> tuple[RestoreRecord, ...]:
    return evidence.restores if evidence else ()


def _said(left: Mapping[str, Sequence[str]]) -> str:
    """Count what is left, for people."""
    counted = [f"{len(names)} {kind}" for kind, names in left.items() if names]
    return ", ".join(counted) or NOTHING

"""One drill from top to bottom. Read this first.

A drill opens the signing key, appends `opened`, then *rehearses* (touches machines, may break anywhere, turns every
failure into evidence, holds no lock) and *records* (touches no machine, always happens, under the register's lock).
"""

from __future__ import annotations

import platform
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from restore_lab import __version__
from restore_lab.acceptance import weighed
from restore_lab.checks.base import Check
from restore_lab.checks.crossing import Crossing
from restore_lab.checks.identity import Identity
from restore_lab.clock import Clock
from restore_lab.delivery.deliver import post
from restore_lab.due import next_due_on
from restore_lab.durable import undisturbed
from restore_lab.errors import EXIT_CODE_PRECEDENCE, ExitCode, SourceUnreachable
from restore_lab.events import Entered, Event, Listener, Stage
from restore_lab.evidence import Evidence, GradedFinding, PlaceRecord, Removal, RestoreRecord, Verdict
from restore_lab.findings import Code, Finding, finding
from restore_lab.fingerprint import Fingerprints
from restore_lab.history import PASSED, Earlier, drill_folder, earlier_drills, identity, previous_counts
from restore_lab.holding import Holding
from restore_lab.journal import NAME as LOG_NAME
from restore_lab.journal import Journal
from restore_lab.lab import Lab
from restore_lab.notebook import Notebook
from restore_lab.recording import Recorded, seal_and_close
from restore_lab.register import Checked, EntryType, Register
from restore_lab.rehearsal import Rehearsal
from restore_lab.scenario import Restore, Scenario
from restore_lab.signature.keys import SECRET_NAME, SigningKey, load_key, load_secret
from restore_lab.sources.base import ANY_POINT, choose
from restore_lab.sweeping import after_death, removed, said_of
from restore_lab.verdict import conclude, grade

#: What says that restored data were, or may be, still there at the drill's end.
_NOT_GONE = frozenset({Code.COPY_NOT_SHOWN_GONE, Code.COPY_HELD, Code.EARLIER_COPY_NOT_SHOWN_GONE})


@dataclass(frozen=True, kw_only=True, slots=True)
class Drill:
    """One execution of a scenario; `asked_for` is `latest`, `oldest`, `random` or a recovery point's id.

    `earlier` is what there is to say of drills before this one that died, or left a copy.
    """

    drill_id: str
    lab: Lab
    scenario: Scenario
    asked_for: str
    clock: Clock
    secret: bytes = field(default=b"", repr=False)
    earlier: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsed:
    """What the machines showed: one record a restore, every finding weighed."""

    restores: tuple[RestoreRecord, ...]
    findings: tuple[GradedFinding, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a drill ended: its evidence, what was recorded of it, why no mail waits, and the code of the public table.

    `holding` has the copies that were to be kept: whoever gets it must `let_go`.
    """

    evidence: Evidence
    recorded: Recorded
    exit_code: ExitCode
    mail_fault: str = ""
    holding: Holding | None = None


def run(
    lab: Lab, scenario: Scenario, *, asked_for: str, listen: Listener, hold_for: timedelta | None = None
) -> Outcome:
    """Run one drill and record it; with `hold_for`, restored copies stay beyond its end.

    Raises:
        UsageError: there is no usable key, or no such recovery point.
        RegisterLocked: another process holds the register: nothing was run, or what was seen is not recorded.
        RestoreLabError: the disk did not take the record.
    """
    key = open_key(lab)
    secret = open_secret(lab) if any(restore.needs_secret for restore in scenario.settings.restore) else b""
    _find(lab, scenario, asked_for)
    register = Register(folder=lab.reports, certificate=key.certificate)
    clock = Clock()
    drill_id = f"{clock.read_at:%Y%m%dT%H%M%SZ}-{scenario.name}-{secrets.token_hex(2)}"
    drill = Drill(drill_id=drill_id, lab=lab, scenario=scenario, asked_for=asked_for, secret=secret, clock=clock)
    checked, before = _open(drill, register, key)
    if before.entries:
        swept = after_death(lab, scenario, before, register, key)
        drill = replace(drill, earlier=tuple(said_of(before, swept, lab.settings.practice.zone)))
    with ExitStack() as on_failure:
        holding = Holding(length=hold_for) if hold_for else None
        if holding:
            on_failure.callback(holding.let_go)
        rehearsed = rehearse(drill, register, checked, listen, holding)
        with undisturbed(), register.locked():
            listen(Entered(stage=Stage.SEAL))
            evidence = judge(drill, rehearsed, checked, previous_head=register.head)
            recorded = seal_and_close(lab, register, key, evidence)
            mail_fault = post(lab, evidence, recorded)
        on_failure.pop_all()
    code = exit_code(evidence, recorded, mail_fault=mail_fault)
    return Outcome(evidence=evidence, recorded=recorded, exit_code=code, mail_fault=mail_fault, holding=holding)


def let_go(lab: Lab, outcome: Outcome) -> tuple[Removal, ...]:
    """End what `hold_for` kept, look it up, and append `swept`; nothing when nothing was kept."""
    removals = outcome.holding.let_go() if outcome.holding else ()
    if removals:
        key = open_key(lab)
        register = Register(folder=lab.reports, certificate=key.certificate)
        fields = {"drill": outcome.evidence.drill_id, **removed(removals)}
        with undisturbed(), register.locked():
            register.append(EntryType.SWEPT, fields, key=key, at=datetime.now(UTC))
    return removals


def _find(lab: Lab, scenario: Scenario, asked_for: str) -> None:
    """Refuse a recovery point nobody has before anything is opened; what cannot be listed is the drill's to say."""
    if asked_for in ANY_POINT:
        return
    for restore in scenario.settings.restore:
        source = lab.place(restore.place).backup
        now = datetime.now(UTC)
        with suppress(SourceUnreachable):
            if source is not None:
                choose(source.candidates(now=now, zone=lab.settings.practice.zone), asked_for=asked_for, now=now)


def open_key(lab: Lab) -> SigningKey:
    """Open the lab's signing key.

    Raises:
        KeyMissing: there is none, or others could read it.
    """
    settings = lab.settings.signature
    passphrase = settings.passphrase.reveal("passphrase of the signing key") if settings.passphrase else None
    return load_key(settings.key, settings.certificate, passphrase=passphrase)


def open_secret(lab: Lab) -> bytes:
    """Open the lab's secret, under which answers are compared and never kept: beside the key, unless named.

    Raises:
        KeyMissing: there is none, or others could read it.
    """
    settings = lab.settings.signature
    return load_secret(settings.secret or settings.key.with_name(SECRET_NAME))


def _open(drill: Drill, register: Register, key: SigningKey) -> tuple[Checked, Earlier]:
    """Append `opened`, after closing what earlier drills left open; give the register as found, and what to tell."""
    with register.locked(), undisturbed():
        checked = register.verify()
        earlier = earlier_drills(register, checked, key, now=drill.clock.read_at)
        opened = {
            "drill": drill.drill_id,
            "scenario": drill.scenario.name,
            "scenario_sha256": drill.scenario.sha256,
            **identity(),
        }
        register.append(EntryType.OPENED, opened, key=key, at=drill.clock.read_at)
        # after the entry: a folder without one looks like a cut register
        drill_folder(drill.lab.reports, drill.drill_id).mkdir(parents=True)
    return checked, earlier


def rehearse(
    drill: Drill, register: Register, checked: Checked, listen: Listener, holding: Holding | None = None
) -> Rehearsed:
    """Carry out every restore of the scenario, one after the other; an interrupt ends the drill, not its record."""
    journal = Journal(drill_folder(drill.lab.reports, drill.drill_id) / LOG_NAME)
    before = previous_counts(register, checked, drill.scenario.name)

    def hear(event: Event) -> None:
        journal.hear(event)
        listen(event)

    prints = Fingerprints(
        root=drill.lab.root, scenario=drill.scenario.name, public_key=register.public_key, secret=drill.secret
    )
    restores: list[RestoreRecord] = []
    findings: list[GradedFinding] = []
    crossing = Crossing() if drill.scenario.settings.crosses else None
    is_ended = any(one.code is Code.INTERRUPTED for one in drill.earlier)
    for number, restore in enumerate(() if is_ended else drill.scenario.settings.restore, start=1):
        restore_id = f"{number}-{restore.place}"
        place = drill.lab.place(restore.place)
        record = RestoreRecord(
            restore_id=restore_id, place=place.label, objective_rto_seconds=restore.objective_rto_seconds
        )
        one = Rehearsal(
            lab=drill.lab,
            restore=restore,
            drill_id=drill.drill_id,
            asked_for=drill.asked_for,
            previous=before.get(restore_id),
            questions=_questions(restore, drill.secret),
            fingerprints=prints,
            notes=Notebook(record=record, listen=hear, clock=drill.clock),
            crossing=crossing,
            holding=holding,
        )
        one.run()
        for fault in one.notes.faults:
            journal.fault(fault)
        restores.append(one.notes.record)
        findings += grade(one.notes.findings, own_series=one.own_series)
        if any(found.code is Code.INTERRUPTED for found in one.notes.findings):
            break
    return Rehearsed(restores=tuple(restores), findings=tuple(findings))


def _questions(restore: Restore, secret: bytes) -> tuple[Check, ...]:
    """Whose data these are comes first, then what the scenario asks."""
    if restore.identity is None:
        return restore.check
    return (Identity(statement=restore.identity, secret=secret), *restore.check)


def judge(drill: Drill, rehearsed: Rehearsed, checked: Checked, *, previous_head: str) -> Evidence:
    """Add what concerns the drill as a whole, and conclude."""
    settings, tested = drill.lab.settings, {restore.place for restore in drill.scenario.settings.restore}
    whole = grade(_of_the_whole(drill, tested, checked), own_series=True)
    today = drill.clock.read_at.astimezone(settings.practice.zone).date()
    findings, expired = weighed((*rehearsed.findings, *whole), drill.scenario.settings.accept, today=today)
    findings += grade(expired, own_series=True)
    verdict, reasons = conclude(findings, restores=len(rehearsed.restores))
    finished_at = drill.clock.now()
    return Evidence(
        drill_id=drill.drill_id,
        scenario=drill.scenario.name,
        scenario_title=drill.scenario.settings.title,
        scenario_sha256=drill.scenario.sha256,
        tool_version=__version__,
        host=platform.node(),
        host_role=settings.host.role,
        people=drill.lab.people,
        timezone=settings.practice.timezone,
        started_at=drill.clock.read_at,
        finished_at=finished_at,
        restores=rehearsed.restores,
        findings=findings,
        verdict=verdict,
        reasons=reasons,
        places=tuple(PlaceRecord(label=place.label, tested=place.name in tested) for place in settings.place),
        previous_head=previous_head,
        next_due_on=next_due_on(
            finished_at, every_days=drill.scenario.settings.every_days, passed=verdict.value in PASSED
        ),
    )


def _of_the_whole(drill: Drill, tested: set[str], checked: Checked) -> Iterator[Finding]:
    yield from drill.earlier
    if any(restore.identity is None for restore in drill.scenario.settings.restore):
        yield finding(Code.IDENTITY_NOT_VERIFIED)
    for place in drill.lab.settings.place:
        if place.name not in tested:
            yield finding(Code.PLACE_NOT_TESTED, place=place.label)
    if drill.clock.has_jumped:
        yield finding(Code.CLOCK_JUMPED)
    began = max((entry.at for entry in checked.entries if entry.kind is EntryType.OPENED), default=drill.clock.read_at)
    if drill.clock.is_behind(began):
        day = began.astimezone(drill.lab.settings.practice.zone).date()
        yield finding(Code.CLOCK_BEHIND_REGISTER, began=day.isoformat())
    if checked.faults:
        yield finding(Code.REGISTER_BROKEN, count=len(checked.faults))


def exit_code(evidence: Evidence, recorded: Recorded, *, mail_fault: str = "") -> ExitCode:
    """Give the exit code: of all that apply, the first in the public order."""
    codes = {one.finding.code for one in evidence.findings}
    applying = {
        ExitCode.SEAL_BROKEN: Code.REGISTER_BROKEN in codes,
        ExitCode.NOT_GONE: bool(codes & _NOT_GONE),
        ExitCode.BUG: Code.TOOL_BROKEN in codes or bool(recorded.report_fault),
        ExitCode.INTERRUPTED: Code.INTERRUPTED in codes,
        ExitCode.FAILED: evidence.verdict is Verdict.FAILED,
        ExitCode.INCONCLUSIVE: evidence.verdict is Verdict.INCONCLUSIVE,
        ExitCode.NOT_DELIVERED: bool(mail_fault),
    }
    return next((code for code in EXIT_CODE_PRECEDENCE if applying.get(code)), ExitCode.PASSED)

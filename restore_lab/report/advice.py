"""What page 1 asks of its reader: the points with their actions, the steps to take at once, the next test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from restore_lab.evidence import Verdict
from restore_lab.findings import Code, Severity
from restore_lab.report.finding_texts.form import Actor
from restore_lab.report.glyphs import printable
from restore_lab.report.said import say

if TYPE_CHECKING:
    from datetime import datetime

    from restore_lab.evidence import Evidence, GradedFinding, People
    from restore_lab.report.wording import Wording

#: So many points, restores and places are printed on page 1; the rest is on the auditor's pages.
SHOWN: Final = 3
NAME_LENGTH: Final = 70
#: A reservation is to be lifted, a backup that failed tested anew within a month; a test without result within a week.
RESERVATION_DELAY: Final = timedelta(days=30)
REPEAT_DELAY: Final = timedelta(days=7)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A label in bold and the sentence that runs on from it."""

    label: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """What was seen, and the action it calls for."""

    seen: str
    action: Line


def points(evidence: Evidence, wording: Wording) -> tuple[Point, ...]:
    """Give every finding that weighs on the verdict, worst first, each with its action; what reads the same, once."""
    weights = {Severity.FAILED: 0, Severity.INCONCLUSIVE: 1, Severity.RESERVATION: 2}
    graded = [item for item in evidence.findings if item.severity in weights]
    graded.sort(key=lambda item: (weights[item.severity], item.finding.code is Code.PLACE_NOT_TESTED))
    return tuple(dict.fromkeys(_point(item, evidence, wording) for item in graded))


def _point(graded: GradedFinding, evidence: Evidence, wording: Wording) -> Point:
    said = say(graded.finding, wording)
    who = wording.text("you") if said.by is Actor.DOCTOR else printable(evidence.people.contractor, NAME_LENGTH)
    if graded.severity is Severity.FAILED:
        action = wording.text("{action}, by {who}, today.", action=said.action, who=who)
    else:
        delay = REPEAT_DELAY if graded.severity is Severity.INCONCLUSIVE else RESERVATION_DELAY
        day = wording.day(_due(delay, evidence))
        action = wording.text("{action}, by {who}, before {day}.", action=said.action, who=who, day=day)
    return Point(seen=said.plain, action=Line(label=wording.text("To do:"), text=action))


def _due(delay: timedelta, evidence: Evidence) -> datetime:
    due = evidence.finished_at + delay
    if evidence.next_due_on and evidence.finished_at < evidence.next_due_on < due:
        return evidence.next_due_on
    return due


def steps(evidence: Evidence, wording: Wording) -> tuple[str, tuple[str, ...]]:
    """Give what to do at once, with its title; nothing after a test that passed."""
    call = wording.text("Call {who}.", who=caller(evidence.people, wording))
    if evidence.verdict is Verdict.FAILED:
        return wording.text("To do today"), (
            call,
            wording.text("Do not overwrite or delete any older backup."),
            wording.text("Keep the backup disks, unplugged, in a safe place."),
            wording.text("Make a fresh backup with your software's own tool, and have it tested."),
        )
    if evidence.verdict is Verdict.INCONCLUSIVE:
        return wording.text("Until the next test"), (
            wording.text("Until then, treat your backup as not verified; delete none of the older ones."),
            wording.text("Call {who} to fix the date of a new test.", who=caller(evidence.people, wording)),
        )
    return "", ()


def more(left: int, wording: Wording) -> str:
    """Say that `left` more are on page 2; nothing when there are none."""
    return wording.count("and one more, page 2.", "and {n} more, page 2.", left) if left > 0 else ""


def next_test(evidence: Evidence, wording: Wording) -> Line:
    """Say when the next test is due, and whom to call when it did not come."""
    who = caller(evidence.people, wording)
    delay = {Verdict.INCONCLUSIVE: REPEAT_DELAY, Verdict.FAILED: RESERVATION_DELAY}.get(evidence.verdict)
    due = _due(delay, evidence) if delay else evidence.next_due_on
    if due is None:
        text = wording.text("no date is set; agree on one with {who}.", who=who)
        return Line(label=wording.text("Next test:"), text=text)
    day = wording.day(due)
    return Line(
        label=wording.text("Next test before {day};", day=day),
        text=wording.text("if no letter has come by then, call {who}.", who=who),
    )


def caller(people: People, wording: Wording) -> str:
    """Name the contractor, with the phone number if there is one."""
    name = printable(people.contractor, NAME_LENGTH)
    phone = printable(people.contractor_phone, 24).replace(" ", "\N{NO-BREAK SPACE}")
    return wording.text("{name} at {phone}", name=name, phone=phone) if phone else name

"""What page 1 asks of its reader: the points with their actions, the steps to take at once, the next test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final

from restore_lab.evidence import Verdict
from restore_lab.findings import Code, Severity, safe_text
from restore_lab.report.finding_texts.form import Actor
from restore_lab.report.glyphs import printable
from restore_lab.report.names import OBJECT_KINDS, named
from restore_lab.report.said import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from restore_lab.evidence import Evidence, GradedFinding, People
    from restore_lab.report.wording import Wording

#: So many points, restores and places are printed on page 1; the rest is on the auditor's pages.
SHOWN: Final = 3
NAME_LENGTH: Final = 70
#: A reservation is to be lifted, a backup that failed tested anew within a month; a test without result within a week.
RESERVATION_DELAY: Final = timedelta(days=30)
REPEAT_DELAY: Final = timedelta(days=7)
#: Why data did not come back; further findings may be no more than what follows from them.
_CAUSES: Final = frozenset(
    {
        Code.ARCHIVE_DAMAGED,
        Code.DUMP_CUT,
        Code.DATABASE_MISSING,
        Code.TABLES_LEFT_OUT,
        Code.LOAD_STOPPED,
        Code.DUMP_SYNTAX_OUTDATED,
        Code.LOAD_ERRORS,
        Code.TOOL_MESSAGES_IN_BACKUP,
        Code.EXTENSION_ABSENT,
        Code.COLLATION_ABSENT,
        Code.MACHINE_DISK_FULL,
        Code.MACHINE_OUT_OF_MEMORY,
    }
)
#: Named after all else of the same weight: what a ruined backup has no part in, and what only follows from others.
_LAST: Final = frozenset(
    {
        Code.PLACE_NOT_TESTED,
        Code.SQL_QUESTION_REFUSED,
        Code.CHECK_BROKEN,
        Code.OBJECTS_BELOW_MINIMUM,
        Code.OBJECTS_BELOW_PREVIOUS,
    }
)
#: Of what one finding each speaks where several say the same.
_NAMING: Final[Mapping[Code, str]] = {
    Code.TABLE_MISSING: "table",
    Code.TABLE_EMPTY: "table",
    Code.LIVE_TABLE_MISSING: "table",
    Code.LIVE_TABLE_EMPTY: "table",
    Code.OBJECTS_BELOW_MINIMUM: "kind",
    Code.OBJECTS_BELOW_PREVIOUS: "kind",
}


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
    found = _one_for_all(worst_first(evidence), wording)
    return tuple(dict.fromkeys(_point(item, evidence, wording) for item in found))


def worst_first(evidence: Evidence) -> list[GradedFinding]:
    """Give every finding that weighs on the verdict in the order in which to tell of them.

    Where a ruined or refused backup is one of them, why comes first and what follows from it after.
    """
    weights = {Severity.FAILED: 0, Severity.INCONCLUSIVE: 1, Severity.RESERVATION: 2}
    graded = [item for item in evidence.findings if item.severity in weights]
    codes = [item.finding.code for item in graded]
    is_ruined = any(item.finding.code in _CAUSES and item.severity is not Severity.RESERVATION for item in graded)
    return sorted(
        graded,
        key=lambda item: (
            item.finding.code is not Code.RANSOMWARE_SIGNS,
            is_ruined and item.finding.code not in _CAUSES,
            weights[item.severity],
            item.finding.code in _LAST,
            codes.index(item.finding.code),
        ),
    )


def _one_for_all(graded: list[GradedFinding], wording: Wording) -> Iterator[GradedFinding]:
    """Give one finding where several say the same of one thing each, with the names side by side."""
    for (code, _), group in groupby(graded, key=lambda item: (item.finding.code, item.severity)):
        items = list(group)
        if code in _NAMING and len(items) > 1:
            param = _NAMING[code]
            things = list(dict.fromkeys(str(dict(item.finding.params).get(param, "?")) for item in items))
            shown = [named(thing, wording, OBJECT_KINDS) if param == "kind" else thing for thing in things[:SHOWN]]
            beyond = ("…",) if len(things) > SHOWN else ()
            together = safe_text(", ".join((*shown, *beyond)), NAME_LENGTH)
            yield replace(items[0], finding=replace(items[0].finding, params=((param, together),)))
        else:
            yield from items


def _point(graded: GradedFinding, evidence: Evidence, wording: Wording) -> Point:
    said = say(graded.finding, wording)
    if _is_attacked(evidence) and graded.finding.code is not Code.RANSOMWARE_SIGNS:
        waits = wording.text("nothing before the marks of malicious encryption are explained.")
        return Point(seen=said.plain, action=Line(label=wording.text("To do:"), text=waits))
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
    if _is_attacked(evidence):
        return wording.text("To do today"), (
            call,
            wording.text("Do not overwrite or delete any older backup."),
            wording.text("Keep the backup disks, unplugged, in a safe place."),
            wording.text("Make no new backup, and plug no disk in, before the cause is known."),
        )
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


def _is_attacked(evidence: Evidence) -> bool:
    """Whether a new backup would copy what is encrypted, onto a disk that is then within reach."""
    return any(one.finding.code is Code.RANSOMWARE_SIGNS for one in evidence.findings)


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

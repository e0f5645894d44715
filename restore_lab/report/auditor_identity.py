"""The auditor's pages, first part: what this drill was, who took part, where it ran, what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restore_lab.report.blocks import Block, Facts, Note, Section, fact, table
from restore_lab.report.glyphs import printable
from restore_lab.report.names import named, question
from restore_lab.report.said import say
from restore_lab.report.wording import msgid

if TYPE_CHECKING:
    from restore_lab.evidence import Acceptance, Evidence, GradedFinding
    from restore_lab.report.wording import Wording


def identity_sections(evidence: Evidence, wording: Wording) -> tuple[Section, ...]:
    """Say which drill this is, and everything it found."""
    return (_identification(evidence, wording), _findings(evidence, wording))


def _identification(evidence: Evidence, wording: Wording) -> Section:
    text, people = wording.text, evidence.people
    reasons = ", ".join(evidence.reasons[:12])
    verdict = named(evidence.verdict, wording)
    return Section(
        title=text("Identification"),
        blocks=(
            Facts(
                facts=(
                    fact(text("Drill"), evidence.drill_id, mono=True),
                    fact(text("Verdict"), f"{verdict} ({reasons})" if reasons else verdict),
                    fact(text("Scenario"), f"{evidence.scenario} – {evidence.scenario_title}"),
                    fact(text("SHA-256 of the scenario"), evidence.scenario_sha256, mono=True),
                    fact(text("Tool"), f"restore-lab {evidence.tool_version}"),
                    fact(text("Host of the drill"), f"{evidence.host} ({named(evidence.host_role, wording)})"),
                    fact(text("Owner of the machine"), people.machine_owner, absent=text("not stated")),
                    fact(text("Practice"), people.practice),
                    fact(text("Controller"), people.doctor),
                    fact(text("Carried out by"), people.contractor),
                    fact(text("Started"), wording.moment(evidence.started_at)),
                    fact(text("Ended"), wording.moment(evidence.finished_at)),
                    fact(text("Times shown in"), f"{evidence.timezone}, UTC"),
                )
            ),
        ),
    )


def _findings(evidence: Evidence, wording: Wording) -> Section:
    if not evidence.findings:
        return Section(title=wording.text("Findings"), blocks=(Note(text=wording.text("No finding was recorded.")),))
    rows = [_row(graded, evidence, wording) for graded in evidence.findings]
    columns = (wording.text("Severity"), wording.text("Code"), wording.text("What was seen, and the action"))
    blocks: tuple[Block, ...] = (table(wording.text("All findings"), columns, rows, "llL"),)
    return Section(title=wording.text("Findings"), blocks=blocks)


def _row(graded: GradedFinding, evidence: Evidence, wording: Wording) -> tuple[str, ...]:
    said = say(graded.finding, wording)
    asked = question(graded.finding.check or "", wording)
    where = (
        graded.finding.restore_id if len(evidence.restores) > 1 else None,
        asked if asked not in said.exact else None,
    )
    place = ", ".join(one for one in where if one)
    message = msgid("{seen} [{place}]. Action: {action}.") if place else msgid("{seen}. Action: {action}.")
    seen = wording.text(message, seen=said.exact, place=place, action=said.action)
    if graded.accepted:
        seen += " " + acceptance(graded.accepted, wording)
    return named(graded.severity, wording), graded.finding.code, seen


def acceptance(accepted: Acceptance, wording: Wording) -> str:
    """Say who accepted a finding, until when and why; or who settled it."""
    message = (
        msgid("Settled by {person}: {reason}; from now on this figure is the mark.")
        if accepted.settled
        else msgid("Accepted by {person} until {day}: {reason}.")
    )
    return wording.text(
        message,
        person=printable(accepted.person, 70),
        day=wording.day(accepted.until),
        reason=printable(accepted.reason.rstrip("."), 200),
    )

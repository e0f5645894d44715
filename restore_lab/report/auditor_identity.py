"""The auditor's pages, first part: what this drill was, who took part, where it ran, what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restore_lab.report.blocks import Block, Facts, Note, Section, fact, table
from restore_lab.report.names import named
from restore_lab.report.said import say

if TYPE_CHECKING:
    from restore_lab.evidence import Evidence, GradedFinding
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
    where = [
        name
        for name in (graded.finding.restore_id if len(evidence.restores) > 1 else None, graded.finding.check)
        if name
    ]
    place = f" [{', '.join(where)}]" if where else ""
    seen = wording.text("{seen}{place}. Action: {action}.", seen=said.exact, place=place, action=said.action)
    return named(graded.severity, wording), graded.finding.code, seen

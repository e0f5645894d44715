"""The mail of one drill: page 1 of its report in the mail's own form, and the register's head for others to keep.

Pure: the same values give the same bytes. The words are those of page 1, but for names out of the database, which do
not travel by mail. Every text passes `printable`, headers also `safe_text` and the `email` package's own refusal of
line breaks, so that no name can add a header.
"""

from __future__ import annotations

import hashlib
import re
import textwrap
from dataclasses import dataclass, replace
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, assert_never

from restore_lab.evidence import Evidence, Verdict
from restore_lab.findings import safe_text
from restore_lab.lab import Mail
from restore_lab.report.advice import NAME_LENGTH, Line, Point
from restore_lab.report.glyphs import printable
from restore_lab.report.page_one import PageOne, page_one
from restore_lab.report.wording import Wording, wording_for

if TYPE_CHECKING:
    from jinja2 import Environment

#: Parameters of findings that may name a part of the database, or a question about it.
WITHHELD: Final = frozenset({"table", "view", "name", "database", "subject", "role"})
_TEXT_WIDTH: Final = 72
_SUBJECT_LENGTH: Final = 160
#: What a name that was withheld leaves in a sentence: « (?) », « (?, octobre 2026) ».
_GAP: Final = ((re.compile(r"\(\?, "), "("), (re.compile(r"[\s\u00a0\u202f]\(\?\)"), ""))

Attached = Literal["attached", "on demand", "missing"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """All that the templates read: page 1, and what only a mail says."""

    language: str
    subject: str
    page: PageOne
    headline: str
    lead: tuple[str, ...]
    report: str
    record_title: str
    record: tuple[Line, ...]
    keep: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Enclosed:
    """What goes with the words: the head of the entry that closed the drill, the signed PDF if any, the mail's date."""

    head: str
    report: bytes | None
    at: datetime


def compose(evidence: Evidence, enclosed: Enclosed, settings: Mail, *, language: str) -> bytes:
    """Write the mail of one drill as it goes over the wire.

    Raises:
        UsageError: there is no catalogue for `language`.
    """
    wording = wording_for(language, evidence.timezone)
    attached = _attached(enclosed, settings)
    letter = _letter(evidence, wording, head=enclosed.head, attached=attached)
    envelope = Envelope(
        contractor=evidence.people.contractor,
        subject=letter.subject,
        at=enclosed.at,
        message_id=message_id(evidence.drill_id, settings),
        language=wording.language,
    )
    message = written("mail", envelope, settings, letter=letter, accent=_ACCENTS[letter.page.kind])
    if enclosed.report is not None and attached == "attached":
        day = evidence.finished_at.astimezone(wording.zone)
        name = wording.text("restore-test-{day}.pdf", day=f"{day:%Y-%m-%d}")
        message.add_attachment(enclosed.report, maintype="application", subtype="pdf", filename=name)
    return boundaries_fixed(message, evidence.drill_id).as_bytes()


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """What the headers of a mail are made of, beside the people of `[mail]`."""

    contractor: str
    subject: str
    at: datetime
    message_id: str
    language: str


def written(template: str, envelope: Envelope, settings: Mail, **values: object) -> EmailMessage:
    """Write headers and both bodies of a mail, from the two templates of one name."""
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(printable(envelope.contractor, NAME_LENGTH), addr_spec=settings.sender)
    message["To"] = [Address(addr_spec=address) for address in settings.recipients]
    if settings.copies:
        message["Cc"] = [Address(addr_spec=address) for address in settings.copies]
    message["Subject"] = envelope.subject
    message["Date"] = envelope.at
    message["Message-ID"] = envelope.message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence note comes back
    message["Content-Language"] = envelope.language
    text, html = (_templates().get_template(f"{template}.{form}.j2").render(values) for form in ("txt", "html"))
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    return message


def subject_line(said: str) -> str:
    """Make a subject of a sentence; plain spaces only: what a filter or a search is given is typed with those."""
    return safe_text(" ".join(said.split()), _SUBJECT_LENGTH)


def message_id(drill_id: str, settings: Mail) -> str:
    """Name the mail of a drill: the same whenever it is composed, so that a mail reader folds a second copy."""
    local = re.sub(r"[^A-Za-z0-9-]+", "-", drill_id)[:80]
    digest = hashlib.sha256(drill_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"<restore-lab.{local}.{digest}@{settings.sender.partition('@')[2]}>"


def _attached(enclosed: Enclosed, settings: Mail) -> Attached:
    if enclosed.report is None:
        return "missing"
    return "attached" if settings.attach_report else "on demand"


def _letter(evidence: Evidence, wording: Wording, *, head: str, attached: Attached) -> Letter:
    page = page_one(_without_names(evidence), wording)
    page = replace(page, points=tuple(dict.fromkeys(_without_gaps(point) for point in page.points)))
    unknown = evidence.verdict is Verdict.INCONCLUSIVE
    return Letter(
        language=wording.language,
        subject=_subject(evidence, wording),
        page=page,
        headline=f"{page.verdict} {page.lead[0]}" if unknown else page.verdict,
        lead=page.lead[1:] if unknown else page.lead,
        report=_about_report(evidence, wording, attached),
        record_title=wording.text("To keep, for the auditor"),
        record=(
            Line(label=wording.text("Number of the test:"), text=printable(evidence.drill_id)),
            Line(label=wording.text("Head of the register of restore tests:"), text=printable(head)),
        ),
        keep=wording.text(
            "Keep this mail: with this head, kept by you, it can be seen later whether a test up to this one was "
            "removed from the register."
        ),
    )


def _subject(evidence: Evidence, wording: Wording) -> str:
    """Say the result first, in words of which none can be taken for another."""
    day = wording.plain_day(evidence.finished_at)
    practice = printable(evidence.people.practice, NAME_LENGTH)
    match evidence.verdict:
        case Verdict.PASSED:
            said = wording.text("Passed – restore test of {day} – {practice}", day=day, practice=practice)
        case Verdict.PASSED_WITH_RESERVATIONS:
            said = wording.text(
                "Passed with reservations – restore test of {day} – {practice}", day=day, practice=practice
            )
        case Verdict.INCONCLUSIVE:
            said = wording.text("NO RESULT – restore test of {day} – {practice}", day=day, practice=practice)
        case Verdict.FAILED:
            said = wording.text("FAILED – restore test of {day} – {practice}", day=day, practice=practice)
        case _:
            assert_never(evidence.verdict)
    return subject_line(said)


def _about_report(evidence: Evidence, wording: Wording, attached: Attached) -> str:
    who = printable(evidence.people.contractor, NAME_LENGTH)
    match attached:
        case "attached":
            return wording.text("The signed report is attached: page 1 for you, the next ones for the auditor.")
        case "on demand":
            return wording.text("The signed report is kept by {who}; ask for it there.", who=who)
        case "missing":
            return wording.text("The report could not be written; {who} has the record of the test.", who=who)
        case _:
            assert_never(attached)


def _without_names(evidence: Evidence) -> Evidence:
    """Take out of the findings what names a part of the database: their sentences then read « (?) »."""
    findings = tuple(
        replace(
            graded,
            finding=replace(
                graded.finding, params=tuple(pair for pair in graded.finding.params if pair[0] not in WITHHELD)
            ),
        )
        for graded in evidence.findings
    )
    return replace(evidence, findings=findings)


def _without_gaps(point: Point) -> Point:
    seen = point.seen
    for pattern, instead in _GAP:
        seen = pattern.sub(instead, seen)
    return replace(point, seen=seen)


def boundaries_fixed(message: EmailMessage, name: str) -> EmailMessage:
    """Name the boundaries after the mail: else each writing draws them anew, and no two of one mail are alike."""
    for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
        digest = hashlib.sha256(f"{number} {name}".encode("utf-8", "surrogatepass")).hexdigest()
        part.set_boundary(f"=_{digest[:40]}")
    return message


#: The accents of page 1 (`report/doctor.typ`), and a sign beside each, so that colour alone says nothing.
_ACCENTS: Final = {
    "passed": ("#17603f", "#e8efec", "\N{HEAVY CHECK MARK}\N{VARIATION SELECTOR-15}"),
    "reserved": ("#8a5200", "#f3eee5", "!"),
    "inconclusive": ("#3f4f66", "#ecedf0", "?"),
    "failed": ("#9e1b1b", "#f5e8e8", "\N{MULTIPLICATION SIGN}"),
}


@cache
def _templates() -> Environment:
    """Give the templates of every mail; strict, and escaping where HTML is written."""
    from jinja2 import (  # noqa: PLC0415 - needed only when a mail is written
        Environment,
        PackageLoader,
        StrictUndefined,
        select_autoescape,
    )

    templates = Environment(
        loader=PackageLoader("restore_lab.delivery"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=("html.j2",)),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["filled"] = _filled
    return templates


def _filled(text: str, first: str = "", rest: str = "") -> str:
    """Break a paragraph into lines for the text part; no-break spaces hold, long words stay whole."""
    return textwrap.fill(
        text,
        width=_TEXT_WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )

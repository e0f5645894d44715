"""Evidence into a PDF/A-3a, PDF/UA-1 report by Typst; the same values give the same bytes."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore_lab.errors import RestoreLabError
from restore_lab.report.auditor_answers import answer_sections, unknown_section
from restore_lab.report.auditor_identity import identity_sections
from restore_lab.report.auditor_record import Seal, record_sections
from restore_lab.report.auditor_restore import restore_sections
from restore_lab.report.blocks import Block, Note, Section, cell
from restore_lab.report.glyphs import breakable, drawable, printable
from restore_lab.report.page_one import PageOne, page_one
from restore_lab.report.wording import Wording, wording_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from restore_lab.evidence import Evidence

__all__ = ["Seal", "render_pdf"]

_FONTS = Path(__file__).parent / "fonts"
_TEMPLATES = ("page.typ", "doctor.typ", "auditor.typ")
_ATTACHMENT_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\.json")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Attachment:
    name: str
    description: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Document:
    """All that the templates read, as `report.json`."""

    language: str
    title: str
    author: str
    footer: str
    doctor_footer: str
    auditor_footer: str
    auditor_title: str
    page_one: PageOne
    sections: tuple[Section, ...]
    attachments: tuple[_Attachment, ...]


def render_pdf(evidence: Evidence, *, language: str, attachments: Mapping[str, bytes], seal: Seal) -> bytes:
    """Lay out the report of one drill, with `attachments` (name to JSON bytes) embedded unchanged.

    Raises:
        RestoreLabError: Typst refused the document or warned, or an attachment has an unusable name.
        UsageError: there is no catalogue for `language`.
    """
    import typst  # noqa: PLC0415 - heavy, needed only when a report is written

    wording = wording_for(language, evidence.timezone)
    for name in attachments:
        if not _ATTACHMENT_NAME.fullmatch(name):
            raise RestoreLabError(f"attachment name {name!r} is not a plain *.json name", hint="this is a bug")
    document = _document(evidence, tuple(attachments), seal, wording)
    attached = {f"attached/{name}": content for name, content in attachments.items()}
    files: Any = {**_templates(), "report.json": _to_json(document), **attached}  # typst's stub lacks this form
    try:
        compiler = typst.Compiler(files, font_paths=[str(_FONTS)], ignore_system_fonts=True)
        pdf, warnings = compiler.compile_with_warnings(
            format="pdf",
            pdf_standards=["a-3a", "ua-1"],
            timestamp=evidence.finished_at.astimezone(UTC).replace(microsecond=0),
        )
    except typst.TypstError as error:
        raise RestoreLabError(f"the report could not be laid out: {error}", hint="this is a bug") from error
    if warnings or not isinstance(pdf, bytes):
        raise RestoreLabError(f"the report was laid out with warnings: {warnings[:3]}", hint="this is a bug")
    return pdf


def _document(evidence: Evidence, attached: tuple[str, ...], seal: Seal, wording: Wording) -> _Document:
    text = wording.text
    practice = printable(evidence.people.practice)
    return _Document(
        language=wording.language,
        title=text("Backup restore test – {practice}", practice=practice),
        author=printable(evidence.people.contractor) or "restore-lab",
        footer=text("Page {page} of {total}", page="#page", total="#total"),
        doctor_footer=text("For the doctor. The next pages are for the auditor."),
        auditor_footer=text("For the auditor. Drill {drill}", drill=printable(evidence.drill_id, 60)),
        auditor_title=text("Record of the test, for the auditor"),
        page_one=page_one(evidence, wording),
        sections=_sections(evidence, seal, wording),
        attachments=tuple(_Attachment(name=name, description=text("Evidence of the drill")) for name in attached),
    )


def _sections(evidence: Evidence, seal: Seal, wording: Wording) -> tuple[Section, ...]:
    sections = [*identity_sections(evidence, wording), unknown_section(evidence, wording)]
    for restore in evidence.restores:
        title = cell(wording.text("Restore {id}: {place}", id=restore.restore_id, place=restore.place))
        sections.append(Section(title=title, blocks=()))
        sections += restore_sections(restore, wording)
        sections += answer_sections(restore, evidence, wording)
    if not evidence.restores:
        nothing: tuple[Block, ...] = (Note(text=wording.text("No restore was begun.")),)
        sections.append(Section(title=wording.text("Restores"), blocks=nothing))
    return (*sections, *record_sections(evidence, seal, wording))


def _to_json(document: _Document) -> bytes:
    """Clean every string once more, whoever made it: what has no glyph cannot reach Typst."""
    plain = asdict(document)
    plain["page_one"] = _changed(plain["page_one"], breakable)
    return json.dumps(_changed(plain, drawable), sort_keys=True).encode("ascii")


def _changed(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _changed(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_changed(item, change) for item in value]
    return value


@cache
def _templates() -> dict[str, bytes]:
    folder = resources.files("restore_lab.report")
    files = {name: folder.joinpath(name).read_bytes() for name in _TEMPLATES}
    return {"main.typ": files.pop("page.typ"), **files}

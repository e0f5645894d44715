"""From what a drill saw to what stays: evidence, envelope, report, register entry. Touches no machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from restore_lab.durable import replace_durably
from restore_lab.errors import RestoreLabError
from restore_lab.evidence import Evidence, to_json
from restore_lab.findings import Code
from restore_lab.history import ENVELOPE_NAME, drill_folder
from restore_lab.lab import Lab
from restore_lab.register import EntryType, Register
from restore_lab.signature import dsse
from restore_lab.signature.keys import SigningKey

if TYPE_CHECKING:
    from restore_lab.signature.pades import SignedPdf

REPORT_NAME = "report.pdf"
EVIDENCE_NAME = "evidence.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What stays of a drill: its folder, the new head, and why there is no report, or no time stamp in it."""

    folder: Path
    head: str
    report: Path | None
    report_fault: str
    stamp_fault: str = ""


def seal_and_close(lab: Lab, register: Register, key: SigningKey, evidence: Evidence) -> Recorded:
    """Seal, sign, render and append `closed`; the caller holds the register's lock.

    A report that cannot be rendered or signed does not keep the evidence from being recorded: the entry says why.

    Raises:
        RestoreLabError: the disk took neither envelope nor entry.
    """
    folder = drill_folder(lab.reports, evidence.drill_id)
    evidence_json = to_json(evidence)
    envelope = dsse.sign(dsse.PAYLOAD_TYPE, dsse.statement(evidence_json, _subjects(evidence)), key)
    fields: dict[str, Any] = {
        "drill": evidence.drill_id,
        "scenario": evidence.scenario,
        "verdict": evidence.verdict.value,
        "reasons": list(evidence.reasons),
        "evidence_sha256": hashlib.sha256(evidence_json).hexdigest(),
        "dsse_sha256": hashlib.sha256(envelope).hexdigest(),
        **_still_there(evidence),
    }
    _write(folder / ENVELOPE_NAME, envelope)
    fault = stamp_fault = ""
    try:
        signed = signed_report(lab, key, evidence, evidence_json=evidence_json, envelope=envelope)
        _write(folder / REPORT_NAME, signed.data)
        fields |= {"pdf_sha256": hashlib.sha256(signed.data).hexdigest(), "pdf_bytes": len(signed.data)}
        if stamp_fault := signed.authority_fault:
            fields |= {"stamp_missing": stamp_fault}
    except Exception as error:  # noqa: BLE001 - whatever broke, the entry is written without the report
        fault = f"{type(error).__name__}: {error}" if isinstance(error, RestoreLabError) else type(error).__name__
        fields |= {"pdf_missing": fault}
    head = register.append(EntryType.CLOSED, fields, key=key, at=datetime.now(UTC))
    report = None if fault else folder / REPORT_NAME
    return Recorded(folder=folder, head=head, report=report, report_fault=fault, stamp_fault=stamp_fault)


def signed_report(lab: Lab, key: SigningKey, evidence: Evidence, *, evidence_json: bytes, envelope: bytes) -> SignedPdf:
    """Render and sign the report; where the authority gave no time stamp, its page says so.

    Raises:
        RestoreLabError: it could not be laid out or signed; a time-stamp authority that is down is no such reason.
    """
    from restore_lab.report.pdf import Seal, render_pdf  # noqa: PLC0415 - Typst and pyHanko only when they are needed
    from restore_lab.signature.pades import sign_pdf  # noqa: PLC0415

    settings = lab.settings
    authority = settings.signature.authority
    certificate = key.certificate
    seal = Seal(
        key_id=key.key_id,
        holder=certificate.subject.rfc4514_string().removeprefix("CN="),
        self_signed=certificate.issuer == certificate.subject,
        authority=urlsplit(authority).hostname if authority else None,
    )
    attachments: Mapping[str, bytes] = {EVIDENCE_NAME: evidence_json, ENVELOPE_NAME: envelope}

    def signed(seal: Seal, authority: str | None) -> SignedPdf:
        page = render_pdf(evidence, language=settings.report.language, attachments=attachments, seal=seal)
        return sign_pdf(page, key, reason=evidence.scenario_title, now=datetime.now(UTC), authority=authority)

    stamped = signed(seal, authority)
    if stamped.authority_fault:  # that page names who stamped it
        return replace(signed(replace(seal, is_stamped=False), None), authority_fault=stamped.authority_fault)
    return stamped


def _subjects(evidence: Evidence) -> dict[str, str]:
    backups = {f"backup:{one.restore_id}": one.sha256 for one in evidence.restores if one.sha256}
    return {**backups, f"scenario:{evidence.scenario}": evidence.scenario_sha256}


def _still_there(evidence: Evidence) -> dict[str, str | bool]:
    """Give what the entry says of copies: until when one is held, and that one was not shown to be gone."""
    held = [one.held_until for one in evidence.restores if one.held_until is not None]
    fields: dict[str, str | bool] = {"held_until": max(held).isoformat()} if held else {}
    not_gone = any(one.finding.code is Code.COPY_NOT_SHOWN_GONE for one in evidence.findings)
    return {**fields, "not_gone": True} if not_gone else fields


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_durably(path, data)
    except OSError as error:
        raise RestoreLabError(f"{path} could not be written: {error.strerror}", hint="is the disk full?") from error

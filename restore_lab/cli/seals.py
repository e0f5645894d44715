"""`verify`, `register`, `report`: what was recorded, checked and written again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from restore_lab.errors import ExitCode, KeyMissing, SealBroken, UsageError
from restore_lab.lab import FILE_NAME, Lab, load_lab

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from restore_lab.register import Register
    from restore_lab.signature.verify import PdfCheck


def _certificate(lab: Lab) -> Certificate:
    from restore_lab.signature.keys import load_certificate  # noqa: PLC0415 - quick --help

    path = lab.settings.signature.certificate
    if not path.exists() and not any(lab.reports.glob("register*.jsonl")):
        raise KeyMissing(
            f"there is no signing key yet, and no register: {path} is not there",
            hint='restore-lab key create --holder "Your name"',
        )
    try:
        return load_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SealBroken(f"{path} is not a certificate that can be read", hint="restore it from its copy") from error


def _trusted(folder: Path, given: Path | None) -> Certificate:
    """Read the certificate that was named, else the lab's."""
    from restore_lab.signature.keys import load_certificate  # noqa: PLC0415 - quick --help

    if given is None:
        if not (folder / FILE_NAME).exists():
            raise UsageError(
                "no certificate to check with: none was given, and this is no lab's folder",
                hint="--certificate CERTIFICATE.pem, the one you got by another way than the report",
            )
        return _certificate(load_lab(folder))
    try:
        return load_certificate(given.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{given} is not a certificate that can be read", hint="a certificate is a text file (PEM)"
        ) from error


def register_of(lab: Lab) -> Register:
    """Open a lab's register.

    Raises:
        SealBroken: there is no certificate to check it with.
    """
    from restore_lab.register import Register  # noqa: PLC0415

    return Register(folder=lab.reports, certificate=_certificate(lab))


@click.command(epilog="For example: restore-lab verify report.pdf --certificate contractor.pem")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--certificate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Certificate to trust.  [default: the lab's]",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_obj
def verify(folder: str, file: Path, certificate: Path | None, *, as_json: bool) -> int:
    """Verify a report (PDF) or an envelope (DSSE): integrity, identity, time and trust, each apart."""
    trusted = _trusted(Path(folder), certificate)
    data = file.read_bytes()
    said = _verify_pdf(data, trusted) if data.startswith(b"%PDF") else _verify_envelope(data, trusted)
    if as_json:
        click.echo(json.dumps(said, indent=2, ensure_ascii=False))
    else:
        for name, value in said.items():
            if name != "trusted":  # `trust` says it in words
                click.echo(f"{name:<10} {value}")
    return ExitCode.PASSED if said["trusted"] else ExitCode.SEAL_BROKEN


def _verify_pdf(data: bytes, trusted: Certificate) -> dict[str, object]:
    from restore_lab.evidence import from_json  # noqa: PLC0415
    from restore_lab.history import ENVELOPE_NAME  # noqa: PLC0415
    from restore_lab.recording import EVIDENCE_NAME  # noqa: PLC0415
    from restore_lab.signature.verify import verify_pdf  # noqa: PLC0415

    check = verify_pdf(data, trusted=[trusted], now=datetime.now(UTC))
    if set(check.attachments) != {EVIDENCE_NAME, ENVELOPE_NAME}:
        raise SealBroken(f"attachments: expected evidence and envelope, got {sorted(check.attachments)}")
    evidence_json = check.attachments[EVIDENCE_NAME]
    inside = _envelope_evidence(check.attachments[ENVELOPE_NAME], check.identity.certificate)
    if inside != evidence_json:
        raise SealBroken("the attached evidence is not the one in the attached envelope")
    evidence = from_json(evidence_json)
    return {
        "integrity": f"the whole file is signed, unchanged ({check.integrity.level})",
        "identity": _identity(check),
        "time": _time(check),
        "trust": "the signer's certificate is the one given" if check.trust.signer else "signed by another certificate",
        "verdict": evidence.verdict.value,
        "drill": evidence.drill_id,
        "previous": evidence.previous_head,
        "trusted": bool(check.trust.signer),
    }


def _identity(check: PdfCheck) -> str:
    by_whom = "certified by nobody but itself" if check.identity.self_signed else "certified by another"
    return f"{check.identity.signer}, {by_whom}, key {check.identity.key_id}"


def _time(check: PdfCheck) -> str:
    if check.time.stamped_at is None:
        claimed = check.time.signed_at_claimed
        return f"{claimed.isoformat() if claimed else 'no time'} as the signer claims; no third party's time"
    known = "trusted" if check.trust.authority else "not among the trusted ones"
    return f"{check.time.stamped_at.isoformat()} by {check.time.authority} ({known})"


def _verify_envelope(data: bytes, trusted: Certificate) -> dict[str, object]:
    from restore_lab.evidence import from_json  # noqa: PLC0415

    evidence = from_json(_envelope_evidence(data, trusted))
    return {
        "integrity": "the envelope is signed, unchanged",
        "identity": trusted.subject.rfc4514_string(),
        "time": f"{evidence.finished_at.isoformat()} as the evidence says; no third party's time",
        "trust": "the signer's key is that of the certificate given",
        "verdict": evidence.verdict.value,
        "drill": evidence.drill_id,
        "previous": evidence.previous_head,
        "trusted": True,
    }


def _envelope_evidence(envelope: bytes, certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    from restore_lab.signature import dsse  # noqa: PLC0415

    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise SealBroken("the certificate is not one of an elliptic-curve key")
    return dsse.read_statement(
        dsse.open_envelope(envelope, payload_type=dsse.PAYLOAD_TYPE, public_key=key)
    ).evidence_json


@click.group()
def register() -> None:
    """List or verify the register of drills."""


@register.command("list", epilog="For example: restore-lab register list --json")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_obj
def list_entries(folder: str, *, as_json: bool) -> int:
    """List the entries that verify, oldest first; say so when not all do."""
    checked = register_of(load_lab(Path(folder))).verify()
    if as_json:
        plain = [
            {"type": one.kind.value, "at": one.at.isoformat(), "head": one.head, **one.fields}
            for one in checked.entries
        ]
        click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
    else:
        for one in checked.entries:
            said = " ".join(str(one.fields[name]) for name in ("drill", "verdict", "key_id") if name in one.fields)
            click.echo(f"{one.at:%Y-%m-%d %H:%M:%S %Z}  {one.kind.value:<9}  {said}")
    if not checked.faults:
        return ExitCode.PASSED
    click.echo("the register does not verify, so entries may be missing; see `restore-lab register verify`", err=True)
    return ExitCode.SEAL_BROKEN


@register.command("verify", epilog="For example: restore-lab register verify --head 9f2c...")
@click.option("--head", "known_head", help="A head printed in a report or kept elsewhere; it must be in the register.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_obj
def verify_register(folder: str, known_head: str | None, *, as_json: bool) -> int:
    """Verify every entry, link and file; say what this cannot show."""
    checked = register_of(load_lab(Path(folder))).verify(known_head=known_head)
    unanswered = [str(one.fields.get("drill")) for one in checked.unanswered]
    if as_json:
        said = {"head": checked.head, "entries": len(checked.entries), "faults": checked.faults, "open": unanswered}
        click.echo(json.dumps(said, indent=2))
        return ExitCode.SEAL_BROKEN if checked.faults else ExitCode.PASSED
    for fault in checked.faults:
        click.echo(f"FAULT {fault}")
    for drill_id in unanswered:
        click.echo(f"open  {drill_id}: opened and not closed; `restore-lab sweep` closes it when it is dead")
    click.echo(f"{len(checked.entries)} entries verify; head {checked.head}")
    click.echo("Against the holder of the key this proves nothing by itself: compare with heads that others keep.")
    return ExitCode.SEAL_BROKEN if checked.faults else ExitCode.PASSED


@click.command(epilog="For example: restore-lab report 20261122T091500Z-annual-1f0c --to copy.pdf")
@click.argument("drill_id", metavar="DRILL")
@click.option("--to", "target", type=click.Path(dir_okay=False, path_type=Path), help="Where to write it.")
@click.pass_obj
def report(folder: str, drill_id: str, target: Path | None) -> None:
    """Render and sign a drill's report again from its registered evidence."""
    from restore_lab.drill import open_key  # noqa: PLC0415
    from restore_lab.evidence import from_json  # noqa: PLC0415
    from restore_lab.history import ENVELOPE_NAME, drill_folder  # noqa: PLC0415
    from restore_lab.recording import REPORT_NAME, signed_report  # noqa: PLC0415

    lab = load_lab(Path(folder))
    home = drill_folder(lab.reports, drill_id)
    try:
        envelope = (home / ENVELOPE_NAME).read_bytes()
    except OSError as error:
        raise SealBroken(f"{drill_id}: its evidence is not there", hint="`restore-lab register list`") from error
    evidence_json = _envelope_evidence(envelope, _certificate(lab))
    first = home / REPORT_NAME
    again = target or (home / f"report-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.pdf" if first.exists() else first)
    key = open_key(lab)
    signed = signed_report(lab, key, from_json(evidence_json), evidence_json=evidence_json, envelope=envelope)
    again.write_bytes(signed.data)
    if signed.authority_fault:
        click.echo(f"no time stamp: {signed.authority_fault}", err=True)
    click.echo(str(again))

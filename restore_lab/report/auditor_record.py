"""The auditor's pages, last part: how the report is kept, how to check it, who sealed it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from restore_lab.report.blocks import Box, Commands, Facts, Note, Section, cell, fact

if TYPE_CHECKING:
    from restore_lab.evidence import Evidence
    from restore_lab.report.wording import Wording


#: Each fits on one printed line: one that wraps cannot be copied from the page.
_COMMANDS = (
    "pdfsig report.pdf && pdfsig -dump report.pdf",
    "openssl pkcs7 -inform DER -in report.pdf.sig0 -print_certs -out signer.pem",
    "openssl x509 -in signer.pem -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum",
    "pdfdetach -saveall report.pdf",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seal:
    """Who is about to sign.

    `key_id` is the SHA-256 (hex) of the key's DER SubjectPublicKeyInfo; `authority` is the host name of the
    time-stamping authority that is asked, or None; one that gave no token leaves the report not stamped.
    """

    key_id: str
    holder: str
    self_signed: bool
    authority: str | None
    is_stamped: bool = True


def record_sections(evidence: Evidence, seal: Seal, wording: Wording) -> tuple[Section, ...]:
    """Say how the report is kept, checked and sealed."""
    return (_register(evidence, wording), _law(wording), _check(wording), _seal(seal, wording))


def _register(evidence: Evidence, wording: Wording) -> Section:
    text = wording.text
    return Section(
        title=text("Register of restore tests"),
        blocks=(
            Facts(facts=(fact(text("Head before this drill"), evidence.previous_head, mono=True),)),
            Note(
                text=text(
                    "This test is an entry of the register of restore tests, a chain in which each entry names the "
                    "one before it. Against the holder of the key, only a head kept by somebody else counts: keep "
                    "this page, or the letter that came with it."
                )
            ),
        ),
    )


def _law(wording: Wording) -> Section:
    return Section(
        title=wording.text("Use as a record"),
        blocks=(
            Note(
                text=wording.text(
                    "This report may support the documentation of the measures named in GDPR articles 5(1)(f), "
                    "32(1)(c) and 32(1)(d). It is a record of what was seen on one day, not an opinion on the "
                    "practice's duties. It holds no patient data: counts, dates and digests only. Characters that "
                    "cannot be printed are shown as �; the attached evidence.json has them as they are."
                )
            ),
        ),
    )


def _check(wording: Wording) -> Section:
    text = wording.text
    return Section(
        title=text("Check with tools that are not ours"),
        blocks=(
            Commands(lines=_COMMANDS),
            Note(
                text=text(
                    "pdfsig is to print « Signature is Valid » and « Total document signed »; its exit status says "
                    "nothing. The third line names the key, to be compared with the one below and with one received "
                    "by another way. The fourth gives evidence.json and its signed envelope evidence.dsse.json."
                )
            ),
        ),
    )


def _seal(seal: Seal, wording: Wording) -> Section:
    text = wording.text
    sealed = (
        text("Sealed electronically with a key of the contractor; identity not certified by a third party.")
        if seal.self_signed
        else text("Sealed electronically with a key whose holder is named by a certification authority.")
    )
    if seal.authority and seal.is_stamped:
        time = text("Time stamped by {authority}.", authority=seal.authority)
    elif seal.authority:
        time = text(
            "The time is that of the contractor's machine: {authority} was asked for a time stamp and gave none.",
            authority=seal.authority,
        )
    else:
        time = text("The time is that of the contractor's machine, not of a third party.")
    lines = (
        sealed,
        cell(text("Holder: {holder}", holder=seal.holder)),
        text("Key: {key}", key=seal.key_id),
        time,
    )
    return Section(title=text("Electronic signature"), blocks=(Box(title="", lines=lines),))

"""PAdES signatures over reports: baseline B-T with a time-stamp authority, B-B without (ETSI EN 319 142-1).

Light to import: what needs pyHanko is loaded by the first signature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from restore_lab.signature.keys import SigningKey

Level = Literal["B-T", "B-B"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedPdf:
    """The signed file; `authority_fault` says in a few words why it is B-B although an authority was named."""

    data: bytes
    level: Level
    authority_fault: str


def sign_pdf(pdf: bytes, key: SigningKey, *, reason: str, now: datetime, authority: str | None) -> SignedPdf:
    """Sign a PDF/A-3a + PDF/UA-1 file so that it stays both; an authority (http(s) address) that fails costs only B-T.

    `now` is the claimed time of signing, aware. Waits at most 20 s for the authority.

    Raises:
        RestoreLabError: the bytes are no PDF that can be signed.

    Source: ETSI EN 319 142-1 (baseline B-B, B-T), RFC 5652, RFC 3161.
    """
    from restore_lab.signature import pdf_signing  # noqa: PLC0415 - a second of imports, for those who sign only

    if authority is None:
        return SignedPdf(data=pdf_signing.sign(pdf, key, reason, now), level="B-B", authority_fault="")
    try:
        data = pdf_signing.sign_stamped(pdf, key, reason, now, authority)
    except pdf_signing.AuthorityUnusable as error:
        fault = str(error)
        return SignedPdf(data=pdf_signing.sign(pdf, key, reason, now), level="B-B", authority_fault=fault)
    return SignedPdf(data=data, level="B-T", authority_fault="")

"""Verifies a signed report from its own bytes and the certificates given, without network and without our records.

Light to import: what needs pyHanko is loaded by the first verification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from cryptography import x509

    from restore_lab.signature.pades import Level


@dataclass(frozen=True, kw_only=True, slots=True)
class Integrity:
    """What is shown unchanged: every byte, or there would be no result; `level` as in ETSI EN 319 142-1."""

    size_bytes: int
    sha256: str
    level: Level


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Whose key signed, as its certificate says; nobody else vouches for that when it is `self_signed`.

    `key_id` is the SHA-256 (hex) of the DER SubjectPublicKeyInfo, or of what stands there in place of one.
    """

    signer: str
    key_id: str
    self_signed: bool
    certificate: x509.Certificate


@dataclass(frozen=True, kw_only=True, slots=True)
class Time:
    """`signed_at_claimed` is the signer's word, `stamped_at` that of the authority, if there is a time stamp."""

    signed_at_claimed: datetime | None
    stamped_at: datetime | None
    authority: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Trust:
    """Whether the signer's and the authority's certificates lead to one of those the caller trusts.

    Revocation is not looked up. The signer's certificate must have been valid at the time of a trusted stamp, else now.
    """

    signer: bool
    authority: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PdfCheck:
    """Integrity, identity, time and trust of a signed report, each for itself, and the files attached to it by name."""

    integrity: Integrity
    identity: Identity
    time: Time
    trust: Trust
    attachments: Mapping[str, bytes]


def verify_pdf(data: bytes, *, trusted: Sequence[x509.Certificate], now: datetime) -> PdfCheck:
    """Verify a report that carries one PAdES signature over all of its bytes, more strictly than PDF readers do.

    An untrusted signer is no fault: see `PdfCheck.trust`. No trusted certificate means that nobody is trusted.

    Raises:
        SealBroken: any byte is not as it was signed, anything stands beside the signature, or it is no such file.

    Source: ETSI EN 319 142-1, ISO 32000-2 12.8, RFC 5652, RFC 3161.
    """
    from restore_lab.signature import pdf_reading  # noqa: PLC0415 - a second of imports, for those who verify only

    return pdf_reading.read(data, trusted, now)

"""The half of `verify` that needs pyHanko; foreign exceptions end here."""

from __future__ import annotations

import asyncio
import hashlib
import io
from contextlib import contextmanager
from datetime import UTC
from types import MappingProxyType
from typing import TYPE_CHECKING

from asn1crypto import cms  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation import EmbeddedPdfSignature, SignatureCoverageLevel
from pyhanko.sign.validation.pdf_embedded import async_validate_pdf_signature

from restore_lab.errors import SealBroken
from restore_lab.signature.attachments import read_attachments
from restore_lab.signature.authority import Stamp, check_token
from restore_lab.signature.cms import Asn1, offline_trust, rewritten, stamp_of
from restore_lab.signature.verify import Identity, Integrity, PdfCheck, Time, Trust

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from pyhanko.sign.validation.status import PdfSignatureStatus

REPORT_CAP_BYTES = 64 * 1024 * 1024
_HINT = "the file is not the one that was signed; ask for the copy that was sent by mail"


def read(data: bytes, trusted: Sequence[x509.Certificate], now: datetime) -> PdfCheck:
    """Do what `verify.verify_pdf` promises."""
    if len(data) > REPORT_CAP_BYTES:
        raise SealBroken(f"the report has {len(data)} bytes, expected at most {REPORT_CAP_BYTES}", hint=_HINT)
    with _sealed():
        reader = PdfFileReader(io.BytesIO(data), strict=True)
        seal = _only_signature(reader)
        content_info = _check_contents(data, seal)
        stamp, signer_trusted = asyncio.run(_judge(seal, content_info, trusted, now))
        claimed = seal.self_reported_timestamp
        certificate = x509.load_der_x509_certificate(seal.signer_cert.dump())
        return PdfCheck(
            integrity=Integrity(
                size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), level="B-T" if stamp else "B-B"
            ),
            identity=_identity(certificate),
            time=Time(
                signed_at_claimed=None if claimed is None else claimed.astimezone(UTC),
                stamped_at=stamp.stamped_at if stamp else None,
                authority=stamp.authority if stamp else "",
            ),
            trust=Trust(signer=signer_trusted, authority=stamp is not None and stamp.trusted),
            attachments=MappingProxyType(read_attachments(reader)),
        )


def _only_signature(reader: PdfFileReader) -> EmbeddedPdfSignature:
    """Take the one signature field, filled; signatures of a kind nobody reads count too."""
    fields = list(enumerate_sig_fields(reader))
    if len(fields) != 1 or fields[0][1] is None:
        filled = sum(value is not None for _name, value, _field in fields)
        raise SealBroken(f"{len(fields)} signature fields, {filled} of them filled, expected 1 and 1", hint=_HINT)
    name, _value, field = fields[0]
    if reader.encrypted:
        raise SealBroken("the report is encrypted, expected a plain file", hint=_HINT)
    return EmbeddedPdfSignature(reader, field, name)


def _check_contents(data: bytes, seal: EmbeddedPdfSignature) -> Asn1:
    """Check the only bytes that the signature does not cover: its own hex digits, in one spelling, then zeros."""
    first_start, first_length, second_start, second_length = (int(number) for number in seal.byte_range)
    if first_start != 0 or second_start + second_length != len(data) or not 0 < first_length < second_start:
        got = f"[{first_start} {first_length} {second_start} {second_length}]"
        raise SealBroken(f"/ByteRange is {got}, expected all {len(data)} bytes around the signature", hint=_HINT)
    gap = data[first_length:second_start]
    contents = seal.pkcs7_content
    if gap != b"<%b>" % contents.hex().upper().encode():
        raise SealBroken("/Contents is not spelled in upper-case hex digits between < and >", hint=_HINT)
    content_info = cms.ContentInfo.load(contents)
    der = rewritten(content_info).dump()
    if not contents.startswith(der):
        raise SealBroken("the signature structure differs from its one form where no signature covers it", hint=_HINT)
    if any(contents[len(der) :]):
        raise SealBroken("the padding after the signature is not all zero", hint=_HINT)
    return content_info


async def _judge(
    seal: EmbeddedPdfSignature, content_info: Asn1, trusted: Sequence[x509.Certificate], now: datetime
) -> tuple[Stamp | None, bool]:
    """Check stamp and signature; give the stamp and whether the signer is trusted."""
    token = stamp_of(content_info)
    signature = content_info["content"]["signer_infos"][0]["signature"].native
    stamp = None if token is None else await check_token(token, signature, trusted)
    moment = stamp.stamped_at if stamp is not None and stamp.trusted else now
    status = await async_validate_pdf_signature(
        seal,
        signer_validation_context=offline_trust(trusted, moment),
        ts_validation_context=offline_trust(trusted, moment),
    )
    _require_untouched(status)
    certificate = seal.signer_cert
    valid_then = certificate.not_valid_before <= moment <= certificate.not_valid_after
    return stamp, bool(status.trusted) and valid_then


def _require_untouched(status: PdfSignatureStatus) -> None:
    if not status.intact:
        raise SealBroken("the digest of the report is not the one that was signed", hint=_HINT)
    if not status.valid:
        raise SealBroken("the signature was not made with the key of its certificate", hint=_HINT)
    if status.coverage is not SignatureCoverageLevel.ENTIRE_FILE:
        raise SealBroken(f"the signature covers {status.coverage}, expected the entire file", hint=_HINT)
    if status.modification_level is not ModificationLevel.NONE:
        raise SealBroken(f"the report was modified afterwards: {status.modification_level}", hint=_HINT)


def _identity(certificate: x509.Certificate) -> Identity:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    spki = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Identity(
        signer=str(names[0].value) if names else certificate.subject.rfc4514_string(),
        key_id=hashlib.sha256(spki).hexdigest(),
        self_signed=certificate.issuer == certificate.subject,
        certificate=certificate,
    )


@contextmanager
def _sealed() -> Iterator[None]:
    """Whatever a parser makes of bytes that were changed, the answer is the same."""
    try:
        yield
    except SealBroken:
        raise
    except Exception as error:
        raise SealBroken(
            f"the report is not a PDF with one signature that verifies: {type(error).__name__}: {error!s:.160}",
            hint=_HINT,
        ) from error

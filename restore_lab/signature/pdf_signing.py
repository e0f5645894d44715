"""The half of `pades` that needs pyHanko; foreign exceptions end here."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import InvisSigSettings, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, Signer
from pyhanko_certvalidator.registry import SimpleCertificateStore

from restore_lab.errors import RestoreLabError
from restore_lab.findings import safe_text
from restore_lab.signature.authority import TOKEN_CAP_BYTES, Authority, AuthorityUnusable
from restore_lab.signature.cms import to_asn1_certificate
from restore_lab.signature.pdf_reading import read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pyhanko.pdf_utils.writer import BasePdfFileWriter
    from pyhanko.sign.signers.pdf_signer import PdfSigningSession

    from restore_lab.signature.keys import SigningKey

__all__ = ["AuthorityUnusable", "sign", "sign_stamped"]

FIELD_NAME = "Seal"
#: An ECDSA P-256 signature in DER.
_LONGEST_SIGNATURE = 72
#: Hex digits kept free for a stamped signature: a fixed room, so that the authority is asked once, not also for a size.
_STAMPED_ROOM = 2 * (TOKEN_CAP_BYTES + 4 * 1024)


def sign(pdf: bytes, key: SigningKey, reason: str, now: datetime) -> bytes:
    """Sign at level B-B.

    Raises:
        RestoreLabError: the bytes are no PDF that can be signed.
    """
    with _ours():
        return _sign(pdf, key, _metadata(reason), now, None)


def sign_stamped(pdf: bytes, key: SigningKey, reason: str, now: datetime, authority: str) -> bytes:
    """Sign at level B-T.

    Raises:
        AuthorityUnusable: the authority gave no token that holds; also for any other fault, since B-B will tell.
    """
    try:
        data = _sign(pdf, key, _metadata(reason), now, Authority(authority))
        read(data, (), now)  # a token may be granted and still not hold
    except AuthorityUnusable as error:
        raise AuthorityUnusable(safe_text(str(error))) from error
    except Exception as error:
        raise AuthorityUnusable(safe_text(f"no usable token: {error}")) from error
    return data


def _sign(
    pdf: bytes, key: SigningKey, metadata: PdfSignatureMetadata, now: datetime, authority: Authority | None
) -> bytes:
    # Without the newline the first new object would follow %%EOF on its line, which breaks PDF/A (ISO 19005-3, 6.1.9).
    writer = _KeepsMetadata(io.BytesIO(pdf + b"\n"))
    pdf_signer = _SignerAt(now, metadata, _KeySigner(key), authority)
    room = None if authority is None else _STAMPED_ROOM
    output = pdf_signer.sign_pdf(writer, bytes_reserved=room, output=io.BytesIO())
    return bytes(output.getvalue())


def _metadata(reason: str) -> PdfSignatureMetadata:
    return PdfSignatureMetadata(
        field_name=FIELD_NAME, subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256", reason=reason
    )


class _KeySigner(Signer):
    """Signs with our key, in memory or on a card, whatever `private_key.sign` does."""

    def __init__(self, key: SigningKey) -> None:
        certificate = to_asn1_certificate(key.certificate)
        super().__init__(signing_cert=certificate, cert_registry=SimpleCertificateStore())  # type: ignore[no-untyped-call]
        self._key = key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:  # noqa: FBT001, FBT002 - pyHanko's own signature
        if digest_algorithm != "sha256":
            raise RestoreLabError(f"asked to sign over {digest_algorithm}, expected sha256")
        return bytes(_LONGEST_SIGNATURE) if dry_run else self._key.private_key.sign(data, ec.ECDSA(hashes.SHA256()))


class _KeepsMetadata(IncrementalPdfFileWriter):
    """Leaves the XMP as Typst wrote it: as pyHanko rewrites it, the stricter validator refuses it as PDF/A."""

    def _update_meta(self) -> None:
        """Do nothing; a private hook, which is why pyHanko's minor version is pinned and a test looks at the XMP."""


class _SignerAt(PdfSigner):
    """Claims the given time of signing instead of asking the clock."""

    def __init__(
        self, now: datetime, metadata: PdfSignatureMetadata, signer: Signer, authority: Authority | None
    ) -> None:
        field = SigFieldSpec(FIELD_NAME, invis_sig_settings=InvisSigSettings(box_out_of_bounds=True))
        super().__init__(metadata, signer, timestamper=authority, new_field_spec=field)
        self._now = now

    def init_signing_session(
        self,
        pdf_out: BasePdfFileWriter,
        existing_fields_only: bool = False,  # noqa: FBT001, FBT002 - pyHanko's own signature
    ) -> PdfSigningSession:
        signing = super().init_signing_session(pdf_out, existing_fields_only)
        signing.system_time = self._now
        return signing


@contextmanager
def _ours() -> Iterator[None]:
    try:
        yield
    except RestoreLabError:
        raise
    except Exception as error:
        raise RestoreLabError(f"the report could not be signed: {error!s:.200}") from error

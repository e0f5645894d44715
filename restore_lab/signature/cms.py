"""The one form in which a CMS signature or a time-stamp token may stand in a report.

Much of a CMS structure is covered by no signature: versions, algorithm lists, the signer's name, other certificates.
So each is written anew from the parts that *are* signed, and a report whose bytes differ from that is refused; a single
changed byte then shows wherever it is. Imported only when a PDF is signed or verified: pyHanko costs a second.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from asn1crypto import cms, core  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from pyhanko.keys.internal import translate_pyca_cryptography_cert_to_asn1
from pyhanko.sign.general import extract_certificate_info
from pyhanko.sign.validation.generic_cms import get_signing_cert_attr
from pyhanko_certvalidator import ValidationContext

if TYPE_CHECKING:
    from datetime import datetime

# Without a handler of its own Python would print the library's warnings; what matters reaches the caller as an error.
for _library in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_library).addHandler(logging.NullHandler())

CHAIN_LENGTH = 8
STAMP_ATTRIBUTE = "signature_time_stamp_token"

Asn1 = Any  # asn1crypto has no types
to_asn1_certificate = translate_pyca_cryptography_cert_to_asn1


class NotOurForm(Exception):
    """The structure cannot be brought into the one form; the message says which part."""


def offline_trust(trusted: Iterable[x509.Certificate], moment: datetime) -> ValidationContext:
    """Trust these certificates only, at this moment, and never fetch anything (no OCSP, no CRL, no system store)."""
    roots = [to_asn1_certificate(certificate) for certificate in trusted]
    return ValidationContext(trust_roots=roots, moment=moment, allow_fetching=False)


def rewritten(content_info: Asn1) -> Asn1:
    """Write a ContentInfo anew: detached signature (content type data) or time-stamp token (content type TSTInfo).

    Kept are the signed attributes, the signature, the signed content of a token, the signer's certificate, its chain
    if that ends in a self-signed certificate, and one time-stamp token in the unsigned attributes.

    Raises:
        NotOurForm: another number of signers, an attribute or algorithm that has no place there.

    Source: RFC 5652, RFC 3161, ETSI EN 319 142-1 (signing-certificate attribute is mandatory).
    """
    signed_data = content_info["content"]
    if len(signed_data["signer_infos"]) != 1:
        raise NotOurForm(f"{len(signed_data['signer_infos'])} signers, expected 1")
    signer = signed_data["signer_infos"][0]
    certificates = extract_certificate_info(signed_data)
    leaf = certificates.signer_cert
    chain = _chain(leaf, certificates.other_certs)
    content, version = _content(signed_data["encap_content_info"])
    fields = {
        "version": version,
        "digest_algorithms": [{"algorithm": _digest(signer)}],
        "encap_content_info": content,
        "certificates": chain,
        "signer_infos": [_signer(signer, leaf)],
    }
    return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(fields)})


def stamp_of(content_info: Asn1) -> Asn1 | None:
    """Find the time-stamp token over the signature value, or none (source: RFC 3161, appendix A)."""
    unsigned = content_info["content"]["signer_infos"][0]["unsigned_attrs"]
    return None if unsigned is core.VOID or not len(unsigned) else unsigned[0]["values"][0]


def _digest(signer: Asn1) -> str:
    digest = signer["digest_algorithm"]["algorithm"].native
    if digest not in {"sha256", "sha384", "sha512"}:
        raise NotOurForm(f"digest {digest!s:.20}, expected SHA-2")
    return str(digest)


def _content(content: Asn1) -> tuple[Asn1, str]:
    kind = content["content_type"].native
    if kind == "data":
        return {"content_type": "data"}, "v1"
    if kind == "tst_info":
        signed = core.ParsableOctetString(bytes(content["content"]))
        return cms.EncapsulatedContentInfo({"content_type": "tst_info", "content": signed}), "v3"
    raise NotOurForm(f"content {kind!s:.20}, expected a detached signature or a time stamp")


def _signer(signer: Asn1, leaf: Asn1) -> Asn1:
    digest = _digest(signer)
    family = {"rsa": "rsa", "ec": "ecdsa"}.get(leaf.public_key.algorithm)
    mechanism = signer["signature_algorithm"]["algorithm"].native
    if family is None or mechanism not in {f"{digest}_{family}", f"{family}ssa_pkcs1v15"}:
        raise NotOurForm(f"signature algorithm {mechanism!s:.20}, expected {digest} with {family}")
    attributes = cms.CMSAttributes.load(signer["signed_attrs"].untag().dump())
    if get_signing_cert_attr(attributes) is None:
        raise NotOurForm("no signing-certificate attribute")
    sid = {"issuer": leaf.issuer, "serial_number": leaf.serial_number}
    fields = {
        "version": "v1",
        "sid": cms.SignerIdentifier("issuer_and_serial_number", cms.IssuerAndSerialNumber(sid)),
        "digest_algorithm": {"algorithm": digest},
        "signed_attrs": attributes,
        "signature_algorithm": {"algorithm": f"{digest}_{family}"},
        "signature": core.OctetString(signer["signature"].native),
    }
    unsigned = signer["unsigned_attrs"]
    if unsigned is not core.VOID and len(unsigned):
        fields["unsigned_attrs"] = [_stamp_attribute(unsigned)]
    return cms.SignerInfo(fields)


def _stamp_attribute(unsigned: Asn1) -> Asn1:
    if len(unsigned) != 1 or unsigned[0]["type"].native != STAMP_ATTRIBUTE or len(unsigned[0]["values"]) != 1:
        raise NotOurForm("unsigned attributes other than one time stamp")
    token = unsigned[0]["values"][0]
    if token["content"]["encap_content_info"]["content_type"].native != "tst_info":
        raise NotOurForm("the time stamp holds no TSTInfo")
    return cms.CMSAttribute({"type": STAMP_ATTRIBUTE, "values": [rewritten(token)]})


def _chain(leaf: Asn1, others: Iterable[Asn1]) -> list[Asn1]:
    """Follow issuers up to a self-signed certificate.

    A chain that ends earlier is left out whole but for the leaf: nothing in the file would vouch for its last link, and
    the leaf is bound by the digest in the signed attributes.
    """
    loaded = [(other, x509.load_der_x509_certificate(other.dump())) for other in others]
    parsed = [pair for pair in loaded if spelled_once(pair[0].dump(), pair[1])]
    chain, top = [leaf], x509.load_der_x509_certificate(leaf.dump())
    while not _issued_by(top, top) and len(chain) < CHAIN_LENGTH:
        issuer = next((pair for pair in parsed if pair[0] not in chain and _issued_by(top, pair[1])), None)
        if issuer is None:
            return [leaf]
        chain.append(issuer[0])
        top = issuer[1]
    return chain


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def spelled_once(der: bytes, certificate: x509.Certificate) -> bool:
    """Say whether the bytes around a certificate's signed part are the only ones possible.

    Its last field is a BIT STRING, whose count of unused bits no signature covers and parsers forgive (X.690, 11.2).
    """
    signature = certificate.signature
    return der.endswith(b"\x00" + signature) and der == certificate.public_bytes(serialization.Encoding.DER)

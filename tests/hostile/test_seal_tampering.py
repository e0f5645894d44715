"""No byte of a signed report can change, and nothing can be put beside its signature, unseen by `verify_pdf`."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typst
from asn1crypto import cms  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pyhanko.pdf_utils.generic import DictionaryObject, pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers

from restore_lab.errors import RestoreLabError, SealBroken
from restore_lab.signature import attachments
from restore_lab.signature.cms import spelled_once, to_asn1_certificate
from restore_lab.signature.keys import SigningKey, create_key
from restore_lab.signature.pades import sign_pdf
from restore_lab.signature.pdf_signing import _KeySigner
from restore_lab.signature.verify import verify_pdf

NOW = datetime(2026, 3, 1, 18, 30, 5, tzinfo=UTC)
REPORT = b"""#set document(title: "Rapport de test")
#set text(lang: "fr")
#pdf.attach("evidence.dsse.json", mime-type: "application/json", relationship: "data", description: "preuve")
= Rapport
La sauvegarde revient.
"""
CHOICE = random.Random(20260301)  # noqa: S311 - which bytes to change, not a secret


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return create_key(tmp_path_factory.mktemp("key"), holder="Cabinet des Lilas", now=NOW - timedelta(days=1))


@pytest.fixture(scope="module")
def other_key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return create_key(tmp_path_factory.mktemp("other"), holder="Cabinet des Lilas", now=NOW - timedelta(days=1))


@pytest.fixture(scope="module")
def report() -> bytes:
    files: Any = {"main.typ": REPORT, "evidence.dsse.json": b'{"payload":"e30="}'}  # a form the stub leaves out
    pdf: bytes = typst.compile(files, pdf_standards=["a-3a", "ua-1"], timestamp=NOW)
    return pdf


@pytest.fixture(scope="module")
def signed(report: bytes, key: SigningKey) -> bytes:
    data = sign_pdf(report, key, reason="Test de restauration", now=NOW, authority=None).data
    verify_pdf(data, trusted=[], now=NOW)
    return data


def gap(data: bytes) -> tuple[int, int]:
    """Where the hex digits of /Contents begin and end, without < and >."""
    found = re.search(rb"/ByteRange\s*\[0 (\d+) (\d+) (\d+)\]", data)
    assert found is not None
    return int(found[1]) + 1, int(found[2]) - 1


def der_of(data: bytes) -> bytes:
    start, end = gap(data)
    padded = bytes.fromhex(data[start:end].decode())
    return padded[: 4 + int.from_bytes(padded[2:4], "big")]


def with_der(data: bytes, der: bytes) -> bytes:
    """The same file with another signature structure in the same room."""
    start, end = gap(data)
    digits = der.hex().upper().encode()
    assert len(digits) <= end - start
    return data[:start] + digits.ljust(end - start, b"0") + data[end:]


def refuse(data: bytes, message: str | None = None) -> None:
    with pytest.raises(SealBroken, match=message):
        verify_pdf(data, trusted=[], now=NOW)


def swap(data: bytes, position: int, value: int) -> bytes:
    assert data[position] != value
    return data[:position] + bytes([value]) + data[position + 1 :]


def test_a_hundred_bytes_anywhere(signed: bytes) -> None:
    for position in CHOICE.sample(range(len(signed)), 100):
        refuse(swap(signed, position, signed[position] ^ (1 << CHOICE.randrange(8))))


def test_bytes_of_the_signature_structure(signed: bytes) -> None:
    """Also those that no signature covers: versions, algorithm lists, the signer's name, lengths and tags."""
    start, _end = gap(signed)
    for position in CHOICE.sample(range(start, start + 2 * len(der_of(signed))), 300):
        refuse(swap(signed, position, CHOICE.choice(b"0123456789ABCDEF".replace(signed[position : position + 1], b""))))


def test_every_letter_of_the_hex_digits_has_one_case(signed: bytes) -> None:
    start, end = gap(signed)
    for position in [place for place in range(start, end) if signed[place] in b"ABCDEF"][::9]:
        refuse(swap(signed, position, signed[position] + 0x20), "upper-case")


def test_the_padding_is_all_zero(signed: bytes) -> None:
    start, end = gap(signed)
    first = start + 2 * len(der_of(signed))
    for position in [first, first + 1, (first + end) // 2, end - 1]:
        refuse(swap(signed, position, ord("1")), "padding")
        refuse(swap(signed, position, ord(" ")))


def test_the_brackets_of_the_hex_string(signed: bytes) -> None:
    start, end = gap(signed)
    refuse(swap(signed, start - 1, ord("(")))
    refuse(swap(signed, end, ord(")")))
    refuse(swap(signed, end - 1, ord(">")))


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(lambda _data: 5, id="version in the header"),
        pytest.param(lambda _data: 10, id="binary comment"),
        pytest.param(lambda data: data.index(b"<x:xmpmeta") + 3, id="metadata"),
        pytest.param(lambda data: data.index(b"stream\n") + 40, id="stream"),
        pytest.param(lambda data: data.index(b"\nxref") + 30, id="first cross-reference table"),
        pytest.param(lambda data: data.index(b"%%EOF") + 2, id="first end mark"),
        pytest.param(lambda data: data.index(b"%%EOF") + 5, id="newline between the revisions"),
        pytest.param(lambda data: data.rindex(b"/ByteRange") + 14, id="byte range"),
        pytest.param(lambda data: data.index(b"/SubFilter") + 13, id="sub-filter"),
        pytest.param(lambda data: data.index(b"/Reason") + 12, id="reason"),
        pytest.param(lambda data: data.rindex(b"(D:2026") + 9, id="claimed time"),
        pytest.param(lambda data: data.rindex(b"startxref") + 11, id="last offset"),
        pytest.param(lambda data: data.rindex(b"%%EOF") + 1, id="last end mark"),
        pytest.param(lambda data: len(data) - 1, id="last newline"),
    ],
)
def test_one_byte_of_each_part(signed: bytes, place: Callable[[bytes], int]) -> None:
    position = place(signed)
    for bit in range(8):
        refuse(swap(signed, position, signed[position] ^ (1 << bit)))


@pytest.mark.parametrize("tail", [b"\n", b" ", b"\x00", b"%%EOF\n", b"% a comment", b"x" * 5000])
def test_nothing_may_follow(signed: bytes, tail: bytes) -> None:
    refuse(signed + tail)


@pytest.mark.parametrize("head", [b"\n", b"%PDF-1.7\n", b" "])
def test_nothing_may_precede(signed: bytes, head: bytes) -> None:
    refuse(head + signed)


def test_no_byte_may_be_missing(signed: bytes, report: bytes) -> None:
    for length in (len(signed) - 1, len(signed) - 6, gap(signed)[0], len(report) + 1, 1000, 0):
        refuse(signed[:length])


def dictionary(entries: dict[Any, Any]) -> Any:  # noqa: ANN401 - pyHanko does not type it
    made: Any = DictionaryObject
    return made(entries)


def updated(signed: bytes, change: Callable[[Any], None]) -> bytes:
    writer: Any = IncrementalPdfFileWriter(io.BytesIO(signed))
    change(writer)
    output = io.BytesIO()
    writer.write(output)
    assert output.getvalue().startswith(signed)
    assert len(output.getvalue()) > len(signed)
    return output.getvalue()


def test_an_incremental_update_is_refused(signed: bytes) -> None:
    """Other tools call this file valid: they look at the signed range only."""
    title = {pdf_name("/Title"): pdf_string("Tout va bien")}
    changed = updated(signed, lambda writer: writer.set_info(writer.add_object(dictionary(title))))
    refuse(changed, "/ByteRange")


def test_an_update_that_changes_nothing_is_refused(signed: bytes) -> None:
    refuse(updated(signed, lambda writer: writer.update_root()), "/ByteRange")


def test_a_second_signature_is_refused(signed: bytes, other_key: SigningKey) -> None:
    metadata = signers.PdfSignatureMetadata(field_name="Another", subfilter=fields.SigSeedSubFilter.PADES)
    twice = signers.PdfSigner(metadata, _KeySigner(other_key)).sign_pdf(IncrementalPdfFileWriter(io.BytesIO(signed)))
    refuse(twice.getvalue(), "2 signature fields, 2 of them filled, expected 1 and 1")


def test_signing_a_signed_report_again_is_no_way_round(signed: bytes, other_key: SigningKey) -> None:
    with pytest.raises(RestoreLabError, match="could not be signed"):
        sign_pdf(signed, other_key, reason="Test", now=NOW, authority=None)


def test_a_seal_of_another_report_does_not_fit(signed: bytes, key: SigningKey) -> None:
    pdf: bytes = typst.compile(b"Autre rapport", timestamp=NOW)
    other = sign_pdf(pdf, key, reason="Test", now=NOW, authority=None).data
    refuse(with_der(signed, der_of(other)), "digest")


def test_another_signers_seal_is_told_by_its_key(
    report: bytes, signed: bytes, key: SigningKey, other_key: SigningKey
) -> None:
    """Someone with a key of his own can sign a report of his own; then identity and trust say so."""
    forged = sign_pdf(report, other_key, reason="Test de restauration", now=NOW, authority=None).data
    check = verify_pdf(forged, trusted=[key.certificate], now=NOW)
    assert (check.identity.key_id, check.trust.signer) == (other_key.key_id, False)
    assert verify_pdf(signed, trusted=[key.certificate], now=NOW).trust.signer


def rebuilt(signed: bytes, change: Callable[[Any], None]) -> bytes:
    content_info = cms.ContentInfo.load(der_of(signed))
    change(content_info["content"])
    return with_der(signed, content_info.dump(force=True))


def test_rebuilding_without_a_change_still_verifies(signed: bytes) -> None:
    """Else the next test would prove nothing."""
    verify_pdf(rebuilt(signed, lambda _data: None), trusted=[], now=NOW)


def _add_unsigned_attribute(data: Any) -> None:  # noqa: ANN401 - asn1crypto has no types
    value = cms.CMSAttribute({"type": "signing_time", "values": [cms.Time("utc_time", NOW)]})
    data["signer_infos"][0]["unsigned_attrs"] = cms.CMSAttributes([value])


def _add_second_signer(data: Any) -> None:  # noqa: ANN401 - as above
    data["signer_infos"].append(data["signer_infos"][0].copy())


def _other_digests(data: Any) -> None:  # noqa: ANN401 - as above
    data["digest_algorithms"].append({"algorithm": "sha512"})


def _other_version(data: Any) -> None:  # noqa: ANN401 - as above
    data["signer_infos"][0]["version"] = "v3"


def _add_revocation_lists(data: Any) -> None:  # noqa: ANN401 - as above
    data["crls"] = []


@pytest.mark.parametrize(
    "change", [_add_unsigned_attribute, _add_second_signer, _other_digests, _other_version, _add_revocation_lists]
)
def test_what_no_signature_covers_may_not_be_added_to(signed: bytes, change: Callable[[Any], None]) -> None:
    refuse(rebuilt(signed, change))


def test_a_strangers_certificate_may_not_ride_along(signed: bytes, other_key: SigningKey) -> None:
    stranger = to_asn1_certificate(other_key.certificate)
    refuse(rebuilt(signed, lambda data: data["certificates"].append(stranger)))


def test_unused_bits_of_a_chain_certificate_are_counted(tmp_path: Path) -> None:
    """Half of all signatures end in a zero bit; a parser then takes 1 for the number of unused bits as well as 0."""
    made = (create_key(tmp_path / str(number), holder="Root", now=NOW).certificate for number in range(100))
    certificate = next(candidate for candidate in made if candidate.signature[-1] % 2 == 0)
    der = certificate.public_bytes(serialization.Encoding.DER)
    place = len(der) - len(certificate.signature) - 1
    changed = swap(der, place, 1)
    assert spelled_once(der, certificate)
    assert not spelled_once(changed, x509.load_der_x509_certificate(changed))


def test_a_bomb_in_an_attachment_is_not_unpacked(signed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "ATTACHMENT_CAP_BYTES", 10)
    refuse(signed, "larger than 10 bytes")
    monkeypatch.setattr(attachments, "ATTACHMENT_COUNT", 0)
    refuse(signed, "more than 0 attachments")

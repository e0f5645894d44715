from __future__ import annotations

import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import pytest
import typst

from restore_lab.errors import RestoreLabError, SealBroken
from restore_lab.signature.keys import SigningKey, create_key
from restore_lab.signature.pades import SignedPdf, sign_pdf
from restore_lab.signature.verify import verify_pdf

NOW = datetime(2026, 3, 1, 18, 30, 5, tzinfo=UTC)
REPORT = b"""#set document(title: "Rapport de test")
#set text(lang: "fr")
#pdf.attach("evidence.dsse.json", mime-type: "application/json", relationship: "data", description: "preuve")
#pdf.attach("notes.txt", mime-type: "text/plain", relationship: "data", description: "notes")
= Rapport
La sauvegarde revient.
"""
FILES = {"evidence.dsse.json": b'{"payload":"e30="}', "notes.txt": b"x" * 5000}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return create_key(tmp_path_factory.mktemp("key"), holder="Cabinet des Lilas", now=NOW - timedelta(days=1))


@pytest.fixture(scope="module")
def report() -> bytes:
    files: Any = {"main.typ": REPORT} | FILES  # a form the stub leaves out
    pdf: bytes = typst.compile(files, pdf_standards=["a-3a", "ua-1"], timestamp=NOW)
    return pdf


@pytest.fixture(scope="module")
def signed(report: bytes, key: SigningKey) -> SignedPdf:
    return sign_pdf(report, key, reason="Test de restauration « été »", now=NOW, authority=None)


def test_importing_what_signs_does_not_load_pyhanko() -> None:
    program = (
        "import sys; import restore_lab.signature.pades, restore_lab.signature.verify, "
        "restore_lab.signature.keys, restore_lab.signature.dsse; "
        "sys.exit(any(name.split('.')[0].startswith('pyhanko') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


def test_without_an_authority_the_level_is_bb(signed: SignedPdf) -> None:
    assert (signed.level, signed.authority_fault) == ("B-B", "")


def test_the_report_itself_is_only_added_to(report: bytes, signed: SignedPdf) -> None:
    assert signed.data.startswith(report + b"\n")
    assert signed.data.endswith(b"%%EOF\n")


def test_the_metadata_stay_as_they_were_written(report: bytes, signed: SignedPdf) -> None:
    added = signed.data[len(report) :]
    assert b"/Type/Metadata" not in added.replace(b" ", b"")
    assert b"x:xmpmeta" not in added
    assert signed.data.count(b"<x:xmpmeta") == report.count(b"<x:xmpmeta") == 1


def test_integrity_identity_time_and_trust_are_told_apart(signed: SignedPdf, key: SigningKey) -> None:
    check = verify_pdf(signed.data, trusted=[], now=NOW)
    assert (check.integrity.level, check.integrity.size_bytes) == ("B-B", len(signed.data))
    assert (check.identity.signer, check.identity.key_id) == ("Cabinet des Lilas", key.key_id)
    assert (check.identity.self_signed, check.identity.certificate) == (True, key.certificate)
    assert (check.time.signed_at_claimed, check.time.stamped_at, check.time.authority) == (NOW, None, "")
    assert (check.trust.signer, check.trust.authority) == (False, False)


def test_the_attachments_come_back(signed: SignedPdf) -> None:
    assert dict(verify_pdf(signed.data, trusted=[], now=NOW).attachments) == FILES


def test_verifying_never_asks_the_network(signed: SignedPdf, key: SigningKey, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> NoReturn:
        pytest.fail("verify_pdf opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert verify_pdf(signed.data, trusted=[key.certificate], now=NOW).trust.signer


def test_a_report_without_attachments_has_none(key: SigningKey) -> None:
    pdf: bytes = typst.compile(b"Bonjour", timestamp=NOW)
    bare = sign_pdf(pdf, key, reason="Test", now=NOW, authority=None)
    assert dict(verify_pdf(bare.data, trusted=[], now=NOW).attachments) == {}


def test_only_the_signers_own_certificate_makes_it_trusted(
    signed: SignedPdf, key: SigningKey, tmp_path_factory: pytest.TempPathFactory
) -> None:
    namesake = create_key(tmp_path_factory.mktemp("other"), holder="Cabinet des Lilas", now=NOW - timedelta(days=1))
    assert verify_pdf(signed.data, trusted=[key.certificate], now=NOW).trust.signer
    assert verify_pdf(signed.data, trusted=[namesake.certificate, key.certificate], now=NOW).trust.signer
    assert not verify_pdf(signed.data, trusted=[namesake.certificate], now=NOW).trust.signer


@pytest.mark.parametrize("years", [-1, 21])
def test_a_certificate_outside_its_validity_is_not_trusted(signed: SignedPdf, key: SigningKey, years: int) -> None:
    moment = NOW + timedelta(days=365 * years)
    assert not verify_pdf(signed.data, trusted=[key.certificate], now=moment).trust.signer


@pytest.mark.parametrize("rubbish", [b"", b"rubbish", b"%PDF-1.7\n", b"%PDF-1.7\nstartxref\n0\n%%EOF"])
def test_what_is_no_pdf_is_neither_signed_nor_verified(key: SigningKey, rubbish: bytes) -> None:
    with pytest.raises(RestoreLabError, match="could not be signed"):
        sign_pdf(rubbish, key, reason="Test", now=NOW, authority=None)
    with pytest.raises(SealBroken):
        verify_pdf(rubbish, trusted=[], now=NOW)


def test_a_report_that_was_never_signed_does_not_verify(report: bytes) -> None:
    with pytest.raises(SealBroken, match="0 signature fields, 0 of them filled, expected 1 and 1"):
        verify_pdf(report, trusted=[], now=NOW)


def test_a_seal_shows_nothing_of_the_key(signed: SignedPdf, key: SigningKey) -> None:
    secret = key.private_key.private_numbers().private_value.to_bytes(32, "big")
    assert secret not in signed.data
    assert secret.hex().upper().encode() not in signed.data

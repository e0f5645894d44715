"""What we sign is accepted by tools that are not ours, and a time stamp comes from a real authority (openssl ts)."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import random
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import typst
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from needs import absent

from restore_lab.errors import SealBroken
from restore_lab.signature import authority as authority_module
from restore_lab.signature.dsse import PAYLOAD_TYPE, sign
from restore_lab.signature.keys import SigningKey, certificate_pem, create_key
from restore_lab.signature.pades import SignedPdf, sign_pdf
from restore_lab.signature.verify import verify_pdf

NOW = datetime.now(UTC).replace(microsecond=0)
REPORT = b"""#set document(title: "Rapport de test")
#set text(lang: "fr")
#pdf.attach("evidence.dsse.json", mime-type: "application/json", relationship: "data", description: "preuve")
= Rapport
La sauvegarde revient.
"""

TSA_SETTINGS = """
[ca]
prompt = no
distinguished_name = ca_name
x509_extensions = ca_extensions
[ca_name]
CN = Test Root
[ca_extensions]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[tsa]
prompt = no
distinguished_name = tsa_name
[tsa_name]
CN = Test Authority
[tsa_extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[ts]
default_tsa = ts_answer
[ts_answer]
serial = ./serial
signer_cert = ./tsa.pem
signer_key = ./tsa.key
certs = ./ca.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
ess_cert_id_chain = no
"""


def tool(name: str) -> str:
    return shutil.which(name) or absent(name)


def run(*arguments: str | Path, folder: Path, given: bytes = b"") -> bytes:
    command = [str(argument) for argument in arguments]
    done = subprocess.run(command, cwd=folder, input=given, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return create_key(tmp_path_factory.mktemp("key"), holder="Cabinet des Lilas", now=NOW - timedelta(hours=1))


@pytest.fixture(scope="module")
def report() -> bytes:
    files: Any = {"main.typ": REPORT, "evidence.dsse.json": b'{"payload":"e30="}'}  # a form the stub leaves out
    pdf: bytes = typst.compile(files, pdf_standards=["a-3a", "ua-1"], timestamp=NOW)
    return pdf


@pytest.fixture(scope="module")
def authority_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root, and an authority's certificate under it."""
    openssl, folder = tool("openssl"), tmp_path_factory.mktemp("tsa")
    (folder / "tsa.cnf").write_text(TSA_SETTINGS)
    (folder / "serial").write_text("01\n")
    new = ("req", "-newkey", "rsa:2048", "-nodes", "-config", "tsa.cnf")
    run(openssl, *new, "-x509", "-days", "30", "-section", "ca", "-keyout", "ca.key", "-out", "ca.pem", folder=folder)
    run(openssl, *new, "-section", "tsa", "-keyout", "tsa.key", "-out", "tsa.csr", folder=folder)
    sign_it = ("x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "20")
    extensions = ("-extfile", "tsa.cnf", "-extensions", "tsa_extensions", "-set_serial", "7", "-out", "tsa.pem")
    run(openssl, *sign_it, *extensions, folder=folder)
    return folder


Serve = Callable[[Callable[[bytes], tuple[int, str, bytes]]], str]


@pytest.fixture(scope="module")
def serve() -> Iterator[Serve]:
    """Start HTTP servers on loopback that answer a POST by (status, content type, body)."""
    servers: list[tuple[HTTPServer, threading.Thread]] = []

    def start(answer: Callable[[bytes], tuple[int, str, bytes]]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                status, kind, body = answer(query)
                with contextlib.suppress(ConnectionError):  # the asker may have gone
                    self.send_response(status)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Stay quiet."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


REPLY = "application/timestamp-reply"


@pytest.fixture(scope="module")
def authority(authority_folder: Path, serve: Serve) -> str:
    openssl = tool("openssl")

    def answer(query: bytes) -> tuple[int, str, bytes]:
        (authority_folder / "query.tsq").write_bytes(query)
        reply = ("ts", "-reply", "-config", "tsa.cnf", "-section", "ts_answer", "-queryfile", "query.tsq")
        run(openssl, *reply, "-out", "answer.tsr", folder=authority_folder)
        return 200, REPLY, (authority_folder / "answer.tsr").read_bytes()

    return serve(answer)


@pytest.fixture(scope="module")
def plain(report: bytes, key: SigningKey) -> SignedPdf:
    return sign_pdf(report, key, reason="Test de restauration", now=NOW, authority=None)


@pytest.fixture(scope="module")
def stamped(report: bytes, key: SigningKey, authority: str) -> SignedPdf:
    return sign_pdf(report, key, reason="Test de restauration", now=NOW, authority=authority)


def parts(pdf: bytes) -> tuple[bytes, bytes, int, int]:
    """The signed bytes, the DER of the signature, and where the hex digits begin and end."""
    found = re.search(rb"/ByteRange\s*\[(\d+) (\d+) (\d+) (\d+)\]", pdf)
    assert found is not None
    _zero, first, second, rest = (int(group) for group in found.groups())
    assert second + rest == len(pdf)
    padded = bytes.fromhex(pdf[first + 1 : second - 1].decode())
    size = 4 + int.from_bytes(padded[2:4], "big")
    return pdf[:first] + pdf[second:], padded[:size], first + 1, second - 1


# PAdES, seen by poppler (NSS) and by openssl


@pytest.mark.parametrize("level", ["plain", "stamped"])
def test_pdfsig_finds_the_total_document_signed(level: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    signed: SignedPdf = request.getfixturevalue(level)
    (tmp_path / "report.pdf").write_bytes(signed.data)
    said = run(tool("pdfsig"), "-nocert", "report.pdf", folder=tmp_path).decode()
    assert said.count("Signature #") == 1
    assert "Total document signed" in said
    assert "Signature is Valid." in said
    assert "Cabinet des Lilas" in said
    assert "ETSI.CAdES.detached" in said


@pytest.mark.parametrize("level", ["plain", "stamped"])
def test_openssl_cms_verifies_the_byte_range(
    level: str, request: pytest.FixtureRequest, key: SigningKey, tmp_path: Path
) -> None:
    signed: SignedPdf = request.getfixturevalue(level)
    content, der, _start, _end = parts(signed.data)
    (tmp_path / "content").write_bytes(content)
    (tmp_path / "seal.der").write_bytes(der)
    (tmp_path / "signer.pem").write_bytes(certificate_pem(key.certificate))
    check = ("cms", "-verify", "-binary", "-inform", "DER", "-in", "seal.der", "-content", "content")
    trust = ("-CAfile", "signer.pem", "-purpose", "any", "-out", "verified")
    assert b"Verification successful" in run(tool("openssl"), *check, *trust, folder=tmp_path)
    assert (tmp_path / "verified").read_bytes() == content


def test_openssl_cms_refuses_a_changed_byte_range(plain: SignedPdf, key: SigningKey, tmp_path: Path) -> None:
    content, der, _start, _end = parts(plain.data)
    (tmp_path / "content").write_bytes(content.replace(b"%PDF-1.7", b"%PDF-1.6"))
    (tmp_path / "seal.der").write_bytes(der)
    (tmp_path / "signer.pem").write_bytes(certificate_pem(key.certificate))
    check = ("cms", "-verify", "-binary", "-inform", "DER", "-in", "seal.der", "-content", "content")
    with pytest.raises(AssertionError, match="verification failure"):
        run(tool("openssl"), *check, "-CAfile", "signer.pem", "-purpose", "any", folder=tmp_path)


# DSSE, checked by the shell alone

SHELL_CHECK = r"""
set -eu
payload=$(sed -E 's/^\{"payload":"([^"]*)".*/\1/' envelope.json)
kind=$(sed -E 's/.*"payloadType":"([^"]*)".*/\1/' envelope.json)
sed -E 's/.*"sig":"([^"]*)".*/\1/' envelope.json | base64 -d > sig.der
printf '%s' "$payload" | base64 -d > payload.json
{ printf 'DSSEv1 %d %s %d ' "${#kind}" "$kind" "$(wc -c < payload.json)"; cat payload.json; } > pae
openssl dgst -sha256 -verify public.pem -signature sig.der pae
"""


def test_the_envelope_is_checked_by_sed_base64_and_openssl(key: SigningKey, tmp_path: Path) -> None:
    payload = json.dumps({"practice": "Cabinet été « à l'ombre »", "quote": '"'}, ensure_ascii=False).encode()
    (tmp_path / "envelope.json").write_bytes(sign(PAYLOAD_TYPE, payload, key))
    public = key.private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (tmp_path / "public.pem").write_bytes(public)
    for name in ("sed", "base64", "openssl", "sh"):
        tool(name)
    assert b"Verified OK" in run(tool("sh"), "-c", SHELL_CHECK, folder=tmp_path)
    assert (tmp_path / "payload.json").read_bytes() == payload


# the time-stamp authority


def test_a_stamp_says_when_and_by_whom(stamped: SignedPdf, key: SigningKey, authority_folder: Path) -> None:
    root = x509.load_pem_x509_certificate((authority_folder / "ca.pem").read_bytes())
    assert (stamped.level, stamped.authority_fault) == ("B-T", "")
    check = verify_pdf(stamped.data, trusted=[root, key.certificate], now=datetime.now(UTC))
    assert check.integrity.level == "B-T"
    assert check.time.authority == "Test Authority"
    assert check.time.stamped_at is not None
    assert abs(check.time.stamped_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert check.time.signed_at_claimed == NOW
    assert (check.trust.signer, check.trust.authority) == (True, True)
    assert dict(check.attachments) == {"evidence.dsse.json": b'{"payload":"e30="}'}


def test_a_stamp_of_an_unknown_authority_is_told_and_not_trusted(stamped: SignedPdf, key: SigningKey) -> None:
    check = verify_pdf(stamped.data, trusted=[key.certificate], now=NOW)
    assert check.time.stamped_at is not None
    assert (check.trust.signer, check.trust.authority) == (True, False)


def test_only_a_trusted_stamp_outlives_the_signers_certificate(
    stamped: SignedPdf, key: SigningKey, authority_folder: Path
) -> None:
    root = x509.load_pem_x509_certificate((authority_folder / "ca.pem").read_bytes())
    later = NOW + timedelta(days=365 * 25)
    assert verify_pdf(stamped.data, trusted=[root, key.certificate], now=later).trust.signer
    assert not verify_pdf(stamped.data, trusted=[key.certificate], now=later).trust.signer


def test_openssl_verifies_the_stamp(stamped: SignedPdf, authority_folder: Path, tmp_path: Path) -> None:
    """The token is taken out by openssl, too: its offset is that of the attribute's OID."""
    _content, der, _start, _end = parts(stamped.data)
    (tmp_path / "seal.der").write_bytes(der)
    listing = run(tool("openssl"), "asn1parse", "-inform", "DER", "-in", "seal.der", folder=tmp_path).decode()
    after_oid = listing[listing.index("id-smime-aa-timeStampToken") :].splitlines()
    offset = next(line.split(":")[0].strip() for line in after_oid if "cons: SEQUENCE" in line)
    take = ("-strparse", offset, "-noout", "-out", "token.der")
    run(tool("openssl"), "asn1parse", "-inform", "DER", "-in", "seal.der", *take, folder=tmp_path)
    value = next(
        line
        for line in reversed(listing[: listing.index("id-smime-aa-timeStampToken")].splitlines())
        if "OCTET STRING" in line
    )
    (tmp_path / "signature").write_bytes(bytes.fromhex(value.rsplit(":", 1)[1]))
    check = ("ts", "-verify", "-token_in", "-in", "token.der", "-data", "signature")
    said = run(tool("openssl"), *check, "-CAfile", authority_folder / "ca.pem", folder=tmp_path)
    assert b"Verification: OK" in said


def test_no_byte_of_a_stamped_seal_can_change(stamped: SignedPdf) -> None:
    _content, der, start, _end = parts(stamped.data)
    chosen = random.Random(20261122)  # noqa: S311 - which bytes to change, not a secret
    for position in chosen.sample(range(start, start + 2 * len(der)), 150):
        changed = bytearray(stamped.data)
        changed[position] = chosen.choice([digit for digit in b"0123456789ABCDEF" if digit != changed[position]])
        with pytest.raises(SealBroken):
            verify_pdf(bytes(changed), trusted=[], now=NOW)


def _fault(report: bytes, key: SigningKey, address: str) -> str:
    signed = sign_pdf(report, key, reason="Test", now=NOW, authority=address)
    assert signed.level == "B-B"
    check = verify_pdf(signed.data, trusted=[key.certificate], now=NOW)
    assert (check.integrity.level, check.time.stamped_at, check.trust.signer) == ("B-B", None, True)
    assert len(signed.authority_fault) <= 64
    return signed.authority_fault


def test_without_an_authority_there_is_no_fault(plain: SignedPdf) -> None:
    assert (plain.level, plain.authority_fault) == ("B-B", "")


def test_an_authority_that_is_down_costs_only_the_stamp(report: bytes, key: SigningKey, serve: Serve) -> None:
    assert "refused" in _fault(report, key, "http://127.0.0.1:9/")
    assert _fault(report, key, "file:///etc/passwd") == "its address is not http:// or https://"
    assert _fault(report, key, serve(lambda _query: (503, "text/plain", b"later"))) == "HTTP status 503"
    assert (
        _fault(report, key, serve(lambda _query: (200, "text/html", b"hello"))) == "the answer is no time-stamp reply"
    )
    assert _fault(report, key, serve(lambda _query: (200, REPLY, b"rubbish"))).startswith("no usable token: ")
    assert _fault(report, key, serve(lambda _query: (200, REPLY, bytes(70_000)))) == "the answer is too large"


def test_an_authority_that_never_answers_is_not_waited_for(
    report: bytes, key: SigningKey, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authority_module, "TIMEOUT_SECONDS", 1)
    over = threading.Event()

    def answer(_query: bytes) -> tuple[int, str, bytes]:
        over.wait(10)
        return 200, "text/plain", b""

    address = serve(answer)
    started = time.monotonic()
    assert _fault(report, key, address) == "no answer within 1 s"
    assert time.monotonic() - started < 8
    over.set()


def test_an_authority_that_replays_an_old_answer_is_not_believed(
    report: bytes, key: SigningKey, serve: Serve, authority: str, authority_folder: Path
) -> None:
    sign_pdf(report, key, reason="Test", now=NOW, authority=authority)
    old = (authority_folder / "answer.tsr").read_bytes()
    assert _fault(report, key, serve(lambda _query: (200, REPLY, old))) != ""


def test_a_token_in_another_form_is_taken_when_it_holds(
    report: bytes, key: SigningKey, serve: Serve, authority_folder: Path
) -> None:
    """Without the root in the token only the authority's own certificate is kept; nothing would vouch for more."""
    openssl = tool("openssl")
    settings = TSA_SETTINGS.replace("certs = ./ca.pem\n", "").replace("sha256", "sha512")
    (authority_folder / "bare.cnf").write_text(settings.replace("digests = sha512", "digests = sha256"))

    def answer(query: bytes) -> tuple[int, str, bytes]:
        (authority_folder / "bare.tsq").write_bytes(query)
        reply = ("ts", "-reply", "-config", "bare.cnf", "-section", "ts_answer", "-queryfile", "bare.tsq")
        run(openssl, *reply, "-out", "bare.tsr", folder=authority_folder)
        return 200, REPLY, (authority_folder / "bare.tsr").read_bytes()

    root = x509.load_pem_x509_certificate((authority_folder / "ca.pem").read_bytes())
    signed = sign_pdf(report, key, reason="Test", now=NOW, authority=serve(answer))
    assert (signed.level, signed.authority_fault) == ("B-T", "")
    assert verify_pdf(signed.data, trusted=[root], now=NOW).trust.authority


@pytest.mark.parametrize("level", ["plain", "stamped"])
def test_a_signed_report_is_still_pdf_a_and_pdf_ua(level: str, request: pytest.FixtureRequest) -> None:
    if importlib.util.find_spec("page") is None:
        absent("page-validation")
    validator = importlib.import_module("page")
    signed: SignedPdf = request.getfixturevalue(level)
    for profile in (validator.ValidationProfile.PDF_A_3A, validator.ValidationProfile.PDF_UA_1):
        verdict = validator.validate_pdf_bytes(signed.data, profile=profile)
        assert verdict.is_compliant, [str(failure) for failure in verdict.failures]

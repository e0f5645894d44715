from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from restore_lab.errors import RestoreLabError, SealBroken
from restore_lab.evidence import PREDICATE_TYPE
from restore_lab.signature import dsse
from restore_lab.signature.dsse import PAYLOAD_TYPE, open_envelope, pae, read_statement, sign, statement
from restore_lab.signature.keys import SigningKey, create_key

PAYLOAD = b'{"name":"\xc3\xa9t\xc3\xa9"}'
SHA = "ab" * 32
SUBJECTS = {"scenario:weekly": SHA, "backup-2026-02-28.sql.gz": "cd" * 32}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return create_key(tmp_path_factory.mktemp("key"), holder="Cabinet", now=datetime(2026, 1, 1, tzinfo=UTC))


def opened(data: bytes, key: SigningKey, payload_type: str = PAYLOAD_TYPE) -> bytes:
    return open_envelope(data, payload_type=payload_type, public_key=key.private_key.public_key())


def test_pae_is_the_one_of_the_specification() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae("é", b"") == "DSSEv1 2 é 0 ".encode()


@pytest.mark.parametrize("payload", [PAYLOAD, b"", b"\x00\xff" * 1000])
def test_what_was_signed_comes_back(key: SigningKey, payload: bytes) -> None:
    assert opened(sign(PAYLOAD_TYPE, payload, key), key) == payload


def test_the_envelope_has_one_form(key: SigningKey) -> None:
    envelope = json.loads(sign(PAYLOAD_TYPE, PAYLOAD, key))
    assert list(envelope) == ["payload", "payloadType", "signatures"]
    assert base64.b64decode(envelope["payload"]) == PAYLOAD
    assert [list(signature) for signature in envelope["signatures"]] == [["keyid", "sig"]]
    assert envelope["signatures"][0]["keyid"] == key.key_id


def test_another_type_or_key_is_refused(key: SigningKey, tmp_path_factory: pytest.TempPathFactory) -> None:
    envelope = sign(PAYLOAD_TYPE, PAYLOAD, key)
    other = create_key(tmp_path_factory.mktemp("other"), holder="Cabinet", now=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(SealBroken, match="expected 'text/plain'"):
        opened(envelope, key, "text/plain")
    with pytest.raises(SealBroken, match=f"expected {other.key_id}"):
        opened(envelope, other)
    with pytest.raises(SealBroken, match="signature is not that of key"):
        opened(envelope.replace(key.key_id.encode(), other.key_id.encode()), other)


def test_every_byte_of_an_envelope_counts(key: SigningKey) -> None:
    envelope = sign(PAYLOAD_TYPE, PAYLOAD, key)
    for position, value in enumerate(envelope):
        for changed in {value ^ 1, value ^ 0x20, ord(" ")} - {value}:
            with pytest.raises(SealBroken):
                opened(envelope[:position] + bytes([changed]) + envelope[position + 1 :], key)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'{"payload"', b'{"payload":"","payload"', "twice"),
        (b'{"payload"', b'{"extra":1,"payload"', "exactly the members payload"),
        (b'"keyid"', b'"extra":1,"keyid"', "exactly the members keyid"),
        (b'"payloadType"', b'"payloadtype"', "exactly the members payload"),
        (b'{"payload"', b'{ "payload"', "one form"),
        (b"]}", b"]}\n", "one form"),
        (b"]}", b"]} x", "strict JSON"),
        (b"}]}", b"}," + b'{"keyid":"a","sig":""}' + b"]}", "exactly one signature"),
        (b'":[{', b'":[],"x":[{', "exactly the members"),
        (b'{"payload":"', b'{"payload":" ', "standard base64"),
        (b'{"payload":"', b'{"payload":7,"x":"', "exactly the members"),
        (b'{"payload":"', b'{"payload":"\\u00e9', "standard base64"),
    ],
)
def test_an_envelope_in_another_form_is_refused(key: SigningKey, old: bytes, new: bytes, message: str) -> None:
    envelope = sign(PAYLOAD_TYPE, PAYLOAD, key)
    assert old in envelope
    with pytest.raises(SealBroken, match=message):
        opened(envelope.replace(old, new, 1), key)


def test_base64_has_one_spelling(key: SigningKey) -> None:
    """`YQ==` and `YR==` decode to the same byte; only the first is what an encoder writes."""
    envelope = sign(PAYLOAD_TYPE, b"a", key)
    with pytest.raises(SealBroken, match="only base64 spelling"):
        opened(envelope.replace(b'"YQ=="', b'"YR=="'), key)


def test_no_signature_a_wrong_kind_and_too_much_are_refused(key: SigningKey, monkeypatch: pytest.MonkeyPatch) -> None:
    for rubbish in (b"", b"null", b"[]", b"\xff", b"[" * 100_000, b'{"payload":NaN}'):
        with pytest.raises(SealBroken):
            opened(rubbish, key)
    empty = {"payload": "", "payloadType": PAYLOAD_TYPE, "signatures": []}
    with pytest.raises(SealBroken, match="exactly one signature"):
        opened(json.dumps(empty).encode(), key)
    monkeypatch.setattr(dsse, "ENVELOPE_CAP_BYTES", 100)
    with pytest.raises(SealBroken, match="expected at most 100"):
        opened(sign(PAYLOAD_TYPE, PAYLOAD, key), key)


@pytest.mark.parametrize(
    "evidence", [b"{}", b'{"a": 1.0,"b":[1e3, "\\u00e9"]  }', b' {"predicate":{"x":"}"}}\n', '{"é":"’"}'.encode()]
)
def test_the_very_evidence_bytes_come_back(evidence: bytes) -> None:
    payload = statement(evidence, SUBJECTS)
    read = read_statement(payload)
    assert read.evidence_json == evidence
    assert dict(read.subjects) == SUBJECTS
    assert evidence in payload


def test_a_statement_is_an_in_toto_statement() -> None:
    parsed = json.loads(statement(b'{"verdict":"PASSED"}', SUBJECTS))
    assert parsed == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": SUBJECTS[name]}} for name in sorted(SUBJECTS)],
        "predicateType": PREDICATE_TYPE,
        "predicate": {"verdict": "PASSED"},
    }


def test_the_order_in_which_subjects_are_named_changes_nothing() -> None:
    assert statement(b"{}", SUBJECTS) == statement(b"{}", dict(reversed(SUBJECTS.items())))


@pytest.mark.parametrize(
    "subjects",
    [{}, {"backup": SHA}, {"scenario:x": "AB" * 32}, {"scenario:x": "ab"}, {"scenario:x": SHA, "": SHA}],
)
def test_a_statement_about_nothing_is_not_made(subjects: dict[str, str]) -> None:
    with pytest.raises(RestoreLabError, match="expected"):
        statement(b"{}", subjects)


@pytest.mark.parametrize("evidence", [b"", b"[]", b"{", b'{},"x":{}', b'{"a":1,"a":2}', b'{"a":NaN}', b"{}}"])
def test_evidence_that_is_no_object_is_not_embedded(evidence: bytes) -> None:
    with pytest.raises(RestoreLabError, match="evidence"):
        statement(evidence, SUBJECTS)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"Statement/v1", b"Statement/v0", "is of type"),
        (b"drill/v1", b"drill/v2", "is of type"),
        (b'"predicate":{}', b'"predicate":{},"x":{}', "exactly the members"),
        (b'"predicate":{}', b'"predicate":[]', "not a JSON object"),
        (b'"predicate":{}', b'"predicate":{},"predicate":{}', "twice"),
        (b'{"_type"', b'{ "_type"', "one form"),
        (b'"sha256"', b'"sha512"', "exactly the members sha256"),
        (b'"name":"scenario:weekly"', b'"name":"backup-2026-02-28.sql.gz"', "named twice"),
        (b'"name":"scenario:weekly"', b'"name":"weekly"', "scenario:<name>"),
        (b'"name":"scenario:weekly"', b'"name":7', "no text"),
        (SHA.encode(), SHA.upper().encode(), "64 lower-case"),
        (b"{}}", b"{}} ", "one form"),
    ],
)
def test_a_statement_in_another_form_is_refused(old: bytes, new: bytes, message: str) -> None:
    payload = statement(b"{}", SUBJECTS)
    assert old in payload
    with pytest.raises(SealBroken, match=message):
        read_statement(payload.replace(old, new))

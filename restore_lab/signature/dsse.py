"""Signed envelopes (DSSE v1.0.0) and the in-toto Statement v1 that carries the evidence, byte for byte.

The envelope has one written form only, so that `sed`, `base64` and `openssl dgst` are enough to check it, and any
other spelling of the same content is refused.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from restore_lab.errors import RestoreLabError, SealBroken
from restore_lab.evidence import PREDICATE_TYPE
from restore_lab.signature.keys import SigningKey, key_id

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
SCENARIO_SUBJECT = "scenario:"
ENVELOPE_CAP_BYTES = 32 * 1024 * 1024

_SHA256 = re.compile(r"[0-9a-f]{64}")
_HINT = "it was written by something else, or changed; compare with another copy"


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """What is asserted: `subjects` by name with their SHA-256 (hex), and the evidence as the bytes that were signed."""

    subjects: Mapping[str, str]
    evidence_json: bytes


def pae(payload_type: str, payload: bytes) -> bytes:
    """Encode type and payload as the bytes that are signed (source: DSSE v1.0.0, "PAE")."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload_type: str, payload: bytes, key: SigningKey) -> bytes:
    """Wrap a payload in an envelope signed with ECDSA P-256 and SHA-256, as compact JSON (source: DSSE v1.0.0)."""
    signature = key.private_key.sign(pae(payload_type, payload), ec.ECDSA(hashes.SHA256()))
    return _envelope(payload_type, payload, key.key_id, signature)


def open_envelope(data: bytes, *, payload_type: str, public_key: ec.EllipticCurvePublicKey) -> bytes:
    """Give back the payload of an envelope that `public_key` signed, in exactly the form `sign` writes.

    Raises:
        SealBroken: too large, not that form (duplicate, unknown or missing members, loose base64, another number of
            signatures), of another type, by another key, or the signature does not verify.

    Source: DSSE v1.0.0.
    """
    if len(data) > ENVELOPE_CAP_BYTES:
        raise SealBroken(f"the envelope has {len(data)} bytes, expected at most {ENVELOPE_CAP_BYTES}", hint=_HINT)
    envelope = _members(_parse(data, "envelope"), ("payload", "payloadType", "signatures"), "envelope")
    signatures = envelope["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise SealBroken("the envelope does not hold exactly one signature", hint=_HINT)
    signed = _members(signatures[0], ("keyid", "sig"), "signature")
    if envelope["payloadType"] != payload_type:
        got = envelope["payloadType"]
        raise SealBroken(f"the envelope holds {got!r:.80}, expected {payload_type!r}", hint=_HINT)
    expected_key = key_id(public_key)
    if signed["keyid"] != expected_key:
        got = signed["keyid"]
        raise SealBroken(f"the envelope names key {got!r:.80}, expected {expected_key}", hint=_HINT)
    payload, signature = _decode(envelope["payload"], "payload"), _decode(signed["sig"], "signature")
    if _envelope(payload_type, payload, expected_key, signature) != data:
        raise SealBroken("the envelope is not in the one form it is written in, expected compact JSON", hint=_HINT)
    try:
        public_key.verify(signature, pae(payload_type, payload), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise SealBroken(f"the envelope's signature is not that of key {expected_key}", hint=_HINT) from error
    return payload


def statement(evidence_json: bytes, subjects: Mapping[str, str]) -> bytes:
    """Assert the evidence about its subjects, the evidence bytes embedded untouched (source: in-toto Statement v1).

    `subjects` maps names to SHA-256 (64 hex digits): every backup, and always `scenario:<name>`.

    Raises:
        RestoreLabError: no subject, none for the scenario, a digest that is none, or evidence that is no JSON object.
    """
    _check_subjects(subjects, RestoreLabError)
    try:
        _parse_object(evidence_json, "evidence")
    except SealBroken as error:
        raise RestoreLabError(error.message) from error
    return _head(subjects) + evidence_json + b"}"


def read_statement(payload: bytes) -> Statement:
    """Read back subjects and the very evidence bytes that `statement` was given (source: in-toto Statement v1).

    Raises:
        SealBroken: it is no such statement, or not in the form `statement` writes.
    """
    names = ("_type", "subject", "predicateType", "predicate")
    members = _members(_parse(payload, "statement"), names, "statement")
    if (members["_type"], members["predicateType"]) != (STATEMENT_TYPE, PREDICATE_TYPE):
        got = (members["_type"], members["predicateType"])
        raise SealBroken(f"the statement is of type {got!r:.120}, expected {PREDICATE_TYPE}", hint=_HINT)
    subjects = _read_subjects(members["subject"])
    _check_subjects(subjects, SealBroken)
    head = _head(subjects)
    if not payload.startswith(head) or not payload.endswith(b"}"):
        raise SealBroken("the statement is not in the one form it is written in", hint=_HINT)
    evidence_json = payload[len(head) : -1]
    _parse_object(evidence_json, "evidence")
    return Statement(subjects=MappingProxyType(subjects), evidence_json=evidence_json)


def _envelope(payload_type: str, payload: bytes, keyid: str, signature: bytes) -> bytes:
    signatures = [{"keyid": keyid, "sig": base64.b64encode(signature).decode()}]
    body = {"payload": base64.b64encode(payload).decode(), "payloadType": payload_type, "signatures": signatures}
    return json.dumps(body, separators=(",", ":")).encode()


def _head(subjects: Mapping[str, str]) -> bytes:
    """Everything before the evidence: sorted, so that the same subjects always give the same bytes."""
    listed = [{"name": name, "digest": {"sha256": subjects[name]}} for name in sorted(subjects)]
    head = {"_type": STATEMENT_TYPE, "subject": listed, "predicateType": PREDICATE_TYPE}
    return json.dumps(head, separators=(",", ":")).encode()[:-1] + b',"predicate":'


def _read_subjects(listed: object) -> dict[str, str]:
    subjects: dict[str, str] = {}
    for entry in listed if isinstance(listed, list) else ():
        members = _members(entry, ("name", "digest"), "subject")
        digest = _members(members["digest"], ("sha256",), "subject digest")
        name, sha256 = members["name"], digest["sha256"]
        if not isinstance(name, str) or not isinstance(sha256, str) or name in subjects:
            raise SealBroken("a subject of the statement is no text, or named twice", hint=_HINT)
        subjects[name] = sha256
    return subjects


def _check_subjects(subjects: Mapping[str, str], error: type[RestoreLabError]) -> None:
    if not any(name.startswith(SCENARIO_SUBJECT) for name in subjects):
        raise error(f"the statement has {len(subjects)} subject(s), expected at least {SCENARIO_SUBJECT}<name>")
    for name, sha256 in subjects.items():
        if not name or not _SHA256.fullmatch(sha256):
            raise error(f"subject {name!r:.80} has digest {sha256!r:.80}, expected 64 lower-case hex digits")


def _parse(data: bytes, what: str) -> object:
    """Read strict JSON: no duplicate member anywhere, no NaN, one value."""
    try:
        parsed: object = json.loads(data.decode(), object_pairs_hook=_no_duplicates, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise SealBroken(f"the {what} is not strict JSON: {error!s:.80}", hint=_HINT) from error
    return parsed


def _parse_object(data: bytes, what: str) -> None:
    if not isinstance(_parse(data, what), dict):
        raise SealBroken(f"the {what} is not a JSON object", hint=_HINT)


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _members(value: object, names: tuple[str, ...], what: str) -> dict[str, object]:
    if not isinstance(value, dict) or set(value) != set(names):
        raise SealBroken(f"the {what} does not have exactly the members {', '.join(names)}", hint=_HINT)
    return value


def _decode(text: object, what: str) -> bytes:
    try:
        if not isinstance(text, str):
            raise TypeError("not text")  # noqa: TRY301 - one sentence for every way in which it is not base64
        decoded = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, TypeError, binascii.Error) as error:
        raise SealBroken(f"the {what} is not standard base64", hint=_HINT) from error
    if base64.b64encode(decoded).decode() != text:
        raise SealBroken(f"the {what} is not the only base64 spelling of its bytes", hint=_HINT)
    return decoded

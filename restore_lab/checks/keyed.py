"""Values of the data that are compared and never kept: digests under the lab's secret. Source: RFC 2104 (HMAC)."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final, Literal

_SCOPE_LENGTH: Final = 16


def keyed(secret: bytes, purpose: Literal["identity", "fingerprint"], statement: str, answer: str) -> str:
    """Give the HMAC-SHA-256 of an answer, as `scope:digest` in hexadecimal.

    The scope tells statements and secrets apart, so that only answers to the same question under the same secret are
    compared; purposes keep digests of one use from being tried against those of another.
    """
    asked = statement.strip().encode()
    scope = _digest(secret, f"restore-lab {purpose} statement v1\0".encode() + asked)[:_SCOPE_LENGTH]
    of_answer = f"restore-lab {purpose} answer v1\0".encode() + hashlib.sha256(asked).digest() + answer.encode()
    return f"{scope}:{_digest(secret, of_answer)}"


def of_one_scope(one: str, other: str) -> bool:
    """Tell whether two digests are of answers to the same statement under the same secret."""
    return one.partition(":")[0] == other.partition(":")[0]


def is_same(one: str, other: str) -> bool:
    """Tell whether two digests are the same."""
    return hmac.compare_digest(one.encode(), other.encode())


def _digest(secret: bytes, text: bytes) -> str:
    return hmac.new(secret, text, hashlib.sha256).hexdigest()

"""`identity` of a restore: whose data are these? One value, as a keyed digest, against that of the last passed drill.

Source: RFC 2104 (HMAC). The value itself never leaves `Identity.ask`.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from restore_lab.checks.base import Answer, Restored
from restore_lab.findings import Code, finding

_STATEMENT, _ANSWER = b"restore-lab identity statement v1\0", b"restore-lab identity answer v1\0"
_SCOPE_LENGTH = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Asked of every restore whose scenario names a `statement`; `secret` is the lab's.

    What is kept reads `scope:digest`. The scope tells statements and secrets apart, so that only answers to the same
    question under the same secret are compared; with another one, the value is enrolled anew and said to be.
    """

    statement: str
    secret: bytes = field(repr=False)
    kind: str = "identity"
    title: str = "identity"

    @property
    def proves_data(self) -> bool:
        """Whose data these are says nothing of how much of them came back."""
        return False

    def ask(self, restored: Restored) -> Answer:
        """See `Check.ask`; an answer that is not one value is broken, for it could tell nobody from anybody."""
        rows = restored.database.query(self.statement)
        value = rows[0][0] if len(rows) == 1 and len(rows[0]) == 1 else None
        if value is None or not value.strip():
            return Answer(asked=1, findings=(finding(Code.CHECK_BROKEN, name=self.title),))
        statement = self.statement.strip().encode()
        scope = self._digest(_STATEMENT + statement)[:_SCOPE_LENGTH]
        kept = f"{scope}:{self._digest(_ANSWER + hashlib.sha256(statement).digest() + value.encode())}"
        before = restored.previous.identity_hmac if restored.previous else None
        if before is None or before.partition(":")[0] != scope:
            return Answer(asked=1, findings=(finding(Code.IDENTITY_ENROLLED),), identity_hmac=kept)
        same = hmac.compare_digest(before, kept)
        return Answer(asked=1, findings=() if same else (finding(Code.IDENTITY_DIFFERS),), identity_hmac=kept)

    def _digest(self, text: bytes) -> str:
        return hmac.new(self.secret, text, hashlib.sha256).hexdigest()

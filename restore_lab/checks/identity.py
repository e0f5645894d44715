"""`identity` of a restore: whose data are these? One value, as a keyed digest, against that of the last passed drill.

The value itself never leaves `Identity.ask`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from restore_lab.checks.base import Answer, Restored
from restore_lab.checks.keyed import is_same, keyed, of_one_scope
from restore_lab.findings import Code, finding


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Asked of every restore whose scenario names a `statement`; `secret` is the lab's.

    Only answers to the same question under the same secret are compared; with another one, the value is enrolled anew
    and said to be.
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
        kept = keyed(self.secret, "identity", self.statement, value)
        before = restored.previous.identity_hmac if restored.previous else None
        if before is None or not of_one_scope(before, kept):
            return Answer(asked=1, findings=(finding(Code.IDENTITY_ENROLLED),), identity_hmac=kept)
        same = is_same(before, kept)
        return Answer(asked=1, findings=() if same else (finding(Code.IDENTITY_DIFFERS),), identity_hmac=kept)

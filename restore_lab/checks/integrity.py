"""`integrity`: the engine's own checks. After a logical restore they judge files our own server has just written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from restore_lab.checks.base import Answer, Restored
from restore_lab.findings import Code, finding
from restore_lab.settings import STRICT


@dataclass(frozen=True, kw_only=True, slots=True)
class Integrity:
    """Ask the engine whether every table and index is sound."""

    __pydantic_config__ = STRICT

    kind: Literal["integrity"] = "integrity"
    title: str = "integrity"

    @property
    def proves_data(self) -> bool:
        """An engine that finds its files sound says nothing of what is in them."""
        return False

    def ask(self, restored: Restored) -> Answer:
        """See `Check.ask`."""
        seen = restored.database.integrity()
        if not seen.problems:
            return Answer(asked=seen.asked)
        first = seen.problems[0]
        count = len(seen.problems)
        return Answer(
            asked=seen.asked,
            findings=(finding(Code.INTEGRITY_ERRORS, count=count, subject=first.subject or first.code),),
        )

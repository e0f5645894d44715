"""`objects`: are the tables there, and the indexes, views, routines and triggers that a copy of the rows would lack?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from restore_lab.checks.base import Answer, Restored
from restore_lab.findings import Code, Finding, finding
from restore_lab.settings import STRICT


@dataclass(frozen=True, kw_only=True, slots=True)
class Objects:
    """`at_least` gives the fewest objects by kind (`table`, `index`, `view`, `trigger`, ...)."""

    __pydantic_config__ = STRICT

    kind: Literal["objects"] = "objects"
    title: str = "objects"
    at_least: Mapping[str, int] = field(default_factory=dict)

    @property
    def proves_data(self) -> bool:
        """A schema without a row has all its objects."""
        return False

    def ask(self, restored: Restored) -> Answer:
        """See `Check.ask`; against the last passed drill, only kinds that lost objects are named."""
        there = {one.kind: one.count for one in restored.inventory.objects}
        findings = tuple(self._judged(there, restored))
        return Answer(asked=sum(there.values()), findings=findings)

    def _judged(self, there: Mapping[str, int], restored: Restored) -> Iterator[Finding]:
        if not restored.inventory.tables:
            yield finding(Code.NO_TABLES)
        for kind, minimum in self.at_least.items():
            if (count := there.get(kind, 0)) < minimum:
                yield finding(Code.OBJECTS_BELOW_MINIMUM, kind=kind, count=count, minimum=minimum)
        for before in restored.previous.objects if restored.previous else ():
            if (count := there.get(before.kind, 0)) < before.count:
                yield finding(Code.OBJECTS_BELOW_PREVIOUS, kind=before.kind, count=count, previous=before.count)

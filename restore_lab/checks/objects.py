"""`objects`: are the tables there, and indexes, routines, triggers, and views that can be read?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from restore_lab.checks.base import Answer, Restored
from restore_lab.engines.base import Database
from restore_lab.findings import Code, Finding, finding
from restore_lab.settings import STRICT


@dataclass(frozen=True, kw_only=True, slots=True)
class Objects:
    """`at_least` gives the fewest objects by kind (`table`, `index`, `view`, `trigger`, ...).

    Every view is read; one that gives no row within `view_timeout_seconds` has to open, at least.
    """

    __pydantic_config__ = STRICT

    kind: Literal["objects"] = "objects"
    title: str = "objects"
    at_least: Mapping[str, int] = field(default_factory=dict)
    view_timeout_seconds: int = 20

    @property
    def proves_data(self) -> bool:
        """A schema without a row has all its objects."""
        return False

    def ask(self, restored: Restored) -> Answer:
        """See `Check.ask`; against the last passed drill, only kinds that lost objects are named."""
        there = {one.kind: one.count for one in restored.inventory.objects}
        findings = (*self._judged(there, restored), *self._unusable(restored.database))
        return Answer(asked=sum(there.values()), findings=findings)

    def _unusable(self, database: Database) -> Iterator[Finding]:
        seen = database.views(timeout_seconds=self.view_timeout_seconds)
        if seen.problems:
            first = seen.problems[0]
            yield finding(Code.VIEW_UNUSABLE, view=first.subject, count=len(seen.problems), code=first.code)
        if seen.unanswered:
            yield finding(Code.CHECK_TIMED_OUT, name=self.title)

    def _judged(self, there: Mapping[str, int], restored: Restored) -> Iterator[Finding]:
        if not restored.inventory.tables and not restored.engine.archives:
            yield finding(Code.NO_TABLES)
        for kind, minimum in self.at_least.items():
            if (count := there.get(kind, 0)) < minimum:
                yield finding(Code.OBJECTS_BELOW_MINIMUM, kind=kind, count=count, minimum=minimum)
        for before in restored.previous.objects if restored.previous else ():
            if (count := there.get(before.kind, 0)) < before.count:
                yield finding(Code.OBJECTS_BELOW_PREVIOUS, kind=before.kind, count=count, previous=before.count)

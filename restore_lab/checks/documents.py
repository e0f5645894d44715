"""`documents`: does every document open? Against the last passed drill, and for the marks that ransomware leaves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from restore_lab.checks.base import Answer, Restored
from restore_lab.checks.document_names import judged
from restore_lab.engines.documents import NO_DOCUMENTS, NOT_OPENED, Documents, Examined
from restore_lab.errors import QueryRefused
from restore_lab.findings import Code, Finding, finding
from restore_lab.settings import STRICT


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentsOpen:
    """Every document is opened as what its content says it is; `engines/files/inside/opening.py` says what that means.

    `at_least` gives minima by class (`pdf`, `jpeg`, `office`, ...); `may_shrink` names classes that are purged by
    design, though never to the last one; `endings` what the practice's own software appends to names, which is then no
    renaming.
    """

    __pydantic_config__ = STRICT

    kind: Literal["documents"] = "documents"
    title: str = "documents"
    at_least: Mapping[str, int] = field(default_factory=dict)
    may_shrink: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    timeout_seconds: int = 3600

    @property
    def proves_data(self) -> bool:
        """Documents that open are the practice's own."""
        return True

    def ask(self, restored: Restored) -> Answer:
        """See `Check.ask`."""
        database = restored.database
        if not isinstance(database, Documents):
            raise QueryRefused("NO_DOCUMENTS")
        endings = tuple(ending.lower().lstrip(".") for ending in self.endings)
        seen = database.examine(known_endings=endings, timeout_seconds=self.timeout_seconds)
        asked = sum(one.count for one in seen.documents)
        findings = (*self._judged(seen, asked, restored), *self._missing(database, restored))
        return Answer(asked=asked, documents=seen.documents, findings=findings)

    def _missing(self, database: Documents, restored: Restored) -> Iterator[Finding]:
        """Hold the names that came back against those a database gives, where the scenario asks for that."""
        if restored.crossing is None:
            return
        digests = bytearray()
        database.name_digests(restored.crossing.key, digests.extend, timeout_seconds=self.timeout_seconds)
        restored.crossing.find(bytes(digests), taken_at=restored.taken_at)
        yield from judged(restored.crossing)

    def _judged(self, seen: Examined, total: int, restored: Restored) -> Iterator[Finding]:
        if not any(one.count for one in seen.documents if one.kind not in NOT_OPENED):
            yield finding(Code.NOTHING_ASKED)
        for sign, count in seen.signs.items():
            yield finding(Code.RANSOMWARE_SIGNS, sign=sign, count=count, total=total)
        for one in seen.documents:
            if one.unreadable:
                yield finding(Code.DOCUMENTS_UNREADABLE, kind=one.kind, count=one.unreadable, total=one.count)
        there = {one.kind: one.count for one in seen.documents}
        for kind, minimum in self.at_least.items():
            if there.get(kind, 0) < minimum:
                yield finding(Code.OBJECTS_BELOW_MINIMUM, kind=kind, count=there.get(kind, 0), minimum=minimum)
        for before in restored.previous.documents if restored.previous else ():
            count = there.get(before.kind, 0)
            purged = before.kind in self.may_shrink and count > 0
            if before.kind not in NO_DOCUMENTS and count < before.count and not purged:
                yield finding(Code.DOCUMENTS_BELOW_PREVIOUS, kind=before.kind, count=count, previous=before.count)

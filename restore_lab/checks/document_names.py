"""`document_names`: is every document that the database names among the restored files of the same drill?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from restore_lab.checks.base import Answer, Restored
from restore_lab.checks.crossing import Crossing
from restore_lab.engines.base import MOST_NAMES
from restore_lab.errors import QueryRefused
from restore_lab.findings import Code, Finding, finding
from restore_lab.opening import Days
from restore_lab.settings import STRICT, LabPath


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentNames:
    """One statement, in `sql` or in `file`, that gives the name of each document's file and when it was made.

    Asked of the database; the documents are those of the scenario's restore with a question of kind `documents`. Files
    are known by their own names, without folders, whatever their case. At most 200 000 rows and 16 MiB.
    """

    __pydantic_config__ = STRICT

    kind: Literal["document_names"] = "document_names"
    title: str = "document_names"
    sql: str | None = None
    file: LabPath | None = None

    def __post_init__(self) -> None:
        """Refuse a question without a statement."""
        if (self.sql is None) == (self.file is None):
            raise ValueError("name exactly one of sql, file")

    @property
    def proves_data(self) -> bool:
        """Names that are compared are the practice's own."""
        return True

    def ask(self, restored: Restored) -> Answer:
        """See `Check.ask`; names are made digests of here, and not kept."""
        statement = self.sql if self.file is None else self.file.read_text("utf-8")
        names: dict[str, datetime | None] = {}
        for row in restored.database.query(statement or "", most_rows=MOST_NAMES):
            if len(row) != 2:
                raise QueryRefused("NOT_TWO_COLUMNS")
            if name := re.split(r"[/\\]", row[0] or "")[-1].strip():
                names[name] = _moment(row[1], restored.days)
        if not names:
            unmet = finding(Code.SQL_EXPECTATION_UNMET, name=self.title, expected="at_least 1")
            return Answer(asked=0, findings=(unmet,))
        if restored.crossing is not None:
            restored.crossing.name(names)
        return Answer(asked=len(names), findings=tuple(judged(restored.crossing)))


def judged(crossing: Crossing | None) -> Iterator[Finding]:
    """Say what is missing, once both restores were asked."""
    missing = crossing.missing() if crossing is not None else None
    if missing is not None and missing[0]:
        yield finding(Code.DOCUMENTS_MISSING, count=missing[0], total=missing[1])


def _moment(value: str | None, days: Days) -> datetime | None:
    """Read when a document was made; without a zone it is the practice's. What cannot be read is not known."""
    try:
        moment = datetime.fromisoformat((value or "").strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=days.zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None

"""`counts`: are the rows there? Against nothing, against the operator's minimum, against the last passed drill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from restore_lab.checks.base import Answer, Restored
from restore_lab.findings import Code, Finding, finding
from restore_lab.settings import STRICT


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """`main` tables must be there, must not be empty and must not shrink; `at_least` gives minima by table.

    `may_shrink` names main tables that are purged by design.
    """

    __pydantic_config__ = STRICT

    kind: Literal["counts"] = "counts"
    title: str = "counts"
    main: tuple[str, ...] = ()
    at_least: Mapping[str, int] = field(default_factory=dict)
    may_shrink: tuple[str, ...] = ()

    @property
    def proves_data(self) -> bool:
        """Only when the practice's own main tables are named."""
        return bool(self.main or self.at_least)

    def ask(self, restored: Restored) -> Answer:
        """See `Check.ask`."""
        rows = {table.name: table.rows for table in restored.inventory.tables}
        return Answer(asked=len(rows), findings=tuple(self._judged(rows, restored)))

    def _judged(self, rows: Mapping[str, int], restored: Restored) -> Iterator[Finding]:
        if rows and not any(rows.values()):
            yield finding(Code.NO_ROWS)
        for table in dict.fromkeys((*self.main, *self.at_least)):
            if table not in rows:
                yield finding(Code.TABLE_MISSING, table=table)
            elif not rows[table]:
                yield finding(Code.TABLE_EMPTY, table=table)
            elif rows[table] < self.at_least.get(table, 0):
                minimum = self.at_least[table]
                yield finding(Code.ROWS_BELOW_MINIMUM, table=table, rows=rows[table], minimum=minimum)
        yield from self._shrunk(rows, restored)

    def _shrunk(self, rows: Mapping[str, int], restored: Restored) -> Iterator[Finding]:
        before = {table.name: table.rows for table in restored.previous.tables} if restored.previous else {}
        for table in self.main:
            if table in self.may_shrink or table not in rows:
                continue
            if 0 < rows[table] < before.get(table, 0):
                yield finding(Code.ROWS_BELOW_PREVIOUS, table=table, rows=rows[table], previous=before[table])

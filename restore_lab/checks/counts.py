"""`counts`: are the rows there? Against nothing, the operator's minimum, the last passed drill; in all and by month."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from restore_lab.checks import months
from restore_lab.checks.base import PLAIN_NAME, Answer, Restored
from restore_lab.counted import MonthCount
from restore_lab.errors import QueryRefused
from restore_lab.findings import Code, Finding, finding
from restore_lab.settings import STRICT


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """`main` tables must be there, must not be empty and must not shrink; `at_least` gives minima by table.

    A table may be named without its database where only one of those that came back has it (`Inventory.meant_by`).
    `by_month` gives the column that dates the rows of a main table: a month that was over when the backup was taken
    must not lose rows either. `may_shrink` names main tables that are purged by design: of these only a month without
    a row, after the oldest that the purge left, is worth a word.
    """

    __pydantic_config__ = STRICT

    kind: Literal["counts"] = "counts"
    title: str = "counts"
    main: tuple[str, ...] = ()
    at_least: Mapping[str, int] = field(default_factory=dict)
    may_shrink: tuple[str, ...] = ()
    by_month: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse months of a table that is not a main one, and names that would have to be quoted."""
        if stray := sorted(set(self.by_month) - set(self.main)):
            raise ValueError(f"by_month names {stray[0]!a}, which is not in `main`")
        if not all(PLAIN_NAME.fullmatch(name) for pair in self.by_month.items() for name in pair):
            raise ValueError("by_month takes plain names: letters, digits, underscore")

    @property
    def proves_data(self) -> bool:
        """Only when the practice's own main tables are named."""
        return bool(self.main or self.at_least)

    def ask(self, restored: Restored) -> Answer:
        """See `Check.ask`."""
        rows = {table.name: table.rows for table in restored.inventory.tables}
        counted: list[MonthCount] = []
        findings = [*self._judged(rows, restored)]
        for table, column in self.by_month.items():
            meant = restored.inventory.meant_by(table)
            if len(meant) == 1 and rows[meant[0]]:  # else it is missing or empty, which is said already
                findings += self._of_months(table, column, restored, counted)
        return Answer(asked=len(rows), findings=tuple(findings), months=tuple(counted))

    def _judged(self, rows: Mapping[str, int], restored: Restored) -> Iterator[Finding]:
        if rows and not any(rows.values()):
            yield finding(Code.NO_ROWS)
        for name in dict.fromkeys((*self.main, *self.at_least)):
            meant = restored.inventory.meant_by(name)
            if len(meant) == 1:
                yield from self._held(name, meant[0], rows[meant[0]])
            elif meant:
                yield from restored.ambiguous(name)
            else:
                yield finding(Code.TABLE_MISSING, table=name)
        yield from self._shrunk(rows, restored)

    def _held(self, name: str, table: str, rows: int) -> Iterator[Finding]:
        minimum = self.at_least.get(name, 0)
        if not rows:
            yield finding(Code.TABLE_EMPTY, table=table)
        elif rows < minimum:
            yield finding(Code.ROWS_BELOW_MINIMUM, table=table, rows=rows, minimum=minimum)

    def _shrunk(self, rows: Mapping[str, int], restored: Restored) -> Iterator[Finding]:
        before = {table.name: table.rows for table in restored.previous.tables} if restored.previous else {}
        for name in self.main:
            meant = restored.inventory.meant_by(name)
            if name in self.may_shrink or len(meant) != 1:
                continue
            table = meant[0]
            # the last time, another database may have been the one whose name goes unsaid
            names = (restored.inventory.in_full(table), restored.inventory.in_short(table))
            previous = next((before[one] for one in names if one in before), 0)
            if 0 < rows[table] < previous:
                yield finding(Code.ROWS_BELOW_PREVIOUS, table=table, rows=rows[table], previous=previous)

    def _of_months(self, table: str, column: str, restored: Restored, counted: list[MonthCount]) -> Iterator[Finding]:
        """Ask for one table's months; one that cannot be asked takes nothing from what the others brought."""
        name = f"{table}.{column}"
        try:
            seen = months.count(table, column, restored)
        except QueryRefused as refused:
            yield finding(Code.SQL_QUESTION_REFUSED, name=name, code=refused.code)
            return
        except TimeoutError:
            yield finding(Code.CHECK_TIMED_OUT, name=name)
            return
        counted += seen.closed
        if not seen.any_date:
            yield finding(Code.DATES_UNREADABLE, table=table)
        yield from seen.judged(restored, purged=table in self.may_shrink)

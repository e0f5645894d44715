"""`fingerprint`: does the copy hold what the live database held? Asked of itself, wherever there is a fingerprint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from restore_lab.checks.base import Answer, Restored
from restore_lab.checks.counts import Counts
from restore_lab.counted import TableCount
from restore_lab.engines.base import Inventory
from restore_lab.findings import Code, Finding, finding

#: So many tables are named of a code, in the order of the fingerprint.
_NAMED: Final = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveTables:
    """Every table of the fingerprint against the copy; `counts` are the scenario's, for what they know of tables.

    A table that is not there fails, and so does one that came back empty. Fewer rows say something only where the
    fingerprint is older than the backup: of a main table they fail, of another one they are a reservation, since rows
    may have been deleted meanwhile. Tables in `may_shrink` may hold fewer rows, or none.
    """

    counts: tuple[Counts, ...] = ()
    kind: str = "fingerprint"
    title: str = "fingerprint"

    @property
    def proves_data(self) -> bool:
        """Every table of the practice's own is compared."""
        return True

    def ask(self, restored: Restored) -> Answer:
        """See `Check.ask`."""
        live, inventory = restored.live, restored.inventory
        if live is None:
            return Answer(asked=0)
        meant = {table: _meant(table.name, inventory) for table in live.tables}
        several = [table.name for table, names in meant.items() if len(names) > 1]
        tables = [replace(table, name=(*names, table.name)[0]) for table, names in meant.items() if len(names) < 2]
        rows = {table.name: table.rows for table in inventory.tables}
        purged = _all_meant((one.may_shrink for one in self.counts), inventory)
        main = _all_meant((one.main for one in self.counts), inventory)
        is_older = live.taken_at <= restored.taken_at
        findings = (
            *(one for name in several[:_NAMED] for one in restored.ambiguous(name)),
            *_lost(tables, rows, purged),
            *(_fewer(tables, rows, purged, main) if is_older else ()),
        )
        return Answer(asked=len(live.tables), findings=findings)


def _lost(tables: Sequence[TableCount], rows: Mapping[str, int], purged: frozenset[str]) -> Iterator[Finding]:
    missing = [table for table in tables if table.name not in rows]
    for table in missing[:_NAMED]:
        yield finding(Code.LIVE_TABLE_MISSING, table=table.name, tables=len(missing))
    empty = [one for one in tables if one.rows and rows.get(one.name) == 0 and one.name not in purged]
    for table in empty[:_NAMED]:
        yield finding(Code.LIVE_TABLE_EMPTY, table=table.name, live=table.rows, tables=len(empty))


def _fewer(
    tables: Sequence[TableCount], rows: Mapping[str, int], purged: frozenset[str], main: frozenset[str]
) -> Iterator[Finding]:
    fewer = [one for one in tables if 0 < rows.get(one.name, 0) < one.rows and one.name not in purged]
    for table in [one for one in fewer if one.name in main][:_NAMED]:
        yield finding(Code.ROWS_BELOW_LIVE, table=table.name, rows=rows[table.name], live=table.rows)
    others = [one for one in fewer if one.name not in main]
    if others:
        worst = max(others, key=lambda table: table.rows - rows[table.name])
        yield finding(
            Code.ROWS_FEWER_THAN_LIVE,
            table=worst.name,
            rows=rows[worst.name],
            live=worst.rows,
            tables=len(others),
        )


def _meant(name: str, inventory: Inventory) -> tuple[str, ...]:
    """Find a table of the fingerprint, which is of one database: in the one that questions go to, else in another."""
    meant = inventory.meant_by(name)
    return (name,) if name in meant else meant


def _all_meant(names: Iterable[Iterable[str]], inventory: Inventory) -> frozenset[str]:
    return frozenset(table for some in names for name in some for table in inventory.meant_by(name))

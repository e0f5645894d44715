"""`fingerprint`: does the copy hold what the live database held? Asked of itself, wherever there is a fingerprint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from restore_lab.checks.base import Answer, Live, Restored
from restore_lab.checks.counts import Counts
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
        live = restored.live
        if live is None:
            return Answer(asked=0)
        rows = {table.name: table.rows for table in restored.inventory.tables}
        is_older = live.taken_at <= restored.taken_at
        findings = (*self._lost(live, rows), *(self._fewer(live, rows) if is_older else ()))
        return Answer(asked=len(live.tables), findings=findings)

    def _lost(self, live: Live, rows: Mapping[str, int]) -> Iterator[Finding]:
        missing = [table for table in live.tables if table.name not in rows]
        for table in missing[:_NAMED]:
            yield finding(Code.LIVE_TABLE_MISSING, table=table.name, tables=len(missing))
        purged = self._may_shrink
        empty = [one for one in live.tables if one.rows and rows.get(one.name) == 0 and one.name not in purged]
        for table in empty[:_NAMED]:
            yield finding(Code.LIVE_TABLE_EMPTY, table=table.name, live=table.rows, tables=len(empty))

    def _fewer(self, live: Live, rows: Mapping[str, int]) -> Iterator[Finding]:
        purged, main = self._may_shrink, {name for one in self.counts for name in one.main}
        fewer = [one for one in live.tables if 0 < rows.get(one.name, 0) < one.rows and one.name not in purged]
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

    @property
    def _may_shrink(self) -> frozenset[str]:
        return frozenset(name for one in self.counts for name in one.may_shrink)

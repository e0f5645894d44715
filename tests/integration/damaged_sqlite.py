"""Dumps of SQLite as text in the shape of other releases and code pages; and dates in forms that cannot be read."""

from __future__ import annotations

from typing import Final

from integration import damaged_doing as doing
from integration.damaged import INCONCLUSIVE, PASSED, RESERVED, Row
from integration.damaged_making import Backup

from restore_lab.findings import Code

_MINIMUM: Final = "at_least = { courrier = 130 }"
_LINES: Final = "UPDATE patient SET nom = nom || char(10) || 'née ESSAI' WHERE id < 9;\n"

ROWS: Final = (
    *(
        Row(
            name=f"sqlite-{name}",
            backup=Backup(
                engine="sqlite",
                change=f"UPDATE consultation SET commencee_le = {form};\n",  # noqa: S608 - ours
            ),
            done=f"the software keeps its dates as {done}",
            verdict=INCONCLUSIVE,
            weighing=frozenset({Code.DATES_UNREADABLE}),
        )
        for name, form, done in (
            ("epoch-seconds", "CAST(strftime('%s', commencee_le) AS INTEGER)", "seconds since 1970"),
            ("epoch-milliseconds", "CAST(strftime('%s', commencee_le) AS INTEGER) * 1000", "milliseconds since 1970"),
            ("day-first", "strftime('%d/%m/%Y', commencee_le)", "text, the day first (`12/11/2026`)"),
        )
    ),
    Row(
        name="sqlite-dump-3.50",
        backup=Backup(engine="sqlite", change=_LINES, tool=("dump",)),
        damage=(doing.as_sqlite_350,),
        counts=_MINIMUM,
        done="a dump as text by sqlite3 3.50 or later, which writes the ends of lines within texts as `unistr('...')`",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="sqlite-cp1252",
        backup=Backup(engine="sqlite", tool=("dump",)),
        damage=(doing.as_windows_letters,),
        counts=_MINIMUM,
        done="a dump as text whose accented letters are those of Windows-1252",
        verdict=RESERVED,
        weighing=frozenset({Code.TEXT_NOT_UTF8}),
    ),
)

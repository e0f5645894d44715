"""docs/damaged-backups.md: the table of damaged and odd backups for people, read and written."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from integration import (
    damaged_mariadb,
    damaged_mariadb_live,
    damaged_mariadb_tools,
    damaged_others,
    damaged_postgresql,
    damaged_postgresql_live,
)
from integration.damaged import ENGINE_NAMES, Row

PAGE: Final = Path(__file__).parents[2] / "docs" / "damaged-backups.md"
TABLES: Final = {
    "MariaDB": (*damaged_mariadb.ROWS, *damaged_mariadb_live.ROWS, *damaged_mariadb_tools.ROWS),
    "PostgreSQL": (*damaged_postgresql.ROWS, *damaged_postgresql_live.ROWS),
    "Any engine, and SQLite": damaged_others.ROWS,
}
ROWS: Final = {row.name: row for rows in TABLES.values() for row in rows}
UNKNOWN: Final = "to come"
_HEAD: Final = (
    "| backup | engine | what was done | verdict | findings | page 1 tells the doctor |",
    "|---|---|---|---|---|---|",
)
_INTRODUCTION: Final = """# Damaged and odd backups

What a drill says of backups that are damaged, and of those that only look so. Every row is a backup of a small
invented practice by its engine's own tool, then damaged as the row says, or written anew in the shape of another tool
(`tests/foreign_dumps.py`), then put through a whole drill: integrity, objects, foreign keys, counts by table and by
month, freshness. `tests/integration/damaged_*.py` declare the rows;
`test_damaged_backups*.py` carry them out and read this page. To write it anew, all of it or the rows that are named:

```text
PYTHONPATH=tests python tests/integration/test_damaged_backups.py [row ...]
```

`tox` carries out a part of the rows each time, `tox -e nightly` the others (`tests/nightly.py` says which).

- **Findings** are those that weigh on the verdict, all of them; *notes* that must be there are set in italics.
  `IDENTITY_NOT_VERIFIED` is a note of every drill without an identity question, and left out.
- **Page 1** is the French of the report: how the restore ended, then the points shown, at most three. Figures may
  differ from one host to the next, and are not compared.
- A name in **bold** is a backup that nothing is wrong with. It must never fail.

Some damage cannot be seen: one letter changed within a value of a plain dump (`mariadb-flip-in-value`), of a database
file, or of an archive of pg_dump that is not compressed by gzip loads as any other letter. Only a checksum would have
shown it; the report says so where there is none.

Every drill here also tries itself on the row's own backup, cut and spoilt; what that brought is not in the table unless
it was nothing (`CONTROL_SILENT`).
"""


def declared(row: Row) -> tuple[str, ...]:
    """The cells of a row that its declaration gives."""
    name = f"**`{row.name}`**" if row.healthy else f"`{row.name}`"
    found = [f"`{code.value}`" for code in sorted(row.weighing)]
    found += [f"*`{code.value}`*" for code in sorted(row.notes)]
    return (name, ENGINE_NAMES[row.backup.engine], row.done, row.verdict.value, ", ".join(found) or "none")


def on_the_page() -> dict[str, tuple[str, ...]]:
    """The cells of every row on the page, by name."""
    lines = PAGE.read_text("utf-8").splitlines() if PAGE.exists() else []
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines if line[:3] in {"| `", "| *"}
    ]
    return {cells[0].strip("*`"): cells for cells in rows}


def told_on_the_page(name: str) -> str:
    """What the page says that the doctor is told."""
    cells = on_the_page().get(name, ("",))
    return cells[-1]


def write(told: dict[str, str]) -> None:
    """Write the page; a row that was not carried out keeps what it said."""
    before = {name: cells[-1] for name, cells in on_the_page().items()}
    parts = [_INTRODUCTION]
    for title, rows in TABLES.items():
        lines = [f"| {' | '.join((*declared(row), (before | told).get(row.name, UNKNOWN)))} |" for row in rows]
        parts.append("\n".join((f"## {title}\n", *_HEAD, *lines)) + "\n")
    PAGE.write_text("\n".join(parts), "utf-8")

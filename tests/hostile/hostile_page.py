"""docs/hostile.md: the table of hostile backups for people, read and written."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hostile import (
    cases_documents,
    cases_labs,
    cases_mariadb,
    cases_mariadb_lies,
    cases_nodes,
    cases_others,
    cases_postgresql,
    cases_postgresql_bombs,
    cases_postgresql_lies,
    cases_sqlite,
    cases_sqlite_files,
)
from hostile.cases import Case

PAGE: Final = Path(__file__).parents[2] / "docs" / "hostile.md"
TABLES: Final = {
    "PostgreSQL": (*cases_postgresql.CASES, *cases_postgresql_lies.CASES, *cases_postgresql_bombs.CASES),
    "MariaDB": (*cases_mariadb.CASES, *cases_mariadb_lies.CASES),
    "SQLite": (*cases_sqlite.CASES, *cases_sqlite_files.CASES),
    "Layers, files and folders, whatever the engine": cases_others.CASES,
    "Archives of documents": cases_documents.CASES,
    "Servers that stand where the test node should": cases_nodes.CASES,
    "The lab itself": cases_labs.CASES,
}
CASES: Final = {case.name: case for cases in TABLES.values() for case in cases}
UNKNOWN: Final = "to come"
_HEAD: Final = (
    "| case | restored on | what it tries | verdict (exit code) | findings | why it may pass | escapes |",
    "|---|---|---|---|---|---|---|",
)
_INTRODUCTION: Final = """# Hostile backups

What a drill says of backups, and of what lies around them, that were made to hurt. Every row is a whole backup of a
small invented practice with an attack put into it or around it - an archive, a server in the node's place, a clock -
and a whole drill of it. `tests/hostile/cases_*.py` declare the rows; `test_hostile_cases.py` carries them out and reads
this page: a part of them with every `tox`, all of them with `tox -e hostile`. To write it anew, all of it or the rows
that are named:

```text
PYTHONPATH=tests python tests/hostile/test_hostile_cases.py [row ...]
```

After each drill these are looked for, by names that nobody could have guessed; `test_escapes.py` sets each canary off:

- a **mark**: a file in a folder of this host that is open to all, in `/tmp`, `/var/tmp`, `/dev/shm`, `/run`, `/root`,
  `/home` or `/`; something gone from that folder;
- a **call**: a connection or a datagram at a port on every address of this host, IPv4 and IPv6, Docker's bridge among
  them, and a connection at an abstract Unix socket;
- a **process** of the attack among the host's own, while the drill runs or after it;
- a **secret** of this host's in anything the drill stored, printed or put into its mail, and letters that steer a
  terminal, raw;
- what is **left**: containers, volumes, folders in `/dev/shm` and `/var/tmp`, processes; a folder of backups that was
  written to.

- **Findings** are those that weigh on the verdict, all of them.
- A name in **bold**: the attack's own command was seen to run within the machine. That is what the machine is for.
- Every machine is shown to be sealed, whatever the verdict.
- No row passes without saying why.
"""


def declared(case: Case) -> tuple[str, ...]:
    """The cells of a row that its declaration gives."""
    name = f"**`{case.name}`**" if case.runs else f"`{case.name}`"
    found = ", ".join(f"`{code.value}`" for code in sorted(case.weighing)) or "none"
    verdict = f"{case.verdict.value} ({case.exit_code})"
    return (name, case.where, case.tries, verdict, found, case.harmless or "-")


def on_the_page() -> dict[str, tuple[str, ...]]:
    """The cells of every row on the page, by name."""
    lines = PAGE.read_text("utf-8").splitlines() if PAGE.exists() else []
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines if line[:3] in {"| `", "| *"}
    ]
    return {cells[0].strip("*`"): cells for cells in rows}


def text(seen: dict[str, str]) -> str:
    """Give the page; a row that was not carried out keeps what it said."""
    before = {name: cells[-1] for name, cells in on_the_page().items()}
    parts = [_INTRODUCTION]
    for title, cases in TABLES.items():
        lines = [f"| {' | '.join((*declared(case), (before | seen).get(case.name, UNKNOWN)))} |" for case in cases]
        parts.append("\n".join((f"## {title}\n", *_HEAD, *lines)) + "\n")
    return "\n".join(parts)


def write(seen: dict[str, str]) -> None:
    """Write the page."""
    PAGE.write_text(text(seen), "utf-8")

"""Which of the databases that a dump left is the one to question, and what is said of where the data landed; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from restore_lab.findings import Code, Finding, finding


def questioned(sizes: Mapping[str, int], *, default: str, wanted: str | None) -> str:
    """Choose the database questions run in: the wanted one if it has tables, else that with the most, or the default.

    `sizes` counts the tables of each; the default one is where a dump without a database of its own lands.
    """
    tables = {default: 0, **sizes}
    return max(sorted(tables), key=lambda name: (name == wanted and tables[name] > 0, tables[name], name == default))


def landed(database: str, *, default: str, wanted: str | None) -> Iterator[Finding]:
    """Say that the questioned database is not the default one, or not the wanted one either."""
    if database == default:
        return
    if wanted and wanted != database:
        yield finding(Code.DATABASE_MISSING, database=wanted)
    else:
        yield finding(Code.DATA_IN_ANOTHER_DATABASE, database=database)

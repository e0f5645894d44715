"""The practice as a SQLite file, and a backup of it made the way SQLite itself makes one."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from restore_lab.errors import EngineFailed, UsageError
from restore_lab.sample_practice.practice import DEFAULT_PATIENTS, Practice
from restore_lab.sample_practice.script import schema
from restore_lab.sample_practice.tables import TABLES, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from restore_lab.sample_practice.rows import Row

_ADAPTED: Final[dict[type, Callable[[Any], str]]] = {Decimal: str, date: str, datetime: str}


def write_sqlite(path: Path, *, seed: int, day: date, patients: int = DEFAULT_PATIENTS) -> None:
    """Write the whole practice to a new file at `path`; memory stays flat whatever the number of patients.

    Raises:
        UsageError: there is already something at `path`, or not one patient.
        EngineFailed: SQLite could not write it.
    """
    practice = Practice(seed=seed, day=day, patients=patients)
    _refuse_existing(path)
    before, after = schema("sqlite")
    with _ours("write", path), closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.executescript(before)
        database.execute("BEGIN")
        for table in TABLES:
            _insert(database, table, practice)
        database.execute("COMMIT")
        database.executescript(after)


def backup_sqlite(database: Path, target: Path) -> None:
    """Copy `database` to a new file at `target`, consistent even while somebody writes to it.

    Source: the Online Backup API, https://www.sqlite.org/backup.html

    Raises:
        UsageError: there is already something at `target`.
        EngineFailed: `database` is not there or not readable, or `target` could not be written.
    """
    _refuse_existing(target)
    with (
        _ours("back up", database),
        closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)


def _insert(database: sqlite3.Connection, table: Table, practice: Practice) -> None:
    marks = ", ".join("?" * len(table.columns))
    statement = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({marks})"  # noqa: S608 - our own names
    database.executemany(statement, map(_adapted, table.rows(practice)))


def _adapted(row: Row) -> tuple[object, ...]:
    return tuple([_ADAPTED[type(value)](value) if type(value) in _ADAPTED else value for value in row])


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise UsageError(f"{path.name} is already there", hint="name a file that does not exist yet")


@contextmanager
def _ours(verb: str, path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise EngineFailed(
            f"SQLite could not {verb} {path.name}: {error.sqlite_errorname}",
            hint="look at the folder and its free space",
        ) from error

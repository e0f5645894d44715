"""The practice as an SQL script, for psql (COPY blocks) or for the mariadb client (INSERTs of many rows)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, assert_never

from restore_lab.sample_practice.invented import DATABASE
from restore_lab.sample_practice.practice import DEFAULT_PATIENTS, Practice
from restore_lab.sample_practice.tables import TABLES, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from restore_lab.sample_practice.rows import Row

_CHUNK_BYTES: Final = 500_000
_ROWS_MARK: Final = "-- the rows go here\n"


class Dialect(StrEnum):
    """For which server a script is."""

    POSTGRESQL = "postgresql"
    MARIADB = "mariadb"


def sql_script(dialect: Dialect, *, seed: int, day: date, patients: int = DEFAULT_PATIENTS) -> Iterator[bytes]:
    """Everything for one empty database, as UTF-8 in chunks of about 500 kB; `roles_sql` is to be loaded before it.

    Raises:
        UsageError: there is not one patient.
    """
    practice = Practice(seed=seed, day=day, patients=patients)
    before, after = schema(dialect)
    match dialect:
        case Dialect.POSTGRESQL:
            block = _copy_block
        case Dialect.MARIADB:
            block = _insert_block
        case _:
            assert_never(dialect)
    return _encoded(before, (block(table, practice) for table in TABLES), after)


def roles_sql(dialect: Dialect) -> str:
    """The roles (PostgreSQL) or locked accounts (MariaDB) of a server without them; no password anywhere."""
    match dialect:
        case Dialect.POSTGRESQL:
            return "CREATE ROLE cabinet_medecin NOLOGIN;\nCREATE ROLE cabinet_secretariat NOLOGIN;\n"
        case Dialect.MARIADB:
            return (
                "CREATE USER 'cabinet_medecin'@'localhost' ACCOUNT LOCK;\n"
                "CREATE USER 'cabinet_secretariat'@'localhost' ACCOUNT LOCK;\n"
                f"GRANT SELECT, INSERT, UPDATE, EXECUTE ON {DATABASE}.* TO 'cabinet_medecin'@'localhost';\n"
                f"GRANT SELECT ON {DATABASE}.* TO 'cabinet_secretariat'@'localhost';\n"
            )
        case _:
            assert_never(dialect)


def schema(name: str) -> tuple[str, str]:
    """What comes before the rows (tables) and after them (indexes, views, triggers), from `schema_<name>.sql`."""
    text = files(__package__).joinpath(f"schema_{name}.sql").read_text(encoding="utf-8")
    before, _, after = text.partition(_ROWS_MARK)
    return before, after


def _encoded(before: str, blocks: Iterable[Iterator[bytes]], after: str) -> Iterator[bytes]:
    yield before.encode()
    for block in blocks:
        yield from block
    yield after.encode()


def _copy_block(table: Table, practice: Practice) -> Iterator[bytes]:
    yield f"\nCOPY public.{table.name} ({', '.join(table.columns)}) FROM stdin;\n".encode()
    for lines in _batches("\t".join([_COPY[type(value)](value) for value in row]) for row in table.rows(practice)):
        yield b"\n".join(lines) + b"\n"
    yield b"\\.\n"


def _insert_block(table: Table, practice: Practice) -> Iterator[bytes]:
    head = f"\nINSERT INTO `{table.name}` ({', '.join(f'`{name}`' for name in table.columns)}) VALUES\n"
    for tuples in _batches(_tuple(row) for row in table.rows(practice)):
        yield head.encode() + b",\n".join(tuples) + b";\n"


def _tuple(row: Row) -> str:
    return "(" + ",".join([_INSERT[type(value)](value) for value in row]) + ")"


def _batches(lines: Iterable[str]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for line in lines:
        encoded = line.encode()
        batch.append(encoded)
        size += len(encoded)
        if size >= _CHUNK_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _copy_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def _insert_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n") + "'"


_COPY: Final[dict[type, Callable[[Any], str]]] = {
    type(None): lambda _: "\\N",
    bool: lambda value: "t" if value else "f",
    int: str,
    str: _copy_text,
    Decimal: str,
    date: date.isoformat,
    datetime: lambda value: f"{value}",
    bytes: lambda value: "\\\\x" + value.hex(),
}

_INSERT: Final[dict[type, Callable[[Any], str]]] = {
    type(None): lambda _: "NULL",
    bool: lambda value: "1" if value else "0",
    int: str,
    str: _insert_text,
    Decimal: str,
    date: lambda value: f"'{value}'",
    datetime: lambda value: f"'{value}'",
    bytes: lambda value: "0x" + value.hex(),
}

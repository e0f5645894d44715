"""A live MariaDB database, reached by an option file of its client: one snapshot, in a read-only transaction.

Sources: https://mariadb.com/kb/en/start-transaction/ (WITH CONSISTENT SNAPSHOT, READ ONLY),
https://mariadb.com/kb/en/configuring-mariadb-with-option-files/, https://mariadb.com/kb/en/prepare-statement/.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from restore_lab import process
from restore_lab.counted import KeyCount, TableCount
from restore_lab.engines.base import MOST_ASKED, MOST_ROWS, Row
from restore_lab.engines.mariadb import catalogue, references
from restore_lab.engines.mariadb.catalogue import Table, read_hex
from restore_lab.engines.mariadb.client import client, refused_by, version_of
from restore_lab.engines.mariadb.heads import vendor_of
from restore_lab.errors import EngineFailed, UsageError
from restore_lab.live.base import (
    ALL_SECONDS,
    CONNECT_SECONDS,
    EACH_SECONDS,
    LOCK_SECONDS,
    Asked,
    Question,
    Seen,
    let_nobody_in,
    not_reached,
    unanswered,
)

#: ER_ACCESS_DENIED_ERROR, ER_DBACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR, ER_HOST_NOT_PRIVILEGED.
_NOT_LET_IN: Final = frozenset({"1045", "1044", "1698", "1130"})
#: CR_CONNECTION_ERROR, CR_CONN_HOST_ERROR, CR_UNKNOWN_HOST, CR_SERVER_LOST.
_NOT_REACHED: Final = frozenset({"2002", "2003", "2005", "2013"})
#: ER_STATEMENT_TIMEOUT, MySQL's ER_QUERY_TIMEOUT, ER_LOCK_WAIT_TIMEOUT.
_CODES: Final = {"1969": "TIMEOUT", "3024": "TIMEOUT", "1205": "LOCKED"}
_ABOUT: Final = "SELECT VERSION(), UNIX_TIMESTAMP(), HEX(COALESCE(DATABASE(), ''));\n"
_READ_ONLY: Final = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;\n"
_SNAPSHOT: Final = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY;\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Schema:
    """What there is to count: tables and keys of the questioned database, or of all that the account sees."""

    vendor: str
    version: str
    server_at: datetime
    database: str
    tables: tuple[Table, ...]
    keys: tuple[references.Asked, ...]


@dataclass(frozen=True, slots=True)
class OptionFile:
    """An option file with a group `[client]`: host, user, password, database."""

    path: Path
    each_seconds: int = EACH_SECONDS
    engine: str = "mariadb"

    def read(self, asked: Asked) -> Seen:
        """See `LiveDatabase.read`; what the schema declares is looked up first, for it is of no snapshot."""
        self._refuse_loose_file()
        schema = self._schema(asked)
        statements = [
            *catalogue.counting(schema.tables),
            *(f"{one.sql};\n".encode() for one in schema.keys),
            *(_prepared(question) for question in asked.questions),
        ]
        done = self._run((self._limits(schema), _SNAPSHOT.encode(), *statements), "--xml", "--binary-as-hex")
        results = catalogue.read_results(done.stdout)
        if done.exit_code != 0 or done.cut or len(results) != len(statements):
            raise self._unanswered(len(results), done, schema, asked)
        return _seen(schema, results, asked)

    def _refuse_loose_file(self) -> None:
        try:
            if stat.S_IMODE(self.path.stat().st_mode) & 0o077:
                raise UsageError(f"{self.path} is readable by others", hint=f"chmod 600 {self.path}")
        except OSError as error:
            raise UsageError(f"option file {self.path}: {error.strerror}") from error

    def _schema(self, asked: Asked) -> _Schema:
        version, now, database = self._ask(_ABOUT).rstrip(b"\n").split(b"\t")
        own = read_hex(database)
        tables = catalogue.read_tables(self._ask(catalogue.TABLES))
        keys = references.orphans(self._ask(references.KEYS)) if asked.keys else ()
        if len(keys) > MOST_ASKED:
            raise unanswered("foreign keys", "TOO MUCH", each_seconds=self.each_seconds)
        return _Schema(
            vendor=vendor_of(version.decode("utf-8", "replace")),
            version=version_of(version),
            server_at=datetime.fromtimestamp(float(now), UTC),
            database=catalogue.questioned([one for one in tables if own in {"", one.database}], own),
            tables=tuple(one for one in tables if own in {"", one.database}),
            keys=tuple(one for one in keys if own in {"", one.table.database}),
        )

    def _ask(self, sql: str) -> bytes:
        done = self._run((sql.encode(),))
        if done.exit_code != 0 or done.cut:
            raise _refused(done) or unanswered("its catalogue", _code(done), each_seconds=self.each_seconds)
        return done.stdout

    def _limits(self, schema: _Schema) -> bytes:
        is_mariadb = schema.vendor == "mariadb"
        own = "max_statement_time" if is_mariadb else "max_execution_time"
        limit = self.each_seconds if is_mariadb else self.each_seconds * 1000
        waits = f"lock_wait_timeout = {LOCK_SECONDS}, innodb_lock_wait_timeout = {LOCK_SECONDS}"
        reads = f"time_zone = 'SYSTEM', sql_select_limit = {MOST_ROWS + 1}"
        return f"SET SESSION {own} = {limit}, {waits}, {reads};\n".encode()

    def _unanswered(self, answered: int, done: process.Completed, schema: _Schema, asked: Asked) -> EngineFailed:
        names = (
            *(f"rows of {one}" for one in catalogue.named(schema.tables, schema.database)),
            *(f"foreign key {one}" for one in references.named(schema.keys, schema.database)),
            *(one.title for one in asked.questions),
        )
        about = names[answered] if answered < len(names) else "a question that brings no rows"
        code = "TOO MUCH" if done.cut else _CODES.get(_code(done), _code(done))
        return _refused(done) or unanswered(about, code, each_seconds=self.each_seconds)

    def _run(self, sql: Sequence[bytes], *options: str) -> process.Completed:
        return process.run(
            (*client(str(self.path)), f"--connect-timeout={CONNECT_SECONDS}", "--quick", *options),
            timeout_seconds=ALL_SECONDS,
            stdin=[_READ_ONLY.encode(), *sql],
        )


def _prepared(question: Question) -> bytes:
    """Give a question as one prepared statement: the client finds neither a command nor a second statement in it."""
    digits = question.statement.encode().hex()
    return f"SET @asked = CONVERT(0x{digits} USING utf8mb4); PREPARE asked FROM @asked; EXECUTE asked;\n".encode()


def _refused(done: process.Completed) -> EngineFailed | None:
    """Say that the server let nobody in, or was not there; None when it was something else."""
    if (code := _code(done)) in _NOT_LET_IN:
        return let_nobody_in(code)
    return not_reached(code) if code in _NOT_REACHED else None


def _code(done: process.Completed) -> str:
    message = refused_by(done)
    return (message.problem.code if message else "") or f"exit {done.exit_code}"


def _seen(schema: _Schema, results: Sequence[Sequence[Row]], asked: Asked) -> Seen:
    counts = iter(results)
    tables = tuple(
        TableCount(name=name, rows=_number(next(counts), 1)) for name in catalogue.named(schema.tables, schema.database)
    )
    keys = tuple(
        KeyCount(key=name, orphans=_number(next(counts), 0)) for name in references.named(schema.keys, schema.database)
    )
    return Seen(
        vendor=schema.vendor,
        version=schema.version,
        server_at=schema.server_at,
        tables=tables,
        keys=keys if asked.keys else None,
        answers=tuple(counts),
    )


def _number(rows: Sequence[Row], column: int) -> int:
    return int(rows[0][column] or 0)

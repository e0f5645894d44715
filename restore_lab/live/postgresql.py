"""A live PostgreSQL database, reached by a connection service: one transaction, repeatable and read-only.

The service file and the password file are libpq's own. Sources: PostgreSQL manual, "The Connection Service File",
"The Password File", "SET TRANSACTION", "Client Connection Defaults".
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from restore_lab import process
from restore_lab.counted import KeyCount, TableCount
from restore_lab.engines.base import Row
from restore_lab.engines.postgresql import catalogue, referring
from restore_lab.engines.postgresql.asking import CLOSE, asking
from restore_lab.engines.postgresql.cluster import NO_CONNECTION, PSQL_ASKS, parsed
from restore_lab.engines.postgresql.references import ORPHANS_COUNTED
from restore_lab.engines.postgresql.settings import READING
from restore_lab.errors import EngineFailed, UsageError
from restore_lab.live.base import (
    ALL_SECONDS,
    CONNECT_SECONDS,
    EACH_SECONDS,
    LOCK_SECONDS,
    Asked,
    Seen,
    let_nobody_in,
    not_reached,
    unanswered,
)
from restore_lab.settings import from_environment

#: What libpq finds its files by; nothing else of the environment goes to the client.
_FILES: Final = ("HOME", "PGSERVICEFILE", "PGSYSCONFDIR", "PGPASSFILE")
_SERVICE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
#: How psql names a server's error under `VERBOSITY=verbose`, in whatever language the server speaks.
_REFUSED: Final = re.compile(rb"^(?:psql:<stdin>:\d+: )?[^\s:]+ ?:  ([0-9A-Z]{5})\b", re.MULTILINE)
#: query_canceled, lock_not_available: appendix A of the manual.
_CODES: Final = {"57014": "TIMEOUT", "55P03": "LOCKED"}
_ABOUT: Final = "SELECT version(), current_setting('server_version'), extract(epoch FROM clock_timestamp());\n"
#: Our own questions name what they mean; the operator's look where the practice's database says.
_OURS: Final = "SET LOCAL search_path = pg_catalog;\n"
_THEIRS: Final = "SET LOCAL search_path TO DEFAULT;\n"


@dataclass(frozen=True, slots=True)
class Service:
    """A service of `~/.pg_service.conf`; its password is in `~/.pgpass`."""

    name: str
    each_seconds: int = EACH_SECONDS
    engine: str = "postgresql"

    def read(self, asked: Asked) -> Seen:
        """See `LiveDatabase.read`."""
        null, mark = secrets.token_hex(16), secrets.token_hex(16)
        done = process.run(
            (*PSQL_ASKS, "--set=ON_ERROR_STOP=1", f"--pset=null={null}", "--file=-", self._connection()),
            timeout_seconds=ALL_SECONDS,
            stdin=[f"{part}SELECT '{mark}';\n".encode() for part in _parts(asked)],
            environment={**from_environment(_FILES), "LC_ALL": "C"},
        )
        if done.exit_code == NO_CONNECTION:
            raise self._no_connection(done.stderr)
        parts = _split(parsed(done.stdout, null), mark)
        if done.exit_code != 0 or done.cut:
            raise self._unanswered(len(parts) - 1, done, asked)
        return _seen(parts, asked)

    def _connection(self) -> str:
        """Give the connection string, which outweighs what the service says of the same settings."""
        if not _SERVICE.fullmatch(self.name):
            raise UsageError(f"{self.name!a} is no name of a connection service", hint="see ~/.pg_service.conf")
        settings = {
            **READING,
            "row_security": "off",
            "statement_timeout": f"{self.each_seconds}s",
            "lock_timeout": f"{LOCK_SECONDS}s",
            "idle_in_transaction_session_timeout": f"{self.each_seconds}s",
        }
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        return (
            f"service={self.name} connect_timeout={CONNECT_SECONDS} client_encoding=UTF8"
            f" application_name=restore-lab-fingerprint options='{options}'"
        )

    def _unanswered(self, position: int, done: process.Completed, asked: Asked) -> EngineFailed:
        names = ("the server's version", "rows of tables", "foreign keys", *(one.title for one in asked.questions))
        found = _REFUSED.search(done.stderr)
        code = "TOO MUCH" if done.cut else found[1].decode("ascii") if found else f"exit {done.exit_code}"
        about = names[min(position, len(names) - 1)]
        return unanswered(about, _CODES.get(code, code), each_seconds=self.each_seconds)

    def _no_connection(self, said: bytes) -> EngineFailed | UsageError:
        """Tell a service that is not written down from a server that is not there, and from one that refused."""
        if b"definition of service" in said or b"service file" in said:
            return UsageError(f"there is no connection service {self.name!a}", hint="write it to ~/.pg_service.conf")
        if b"FATAL" in said or b"no password supplied" in said:
            return let_nobody_in("FATAL")
        return not_reached(f"psql exit {NO_CONNECTION}")


def _parts(asked: Asked) -> Iterator[str]:
    yield f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n{_OURS}{_ABOUT}"
    yield catalogue.ROWS_OF_TABLES
    yield ORPHANS_COUNTED if asked.keys else ""
    for question in asked.questions:
        yield f"{_THEIRS}{asking(question.statement)}{CLOSE}"
    yield "ROLLBACK;\n"


def _split(rows: Sequence[Row], mark: str) -> list[list[Row]]:
    """Give the rows of each part, and last those of the part that has no end."""
    parts: list[list[Row]] = [[]]
    for row in rows:
        if row == (mark,):
            parts.append([])
        else:
            parts[-1].append(row)
    return parts


def _seen(parts: Sequence[Sequence[Row]], asked: Asked) -> Seen:
    (about,), tables, keys, *answers = parts[: 3 + len(asked.questions)]
    return Seen(
        vendor="postgresql" if str(about[0]).startswith("PostgreSQL ") else "",
        version=str(about[1]).partition(" ")[0],
        server_at=datetime.fromtimestamp(float(about[2] or 0), UTC),
        tables=tuple(TableCount(name=referring.shown("", *row[:2]), rows=int(row[2] or 0)) for row in tables),
        keys=tuple(KeyCount(key=referring.shown("", *row[:3]), orphans=int(row[3] or 0)) for row in keys)
        if asked.keys
        else None,
        answers=tuple(answers),
    )

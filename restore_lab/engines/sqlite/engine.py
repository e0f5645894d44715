"""SQLite: a database file, or the plain dump of one. It is parsed by a child inside the machine, never here.

Sources: https://www.sqlite.org/fileformat2.html (header), https://www.sqlite.org/cli.html#dump (plain dumps).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from restore_lab.engines.base import Database, Dump, Integrity, Inventory, Load, Row
from restore_lab.errors import EngineFailed, QueryRefused
from restore_lab.evidence import ObjectCount, ProblemCount, TableCount
from restore_lab.findings import Code, Finding, finding, reduce_message, safe_text
from restore_lab.sandboxes.base import Machine, Server
from restore_lab.settings import STRICT

_MAGIC = b"SQLite format 3\0"
_DUMP_BEGINNING = b"PRAGMA foreign_keys=OFF;"
#: Bytes 18 and 19 of the header: 2 is write-ahead logging (file format, section 1.3.3).
_WAL = b"\x02\x02"
#: The file or a page of it is not what it must be: the backup's fault, not the machine's.
_RUINED = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CORRUPT_INDEX", "SQLITE_CORRUPT_VTAB", "DatabaseError"})
_CHILD = (Path(__file__).parent / "child.py").read_text("utf-8")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sqlite:
    """The `sqlite` engine."""

    __pydantic_config__ = STRICT

    kind: Literal["sqlite"] = "sqlite"
    load_timeout_seconds: int = 4 * 3600

    def recognise(self, head: bytes) -> Dump | None:
        """See `Engine.recognise`."""
        if head.startswith(_MAGIC):
            layout = "file-wal" if head[18:20] == _WAL else "file"
            return Dump(engine=self.kind, format=layout, vendor="sqlite", version="3", series="3", tool="")
        if head.lstrip(b"\xef\xbb\xbf \r\n").startswith(_DUMP_BEGINNING):
            return Dump(engine=self.kind, format="plain", vendor="sqlite", version="3", series="3", tool=".dump")
        return None

    def servers(self, _dump: Dump) -> tuple[Server, ...]:
        """Name the one there is; the file format has had one series since 2004."""
        return self.offered()

    def offered(self) -> tuple[Server, ...]:
        """Name this interpreter's SQLite, run apart."""
        folder = f"{sys.base_prefix}/bin"
        return (
            Server(
                engine=self.kind,
                series="3",
                own_series=True,
                image="",
                folders=(folder,),
                programs=("python3",),
            ),
        )

    def start(self, machine: Machine, server: Server) -> Database:
        """Ask the child which SQLite it carries; there is no server to wait for."""
        return self.attach(machine, server)

    def attach(self, machine: Machine, _server: Server) -> Database:
        """See `Engine.attach`."""
        database = _Sqlite(machine=machine, load_timeout_seconds=self.load_timeout_seconds)
        database.greet()
        return database

    def own_series(self, dump: Dump, server_version: str) -> bool:
        """See `Engine.own_series`."""
        return server_version.partition(".")[0] == dump.series


@dataclass(kw_only=True, slots=True)
class _Sqlite:
    machine: Machine
    load_timeout_seconds: int
    server_version: str = ""

    @property
    def _file(self) -> str:
        return f"{self.machine.scratch}/restored.sqlite"

    def greet(self) -> None:
        """Have one row answered, so that a later refusal is the backup's."""
        answer = self._ask("query", "SELECT 1", file=":memory:")
        if answer.get("rows") != [["1"]]:
            raise EngineFailed("SQLite did not answer inside the machine")
        self.server_version = str(answer["version"])

    def load(self, dump: Dump, chunks: Iterable[bytes]) -> Load:
        """See `Database.load`."""
        if dump.format == "plain":
            return self._load_plain(chunks)
        done = self.machine.run(
            ("/bin/sh", "-c", 'exec cat > "$1"', "load", self._file),
            timeout_seconds=self.load_timeout_seconds,
            stdin=chunks,
        )
        if done.exit_code != 0:
            raise EngineFailed(f"the file could not be written inside the machine (exit {done.exit_code})")
        wal = (finding(Code.WAL_NOT_IN_BACKUP),) if dump.format == "file-wal" else ()
        return Load(seconds=done.seconds, problems=(), findings=wal)

    def inventory(self) -> Inventory:
        """See `Database.inventory`; a ruined file has no tables, which `integrity` names."""
        answer = self._ask("inventory")
        if answer.get("refused") in _RUINED:
            return Inventory(tables=(), objects=())
        self._refuse(answer)
        tables = (TableCount(name=safe_text(name), rows=rows) for name, rows in sorted(answer["tables"].items()))
        objects = (ObjectCount(kind=kind, count=count) for kind, count in sorted(answer["objects"].items()))
        return Inventory(tables=tuple(tables), objects=tuple(objects))

    def integrity(self) -> Integrity:
        """See `Database.integrity`; PRAGMA integrity_check."""
        answer = self._ask("integrity", timeout_seconds=3600)
        if (code := answer.get("refused")) in _RUINED:
            return Integrity(asked=1, problems=(reduce_message(b"", code=str(code)),))
        self._refuse(answer)
        problems = tuple(reduce_message(line.encode(), code="INTEGRITY") for line in answer["lines"])
        return Integrity(asked=answer["asked"], problems=problems)

    def query(self, sql: str, *, timeout_seconds: float = 60.0) -> Sequence[Row]:
        """See `Database.query`; only reading is authorised (sqlite3_set_authorizer)."""
        answer = self._ask("query", sql, timeout_seconds=timeout_seconds)
        self._refuse(answer)
        return [tuple(row) for row in answer["rows"]]

    def _load_plain(self, chunks: Iterable[bytes]) -> Load:
        done = self.machine.run(
            self._argv("load", "", self._file), timeout_seconds=self.load_timeout_seconds, stdin=chunks
        )
        answer = self._answer(done.stdout, done.exit_code)
        self._refuse(answer)
        problems = tuple(
            ProblemCount(code=code, subject="", count=count, harmful=True, first_line=line)
            for code, count, line in answer["failed"]
        )
        return Load(seconds=done.seconds, problems=problems, findings=tuple(_load_findings(problems, answer)))

    def _argv(self, question: str, text: str, file: str) -> tuple[str, ...]:
        return ("python3", "-I", "-c", _CHILD, question, file, text)

    def _ask(
        self, question: str, text: str = "", *, timeout_seconds: float = 600, file: str | None = None
    ) -> dict[str, Any]:
        done = self.machine.run(self._argv(question, text, file or self._file), timeout_seconds=timeout_seconds)
        return self._answer(done.stdout, done.exit_code)

    def _answer(self, stdout: bytes, exit_code: int) -> dict[str, Any]:
        try:
            answer = json.loads(stdout)
        except ValueError as error:
            raise EngineFailed(f"the SQLite child gave no answer (exit {exit_code})") from error
        if not isinstance(answer, dict):
            raise EngineFailed("the SQLite child gave something else than an answer")
        return answer

    def _refuse(self, answer: dict[str, Any]) -> None:
        if code := answer.get("refused"):
            raise QueryRefused(safe_text(str(code), 32))


def _load_findings(problems: Sequence[ProblemCount], answer: dict[str, Any]) -> Iterable[Finding]:
    if problems:
        worst = max(problems, key=lambda problem: problem.count)
        total = sum(problem.count for problem in problems)
        yield finding(Code.LOAD_ERRORS, count=total, code=worst.code, subject=worst.subject)
    if answer["cut"]:
        yield finding(Code.LOAD_STOPPED, code="CUT", line=int(answer["cut_line"]))

"""SQLite: a database file, or the plain dump of one. It is parsed by a child inside the machine, never here.

Sources: https://www.sqlite.org/fileformat2.html (header), https://www.sqlite.org/cli.html#dump (plain dumps).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from restore_lab.counted import KeyCount, ObjectCount, ProblemCount, TableCount
from restore_lab.engines import announced
from restore_lab.engines.base import (
    MOST_ROWS,
    Database,
    Dump,
    Integrity,
    Inventory,
    Load,
    References,
    Row,
    Spoilt,
    Views,
)
from restore_lab.engines.naming import Named
from restore_lab.engines.outline import Outline
from restore_lab.engines.tokens import Dialect
from restore_lab.errors import EngineFailed, MachineDiskFull, QueryRefused
from restore_lab.findings import Code, Finding, Problem, finding, reduce_message, safe_text
from restore_lab.sandboxes.base import Machine, Server
from restore_lab.settings import STRICT

_MAGIC = b"SQLite format 3\0"
#: As `.dump` of sqlite3 begins, and as Connection.iterdump of Python does.
_DUMP_BEGINNING = re.compile(
    rb"(?:\xef\xbb\xbf)?[ \r\n]*(?:PRAGMA foreign_keys=OFF;|BEGIN TRANSACTION;\s*(?:CREATE|PRAGMA)\s)"
)
#: Bytes 18 and 19 of the header: 2 is write-ahead logging (file format, section 1.3.3).
_WAL = b"\x02\x02"
#: The file or a page of it is not what it must be: the backup's fault, not the machine's.
_RUINED = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CORRUPT_INDEX", "SQLITE_CORRUPT_VTAB", "DatabaseError"})
#: The machine's limit was met: it says nothing of the backup.
_NO_ROOM = frozenset({"SQLITE_FULL", "SQLITE_IOERR_WRITE"})
#: What a dump may announce by name.
_NAMES = "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view', 'trigger')"
#: What the keys of one table may take.
_KEY_SECONDS = 300.0
_LONGEST_KEY = 256
#: The two programs that touch SQLite files, apart from ours: one makes a file of a plain dump, one reads files.
_LOAD = (Path(__file__).parent / "load.py").read_text("utf-8")
CHILD = (Path(__file__).parent / "child.py").read_text("utf-8")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sqlite:
    """The `sqlite` engine."""

    __pydantic_config__ = STRICT

    kind: Literal["sqlite"] = "sqlite"
    load_timeout_seconds: int = 4 * 3600

    @property
    def archives(self) -> frozenset[str]:
        """See `Engine.archives`; a dump has every layer taken off."""
        return frozenset()

    def recognise(self, head: bytes) -> Dump | None:
        """See `Engine.recognise`."""
        if head.startswith(_MAGIC):
            layout = "file-wal" if head[18:20] == _WAL else "file"
            return Dump(engine=self.kind, format=layout, vendor="sqlite", version="3", series="3", tool="")
        if _DUMP_BEGINNING.match(head):
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
            return self._load_plain(dump, chunks)
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
        objects = (ObjectCount(kind=kind, count=count) for kind, count in sorted(answer["objects"].items()))
        return Inventory(tables=counted_tables(answer["tables"]), objects=tuple(objects))

    def integrity(self) -> Integrity:
        """See `Database.integrity`; PRAGMA integrity_check."""
        answer = self._ask("integrity", timeout_seconds=3600)
        if (code := answer.get("refused")) in _RUINED:
            return Integrity(asked=1, problems=(reduce_message(b"", code=str(code)),))
        self._refuse(answer)
        problems = tuple(reduce_message(line.encode(), code="INTEGRITY") for line in answer["lines"])
        return Integrity(asked=answer["asked"], problems=problems)

    def references(self) -> References:
        """See `Database.references`; PRAGMA foreign_key_check, keys named by their columns.

        No counter can be behind: SQLite takes the larger of sqlite_sequence and the table's own last number.
        Source: https://www.sqlite.org/autoinc.html.
        """
        answer = self._ask("references", str(_KEY_SECONDS), timeout_seconds=3600)
        if (code := answer.get("refused")) in _RUINED:
            return References(keys=(), unanswered=(reduce_message(b"", code=str(code)),))
        self._refuse(answer)
        return References(keys=counted_keys(answer["counts"]), unanswered=_problems(answer["silent"]))

    def views(self, *, timeout_seconds: float = 20.0) -> Views:
        """See `Database.views`; a function or a module of the medical software's own is not missed."""
        answer = self._ask("views", str(timeout_seconds), timeout_seconds=3600 + timeout_seconds)
        if answer.get("refused") in _RUINED:
            return Views(asked=0)
        self._refuse(answer)
        return Views(
            asked=answer["asked"], problems=_problems(answer["failed"]), unanswered=_problems(answer["silent"])
        )

    def spoil(self, table: str) -> Spoilt:
        """See `Database.spoil`; there are no routines: a trigger goes in their place."""
        if not table:
            return Spoilt()
        names = self._ask("inventory").get("tables", {})
        name = next((one for one in names if safe_text(one) == table), None)
        if name is None:
            raise EngineFailed("the table to be emptied is not there")
        answer = self._ask("spoil", name)
        self._refuse(answer)
        return Spoilt(table=table, index=safe_text(answer["index"]), routine=safe_text(answer["trigger"]))

    def query(self, sql: str, *, timeout_seconds: float = 60.0, most_rows: int = MOST_ROWS) -> Sequence[Row]:
        """See `Database.query`; only reading is authorised (sqlite3_set_authorizer)."""
        answer = self._ask("query" if most_rows <= MOST_ROWS else "many", sql, timeout_seconds=timeout_seconds)
        self._refuse(answer)
        return [tuple(row) for row in answer["rows"]]

    def _load_plain(self, dump: Dump, chunks: Iterable[bytes]) -> Load:
        outline = Outline(dialect=Dialect.SQLITE)
        done = self.machine.run(
            ("python3", "-I", "-c", _LOAD, self._file),
            timeout_seconds=self.load_timeout_seconds,
            stdin=outline.through(chunks),
        )
        answer = self._answer(done.stdout, done.exit_code)
        self._refuse(answer)
        if any(code in _NO_ROOM for code, _, _ in answer["failed"]):
            raise MachineDiskFull("the machine had no room for what the dump makes")
        problems = tuple(
            ProblemCount(code=code, subject="", count=count, harmful=True, first_line=line)
            for code, count, line in answer["failed"]
        )
        findings = (*_load_findings(problems, answer), *announced.cut(outline, dump))
        absent = announced.absent(outline, self._names(), default="", findings=findings)
        return Load(seconds=done.seconds, problems=problems, findings=(*findings, *absent))

    def _names(self) -> dict[str, set[Named]]:
        """Name what is there, by kind; nothing when there is more than one answer holds."""
        answer = self._ask("query", _NAMES)
        if "rows" not in answer:
            return {}
        names: dict[str, set[Named]] = {kind: set() for kind in ("table", "view", "trigger")}
        for kind, name in answer["rows"]:
            names[str(kind)].add(Named("", str(name)))
        return {**names, "table": names["table"] | names["view"]}

    def _ask(
        self, question: str, text: str = "", *, timeout_seconds: float = 600, file: str | None = None
    ) -> dict[str, Any]:
        """Ask the child; the text goes in by stdin: arguments are seen by all of this host."""
        argv = ("python3", "-I", "-c", CHILD, question, file or self._file)
        done = self.machine.run(argv, timeout_seconds=timeout_seconds, stdin=(text.encode("utf-8", "surrogatepass"),))
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


def counted_tables(rows: Mapping[str, int]) -> tuple[TableCount, ...]:
    """Read the child's counts of tables."""
    return tuple(TableCount(name=safe_text(name), rows=number) for name, number in sorted(rows.items()))


def counted_keys(counts: Iterable[Sequence[Any]]) -> tuple[KeyCount, ...]:
    """Read the child's counts of rows that point nowhere: table, columns of the key, how many."""
    return tuple(KeyCount(key=safe_text(f"{table}.{key}", _LONGEST_KEY), orphans=count) for table, key, count in counts)


def _problems(named: Iterable[Sequence[str]]) -> tuple[Problem, ...]:
    return tuple(reduce_message(b"", code=code, subject=name) for name, code in named)


def _load_findings(problems: Sequence[ProblemCount], answer: dict[str, Any]) -> Iterable[Finding]:
    if problems:
        worst = max(problems, key=lambda problem: problem.count)
        total = sum(problem.count for problem in problems)
        yield finding(Code.LOAD_ERRORS, count=total, code=worst.code, subject=worst.subject)
    if answer["cut"]:
        yield finding(Code.LOAD_STOPPED, code="CUT", line=int(answer["cut_line"]))
    count, *lines = answer["no_utf8"]
    if count:
        yield finding(Code.TEXT_NOT_UTF8, count=int(count), line=int(lines[0]))

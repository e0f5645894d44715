"""Load a dump with PostgreSQL's own clients, unchanged bytes, and judge what they say.

psql reads a plain dump as a practice would feed it, errors and all; pg_restore reads an archive from its standard
input, one table after the other. Source: PostgreSQL manual, "SQL Dump", "psql", "pg_restore".
"""

from __future__ import annotations

import re
import secrets
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

from restore_lab.counted import ProblemCount
from restore_lab.engines import announced
from restore_lab.engines.base import HEAD_BYTES, Dump, Load
from restore_lab.engines.encodings import copied_as_text
from restore_lab.engines.naming import Named
from restore_lab.engines.outline import Outline
from restore_lab.engines.postgresql.catalogue import KNOWN, MADE_BY_US, NAMES, READ_ONLY_DATABASES, SCHEMAS, quoted
from restore_lab.engines.postgresql.cluster import ADMIN, BOOTSTRAP, PSQL, TARGET, Cluster
from restore_lab.engines.postgresql.heads import series_of
from restore_lab.engines.postgresql.meaning import Meaning, may_follow_from_absence
from restore_lab.engines.postgresql.messages import Messages
from restore_lab.engines.postgresql.passing import ArchiveCut, Passing
from restore_lab.engines.postgresql.referring import keyless
from restore_lab.engines.tokens import Dialect
from restore_lab.errors import EngineFailed
from restore_lab.findings import Code, Finding, finding, safe_text
from restore_lab.process import Completed

#: As pg_dump writes it, in plain dumps and in the contents of archives.
_NO_ENCODING: Final = b"SET client_encoding = 'SQL_ASCII';"
#: pg_dumpall of a server whose first superuser is another; it would lock itself out of its own load.
_FIRST_IS_NO_SUPERUSER: Final = re.compile(rb"^ALTER ROLE postgres (?:WITH )?NOSUPERUSER\b", re.MULTILINE)
_END_MARKS: Final = (b"-- PostgreSQL database dump complete", b"-- PostgreSQL database cluster dump complete")
#: What is beyond says that a signal ended the client.
_LARGEST_EXIT_CODE: Final = 128
#: Signals by which pg_restore itself gives up on an archive that a text editor went through.
_CRASHES: Final = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS})
_MOST_ABSENCES: Final = 10
_ABSENCES: Final = {
    Meaning.EXTENSION_ABSENT: Code.EXTENSION_ABSENT,
    Meaning.COLLATION_ABSENT: Code.COLLATION_ABSENT,
}
#: A load that did not come to its end: what came last is missing for that.
_UNFINISHED: Final = frozenset({Code.ARCHIVE_DAMAGED, Code.DUMP_CUT})
_MACHINE_FAULTS: Final = {
    Meaning.SERVER_LOST: Code.SERVER_FAILED,
    Meaning.NO_ROOM: Code.MACHINE_DISK_FULL,
    Meaning.NO_MEMORY: Code.MACHINE_OUT_OF_MEMORY,
}
#: A statement names one missing role at a time.
_MOST_ROUNDS: Final = 20
_PSQL_LOADS: Final = (*PSQL, "--echo-errors", "--set=ON_ERROR_STOP=0", "--file=-")
_PG_RESTORE_LOADS: Final = ("pg_restore", "--no-password", f"--dbname={TARGET}")


@dataclass(kw_only=True, slots=True)
class Loading:
    """One load, from the first byte to the last finding."""

    cluster: Cluster
    dump: Dump
    server_version: str
    timeout_seconds: float
    _messages: Messages = field(default_factory=lambda: Messages(mark=_mark()))
    _setting: str = ""
    _loader: str = BOOTSTRAP
    #: Whether the beginning looks as if copied in text mode, which ruins an archive.
    _text_copied: bool = False
    #: Problems of the statements that named missing roles and failed again when the roles were there.
    _left: tuple[ProblemCount, ...] = ()

    def run(self, chunks: Iterable[bytes]) -> Load:
        """Load, give again what named missing roles, judge.

        Raises:
            MachineFailed, EngineFailed, TimeoutError: as `Database.load`.
        """
        chunks = self._prepared(iter(chunks))
        started = time.monotonic()
        outline = Outline(dialect=Dialect.POSTGRESQL) if self._is_plain else None
        passing = Passing(is_tar=self.dump.format == "tar", outline=outline, make=self._make_tablespace)
        try:
            done = self.cluster.load(
                _PSQL_LOADS if self._is_plain else _PG_RESTORE_LOADS,
                stdin=passing.through(chunks),
                messages=self._messages,
                timeout_seconds=self.timeout_seconds,
                connection=(self._loader, TARGET),
            )
        except ArchiveCut:
            done = None
        self._messages.close()
        if not self._messages.of(Meaning.SERVER_LOST):
            self._replay()
        self._messages.name_only(frozenset() if self._messages.of(Meaning.SERVER_LOST) else self._known())
        seconds = time.monotonic() - started
        findings = (
            *self._of_end(done, passing),
            *self._of_messages(),
            *self._of_settings(outline),
            *self._of_tail(passing),
        )
        if outline and passing.ended and not self._messages.of(Meaning.SERVER_LOST):
            there = self._names()
            findings += tuple(announced.absent(outline, there, default="", findings=findings))
        if not _UNFINISHED.intersection(one.code for one in findings) and announced.all_came(findings):
            findings += tuple(keyless(self.cluster, self.cluster.databases()))
        problems = (*self._messages.problems(), *self._left)
        return Load(seconds=seconds, problems=problems, findings=findings)

    def _known(self) -> frozenset[str]:
        """Name what a message's further lines may be about."""
        databases = self.cluster.databases()
        return frozenset(
            safe_text(str(name)) for one in databases for (name,) in self.cluster.rows(KNOWN, database=one)
        )

    def _names(self) -> dict[str, set[Named]]:
        """Name what is there, in every database: a trigger by its name alone, which only its table makes one."""
        names: dict[str, set[Named]] = {kind: set() for kind in ("table", "view", "routine", "trigger")}
        for database in self.cluster.databases():
            for kind, schema, name in self.cluster.rows(NAMES, database=database):
                names[str(kind)].add(Named(str(schema), str(name)))
        return names

    def _prepared(self, chunks: Iterator[bytes]) -> Iterable[bytes]:
        """Look at the beginning for the one encoding that is not to be converted, and for who must not load."""
        first = next(chunks, b"")
        self._text_copied = copied_as_text(first)
        if _FIRST_IS_NO_SUPERUSER.search(first[:HEAD_BYTES]):
            self._loader = ADMIN
        if _NO_ENCODING in first[:HEAD_BYTES]:
            self.cluster.forgo_encoding()
            self._setting = "ENCODING SQL_ASCII"
        return chain((first,), chunks)

    @property
    def _is_plain(self) -> bool:
        return self.dump.format.startswith("plain")

    def _replay(self) -> None:
        """Make the roles that were named and missing, without login, and give the failed statements again."""
        roles, waiting = self._messages.roles, self._messages.statements
        made: set[str] = set()
        for _ in range(_MOST_ROUNDS):
            missing = [role for role in roles if role not in made]
            if not missing or not waiting:
                break
            make_roles(self.cluster, missing)
            made.update(missing)
            waiting, self._left = self._give(waiting)

    def _give(self, statements: list[str]) -> tuple[list[str], tuple[ProblemCount, ...]]:
        """Give statements to each database in turn until one takes them; what none took, and why."""
        problems: tuple[ProblemCount, ...] = ()
        for database in self.cluster.databases():
            schemas = [name or "" for (name,) in self.cluster.rows(SCHEMAS, database=database)]
            if not schemas or not statements:
                continue
            # Dumps older than 2018 name no schema in a GRANT, but set the search path before it.
            path = f"SET search_path = {', '.join(quoted(name) for name in schemas)};\n"
            replies = Messages(keeps_every_statement=True, mark=_mark())
            self.cluster.load(
                _PSQL_LOADS,
                connection=(ADMIN, database),
                stdin=(path.encode(), *(f"{statement.rstrip().rstrip(';')};\n".encode() for statement in statements)),
                messages=replies,
                timeout_seconds=self.timeout_seconds,
            )
            replies.close()
            replies.name_only(self._known())
            self._messages.roles |= replies.roles
            statements = replies.statements
            problems = tuple(replace(problem, harmful=True, first_line=None) for problem in replies.problems())
        return statements, problems

    def _make_tablespace(self, name: str) -> None:
        """Make a tablespace amid the load; where that is refused, so is what wants it, and the load says so."""
        with suppress(EngineFailed, TimeoutError):
            self.cluster.make_tablespace(name)

    def _of_end(self, done: Completed | None, passing: Passing) -> Iterator[Finding]:
        """Say how the client came to its end: at the end of the dump, or before."""
        blocked = False
        for meant, code in _MACHINE_FAULTS.items():
            for problem in self._messages.of(meant)[:1]:
                blocked = True
                yield finding(code, reason=problem.code)
        crashed = done is not None and done.exit_code - _LARGEST_EXIT_CODE in _CRASHES
        if done is None or (crashed and not self._is_plain):
            yield finding(Code.ARCHIVE_DAMAGED, layer=self.dump.format)
        elif done.exit_code < 0 or done.exit_code > _LARGEST_EXIT_CODE:
            yield finding(Code.SERVER_FAILED, reason=f"client {done.exit_code}")
        elif not blocked:
            yield from self._of_client_end(done, passing)

    def _of_client_end(self, done: Completed, passing: Passing) -> Iterator[Finding]:
        if not self._is_plain:
            if self._text_copied:
                yield finding(Code.ARCHIVE_DAMAGED, layer=self.dump.format)
            elif done.exit_code != 0 and not self._messages.errors_ignored:
                yield self._of_archive()
        elif done.exit_code != 0 or not passing.ended or done.fed_bytes < passing.passed_bytes:
            last = self._messages.of(Meaning.HARMFUL)[-1:]
            if not self._image_lacks:
                code, line = (last[0].code, last[0].first_line or 0) if last else (f"exit {done.exit_code}", 0)
                yield finding(Code.LOAD_STOPPED, code=code, line=line)

    def _of_archive(self) -> Finding:
        """Tell an archive that pg_restore is too old for from one that is ruined: both are « unsupported version »."""
        tool = self.dump.tool.removeprefix("pg_dump").strip()
        newer = figures(series_of(tool)) > figures(self.cluster.series)
        if self._messages.of(Meaning.CLIENT_LACKS) or (self._messages.of(Meaning.ARCHIVE_VERSION) and newer):
            return finding(Code.ENGINE_NOT_MATCHED, used=self.server_version, wanted=tool or self.dump.series)
        return finding(Code.ARCHIVE_DAMAGED, layer=self.dump.format)

    @property
    def _image_lacks(self) -> bool:
        return bool(self._messages.of(Meaning.EXTENSION_ABSENT, Meaning.COLLATION_ABSENT))

    def _of_messages(self) -> Iterator[Finding]:
        for meant, code in _ABSENCES.items():
            for problem in self._messages.of(meant)[:_MOST_ABSENCES]:
                yield finding(code, name=problem.subject)
        harmful = (*self._messages.of(Meaning.HARMFUL), *self._left)
        if self._messages.forgot:
            harmful += self._messages.of(Meaning.ROLE_ABSENT)
        if self._image_lacks:
            harmful = tuple(problem for problem in harmful if not may_follow_from_absence(problem.code))
        if harmful:
            count = sum(problem.count for problem in harmful)
            yield finding(Code.LOAD_ERRORS, count=count, code=harmful[0].code, subject=harmful[0].subject)
        if harmless := self._messages.of(Meaning.HARMLESS):
            yield finding(Code.LOAD_ERRORS_HARMLESS, count=sum(problem.count for problem in harmless))
        if roles := list(self._messages.roles):
            yield finding(Code.ROLES_NOT_IN_BACKUP, count=len(roles), role=roles[0])

    def _of_settings(self, outline: Outline | None) -> Iterator[Finding]:
        """Say what the load could not do without.

        A plain dump may make its database read-only before it fills it; pg_dumpall sees to that itself.
        """
        if self._setting:
            yield finding(Code.SETTING_NEEDED, setting=self._setting)
        if (outline and outline.tablespaces) or self._messages.of(Meaning.TABLESPACE_ABSENT):
            yield finding(Code.SETTING_NEEDED, setting="tablespace")
        if self.dump.format != "plain" or self._messages.of(Meaning.SERVER_LOST):
            return
        read_only = self.cluster.rows_anywhere(READ_ONLY_DATABASES)
        if read_only != [("0",)]:
            yield finding(Code.SETTING_NEEDED, setting="default_transaction_read_only")

    def _of_tail(self, passing: Passing) -> Iterator[Finding]:
        if passing.outline and passing.ended:
            refused = bool(self._messages.of(Meaning.HARMFUL))
            yield from announced.cut(passing.outline, self.dump, refused=refused)
        if self._is_plain and self.dump.tool and passing.ended and not any(mark in passing.tail for mark in _END_MARKS):
            yield finding(Code.END_MARK_ABSENT)


def _mark() -> str:
    return f"{secrets.token_hex(8)}-"


def make_roles(cluster: Cluster, roles: Iterable[str]) -> None:
    """Make roles without login, marked as ours so that no count takes them for the practice's."""
    script = "".join(
        f"CREATE ROLE {quoted(role)} NOLOGIN;\nCOMMENT ON ROLE {quoted(role)} IS '{MADE_BY_US}';\n" for role in roles
    )
    cluster.rows_anywhere(script)


def figures(series: str) -> tuple[int, ...]:
    """Give a series as figures that can be compared."""
    return tuple(int(part) for part in series.split(".") if part)

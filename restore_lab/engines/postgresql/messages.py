"""What psql and pg_restore say while a dump loads: read as it comes, judged, counted; nothing raw outlives a message.

psql is asked for `VERBOSITY=verbose` (it names the SQLSTATE) and `--echo-errors` (it repeats the failed statement);
pg_restore repeats the statement unasked but keeps the SQLSTATE to itself. Source: PostgreSQL manual, "psql",
"pg_restore".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from restore_lab.counted import ProblemCount
from restore_lab.engines.postgresql.meaning import CLIENT, Meaning, Message, can_be_replayed, meaning
from restore_lab.engines.postgresql.wording import code_by_wording, subject_of
from restore_lab.findings import Problem, reduce_message

#: How much of one message is held while it is read: psql repeats a failed INSERT whole.
_MESSAGE_BYTES: Final = 64 * 1024
#: The longest beginning of a message, kept at the end of what is dropped from an over-long one.
_BEGINNING_BYTES: Final = 64
#: Kinds of problem told apart, roles and statements kept; what is beyond is counted, not named.
_MOST_KINDS: Final = 1000
_MOST_ROLES: Final = 1000
_STATEMENTS_CHARACTERS: Final = 16 * 1024 * 1024

_BEGINNING = re.compile(rb"^(?:psql(?::<stdin>:\d+)?|pg_restore): ", re.MULTILINE)
_PSQL = re.compile(
    r"psql(?::<stdin>:(\d+))?: (?:(STATEMENT):  |[^\s:]+:  ([0-9A-Z]{5}): |(error|fatal): )?(.*)", re.DOTALL
)
_PG_RESTORE = re.compile(r"pg_restore: (?:(error|fatal|warning|detail|hint): )?(.*)", re.DOTALL)
_SERVER_SAYS = re.compile(r"\b(?:ERROR|FATAL|PANIC):  ")
_COMMAND: Final = "\nCommand was: "
_ERRORS_IGNORED: Final = "errors ignored on restore: "
_LOST: Final = ("server closed the connection", "The connection to the server was lost")
_ROLE = re.compile(r'role "(.{1,63})" does not exist$')

_HARMLESS: Final = (Meaning.HARMLESS, Meaning.ROLE_ABSENT)


@dataclass(kw_only=True, slots=True)
class Messages:
    """A client's messages, counted as they arrive; memory is bounded whatever the client says.

    `roles` are those missing, `statements` what named them and can be given again (every failed one, for
    `keeps_every_statement`); `forgot` is whether some had to be let go, `errors_ignored` whether pg_restore came to its
    end in spite of errors.
    """

    keeps_every_statement: bool = False
    roles: dict[str, None] = field(default_factory=dict)
    statements: list[str] = field(default_factory=list)
    forgot: bool = False
    errors_ignored: bool = False
    _counts: dict[tuple[str, str, Meaning], ProblemCount] = field(default_factory=dict)
    _characters: int = 0
    _waiting: bytearray = field(default_factory=bytearray)
    _last: tuple[Message, bytes] | None = None

    def take(self, piece: bytes) -> None:
        """Read on; a message is read to its end when the next one begins."""
        self._waiting += piece
        starts = [found.start() for found in _BEGINNING.finditer(self._waiting)]
        for begin, end in pairwise(starts):
            self._read(bytes(self._waiting[begin:end]))
        if starts:
            del self._waiting[: starts[-1]]
        if len(self._waiting) > 2 * _MESSAGE_BYTES:
            del self._waiting[_MESSAGE_BYTES:-_BEGINNING_BYTES]

    def close(self) -> None:
        """Count what is left: the client has ended."""
        if _BEGINNING.match(self._waiting):
            self._read(bytes(self._waiting))
        self._waiting.clear()
        self._count()

    def of(self, *meanings: Meaning) -> tuple[ProblemCount, ...]:
        """Give the problems of these meanings, in the order they were first seen."""
        return tuple(count for (_, _, meant), count in self._counts.items() if meant in meanings)

    def problems(self) -> tuple[ProblemCount, ...]:
        """Give all problems, in the order they were first seen."""
        return tuple(self._counts.values())

    def _read(self, raw: bytes) -> None:
        text = raw[:_MESSAGE_BYTES].decode("utf-8", "replace")
        if found := _PSQL.match(text):
            self._read_psql(found, raw)
        elif found := _PG_RESTORE.match(text):
            self._read_pg_restore(found, raw)

    def _read_psql(self, found: re.Match[str], raw: bytes) -> None:
        line, is_statement, code, level, rest = found.groups()
        if is_statement:
            if self._last is not None:
                said, about = self._last
                self._last = (replace(said, statement=rest.rstrip(), is_cut=len(raw) > _MESSAGE_BYTES), about)
            return
        self._count()
        server = _SERVER_SAYS.search(rest) if level else _SERVER_SAYS.match(rest)
        text = _first_line(rest[server.end() :] if server else rest)
        if code or level or server or text.startswith(_LOST):
            code = code or (code_by_wording(text) if server else CLIENT)
            self._last = (Message(code=code, text=text, line=int(line) if line else None), raw)

    def _read_pg_restore(self, found: re.Match[str], raw: bytes) -> None:
        self._count()
        level, rest = found.groups()
        self.errors_ignored |= _ERRORS_IGNORED in rest
        if level not in ("error", "fatal"):
            return
        said, _, statement = rest.partition(_COMMAND)
        server = _SERVER_SAYS.search(said)
        text = _first_line(said[server.end() :] if server else said)
        code = code_by_wording(text) if server else CLIENT
        message = Message(code=code, text=text, statement=statement.rstrip(), by_archive_reader=not server)
        self._last = (replace(message, is_cut=len(raw) > _MESSAGE_BYTES), raw)

    def _count(self) -> None:
        if self._last is None:
            return
        message, raw = self._last
        self._last = None
        if (meant := meaning(message)) is Meaning.SILENT:
            return
        subject = subject_of(message.code, message.text, raw)
        self._add(reduce_message(raw, code=message.code, subject=subject, line=message.line), meant)
        self._keep(message, meant)

    def _add(self, problem: Problem, meant: Meaning) -> None:
        key = (problem.code, problem.subject, meant)
        if key not in self._counts and len(self._counts) >= _MOST_KINDS:
            key = (problem.code, "", meant)
        before = self._counts.get(key)
        self._counts[key] = ProblemCount(
            code=key[0],
            subject=key[1],
            count=before.count + 1 if before else 1,
            harmful=meant not in _HARMLESS,
            first_line=before.first_line if before else problem.line,
        )

    def _keep(self, message: Message, meant: Meaning) -> None:
        """Keep the missing role, and the statement that named it."""
        if meant is Meaning.ROLE_ABSENT and (found := _ROLE.match(message.text)):
            self.forgot |= len(self.roles) >= _MOST_ROLES
            self.roles.setdefault(found.group(1))
        wanted = meant is Meaning.ROLE_ABSENT and can_be_replayed(message.statement)
        if not (wanted or (self.keeps_every_statement and message.statement)):
            return
        self._characters += len(message.statement)
        if message.is_cut or self._characters > _STATEMENTS_CHARACTERS:
            self.forgot = True
            return
        self.statements.append(message.statement)


def _first_line(text: str) -> str:
    """Only the first line can hold an identifier; DETAIL, CONTEXT and LINE quote rows."""
    return text.partition("\n")[0]

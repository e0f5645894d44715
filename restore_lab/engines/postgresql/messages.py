"""What psql and pg_restore say while a dump loads: read as it comes, judged, counted; nothing raw outlives a message.

psql is asked for `VERBOSITY=verbose` (it names the SQLSTATE) and `--echo-errors` (it repeats the failed statement);
pg_restore repeats the statement unasked but keeps the SQLSTATE to itself. Each begins a message with its own name; for
a load that name has a random beginning, so that no text among the data can look like a message. Source: PostgreSQL
manual, "psql", "pg_restore"; PostgreSQL's src/common/logging.c.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from restore_lab.counted import ProblemCount
from restore_lab.engines.postgresql.meaning import CLIENT, Meaning, Message, can_be_replayed, meaning
from restore_lab.engines.postgresql.wording import code_by_wording, named_by, placed_by
from restore_lab.findings import Problem, reduce_message, safe_text

#: How much of one message is held while it is read: psql repeats a failed INSERT whole.
_MESSAGE_BYTES: Final = 64 * 1024
#: The longest beginning of a message, kept at the end of what is dropped from an over-long one.
_BEGINNING_BYTES: Final = 64
#: Kinds of problem told apart, roles and statements kept; what is beyond is counted, not named.
_MOST_KINDS: Final = 1000
_MOST_ROLES: Final = 1000
_STATEMENTS_CHARACTERS: Final = 16 * 1024 * 1024

_BEGINNING: Final = rb"^%s(?:psql(?::<stdin>:\d+)?|pg_restore): "
_PSQL = re.compile(
    r"psql(?::<stdin>:(\d+))?: (?:(STATEMENT):  |[^\s:]+:  ([0-9A-Z]{5}): |(error|fatal): )?(.*)", re.DOTALL
)
_PG_RESTORE = re.compile(r"pg_restore: (?:(error|fatal|warning|detail|hint): )?(.*)", re.DOTALL)
_SERVER_SAYS = re.compile(r"\b(?:ERROR|FATAL|PANIC):  ")
_COMMAND: Final = "\nCommand was: "
_ERRORS_IGNORED: Final = "errors ignored on restore: "
_LOST: Final = ("server closed the connection", "The connection to the server was lost")
_ROLE = re.compile(r'role "(.{1,63})" does not exist$')

_HARMLESS: Final = (Meaning.HARMLESS, Meaning.ROLE_ABSENT, Meaning.TABLESPACE_ABSENT)


@dataclass(kw_only=True, slots=True)
class Messages:
    """A client's messages, counted as they arrive; memory is bounded whatever the client says.

    `mark` is what the client's name begins with. `roles` are those missing, `statements` what named them and can be
    given again (every failed one, for `keeps_every_statement`); `forgot` is whether some had to be let go,
    `errors_ignored` whether pg_restore came to its end in spite of errors.
    """

    keeps_every_statement: bool = False
    mark: str = ""
    roles: dict[str, None] = field(default_factory=dict)
    statements: list[str] = field(default_factory=list)
    forgot: bool = False
    errors_ignored: bool = False
    _counts: dict[tuple[str, str, Meaning], ProblemCount] = field(default_factory=dict)
    _characters: int = 0
    _waiting: bytearray = field(default_factory=bytearray)
    _last: tuple[Message, bytes] | None = None
    #: What a field named that a value may imitate, with what the message's own first line names.
    _doubtful: dict[tuple[str, str], str] = field(default_factory=dict)
    _beginning: re.Pattern[bytes] = field(init=False)

    def __post_init__(self) -> None:
        """Know how a message begins."""
        self._beginning = re.compile(_BEGINNING % re.escape(self.mark.encode()), re.MULTILINE)

    def take(self, piece: bytes) -> None:
        """Read on; a message is read to its end when the next one begins."""
        self._waiting += piece
        starts = [found.start() for found in self._beginning.finditer(self._waiting)]
        for begin, end in pairwise(starts):
            self._read(bytes(self._waiting[begin:end]))
        if starts:
            del self._waiting[: starts[-1]]
        if len(self._waiting) > 2 * _MESSAGE_BYTES:
            del self._waiting[_MESSAGE_BYTES : -_BEGINNING_BYTES - len(self.mark)]

    def close(self) -> None:
        """Count what is left: the client has ended."""
        if self._beginning.match(self._waiting):
            self._read(bytes(self._waiting))
        self._waiting.clear()
        self._count()

    def of(self, *meanings: Meaning) -> tuple[ProblemCount, ...]:
        """Give the problems of these meanings, in the order they were first seen."""
        return tuple(count for (_, _, meant), count in self._counts.items() if meant in meanings)

    def problems(self) -> tuple[ProblemCount, ...]:
        """Give all problems, in the order they were first seen."""
        return tuple(self._counts.values())

    def name_only(self, known: Container[str]) -> None:
        """Let go of every subject that a value may have imitated, unless it is a name that the catalogue knows."""
        counts, self._counts = self._counts, {}
        for (code, subject, meant), count in counts.items():
            sure = subject if subject in known else self._doubtful.get((code, subject), subject)
            before = self._counts.get((code, sure, meant))
            self._counts[code, sure, meant] = replace(
                before or count, subject=sure, count=count.count + (before.count if before else 0)
            )

    def _read(self, raw: bytes) -> None:
        raw = raw.removeprefix(self.mark.encode())
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
        subject = named_by(message.code, message.text)
        if len(self._doubtful) < _MOST_KINDS and (place := placed_by(message.code, message.text, raw)):
            self._doubtful[safe_text(message.code, 16), safe_text(place)] = safe_text(subject)
            subject = place
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

"""One load as it passes: the dump on its way to the client, what the client says on its way back; no I/O of its own."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from restore_lab.counted import ProblemCount
from restore_lab.engines import announced
from restore_lab.engines.ahead import Ahead
from restore_lab.engines.base import Dump
from restore_lab.engines.mariadb.heads import end_mark
from restore_lab.engines.mariadb.messages import LINE_BYTES, Cause, Message, read_message
from restore_lab.engines.outline import Outline
from restore_lab.engines.remarks import Remarks
from restore_lab.engines.tokens import Dialect
from restore_lab.engines.vocabulary import Vocabulary
from restore_lab.findings import Code, Finding, finding

_TAIL_BYTES: Final = 64 * 1024
#: Statements that a restore into an empty server does as well without: no row comes back otherwise for them.
_SPARED: Final = re.compile(
    rb"/\*!\d{5,6} SET @\w+\s?=\s?@@\w+ \*/;|(?:UN)?LOCK TABLES[^;]{0,200};|DROP TABLE IF EXISTS `[^`]{1,64}`;"
    rb"|/\*!40000 ALTER TABLE `[^`]{1,64}` (?:DIS|EN)ABLE KEYS \*/;"
)
#: Tools that write a line end inside a value as `\\n`.
_ESCAPES_LINE_ENDS: Final = ("mysqldump ", "mariadb-dump")
_SYNTAX_ERROR: Final = "1064"
#: Beyond so many different ones, messages are counted by their number alone.
_MOST_GROUPS: Final = 1000
#: So many tables refused for a lack of this machine are told apart; MySQL 8 dumps of 10,000 tables exist.
_MOST_EXCUSED: Final = 20_000
#: So many absent collations or engines are named.
_MOST_NAMES: Final = 20
#: Nothing of it can come back: the backup is at fault, or looks like it.
_LOST: Final = frozenset({Cause.BACKUP, Cause.SETTING, Cause.OUTDATED})


def outline_of(dump: Dump) -> Outline:
    """Begin the outline of a dump."""
    return Outline(dialect=Dialect.MARIADB, one_line_rows=dump.tool.startswith(_ESCAPES_LINE_ENDS))


@dataclass(kw_only=True, slots=True)
class Passage:
    r"""Hands a dump on, every byte as it is, then asks the client to answer that it is still there.

    `make` is given each database that the dump uses and does not make, before the client gets there: whoever restores
    such a dump makes it first.
    The answer is a warning and an error of ours. A dump that says `exit`, ends inside a comment or kills the client
    never gets to it. `\g` ends whatever statement is still open, under any delimiter, as the end of the file would.
    """

    make: Callable[[str], object]
    word: str = field(default_factory=lambda: f"restore_lab_{secrets.token_hex(16)}")
    lines: int = 0
    tail: bytes = b""
    read_to_end: bool = False
    remarks: Remarks = field(default_factory=lambda: Remarks(worthless=_SPARED))
    outline: Outline = field(default_factory=lambda: Outline(dialect=Dialect.MARIADB))

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the dump, then our question."""
        ahead = Ahead(outline=self.outline, wanted=self.outline.not_made, make=self.make)
        for chunk in chunks:
            self.lines += chunk.count(b"\n")
            self.tail = (self.tail + chunk[-_TAIL_BYTES:])[-_TAIL_BYTES:]
            self.remarks.look(chunk)
            yield from ahead.take(chunk)
        self.remarks.close()
        yield from ahead.rest()
        self.read_to_end = True
        asked = (f"SIGNAL SQLSTATE '{state}' SET MESSAGE_TEXT = '{self.word}'\\g\n" for state in ("01000", "45000"))
        yield f"\n\\g\n{''.join(asked)}".encode()

    def lacks_end_mark(self, dump: Dump) -> bool:
        """Whether a tool that closes its dumps did not close this one."""
        mark = end_mark(dump)
        return self.read_to_end and mark is not None and mark.search(self.tail) is None


@dataclass(kw_only=True, slots=True)
class _Group:
    message: Message
    excused: bool
    count: int = 0


@dataclass(kw_only=True, slots=True)
class Tally:
    """The client's messages, counted by kind as they come; its memory does not grow with their number."""

    word: str
    #: Lines of the dump at which a tool's message swallowed a statement that nothing depends on.
    spared: set[int] = field(default_factory=set)
    reached_end: bool = False
    _groups: dict[tuple[str, str, Cause, str, bool], _Group] = field(default_factory=dict)
    _line: bytearray = field(default_factory=bytearray)
    _refusals: int = 0
    _excused: set[str] = field(default_factory=set)

    def take(self, piece: bytes) -> None:
        """Read the next piece of the client's stderr."""
        *whole, rest = piece.split(b"\n")
        for part in whole:
            self._keep(part)
            self._count(bytes(self._line))
            self._line.clear()
        self._keep(rest)

    def groups(self) -> tuple[_Group, ...]:
        """Every kind of message seen, in the order of the dump."""
        if self._line:
            self._count(bytes(self._line))
            self._line.clear()
        return tuple(self._groups.values())

    def seen(self, cause: Cause) -> Message | None:
        """Give the first message of that cause."""
        return next((group.message for group in self.groups() if group.message.cause is cause), None)

    def problems(self) -> tuple[ProblemCount, ...]:
        """Give them as evidence records them."""
        return tuple(
            ProblemCount(
                code=group.message.problem.code,
                subject=group.message.problem.subject,
                count=group.count,
                harmful=group.message.cause is not Cause.HARMLESS,
                first_line=group.message.problem.line,
            )
            for group in self.groups()
        )

    def name_only(self, words: Vocabulary, *, lines: int) -> None:
        """Let go of every name that is no known one and every line beyond the last: a value may have written them."""
        groups, self._groups = self.groups(), {}
        for group in groups:
            message, problem = group.message, group.message.problem
            line = problem.line if problem.line is not None and problem.line <= lines else None
            subject = problem.subject if words.knows(problem.subject) else ""
            name = message.name if message.name != problem.subject or subject else ""
            message = replace(message, problem=replace(problem, subject=subject, line=line), name=name)
            key = (problem.code, subject, message.cause, name, group.excused)
            self._groups.setdefault(key, _Group(message=message, excused=group.excused)).count += group.count

    def _keep(self, part: bytes) -> None:
        self._line += part[: max(0, LINE_BYTES - len(self._line))]

    def _count(self, raw: bytes) -> None:
        if re.fullmatch(rb"ERROR 1644 \(45000\) at line \d+: " + self.word.encode(), raw):
            self.reached_end = True
            return
        message = read_message(raw)
        if message is None:
            return
        if message.problem.code == _SYNTAX_ERROR and message.problem.line in self.spared:
            message = replace(message, cause=Cause.HARMLESS)
        excused = self._excuse(message)
        code, subject = message.problem.code, message.problem.subject
        key = (code, subject, message.cause, message.name, excused)
        if key not in self._groups and len(self._groups) >= _MOST_GROUPS:
            key = (code, "", message.cause, "", excused)
            message = replace(message, problem=replace(message.problem, subject=""))
        self._groups.setdefault(key, _Group(message=message, excused=excused)).count += 1

    def _excuse(self, message: Message) -> bool:
        """Tell whether an error only follows from something that this machine, not the backup, could not make.

        The message that refuses a CREATE does not name what was to be made: each refusal excuses one missing table or
        database.
        """
        if message.refuses_to_create:
            self._refusals = min(self._refusals + 1, _MOST_EXCUSED)
            return True
        missing = message.missing
        if missing and missing not in self._excused and self._refusals and len(self._excused) < _MOST_EXCUSED:
            self._refusals -= 1
            self._excused.add(missing)
        return missing in self._excused


def judge(tally: Tally, passage: Passage, dump: Dump, tables: frozenset[str]) -> tuple[Finding, ...]:
    """Tell what the load alone shows; `tables` are those there now, as `database.table`."""
    machine = tuple(_machine_findings(tally))
    findings = [*machine, *_absences(tally), *_settings(tally, tables), *_outdated(tally), *_errors(tally)]
    if not tally.reached_end and not machine:
        findings.append(_stopped(tally, passage))
    if passage.read_to_end:
        refused = any(one.code in {Code.LOAD_ERRORS, Code.LOAD_STOPPED} for one in findings)
        findings += announced.cut(passage.outline, dump, refused=refused)
        findings += announced.left_out(passage.outline, dump)
    if passage.lacks_end_mark(dump):
        findings.append(finding(Code.END_MARK_ABSENT))
    return tuple(findings)


def _machine_findings(tally: Tally) -> Iterator[Finding]:
    if message := tally.seen(Cause.MEMORY):
        yield finding(Code.MACHINE_OUT_OF_MEMORY, reason=message.problem.code)
    if message := tally.seen(Cause.DISK):
        yield finding(Code.MACHINE_DISK_FULL, reason=message.problem.code)


def _absences(tally: Tally) -> Iterator[Finding]:
    for cause, code in ((Cause.COLLATION, Code.COLLATION_ABSENT), (Cause.EXTENSION, Code.EXTENSION_ABSENT)):
        names = dict.fromkeys(group.message.name for group in tally.groups() if group.message.cause is cause)
        yield from (finding(code, name=name) for name in tuple(names)[:_MOST_NAMES])


def _settings(tally: Tally, tables: frozenset[str]) -> Iterator[Finding]:
    names = dict.fromkeys(group.message.name for group in tally.groups() if group.message.cause is Cause.SETTING)
    lower = {table.casefold() for table in tables}
    missing = {group.message.missing_table for group in tally.groups()} - tables
    if any(table.casefold() in lower for table in missing):
        names["lower_case_table_names"] = None
    yield from (finding(Code.SETTING_NEEDED, setting=name) for name in names)


def _outdated(tally: Tally) -> Iterator[Finding]:
    tables = sum(group.count for group in tally.groups() if group.message.cause is Cause.OUTDATED)
    if tables:
        yield finding(Code.DUMP_SYNTAX_OUTDATED, tables=tables)


def _errors(tally: Tally) -> Iterator[Finding]:
    """Count what is lost; once the machine has no room left, its refusals say nothing of the backup."""
    full = [group for group in tally.groups() if group.message.cause in {Cause.MEMORY, Cause.DISK}]
    until = tally.groups().index(full[0]) if full else None
    lost = [group for group in tally.groups()[:until] if group.message.cause in _LOST and not group.excused]
    if lost:
        first, total = lost[0].message.problem, sum(group.count for group in lost)
        yield finding(Code.LOAD_ERRORS, count=total, code=first.code, subject=first.subject)
    harmless = sum(group.count for group in tally.groups() if group.message.cause is Cause.HARMLESS)
    if harmless:
        yield finding(Code.LOAD_ERRORS_HARMLESS, count=harmless)


def _stopped(tally: Tally, passage: Passage) -> Finding:
    message = tally.seen(Cause.CLIENT_STOPPED) or tally.seen(Cause.SERVER_GONE)
    if message is None:
        return finding(Code.LOAD_STOPPED, code="END", line=passage.lines)
    return finding(Code.LOAD_STOPPED, code=message.problem.code, line=message.problem.line or passage.lines)

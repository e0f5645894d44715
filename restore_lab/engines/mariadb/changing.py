"""What the server changed in silence while it took the dump: the client's warnings, counted as they come.

A lenient `sql_mode`, as mysqldump sets it for its load, cuts a long text, bends a number and makes a zero of a bad date
with exit code 0; only warnings tell. Their values are never kept. PostgreSQL has no such mode: it refuses.
Source: https://mariadb.com/kb/en/mariadb-error-code-reference/, https://mariadb.com/kb/en/mariadb-command-line-client/
(`--show-warnings`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from restore_lab.engines.base import Dump
from restore_lab.engines.mariadb.catalogue import SYSTEM, read_hex
from restore_lab.engines.mariadb.messages import LINE_BYTES, STRICTNESS
from restore_lab.engines.outline import Outline
from restore_lab.findings import Code, Finding, finding

#: So many columns are told apart; what is beyond counts under no name.
_MOST_COLUMNS: Final = 1000
#: So many tables are named; what was changed in further ones is told in one sum.
NAMED: Final = 10
_BEGINNINGS: Final = (b"Warning (Code ", b"Error (Code ")
_ERROR: Final = re.compile(rb"Error \(Code (\d{1,5})\): ")
#: Only what is behind every value is read; a note of the same number leaves the value what it is, or rounds it.
_WARNING: Final = re.compile(
    rb"Warning \(Code (1264|1265|1292|1366|1406)\): .*?"
    rb" for column (?:'([^'\n]{1,200})'|`[^`\n]{0,200}`\.`([^`\n]{1,200})`\.`([^`\n]{1,200})`) at row (\d{1,18})\Z",
    re.DOTALL,
)
#: A table comes back without a folder of its own.
_FOLDER_IGNORED: Final = re.compile(rb"Warning \(Code 1618\): <((?:DATA|INDEX) DIRECTORY)> option ignored")
_TEMPORAL: Final = frozenset({"date", "datetime", "timestamp"})
#: Tools that write an ENUM's « no value of the list » as the empty text it is stored as.
_WRITES_WHAT_IS_STORED: Final = ("mysqldump", "mariadb-dump", "phpMyAdmin", "HeidiSQL", "Adminer", "npm mysqldump")


@dataclass(frozen=True, order=True, slots=True)
class Column:
    """A column by its name, and its table where the warning names it."""

    table: str
    name: str


@dataclass(kw_only=True, slots=True)
class Warnings:
    """The client's standard output: warnings counted by number and column; rows a dump asks for go nowhere.

    `word` is what our own warning says, `heard` whether it came: a dump may have told server or client to be silent.
    `ignored` are the options of tables that a server elsewhere cannot heed.
    """

    word: str = ""
    heard: bool = False
    ignored: set[str] = field(default_factory=set)
    counts: dict[tuple[str, Column], int] = field(default_factory=dict)
    #: Those of the statement under way, which may still be refused: rows of one statement only go up.
    _run: dict[tuple[str, Column], int] = field(default_factory=dict)
    _row: int = 0
    _line: bytearray = field(default_factory=bytearray)

    def take(self, piece: bytes) -> None:
        """Read the next piece."""
        *whole, rest = piece.split(b"\n")
        for part in whole:
            if not self._line:
                line = part
            else:
                self._keep(part)
                line = bytes(self._line)
                self._line.clear()
            if line.startswith(_BEGINNINGS):
                self._count(line)
        self._keep(rest)

    def _keep(self, part: bytes) -> None:
        self._line += part[: max(0, LINE_BYTES - len(self._line))]

    def close(self) -> None:
        """The client has ended."""
        for key, count in self._run.items():
            known = key in self.counts or len(self.counts) < _MOST_COLUMNS
            kept = key if known else (key[0], Column("", ""))
            self.counts[kept] = self.counts.get(kept, 0) + count
        self._run.clear()

    def _count(self, line: bytes) -> None:
        found = _WARNING.match(line[:LINE_BYTES])
        if found is None:
            self._hear(line)
            refused = _ERROR.match(line)
            if refused and refused[1].decode() in STRICTNESS:
                self._run.clear()
            return
        if int(found[5]) < self._row or len(self._run) >= _MOST_COLUMNS:
            self.close()
        self._row = int(found[5])
        code = found[1].decode()
        table, name = (found[3], found[4]) if found[2] is None else (b"", found[2])
        key = (code, Column(table.decode("utf-8", "replace"), name.decode("utf-8", "replace")))
        self._run[key] = self._run.get(key, 0) + 1

    def _hear(self, line: bytes) -> None:
        self.heard |= line == f"Warning (Code 1642): {self.word}".encode()
        if option := _FOLDER_IGNORED.fullmatch(line):
            self.ignored.add(option[1].decode())

    def columns(self) -> tuple[str, ...]:
        """Name the columns that warnings name: a value may have imitated one, so each is looked up."""
        return tuple(dict.fromkeys(column.name for _, column in self.counts if column.name))


def places(columns: Iterable[str]) -> str:
    """Ask which tables have these columns, and of which type; whether a date of zero is warned of, first."""
    names = ", ".join(f"CONVERT(0x{name.encode().hex()} USING utf8mb4)" for name in columns)
    return (
        SYSTEM  # noqa: S608 - hexadecimal digits
        + "SELECT '', @@global.sql_mode LIKE '%NO_ZERO_DATE%', '';\n"
        + "SELECT HEX(column_name), HEX(table_name), data_type FROM information_schema.columns"
        + f" WHERE NOT FIND_IN_SET(table_schema, @system) AND column_name IN ({names});\n"
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Where columns are: by name, each table and type; `zero_dates_warn` is of the server's own `sql_mode`."""

    of: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    zero_dates_warn: bool = False

    def types(self, column: Column) -> frozenset[str]:
        """Give the types a column of that name has."""
        return frozenset(kind for _, kind in self.of.get(column.name.casefold(), ()))

    def placed(self, column: Column) -> Column:
        """Give a column that is there with its table, where one is named or alone has it; nameless if there is none."""
        tables = {table for table, _ in self.of.get(column.name.casefold(), ())}
        if not tables:
            return Column("", "")
        if column.table:
            return column if column.table.casefold() in {table.casefold() for table in tables} else Column("", "")
        return Column(tables.pop() if len(tables) == 1 else "", column.name)


def read_places(stdout: bytes) -> Places:
    """Read the answer to `places`."""
    found: dict[str, list[tuple[str, str]]] = {}
    warns = False
    for line in stdout.splitlines():
        name, table, kind = line.split(b"\t")
        if name:
            found.setdefault(read_hex(name).casefold(), []).append((read_hex(table), kind.decode("ascii", "replace")))
        else:
            warns = table == b"1"
    return Places(of=found, zero_dates_warn=warns)


def judge_changes(warnings: Warnings, where: Places, outline: Outline, dump: Dump) -> Iterator[Finding]:
    """Say what is stored otherwise than the dump has it; a warning about a value that stayed the same is none."""
    changed = dict(warnings.counts)
    for key in [*_kept_zero_dates(changed, where, outline), *_kept_empty_labels(changed, where, dump)]:
        del changed[key]
    by_table: dict[str, Counter[tuple[str, Column]]] = {}
    for (code, column), count in changed.items():
        placed = where.placed(column)
        by_table.setdefault(placed.table or placed.name, Counter())[code, placed] += count
    counted = sorted(by_table.values(), key=Counter.total, reverse=True)
    for counts in counted[:NAMED]:
        (code, column), _ = counts.most_common(1)[0]
        subject = f"{column.table}.{column.name}" if column.table else column.name
        yield finding(Code.VALUES_CHANGED, count=counts.total(), subject=subject, code=code, tables=len(counted))
    if rest := sum(counts.total() for counts in counted[NAMED:]):
        yield finding(Code.VALUES_CHANGED, count=rest, subject="…", code="…", tables=len(counted))


def silenced(warnings: Warnings, outline: Outline, *, reached_end: bool) -> Iterator[Finding]:
    """Say that changes may have gone without a warning: the dump sets how many there are, or none came at its end.

    `SQL_NOTES=0`, as mysqldump sets it, hides notes alone: what changes a value is a warning.
    """
    if outline.silences or (reached_end and not warnings.heard):
        yield finding(Code.WARNINGS_SILENCED)


def zero_dates(outline: Outline) -> Iterator[Finding]:
    """Count dates of zero that came back; not with the system's tables, whose grants have some on every server."""
    if outline.zeros.count and not outline.has_system_tables:
        yield finding(Code.ZERO_DATES, count=outline.zeros.count, subject=outline.zeros.first_in)


def _kept_zero_dates(
    counts: Mapping[tuple[str, Column], int], where: Places, outline: Outline
) -> list[tuple[str, Column]]:
    """Find warnings of dates of zero under NO_ZERO_DATE: as many as the dump writes, for they stay what they are."""
    keys = [key for key in counts if key[0] == "1264" and where.types(key[1]) and where.types(key[1]) <= _TEMPORAL]
    warn = where.zero_dates_warn or outline.zeros.warned
    return keys if warn and sum(counts[key] for key in keys) <= outline.zeros.count else []


def _kept_empty_labels(counts: Mapping[tuple[str, Column], int], where: Places, dump: Dump) -> list[tuple[str, Column]]:
    if not dump.tool.startswith(_WRITES_WHAT_IS_STORED):
        return []
    return [key for key in counts if key[0] == "1265" and where.types(key[1]) == {"enum"}]

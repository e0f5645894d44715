"""Where a plain SQL dump can be cut between two statements, or between two rows of COPY; read in fixed memory.

It shares how strings and comments are written with the reader that a negative control tries, and nothing of its way.
Sources: as of `engines/tokens.py`; https://www.sqlite.org/c3ref/complete.html; PostgreSQL's psqlscan.l (BEGIN ATOMIC).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from restore_lab.engines.tokens import Dialect, escaped, run_of

#: A longer line is read in parts, which end where no string, comment or word that matters can be torn.
_PART_BYTES: Final = 64 * 1024
_MOST_BYTES: Final = 16 * _PART_BYTES
_ENDS_PART: Final = re.compile(rb".*[A-Za-z0-9 ,]", re.DOTALL)
_COMMAND: Final = re.compile(rb"\s*(?:\\|DELIMITER[ \t]+(\S{1,32}))", re.IGNORECASE)
_COPY: Final = re.compile(rb"COPY\s.*\sFROM stdin;\r?\n", re.DOTALL | re.IGNORECASE)
_END_OF_COPY: Final = frozenset({b"\\.\n", b"\\.\r\n"})
#: What holds statements of its own, and the line that ends it.
_BLOCK: Final = re.compile(
    rb"\s*CREATE\s+(?:TEMP(?:ORARY)?\s+)?TRIGGER\s|\s*CREATE\s.*\bBEGIN ATOMIC\b", re.IGNORECASE | re.DOTALL
)
_END_OF_BLOCK: Final = re.compile(rb"(?:.*\W)?END\s*", re.IGNORECASE | re.DOTALL)
_DOLLAR: Final = re.compile(rb"\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]{0,62})?\$")
#: What only the client of mariadb-dump's own time heeds.
_SANDBOX: Final = b"/*M!999999\\-"
# What ends that which spans lines.
_LINE: Final = re.compile(rb"[^\n]*+\n")
_COMMENT: Final = re.compile(rb".*?\*/", re.DOTALL)
_PLAIN: Final = {quote: re.compile(rb"[^%b]*+%b" % (quote, quote)) for quote in (b"'", b'"', b"`")}
_ESCAPED: Final = {quote: re.compile(escaped(quote) + quote, re.DOTALL) for quote in (b"'", b'"')}


def last_boundary(chunks: Iterable[bytes], dialect: Dialect, *, most_bytes: int) -> tuple[int, bool]:
    """Give how many bytes stand before the last boundary within `most_bytes`, and whether rows of COPY are open there.

    0 when no statement ends so early.
    """
    reading = _Reading(dialect=dialect)
    for piece in _pieces(chunks):
        if reading.at + len(piece) > most_bytes:
            break
        reading.look(piece)
    return reading.boundary, reading.copies


@dataclass(kw_only=True, slots=True)
class _Reading:
    """A dump read line by line: `boundary` is the last one so far."""

    dialect: Dialect
    at: int = 0
    boundary: int = 0
    copies: bool = False
    _copying: bool = False
    _begun: bytes = b""
    _inside: re.Pattern[bytes] | None = None
    _ended: bool = False
    _continues: bool = False
    _delimiter: bytes = b";"
    _run: re.Pattern[bytes] = field(init=False)

    def __post_init__(self) -> None:
        """Stand at the beginning."""
        self._run = run_of(self.dialect, self._delimiter)

    def look(self, line: bytes) -> None:
        """Read a line, or the next part of one."""
        whole = line.endswith(b"\n")
        self._ended = False
        if self._copying:
            self._ended = whole
            self._copying = self._continues or line not in _END_OF_COPY
        elif self._continues or self._begun or self._inside or not self._is_command(line):
            self._scan(line)
        self.at += len(line)
        self._continues = not whole
        if whole and self._ended and not self._begun and self._inside is None and self._delimiter == b";":
            self.boundary, self.copies = self.at, self._copying

    def _is_command(self, line: bytes) -> bool:
        """Follow what the client itself obeys, where no statement is open."""
        found = _COMMAND.match(line)
        if found is None or (found[1] is None) is (self.dialect is Dialect.MARIADB):
            return False
        if found[1]:
            self._delimiter = found[1]
            self._run = run_of(self.dialect, found[1])
        return True

    def _scan(self, line: bytes) -> None:
        at = 0
        while at < len(line):
            if self._inside is not None:
                closed = self._inside.match(line, at)
                at = closed.end() if closed else len(line)
                self._inside = None if closed else self._inside
                continue
            run = self._run.match(line, at)
            end = run.end() if run else at
            self._keep(line[at:end])
            at = self._token(line, end) if end < len(line) else end

    def _keep(self, text: bytes) -> None:
        """Keep how a statement begins: it says what ends it."""
        if self._begun or text.strip():
            self._begun += text[: max(0, _PART_BYTES - len(self._begun))]

    def _token(self, line: bytes, at: int) -> int:
        """Read what begins here, which no run goes over; give where it ends."""
        if line.startswith(self._delimiter, at):
            self._end(line, at)
            return at + len(self._delimiter)
        length = self._opens(line, at)
        if self._inside not in {_LINE, _COMMENT}:
            self._keep(line[at : at + length])
        return at + length

    def _end(self, line: bytes, at: int) -> None:
        """End a statement, unless this delimiter stands inside one that holds others."""
        holds = self.dialect is not Dialect.MARIADB and _BLOCK.match(self._begun)
        if holds and not _END_OF_BLOCK.fullmatch(line, 0, at):
            return
        copying = self.dialect is Dialect.POSTGRESQL and _COPY.fullmatch(self._begun + line[at:])
        self._copying, self._ended, self._begun = bool(copying), True, b""

    def _opens(self, line: bytes, at: int) -> int:
        """Say what is begun here, if anything, and how long its first token is."""
        quote = line[at : at + 1]
        if self._is_line_comment(line, at):
            self._inside = _LINE
        elif line.startswith(b"/*", at):
            runs = self.dialect is Dialect.MARIADB and line.startswith((b"/*!", b"/*M!"), at)
            self._inside = None if runs and not line.startswith(_SANDBOX, at) else _COMMENT
            return 2
        elif quote in _PLAIN:
            self._inside = self._string(line, at, quote)
        elif self.dialect is Dialect.POSTGRESQL and (dollar := _DOLLAR.match(line, at)) and not _in_name(line, at):
            self._inside = re.compile(rb".*?" + re.escape(dollar[0]), re.DOTALL)
            return len(dollar[0])
        return 1

    def _string(self, line: bytes, at: int, quote: bytes) -> re.Pattern[bytes]:
        escapes = self.dialect is Dialect.MARIADB and quote != b"`"
        if self.dialect is Dialect.POSTGRESQL and quote == b"'":
            escapes = line[at - 1 : at] in {b"E", b"e"} and not line[max(0, at - 2) : at - 1].isalnum()
        return (_ESCAPED if escapes else _PLAIN)[quote]

    def _is_line_comment(self, line: bytes, at: int) -> bool:
        if self.dialect is not Dialect.MARIADB:
            return line.startswith(b"--", at)
        behind = line[at + 2 : at + 3]
        return line.startswith(b"#", at) or (line.startswith(b"--", at) and (not behind or behind.isspace()))


def _in_name(line: bytes, at: int) -> bool:
    before = line[max(0, at - 1) : at]
    return before.isalnum() or before == b"_"


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Give whole lines; of one that is very long, parts that tear nothing."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line + b"\n" for line in lines)
        if len(rest) > _PART_BYTES:
            part = _ENDS_PART.match(rest)
            end = part.end() if part else 0 if len(rest) < _MOST_BYTES else len(rest)
            yield from (rest[:end],) if end else ()
            rest = rest[end:]
    if rest:
        yield rest

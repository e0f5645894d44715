"""A plain SQL dump, cut into statements and comments as it passes; strings, quotes and comments are never mistaken.

Fixed memory: of a statement its first 4 KiB and last 1 KiB are kept, of a comment 512 bytes; rows are passed over.
Where rows are written in a way not known here, the reading may lose its way in them; `in_text` then tells at the end.
Sources: MariaDB's client/mysql.cc (`add_line`), PostgreSQL's src/fe_utils/psqlscan.l, SQLite's shell.c.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Final

from restore_lab.engines.tokens import Dialect, escaped, is_plain, run_of
from restore_lab.engines.window import Wait, Window

#: What is kept of a statement's beginning and end, and of a comment.
TEXT_BYTES: Final = 4096
TAIL_BYTES: Final = 1024
COMMENT_BYTES: Final = 512
#: No token that decides is longer: a dollar quote, a delimiter, the words that begin a statement.
_AHEAD: Final = 160
#: The head of an INSERT that is looked at before its rows are passed over.
_HEAD_OF_ROWS: Final = 4096

_BLANK: Final = re.compile(rb"[\s;]+")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_ROWS: Final = re.compile(rb"(?:INSERT|REPLACE)\s{1,4}(?:IGNORE\s{1,4})?INTO\s", re.IGNORECASE)
#: A statement of rows that ends a line, with another kind behind it.
_ROWS_END: Final = re.compile(rb";\r?\n(?!INSERT INTO |REPLACE INTO |INSERT IGNORE INTO |insert into )")
_ROWS_AHEAD: Final = 24
_COPY: Final = re.compile(rb"COPY\s", re.IGNORECASE)
_FROM_STDIN: Final = re.compile(rb"\bFROM stdin(?:\s.{0,200})?;\Z", re.IGNORECASE | re.DOTALL)
_DELIMITER: Final = re.compile(rb"DELIMITER[ \t]+([^\s]{1,32})", re.IGNORECASE)
#: A backup tool's message amid its dump: see `engines/remarks.py`, which judges it.
_REMARK: Final = re.compile(
    rb"(?:[^\s'\"`:]{0,100}[/\\])?(?:pg_dump|pg_dumpall|mysqldump|mariadb-dump)(?:\.exe)?: "
    rb"|Warning: Using a password "
)
_DOLLAR: Final = re.compile(rb"\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]{0,62})?\$")
#: What only the client of mariadb-dump's own time heeds.
_SANDBOX: Final = b"/*M!999999\\-"
_QUOTES: Final = (b"'", b'"', b"`")
_BACKSLASH: Final = ord("\\")


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One statement: its beginning, its end, and whether it came to its end."""

    text: bytes
    tail: bytes
    whole: bool


@dataclass(kw_only=True, slots=True)
class Statements:
    """Cuts a dump up: `comment` is given each comment's line, `statement` each statement but those that follow rows.

    Of statements of rows that follow each other without anything between only the first is given. `copying` is whether
    the rows of a COPY are under way, `in_text` whether the reading stands inside a statement.
    """

    dialect: Dialect
    #: Whether rows hold no line end of their own, as mysqldump's never do: then every `;` at a line's end is an end.
    one_line_rows: bool = False
    comment: Callable[[bytes], object]
    statement: Callable[[Statement], object]
    copying: bool = False
    in_text: bool = False
    _window: Window = field(default_factory=Window)
    _delimiter: bytes = b";"
    _run: re.Pattern[bytes] = field(init=False)
    _text: bytearray = field(default_factory=bytearray)
    _tail: bytearray = field(default_factory=bytearray)
    _reading: Wait = field(init=False)

    def __post_init__(self) -> None:
        """Stand at the beginning."""
        self._run = run_of(self.dialect, self._delimiter)
        self._reading = self._read()
        next(self._reading)

    @property
    def unread_bytes(self) -> int:
        """How much of what was given waits for more."""
        return len(self._window.data) - self._window.at

    def look(self, chunk: bytes) -> None:
        """Read on."""
        self._window.move(chunk)
        next(self._reading, None)

    def close(self) -> None:
        """Read what is left: the dump has ended."""
        self._window.ended = True
        next(self._reading, None)

    def _read(self) -> Wait:
        yield
        ahead = self._window
        yield from ahead.need(len(_BYTE_ORDER_MARK))
        if ahead.starts(_BYTE_ORDER_MARK):
            ahead.at += len(_BYTE_ORDER_MARK)
        while True:
            yield from ahead.need(_AHEAD)
            if ahead.is_empty:
                return
            if blank := _BLANK.match(ahead.data, ahead.at):
                ahead.at = blank.end()
            else:
                yield from self._next()

    def _next(self) -> Wait:
        """Read the comment, line or statement that begins here."""
        data, at = self._window.data, self._window.at
        if self._is_line_comment() or self._window.starts(b"\\") or _REMARK.match(data, at, at + _AHEAD):
            yield from self._line(self.comment)
        elif self._is_comment():
            yield from self._past(b"*/", skip=2)
        elif self.dialect is Dialect.MARIADB and _DELIMITER.match(data, at, at + _AHEAD):
            yield from self._line(self._delimit)
        elif self._delimiter == b";" and _ROWS.match(data, at):
            yield from self._rows()
        else:
            yield from self._one()

    def _is_line_comment(self) -> bool:
        ahead = self._window
        if self.dialect is not Dialect.MARIADB:
            return ahead.starts(b"--")
        behind = ahead.data[ahead.at + 2 : ahead.at + 3]
        return ahead.starts(b"#") or (ahead.starts(b"--") and (not behind or behind.isspace()))

    def _is_comment(self) -> bool:
        """Whether a comment begins here that no client of MariaDB runs."""
        ahead = self._window
        runs = self.dialect is Dialect.MARIADB and ahead.starts(b"/*!", b"/*M!") and not ahead.starts(_SANDBOX)
        return ahead.starts(b"/*") and not runs

    def _past(self, needle: bytes, *, skip: int) -> Wait:
        self._window.at += skip
        yield from self._window.past(needle)

    def _delimit(self, line: bytes) -> None:
        if found := _DELIMITER.match(line):
            self._delimiter = found[1]
            self._run = run_of(self.dialect, self._delimiter)

    def _line(self, take: Callable[[bytes], object]) -> Wait:
        """Take the beginning of a line, and pass the rest of it over."""
        ahead = self._window
        yield from ahead.need(COMMENT_BYTES)
        line = ahead.data[ahead.at : ahead.at + COMMENT_BYTES].split(b"\n", 1)[0]
        take(line.rstrip(b"\r"))
        yield from ahead.past(b"\n")

    def _rows(self) -> Wait:
        """Pass rows over, of as many statements as follow each other.

        A line's end is that of a statement when the quotes before it are even; those of a name must not be counted.
        """
        ahead = self._window
        yield from ahead.need(_HEAD_OF_ROWS)
        head = ahead.data[ahead.at : ahead.at + _HEAD_OF_ROWS]
        if not is_plain(head):
            yield from self._one()
            return
        self.statement(Statement(text=head, tail=b"", whole=True))
        self.in_text = True
        odd = False
        while True:
            found = _ROWS_END.search(ahead.data, ahead.at)
            if found and not ahead.ended and found.end() + _ROWS_AHEAD > len(ahead.data):
                found = None
            end = found.end() if found else len(ahead.data) if ahead.ended else self._safe_end()
            odd ^= not self.one_line_rows and self._quotes(end)
            ahead.at = end
            if found and not odd:
                self.in_text = False
                return
            if found is None and ahead.ended:
                self.in_text = odd or not ahead.data.rstrip().endswith(b";")
                return
            if found is None:
                yield

    def _safe_end(self) -> int:
        """How far rows may be counted before more is there: not between a backslash and what it escapes."""
        ahead = self._window
        end = max(ahead.at, len(ahead.data) - _ROWS_AHEAD - 3)
        while end > ahead.at and ahead.data[end - 1] == _BACKSLASH:
            end -= 1
        return end

    def _quotes(self, end: int) -> bool:
        """Whether an odd number of quotes stands up to `end` that no backslash escapes."""
        data, at = self._window.data, self._window.at
        count = data.count(b"'", at, end)
        if self.dialect is Dialect.MARIADB and data.count(b"\\'", at, end):
            count -= data[at:end].replace(b"\\\\", b"").count(b"\\'")
        return count % 2 == 1

    def _one(self) -> Wait:
        """Read one statement to its end, and the rows of a COPY behind it."""
        self._text.clear()
        self._tail.clear()
        self.in_text = True
        whole = yield from self._to_delimiter()
        text, tail = bytes(self._text), bytes(self._tail)
        self.in_text = not whole
        self.statement(Statement(text=text, tail=tail, whole=whole))
        if self.dialect is Dialect.POSTGRESQL and whole and _COPY.match(text) and _FROM_STDIN.search(tail):
            yield from self._copied()

    def _copied(self) -> Wait:
        ahead = self._window
        self.copying = True
        if not (yield from ahead.past(b"\n")):
            return
        ahead.at -= 1  # the first line may be the last
        while (yield from ahead.past(b"\n\\.")):
            yield from ahead.need(2)
            if ahead.is_empty or ahead.starts(b"\n", b"\r\n"):
                self.copying = False
                return

    def _to_delimiter(self) -> Generator[None, None, bool]:
        ahead = self._window
        while True:
            run = self._run.match(ahead.data, ahead.at)
            self._keep_to(run.end() if run else ahead.at)
            if len(ahead.data) - ahead.at < _AHEAD:
                yield from ahead.need(_AHEAD)
                if ahead.is_empty:
                    return False
            if ahead.starts(self._delimiter):
                self._keep_to(ahead.at + len(self._delimiter))
                return True
            yield from self._token()

    def _token(self) -> Wait:
        """Pass over what begins here: a string, a quoted name, a comment, or a single character."""
        ahead = self._window
        quote = ahead.data[ahead.at : ahead.at + 1]
        if quote in _QUOTES:
            yield from self._quoted(quote)
        elif self._is_line_comment():
            yield from ahead.past(b"\n")
            self._text += b"\n"[: TEXT_BYTES - len(self._text)]
        elif self._is_comment():
            yield from self._past(b"*/", skip=2)
        elif self.dialect is Dialect.POSTGRESQL and (dollar := _DOLLAR.match(ahead.data, ahead.at)):
            if self._in_name():
                self._keep_to(dollar.end())
            else:
                yield from self._past(dollar[0], skip=len(dollar[0]))
        else:
            self._keep_to(ahead.at + 1)

    def _in_name(self) -> bool:
        before = bytes(self._tail[-1:])
        return before.isalnum() or before == b"_"

    def _quoted(self, quote: bytes) -> Wait:
        """Read a string or a quoted name; a doubled quote is one that ends and one that begins."""
        ahead = self._window
        escapes = quote != b"`" and self.dialect is Dialect.MARIADB
        if self.dialect is Dialect.POSTGRESQL and quote == b"'":
            escapes = bytes(self._tail[-1:]) in {b"E", b"e"} and not self._tail[-2:-1].isalnum()
        self._keep_to(ahead.at + 1)
        inside = re.compile(escaped(quote) if escapes else rb"[^%b]*+" % quote, re.DOTALL)
        while True:
            run = inside.match(ahead.data, ahead.at)
            self._keep_to(run.end() if run else ahead.at)
            yield from ahead.need(2)
            if ahead.starts(quote):
                self._keep_to(ahead.at + 1)
                return
            if len(ahead.data) - ahead.at < 2:  # a backslash may be the last byte
                self._keep_to(len(ahead.data))
                return

    def _keep_to(self, end: int) -> None:
        """Read on to `end`, and keep what a statement is known by."""
        data, at = self._window.data, self._window.at
        self._window.at = end
        if len(self._text) < TEXT_BYTES:
            self._text += data[at : min(end, at + TEXT_BYTES - len(self._text))]
        self._tail += data[max(at, end - TAIL_BYTES) : end]
        del self._tail[:-TAIL_BYTES]

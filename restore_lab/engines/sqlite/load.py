"""Runs inside the machine, alone, under `python3 -I`: makes a SQLite file of a plain dump, one statement after another.

It imports nothing of ours. Argument 1 is the database file; the dump is read from stdin; one JSON object goes to
stdout. Errors leave as class names and SQLite's own codes, never as messages.
Source: Python's sqlite3 module; https://www.sqlite.org/security.html; https://www.sqlite.org/lang_corefunc.html#unistr.
"""

import io
import json
import re
import sqlite3
import sys
from typing import Any

#: What `unistr` takes: XXXX, uXXXX, +XXXXXX, UXXXXXXXX behind a backslash, or another; all else is an error.
_ESCAPE = re.compile(r"\\(?:(\\)|u?([0-9a-fA-F]{4})|\+([0-9a-fA-F]{6})|U([0-9a-fA-F]{8})|(.?))", re.DOTALL)
#: A text, whether or not `unistr` is to read it; before it, what may hold a quote that begins none.
_LITERAL = re.compile(
    r"""\"[^\"]*\"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|(unistr\()?'([^']*(?:''[^']*)*)'(?(1)\))""", re.DOTALL
)
#: What a byte that is no UTF-8 is read as here (`surrogateescape`).
_OTHER_BYTE = re.compile("[\udc80-\udcff]")


def connect(path: str) -> sqlite3.Connection:
    """Open the file for writing, as wary of it as `child.py` is."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=0.1)
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cell_size_check=ON")
    return connection


def load(connection: sqlite3.Connection) -> dict[str, Any]:
    """Run a plain dump from stdin, statement by statement, and count what fails by SQLite's code."""
    lines = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="surrogateescape", newline="\n")
    connection.set_authorizer(lambda action, *_: sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else 0)
    lend_unistr(connection)
    failed: dict[str, tuple[int, int]] = {}
    others: list[int] = []
    statement, first = "", 1
    for number, line in enumerate(lines, start=1):
        statement += line
        if ";" not in line or not is_complete(statement):
            continue
        if _OTHER_BYTE.search(statement):
            others.append(first)
        run(connection, statement, failed, first)
        statement, first = "", number + 1
    cut = bool(statement.strip())
    if connection.in_transaction:
        connection.commit()
    named = [[code, *rest] for code, rest in failed.items()]
    return {"failed": named, "cut": cut, "cut_line": first, "no_utf8": [len(others), *others[:1]]}


def lend_unistr(connection: sqlite3.Connection) -> None:
    """Give `unistr`, in which `.dump` of 3.50 and later writes control characters, to a library that has none."""
    try:
        connection.execute("SELECT unistr('')")
    except sqlite3.OperationalError:
        connection.create_function("unistr", 1, unistr, deterministic=True)


def unistr(text: object) -> str | None:
    """Read the escapes of a text; one that is none is an error, as it is to SQLite's own."""
    return None if text is None else _ESCAPE.sub(unescaped, str(text))


def unescaped(found: re.Match[str]) -> str:
    """Read one escape."""
    backslash, *digits, wrong = found.groups()
    if wrong is not None:
        raise ValueError
    return backslash or chr(int("".join(one or "" for one in digits), 16))


def is_complete(statement: str) -> bool:
    """Tell whether a statement is whole; a byte that is no UTF-8, and one of 0, are as any other to that."""
    return sqlite3.complete_statement(statement.encode("utf-8", "replace").decode().replace("\0", "?"))


def in_utf8(statement: str) -> str:
    """Write a statement with bytes that are no UTF-8 so that SQLite takes it: texts keep them, all else becomes U+FFFD.

    sqlite3's own `.read` hands such bytes on as they are; Python's module takes a statement as UTF-8 alone.
    """
    if not _OTHER_BYTE.search(statement):
        return statement
    kept = _LITERAL.sub(with_its_bytes, statement)
    return kept.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def with_its_bytes(found: re.Match[str]) -> str:
    """Write a text literal with such bytes by the numbers of its bytes."""
    escaped, text = found.groups()
    if text is None or not _OTHER_BYTE.search(text):
        return found.group()
    text = text.replace("''", "'")
    given = (_ESCAPE.sub(unescaped, text) if escaped else text).encode("utf-8", "surrogateescape")
    return f"(CAST(x'{given.hex()}' AS TEXT))"


def run(connection: sqlite3.Connection, statement: str, failed: dict[str, tuple[int, int]], line: int) -> None:
    """Run one statement; remember its error's code, how often, and the first line."""
    try:
        connection.execute(in_utf8(statement))
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
        code = getattr(error, "sqlite_errorname", type(error).__name__)
        count, first = failed.get(code, (0, line))
        failed[code] = (count + 1, first)


if __name__ == "__main__":
    try:
        answer = load(connect(sys.argv[1]))
    except (sqlite3.Error, sqlite3.Warning) as error:
        answer = {"refused": getattr(error, "sqlite_errorname", type(error).__name__)}
    json.dump(answer, sys.stdout)

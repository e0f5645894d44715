"""Runs inside the machine, alone, under `python3 -I`: the only place where bytes of a SQLite backup are parsed.

It imports nothing of ours. Argument 1 is the question, 2 the database file, 3 the question's own text; one
JSON object goes to stdout. Errors leave as class names and SQLite's own codes, never as messages.
Source: Python's sqlite3 module; https://www.sqlite.org/security.html.
"""

import io
import json
import sqlite3
import sys
from typing import Any

MOST_ROWS = 10_000
MOST_BYTES = 16 * 1024 * 1024
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}


def connect(path: str, *, writing: bool = False) -> sqlite3.Connection:
    """Open the file; schemas are not trusted, cells are checked as they are read."""
    connection = sqlite3.connect(path if writing else f"file:{path}?mode=ro", uri=not writing, isolation_level=None)
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cell_size_check=ON")
    return connection


def quoted(name: str) -> str:
    """Quote an identifier of the schema."""
    return '"' + name.replace('"', '""') + '"'


def load(path: str, _text: str) -> dict[str, Any]:
    """Run a plain dump from stdin, statement by statement, and count what fails by SQLite's code."""
    lines = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="surrogateescape", newline="\n")
    connection = connect(path, writing=True)
    connection.set_authorizer(lambda action, *_: sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else 0)
    failed: dict[str, tuple[int, int]] = {}
    statement, first = "", 1
    for number, line in enumerate(lines, start=1):
        statement += line
        if ";" not in line or not sqlite3.complete_statement(statement):
            continue
        run(connection, statement, failed, first)
        statement, first = "", number + 1
    cut = bool(statement.strip())
    if connection.in_transaction:
        connection.commit()
    return {"failed": [[code, *rest] for code, rest in failed.items()], "cut": cut, "cut_line": first}


def run(connection: sqlite3.Connection, statement: str, failed: dict[str, tuple[int, int]], line: int) -> None:
    """Run one statement; remember its error's code, how often, and the first line."""
    try:
        connection.execute(statement)
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        code = getattr(error, "sqlite_errorname", type(error).__name__)
        count, first = failed.get(code, (0, line))
        failed[code] = (count + 1, first)


def inventory(path: str, _text: str) -> dict[str, Any]:
    """Count rows of every ordinary table, and objects by kind."""
    connection = connect(path)
    master = connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master").fetchall()
    tables = {
        name: connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()[0]  # noqa: S608 - quoted
        for kind, name, sql in master
        if kind == "table" and not name.startswith("sqlite_") and not sql.upper().startswith("CREATE VIRTUAL")
    }
    kinds: dict[str, int] = {}
    for kind, name, sql in master:
        if not name.startswith("sqlite_"):
            label = "virtual table" if sql.upper().startswith("CREATE VIRTUAL") else kind
            kinds[label] = kinds.get(label, 0) + 1
    keys = sum(
        len({row[0] for row in connection.execute(f"PRAGMA foreign_key_list({quoted(name)})")}) for name in tables
    )
    kinds["foreign key"] = keys
    return {"tables": tables, "objects": kinds}


def integrity(path: str, _text: str) -> dict[str, Any]:
    """Run PRAGMA integrity_check; only how many lines it gave leaves, and their class."""
    connection = connect(path)
    lines = [row[0] for row in connection.execute("PRAGMA integrity_check(1000)")]
    asked = connection.execute("SELECT count(*) FROM sqlite_master WHERE rootpage > 0").fetchone()[0]
    return {"asked": asked, "lines": [] if lines == ["ok"] else lines}


def query(path: str, text: str) -> dict[str, Any]:
    """Answer one reading statement; anything that is not reading is denied."""
    connection = connect(path)
    connection.set_authorizer(lambda action, *_: 0 if action in _ALLOWED else sqlite3.SQLITE_DENY)
    rows: list[list[str | None]] = []
    size = 0
    for row in connection.execute(text):
        answer = [None if value is None else value.hex() if isinstance(value, bytes) else str(value) for value in row]
        size += sum(len(value or "") for value in answer)
        rows.append(answer)
        if len(rows) > MOST_ROWS or size > MOST_BYTES:
            return {"refused": "TOO_MUCH"}
    return {"rows": rows}


QUESTIONS = {"load": load, "inventory": inventory, "integrity": integrity, "query": query}

if __name__ == "__main__":
    try:
        answer = QUESTIONS[sys.argv[1]](sys.argv[2], sys.argv[3])
    except (sqlite3.Error, sqlite3.Warning) as error:
        answer = {"refused": getattr(error, "sqlite_errorname", type(error).__name__)}
    answer["version"] = sqlite3.sqlite_version
    json.dump(answer, sys.stdout)

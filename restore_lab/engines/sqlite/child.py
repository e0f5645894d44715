"""Runs inside the machine, alone, under `python3 -I`: opens a restored SQLite file and answers one question about it.

It imports nothing of ours. Argument 1 is the question, 2 the database file; the question's own text is read from
stdin; one JSON object goes to stdout. Errors leave as class names and SQLite's own codes, never as messages.
Source: Python's sqlite3 module; https://www.sqlite.org/security.html.
"""

import json
import sqlite3
import sys
import time
from typing import Any
from urllib.parse import quote

MOST_ROWS = 10_000
MOST_BYTES = 16 * 1024 * 1024
#: As in engines/base.py, which this file cannot import.
MOST_NAMES = 200_000
MOST_ASKED = 10_000
ROWS_OF_A_VIEW = 100
ALL_SECONDS = 900.0
#: What only the medical software itself brings, or what SQLite keeps from schemas it does not trust: not the file's.
NOT_THE_FILES = ("no such function", "no such module", "no such collation sequence", "unsafe use of")
#: What one step of an online backup copies; between steps writers have their turn.
COPIED_PAGES = 1024
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}


def connect(path: str, *, writing: bool = False, at_rest: bool = False) -> sqlite3.Connection:
    """Open the file; one `at_rest`, which nobody has open, as one that nobody can change: nothing is made beside it."""
    uri = f"file:{quote(path, safe='/:')}?mode=ro{'&immutable=1' if at_rest else ''}"
    return wary(sqlite3.connect(path if writing else uri, uri=not writing, isolation_level=None, timeout=0.1))


def wary(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Trust no schema in what a connection reads, and check its cells as they are read."""
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cell_size_check=ON")
    return connection


def quoted(name: str) -> str:
    """Quote an identifier of the schema."""
    return '"' + name.replace('"', '""') + '"'


def inventory(connection: sqlite3.Connection, _text: str) -> dict[str, Any]:
    """Count rows of every ordinary table, and objects by kind."""
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


def integrity(connection: sqlite3.Connection, _text: str) -> dict[str, Any]:
    """Run PRAGMA integrity_check; only how many lines it gave leaves, and their class."""
    lines = [row[0] for row in connection.execute("PRAGMA integrity_check(1000)")]
    asked = connection.execute("SELECT count(*) FROM sqlite_master WHERE rootpage > 0").fetchone()[0]
    return {"asked": asked, "lines": [] if lines == ["ok"] else lines}


def spoil(connection: sqlite3.Connection, text: str) -> dict[str, Any]:
    """Drop one index and every trigger, empty the table `text`: a loss made on purpose, in a copy that goes."""
    connection.execute("PRAGMA foreign_keys=OFF")
    triggers = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
    index = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchone()
    for name in triggers:
        connection.execute(f"DROP TRIGGER {quoted(name)}")
    if index:
        connection.execute(f"DROP INDEX {quoted(index[0])}")
    connection.execute(f"DELETE FROM {quoted(text)}")  # noqa: S608 - quoted
    return {"index": index[0] if index else "", "trigger": triggers[0] if triggers else ""}


def references(connection: sqlite3.Connection, text: str) -> dict[str, Any]:
    """Count the rows of every foreign key that point at no row; `text` is how many seconds one table may take."""
    counts: list[tuple[str, str, int]] = []
    silent: list[tuple[str, str]] = []
    ends_at = time.monotonic() + ALL_SECONDS
    for table in names(connection, "table"):
        keys: dict[int, list[Any]] = {}
        for row in connection.execute(f"PRAGMA foreign_key_list({quoted(table)})"):
            keys.setdefault(row[0], []).append(row)
        about = keys_by_columns(keys)
        why = "TOO MANY" if len(counts) + len(silent) + len(keys) > MOST_ASKED else ""
        try:
            limit(connection, min(float(text), ends_at - time.monotonic()))
            seen = {} if why else orphans(connection, table, keys)
        except sqlite3.Error as error:
            why = reason(error)
        if why:
            silent += [(f"{table}.{about[number]}", why) for number in keys]
        else:
            counts += [(table, about[number], seen[number]) for number in keys]
    return {"counts": counts, "silent": silent}


def orphans(connection: sqlite3.Connection, table: str, keys: dict[int, list[Any]]) -> dict[int, int]:
    """Count by SQLite's own check, which gives a row for each; where it refuses a key it cannot enforce, by ours."""
    counts = dict.fromkeys(keys, 0)
    try:
        for row in connection.execute(f"PRAGMA foreign_key_check({quoted(table)})"):
            counts[row[3]] += 1
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname != "SQLITE_ERROR":
            raise
        counts = {number: own_count(connection, table, columns) for number, columns in keys.items()}
    return counts


def own_count(connection: sqlite3.Connection, table: str, columns: list[Any]) -> int:
    """Count a key's rows without their parent; a parent without the columns named is a parent that is not there."""
    info = connection.execute(f"PRAGMA table_info({quoted(columns[0][2])})").fetchall()
    primary = [row[1] for row in sorted(info, key=lambda row: row[5]) if row[5]]
    theirs = [row[4] for row in columns] if columns[0][4] is not None else primary
    mine = [quoted(row[3]) for row in columns]
    given = " AND ".join(f"child.{one} IS NOT NULL" for one in mine)
    counted = f"SELECT count(*) FROM {quoted(table)} AS child WHERE {given}"  # noqa: S608 - quoted
    if len(theirs) == len(mine) and {one.lower() for one in theirs} <= {row[1].lower() for row in info}:
        same = " AND ".join(f"parent.{quoted(one)} = child.{own}" for one, own in zip(theirs, mine, strict=True))
        counted += f" AND NOT EXISTS (SELECT 1 FROM {quoted(columns[0][2])} AS parent WHERE {same})"  # noqa: S608 - quoted
    return int(connection.execute(counted).fetchone()[0])


def keys_by_columns(keys: dict[int, list[Any]]) -> dict[int, str]:
    """Name a table's keys, which SQLite does not: by their columns, and by their parent where that says too little."""
    about = {number: ",".join(row[3] for row in columns) for number, columns in keys.items()}
    several = {one for one in about.values() if list(about.values()).count(one) > 1}
    return {number: f"{one} -> {keys[number][0][2]}" if one in several else one for number, one in about.items()}


def views(connection: sqlite3.Connection, text: str) -> dict[str, Any]:
    """Read the first rows of every view, each in `text` seconds; nothing of them leaves."""
    connection.set_authorizer(lambda action, *_: 0 if action in _ALLOWED else sqlite3.SQLITE_DENY)
    found = names(connection, "view")
    failed: list[tuple[str, str]] = []
    silent = [(name, "TOO MANY") for name in found[MOST_ASKED:]]
    ends_at = time.monotonic() + max(ALL_SECONDS, float(text))
    for name in found[:MOST_ASKED]:
        limit(connection, min(float(text), ends_at - time.monotonic()))
        try:
            for _ in connection.execute(f"SELECT * FROM {quoted(name)} LIMIT {ROWS_OF_A_VIEW}"):  # noqa: S608 - quoted
                pass
        except sqlite3.Error as error:
            # what is interrupted had been compiled: SQLite found all that the view names
            if (why := reason(error)) != "TIMEOUT" and not str(error).startswith(NOT_THE_FILES):
                failed.append((name, why))
    return {"asked": len(found) - len(silent), "failed": failed, "silent": silent}


def names(connection: sqlite3.Connection, kind: str) -> list[str]:
    """Name the tables or views of the schema in their order, but SQLite's own."""
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = ? ORDER BY name", (kind,))
    return [name for (name,) in rows if not name.startswith("sqlite_")]


def limit(connection: sqlite3.Connection, seconds: float) -> None:
    """Interrupt what takes longer from now on."""
    ends_at = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > ends_at, 10_000)


def reason(error: sqlite3.Error) -> str:
    """Give SQLite's code for an error, and our own word for our own interruption."""
    code: str = getattr(error, "sqlite_errorname", type(error).__name__)
    return "TIMEOUT" if code == "SQLITE_INTERRUPT" else code


def query(connection: sqlite3.Connection, text: str, most_rows: int = MOST_ROWS) -> dict[str, Any]:
    """Answer one reading statement; anything that is not reading is denied."""
    connection.set_authorizer(lambda action, *_: 0 if action in _ALLOWED else sqlite3.SQLITE_DENY)
    rows: list[list[str | None]] = []
    size = 0
    for row in connection.execute(text):
        answer = [None if value is None else value.hex() if isinstance(value, bytes) else str(value) for value in row]
        size += sum(len(value or "") for value in answer)
        rows.append(answer)
        if len(rows) > most_rows or size > MOST_BYTES:
            return {"refused": "TOO_MUCH"}
    return {"rows": rows}


def many(connection: sqlite3.Connection, text: str) -> dict[str, Any]:
    """As `query`, of names of documents."""
    return query(connection, text, MOST_NAMES)


def live(connection: sqlite3.Connection, text: str) -> dict[str, Any]:
    """Answer all that is asked of one state of a live database: whether its keys, which questions, in how many seconds.

    SQLite's own online backup copies it into memory a few pages at a time, and lets writers in between; what is asked
    then holds nobody up. Source: https://www.sqlite.org/backup.html.
    """
    asked = json.loads(text)
    ends_at = time.monotonic() + asked["seconds"]

    def hurry(*_: int) -> None:
        if time.monotonic() > ends_at:
            raise TimeoutError

    copy = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.backup(copy, pages=COPIED_PAGES, progress=hurry, sleep=0.005)
    except TimeoutError:
        return {"refused": "TIMEOUT", "about": "copy"}
    wary(copy)
    tables = inventory(copy, "")["tables"]
    keys = references(copy, str(asked["seconds"])) if asked["keys"] else {"counts": None, "silent": []}
    if keys["silent"]:
        return {"refused": keys["silent"][0][1], "about": "keys"}
    answers = []
    for number, question in enumerate(asked["questions"]):
        limit(copy, asked["seconds"])
        try:
            answers.append(query(copy, question))
        except sqlite3.Error as error:
            return {"refused": reason(error), "about": number}
        if "refused" in answers[-1]:
            return {"refused": answers[-1]["refused"], "about": number}
    return {"tables": tables, "keys": keys["counts"], "answers": [answer["rows"] for answer in answers]}


QUESTIONS = {
    "live": live,
    "live_at_rest": live,
    "inventory": inventory,
    "integrity": integrity,
    "references": references,
    "views": views,
    "query": query,
    "many": many,
    "spoil": spoil,
}

#: What changes the file; all else opens it for reading only.
WRITING = {"spoil"}

if __name__ == "__main__":
    try:
        text = sys.stdin.buffer.read().decode("utf-8", "surrogatepass")
        how = {"writing": sys.argv[1] in WRITING, "at_rest": sys.argv[1] == "live_at_rest"}
        answer = QUESTIONS[sys.argv[1]](connect(sys.argv[2], **how), text)
    except (sqlite3.Error, sqlite3.Warning) as error:
        answer = {"refused": getattr(error, "sqlite_errorname", type(error).__name__)}
    answer["version"] = sqlite3.sqlite_version
    json.dump(answer, sys.stdout)

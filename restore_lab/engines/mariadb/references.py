"""Our fixed questions to MariaDB about what rows say of each other, asked one by one: foreign keys, counters, views.

Pure: statements, and how what the client says of them is read. The client names the line a refused statement began on.
Sources: https://mariadb.com/kb/en/information-schema-key_column_usage-table/,
https://mariadb.com/kb/en/foreign-keys/ (a key that holds a NULL is not checked),
https://mariadb.com/kb/en/sequence-overview/, https://mariadb.com/kb/en/server-system-variables/#max_statement_time.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from restore_lab.engines.base import MOST_ASKED, TIMEOUT, TOO_MANY, VIEW_OPENED, VIEW_READ
from restore_lab.engines.mariadb import catalogue
from restore_lab.engines.mariadb.catalogue import SYSTEM, Table, quoted, read_hex
from restore_lab.engines.mariadb.messages import Cause, read_message
from restore_lab.errors import EngineFailed
from restore_lab.findings import Problem, reduce_message, safe_text

#: Every column of every key, and whether the table it points at is there: `FOREIGN_KEY_CHECKS=0` lets it be absent.
KEYS: Final = (
    SYSTEM  # noqa: S608 - nothing but our own text
    + """
SELECT HEX(k.table_schema), HEX(k.table_name), HEX(k.constraint_name), HEX(k.column_name),
  HEX(k.referenced_table_schema), HEX(k.referenced_table_name), HEX(k.referenced_column_name),
  EXISTS (SELECT 1 FROM information_schema.tables t
    WHERE t.table_schema = k.referenced_table_schema AND t.table_name = k.referenced_table_name)
FROM information_schema.key_column_usage k
WHERE k.referenced_table_name IS NOT NULL AND NOT FIND_IN_SET(k.table_schema, @system)
ORDER BY k.table_schema, k.table_name, k.constraint_name, k.ordinal_position;
"""
)
#: AUTO_INCREMENT is put right by the server itself; a SEQUENCE is only where a default names it.
COUNTERS: Final = (
    SYSTEM
    + """
SELECT HEX(table_schema), HEX(table_name), HEX(column_name), HEX(column_default) FROM information_schema.columns
WHERE NOT FIND_IN_SET(table_schema, @system) AND column_default LIKE 'nextval(%)'
AND data_type IN ('tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal')
ORDER BY table_schema, table_name, ordinal_position;
"""
)
VIEWS: Final = (
    SYSTEM
    + """
SELECT HEX(table_schema), HEX(table_name) FROM information_schema.tables
WHERE NOT FIND_IN_SET(table_schema, @system) AND table_type = 'VIEW' ORDER BY table_schema, table_name;
"""
)
_NEXTVAL: Final = re.compile(r"nextval\(`((?:[^`]|``)+)`\.`((?:[^`]|``)+)`\)", re.IGNORECASE)
#: A counter that begins anew may pass its column.
_NEXT: Final = (
    "SELECT COALESCE((SELECT MAX({column}) FROM {held}) >= (SELECT next_not_cached_value FROM {counter}"
    " WHERE `increment` > 0 AND cycle_option = 0), (SELECT MIN({column}) FROM {held}) <= (SELECT next_not_cached_value"
    " FROM {counter} WHERE `increment` < 0 AND cycle_option = 0), 0)"
)
#: ER_STATEMENT_TIMEOUT, and ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION: a refusal of ours, and no fault of the view.
_STATEMENT_TIMEOUT: Final = "1969"
_WOULD_WRITE: Final = "1792"
#: Of an absent definer the server tells administrators ER_NO_SUCH_USER, and anybody else ER_ACCESS_DENIED_ERROR.
_NO_SUCH_USER: Final = "1449"
_ACCESS_DENIED: Final = "1045"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One statement of ours that gives one number, and what it asks about: a table, a view, or a key of a table."""

    table: Table
    key: str = ""
    sql: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """The number of each answer by the statement's position; what was refused; what gave none in time, `late`."""

    numbers: Mapping[int, int]
    refused: tuple[Problem, ...]
    unanswered: tuple[Problem, ...]
    late: tuple[int, ...]


def orphans(stdout: bytes) -> tuple[Asked, ...]:
    """Read the answer to `KEYS` and give a statement a key, which counts rows that point at no row."""
    columns: dict[tuple[Table, str], list[tuple[str, str]]] = {}
    parents: dict[tuple[Table, str], Table | None] = {}
    for line in stdout.splitlines():
        *names, is_there = line.split(b"\t")
        database, table, key, mine, parent_database, parent, theirs = (read_hex(name) for name in names)
        which = (Table(database=database, name=table), key)
        columns.setdefault(which, []).append((quoted(mine), quoted(theirs)))
        parents[which] = Table(database=parent_database, name=parent) if is_there == b"1" else None
    return tuple(
        Asked(table=table, key=key, sql=_orphans(table, pairs, parents[table, key]))
        for (table, key), pairs in columns.items()
    )


def _orphans(table: Table, pairs: Sequence[tuple[str, str]], parent: Table | None) -> str:
    given = " AND ".join(f"child.{mine} IS NOT NULL" for mine, _ in pairs)
    counted = f"SELECT COUNT(*) FROM {table.quoted} AS child WHERE {given}"  # noqa: S608 - quoted
    if parent is None:
        return counted
    same = " AND ".join(f"parent.{theirs} = child.{mine}" for mine, theirs in pairs)
    return f"{counted} AND NOT EXISTS (SELECT 1 FROM {parent.quoted} AS parent WHERE {same})"  # noqa: S608 - quoted


def counters(stdout: bytes) -> tuple[Asked, ...]:
    """Read the answer to `COUNTERS` and give a statement a sequence: 1 where its column has passed its next number."""
    asked = []
    for line in stdout.splitlines():
        database, name, column, default = (read_hex(part) for part in line.split(b"\t"))
        if found := _NEXTVAL.fullmatch(default):
            held = Table(database=database, name=name).quoted
            counter = Table(database=found[1].replace("``", "`"), name=found[2].replace("``", "`"))
            sql = _NEXT.format(column=quoted(column), held=held, counter=counter.quoted)
            asked.append(Asked(table=counter, sql=sql))
    return tuple(asked)


def views(stdout: bytes) -> tuple[Asked, ...]:
    """Read the answer to `VIEWS` and give a statement a view, which reads its first rows and gives their number."""
    rows = (line.split(b"\t") for line in stdout.splitlines())
    seen = (Table(database=read_hex(database), name=read_hex(name)) for database, name in rows)
    return tuple(Asked(table=one, sql=f"SELECT COUNT(*) FROM (SELECT * FROM {one.quoted} {VIEW_READ}") for one in seen)  # noqa: S608 - quoted


def slow(asked: Sequence[Asked], answers: Answers) -> tuple[Asked, ...]:
    """Give a statement for each view that was too slow, which opens it and reads no row."""
    return tuple(replace(asked[at], sql=asked[at].sql.removesuffix(VIEW_READ) + VIEW_OPENED) for at in answers.late)


def named(asked: Sequence[Asked], database: str) -> tuple[str, ...]:
    """Name what each statement asks about: a table, or a key of a table; with a database that is not this one."""
    tables = catalogue.named([one.table for one in asked], database)
    return tuple(
        f"{table}.{safe_text(one.key)}" if one.key else table for one, table in zip(asked, tables, strict=True)
    )


def script(asked: Sequence[Asked], *, each_seconds: float) -> Iterator[bytes]:
    """Yield what the client is given: each statement on a line of its own, its answer led by its position.

    A name may hold line ends: `_position` counts them.
    """
    limits = f"SET SESSION TRANSACTION READ ONLY; SET SESSION max_statement_time = {each_seconds:.3f};"
    for position, one in enumerate(asked[:MOST_ASKED]):
        answered = one.sql.replace("SELECT ", f"SELECT {position}, ", 1)
        yield f"{limits} {answered};\n".encode()


def read(said: bytes, asked: Sequence[Asked], names: Sequence[str]) -> Answers:
    """Read what the client said, answers and messages together.

    Raises:
        EngineFailed: the server was gone before the end.
    """
    begins = list(_begins(asked))
    numbers, problems = dict[int, int](), dict[int, Problem]()
    for line in said.splitlines():
        if (message := read_message(line)) is not None:
            if message.cause is Cause.SERVER_GONE or message.problem.line is None:
                raise EngineFailed(f"the database server did not answer to the end: {message.problem.code}")
            position = bisect_right(begins, message.problem.line) - 1
            problems.setdefault(position, replace(message.problem, line=None))
        elif found := re.fullmatch(rb"(\d{1,9})\t(\d{1,20})", line):
            numbers[int(found[1])] = int(found[2])
    refused, unanswered, late = list[Problem](), list[Problem](), list[int]()
    for position, name in enumerate(names):
        if (problem := problems.get(position)) is not None:
            timed_out = problem.code == _STATEMENT_TIMEOUT
            (unanswered if timed_out else refused).append(replace(problem, subject=name))
            late += [position] if timed_out else []
        elif position not in numbers:
            why = TOO_MANY if position >= MOST_ASKED else TIMEOUT
            unanswered.append(reduce_message(b"", code=why, subject=name))
            late.append(position)
    kept = {position: number for position, number in numbers.items() if position not in problems}
    return Answers(numbers=kept, refused=tuple(refused), unanswered=tuple(unanswered), late=tuple(late))


def unusable(answers: Answers) -> tuple[Problem, ...]:
    """Leave out views that would write, and call an absent definer what it is.

    Source: MariaDB server, sql/sql_acl.h (PRIV_REVEAL_MISSING_DEFINER).
    """
    judged = (one for one in answers.refused if one.code != _WOULD_WRITE)
    return tuple(replace(one, code=_NO_SUCH_USER) if one.code == _ACCESS_DENIED else one for one in judged)


def _begins(asked: Sequence[Asked]) -> Iterator[int]:
    line = 1
    for one in asked[:MOST_ASKED]:
        yield line
        line += 1 + one.sql.count("\n")

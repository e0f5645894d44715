"""Our fixed questions to a MariaDB server's catalogue, and how its client's answers are read; pure.

Sources: https://mariadb.com/kb/en/information-schema-tables/, https://mariadb.com/kb/en/identifier-names/ (quoting),
https://mariadb.com/kb/en/check-table/, https://mariadb.com/kb/en/mariadb-command-line-client/ (`--xml`).
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from restore_lab.engines import landing
from restore_lab.engines.base import Row
from restore_lab.engines.naming import Named
from restore_lab.findings import Problem, reduce_message, safe_text

#: Leads every question of ours about what is not the server's own.
SYSTEM: Final = "SET @system = 'mysql,information_schema,performance_schema,sys';\n"
#: Tables that hold rows of their own: what only points elsewhere (MERGE, FEDERATED, CONNECT, SPIDER) is left out.
TABLES: Final = (
    SYSTEM
    + """
SELECT HEX(table_schema), HEX(table_name) FROM information_schema.tables
WHERE NOT FIND_IN_SET(table_schema, @system) AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
AND COALESCE(engine, '') NOT IN ('MRG_MyISAM', 'FEDERATED', 'CONNECT', 'SPIDER')
ORDER BY table_schema, table_name;
"""
)
#: Accounts of the server itself and ours are no `user`.
OBJECTS: Final = (
    SYSTEM
    + """
SELECT 'table', COUNT(*) FROM information_schema.tables
  WHERE NOT FIND_IN_SET(table_schema, @system) AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED');
SELECT 'index', COUNT(DISTINCT table_schema, table_name, index_name) FROM information_schema.statistics
  WHERE NOT FIND_IN_SET(table_schema, @system);
SELECT 'foreign key', COUNT(*) FROM information_schema.table_constraints
  WHERE NOT FIND_IN_SET(constraint_schema, @system) AND constraint_type = 'FOREIGN KEY';
SELECT 'view', COUNT(*) FROM information_schema.tables
  WHERE NOT FIND_IN_SET(table_schema, @system) AND table_type = 'VIEW';
SELECT 'trigger', COUNT(*) FROM information_schema.triggers WHERE NOT FIND_IN_SET(trigger_schema, @system);
SELECT 'procedure', COUNT(*) FROM information_schema.routines
  WHERE NOT FIND_IN_SET(routine_schema, @system) AND routine_type = 'PROCEDURE';
SELECT 'function', COUNT(*) FROM information_schema.routines
  WHERE NOT FIND_IN_SET(routine_schema, @system) AND routine_type = 'FUNCTION';
SELECT 'event', COUNT(*) FROM information_schema.events WHERE NOT FIND_IN_SET(event_schema, @system);
SELECT 'sequence', COUNT(*) FROM information_schema.tables
  WHERE NOT FIND_IN_SET(table_schema, @system) AND table_type = 'SEQUENCE';
SELECT 'user', COUNT(*) FROM mysql.global_priv
  WHERE user NOT IN ('', 'root', 'mysql', 'mariadb.sys', 'PUBLIC', 'restore_lab_admin', 'restore_lab_reader')
  AND JSON_VALUE(priv, '$.is_role') IS NULL;
"""
)
#: What a dump may announce by name, whatever database it names: relations, views, routines, triggers.
NAMES: Final = """
SELECT 'table', HEX(table_schema), HEX(table_name) FROM information_schema.tables;
SELECT 'view', HEX(table_schema), HEX(table_name) FROM information_schema.tables WHERE table_type = 'VIEW';
SELECT 'routine', HEX(routine_schema), HEX(routine_name) FROM information_schema.routines;
SELECT 'trigger', HEX(trigger_schema), HEX(trigger_name) FROM information_schema.triggers;
"""
#: What a message may be about.
KNOWN: Final = """
SELECT HEX(schema_name) FROM information_schema.schemata
UNION SELECT HEX(table_name) FROM information_schema.tables
UNION SELECT HEX(column_name) FROM information_schema.columns
UNION SELECT HEX(index_name) FROM information_schema.statistics
UNION SELECT HEX(constraint_name) FROM information_schema.table_constraints;
"""
ENCRYPTED: Final = (
    "SELECT COUNT(*) FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
    " AND create_options LIKE '%`ENCRYPTED`=''YES''%';\n"
)
#: Tables without transactions that hold rows; of these engines the number is exact.
NOT_TRANSACTIONAL: Final = (
    SYSTEM
    + """
SELECT HEX(table_schema), HEX(table_name) FROM information_schema.tables
WHERE NOT FIND_IN_SET(table_schema, @system) AND table_type = 'BASE TABLE'
AND engine IN ('MyISAM', 'Aria', 'MEMORY') AND table_rows > 0
ORDER BY table_schema, table_name;
"""
)
#: Accounts that own a view, a routine, a trigger or an event and are not there: these then fail when they are used.
DEFINERS_ABSENT: Final = (
    SYSTEM  # noqa: S608 - nothing but our own text
    + """
SELECT HEX(definer) FROM (
  SELECT definer FROM information_schema.views WHERE NOT FIND_IN_SET(table_schema, @system)
  UNION SELECT definer FROM information_schema.triggers WHERE NOT FIND_IN_SET(trigger_schema, @system)
  UNION SELECT definer FROM information_schema.routines WHERE NOT FIND_IN_SET(routine_schema, @system)
  UNION SELECT definer FROM information_schema.events WHERE NOT FIND_IN_SET(event_schema, @system)
) AS owners
WHERE NOT EXISTS (
  SELECT 1 FROM mysql.global_priv AS account
  WHERE definer = CONCAT(account.user, IF(account.host = '', '', '@'), account.host)
  OR (account.host <> '' AND definer LIKE CONCAT(
    REPLACE(REPLACE(REPLACE(account.user, '|', '||'), '%', '|%'), '_', '|_'), '@', account.host) ESCAPE '|')
)
ORDER BY definer;
"""
)
_MARK: Final = "restore_lab_table"


@dataclass(frozen=True, order=True, slots=True)
class Table:
    """One table, by its database and its name."""

    database: str
    name: str

    @property
    def quoted(self) -> str:
        """As SQL names it under any `sql_mode`."""
        return f"{quoted(self.database)}.{quoted(self.name)}"


def quoted(identifier: str) -> str:
    """Quote an identifier in backticks, those within doubled."""
    return "`" + identifier.replace("`", "``") + "`"


def read_tables(stdout: bytes) -> tuple[Table, ...]:
    """Read the answer to `TABLES`."""
    rows = (line.split(b"\t") for line in stdout.splitlines())
    return tuple(Table(database=read_hex(database), name=read_hex(name)) for database, name in rows)


def read_names(stdout: bytes) -> dict[str, set[Named]]:
    """Read the answer to `NAMES`, by kind."""
    names: dict[str, set[Named]] = {"table": set(), "view": set(), "routine": set(), "trigger": set()}
    for line in stdout.splitlines():
        kind, place, name = line.split(b"\t")
        names[kind.decode("ascii")].add(Named(read_hex(place), read_hex(name)))
    return names


def read_hex(digits: bytes) -> str:
    """Read an identifier the server gave as HEX()."""
    return bytes.fromhex(digits.decode("ascii")).decode("utf-8", "replace")


def read_counts(stdout: bytes) -> dict[str, int]:
    """Read lines of a word and a number."""
    pairs = (line.split(b"\t") for line in stdout.splitlines())
    return {word.decode("ascii"): int(number) for word, number in pairs}


def questioned(tables: Iterable[Table], default: str, wanted: str | None = None) -> str:
    """Choose the database questions run in; see `landing.questioned`."""
    return landing.questioned(Counter(table.database for table in tables), default=default, wanted=wanted)


def filled(tables: Sequence[Table], first: str) -> tuple[str, ...]:
    """Name the databases that hold tables, the questioned one first."""
    return (first, *sorted({table.database for table in tables} - {first}))


def named(tables: Sequence[Table], database: str) -> tuple[str, ...]:
    """Name tables for people: their database only where it is not this one."""
    return tuple(
        safe_text(table.name if table.database == database else f"{table.database}.{table.name}", 2 * 64 + 1)
        for table in tables
    )


def counting(tables: Sequence[Table]) -> Iterator[bytes]:
    """Yield one exact count per table, each answer led by the table's position."""
    for position, table in enumerate(tables):
        yield f"SELECT {position}, COUNT(*) FROM {table.quoted};\n".encode()  # noqa: S608 - quoted


def checking(tables: Sequence[Table]) -> Iterator[bytes]:
    """Yield one CHECK TABLE per table, each answer led by the table's position."""
    for position, table in enumerate(tables):
        yield f"SELECT '{_MARK}', {position};\nCHECK TABLE {table.quoted} EXTENDED;\n".encode()


def read_checks(stdout: bytes, tables: Sequence[Table], names: Sequence[str]) -> tuple[int, tuple[Problem, ...]]:
    """Read the answers to `checking`: how many tables answered, and what is wrong with which.

    An engine that offers no check says so in a note, and is not counted.
    """
    asked, problems = set[int](), dict[int, Problem]()
    position = -1
    for line in stdout.splitlines():
        parts = line.split(b"\t")
        if parts[0] == _MARK.encode() and len(parts) == 2:
            position = int(parts[1])
        elif len(parts) >= 4 and 0 <= position < len(tables):
            kind, text = parts[2].lower(), parts[3]
            if kind == b"note":
                continue
            asked.add(position)
            if kind == b"error" or (kind == b"status" and text not in {b"OK", b"Table is already up to date"}):
                problems.setdefault(position, reduce_message(line, code="CHECK TABLE", subject=names[position]))
    return len(asked), tuple(problems.values())


_FIELD: Final = re.compile(rb'\t<field name="[^"]*"(?: xsi:nil="true" />|>([^<]*)</field>)\n')


def read_xml(stdout: bytes) -> tuple[Row, ...] | None:
    """Read the one result of `mariadb --xml`, no statement's result as no rows; more than one gives None.

    Not with an XML parser: the client writes control characters and broken UTF-8 as they are, which XML forbids, and
    a carriage return, which XML would drop. But it escapes every `<`, so its own tags cannot be mistaken.
    """
    results = read_results(stdout)
    return None if len(results) > 1 else results[0] if results else ()


def read_results(stdout: bytes) -> tuple[tuple[Row, ...], ...]:
    """Read every result of `mariadb --xml`; see `read_xml`."""
    results = stdout.split(b"<resultset ")[1:]
    return tuple(tuple(tuple(_fields(row)) for row in result.split(b"  <row>\n")[1:]) for result in results)


def _fields(row: bytes) -> Iterator[str | None]:
    for found in _FIELD.finditer(row):
        yield None if found[1] is None else html.unescape(found[1].decode("utf-8", "replace"))

"""A loss made on purpose in a restored MariaDB database: our fixed statements, and how their answers are read; pure.

Sources: https://mariadb.com/kb/en/truncate-table/, https://mariadb.com/kb/en/information-schema-statistics-table/.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from restore_lab.engines.mariadb.catalogue import SYSTEM, Table, quoted, read_hex

#: A secondary index on columns that no foreign key stands on; database, table, index.
INDEX: Final = (
    SYSTEM  # noqa: S608 - nothing but our own text
    + """
SELECT HEX(s.table_schema), HEX(s.table_name), HEX(s.index_name) FROM information_schema.statistics AS s
WHERE NOT FIND_IN_SET(s.table_schema, @system) AND s.index_name <> 'PRIMARY' AND s.seq_in_index = 1
AND NOT EXISTS (SELECT 1 FROM information_schema.key_column_usage AS k
  WHERE (k.table_schema = s.table_schema AND k.table_name = s.table_name AND k.column_name = s.column_name
         AND k.referenced_table_name IS NOT NULL)
  OR (k.referenced_table_schema = s.table_schema AND k.referenced_table_name = s.table_name
      AND k.referenced_column_name = s.column_name))
ORDER BY s.non_unique DESC, s.table_schema, s.table_name, s.index_name LIMIT 1;
"""
)
#: Database, kind (`PROCEDURE`, `FUNCTION`), name.
ROUTINE: Final = (
    SYSTEM
    + """
SELECT HEX(routine_schema), HEX(routine_type), HEX(routine_name) FROM information_schema.routines
WHERE NOT FIND_IN_SET(routine_schema, @system) AND routine_type IN ('PROCEDURE', 'FUNCTION')
ORDER BY routine_schema, routine_name LIMIT 1;
"""
)


def read_found(stdout: bytes) -> tuple[str, ...]:
    """Read the one row of hexadecimal words that `INDEX` and `ROUTINE` give; () when there is none."""
    line = stdout.partition(b"\n")[0]
    return tuple(read_hex(word) for word in line.split(b"\t")) if line else ()


def spoiling(table: Table, index: Sequence[str], routine: Sequence[str]) -> Iterator[str]:
    """Yield the statements that make the loss."""
    yield "SET SESSION foreign_key_checks = 0, SESSION system_versioning_alter_history = 'KEEP';\n"
    if index:
        database, name, of_index = index
        yield f"DROP INDEX {quoted(of_index)} ON {quoted(database)}.{quoted(name)};\n"
    if routine:
        database, kind, name = routine
        yield f"DROP {kind} {quoted(database)}.{quoted(name)};\n"
    yield f"TRUNCATE TABLE {table.quoted};\n"

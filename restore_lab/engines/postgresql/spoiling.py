"""A loss made on purpose in a restored PostgreSQL database: our fixed statements; pure.

Sources: PostgreSQL manual, "TRUNCATE", "DROP INDEX", "DROP ROUTINE", `session_replication_role`.
"""

from __future__ import annotations

from typing import Final

from restore_lab.engines.postgresql.catalogue import USER_SCHEMA, of_user

#: An index that no constraint stands on.
INDEX: Final = (
    "SELECT format('%I.%I', n.nspname, c.relname), c.relname"  # noqa: S608 - constants of ours
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    f" WHERE {USER_SCHEMA} AND c.relkind = 'i' AND NOT c.relispartition AND {of_user('pg_class', 'c')}"
    " AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = c.oid) ORDER BY 1 LIMIT 1;"
)
ROUTINE: Final = (
    "SELECT p.oid::regprocedure, p.proname"  # noqa: S608 - constants of ours
    " FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
    f" WHERE {USER_SCHEMA} AND {of_user('pg_proc', 'p')} ORDER BY 1 LIMIT 1;"
)


def emptying(table: str) -> str:
    """Empty a table, already quoted, and what refers to it; no trigger of the dump is asked."""
    return f"SET session_replication_role = replica;\nTRUNCATE ONLY {table} CASCADE;\n"

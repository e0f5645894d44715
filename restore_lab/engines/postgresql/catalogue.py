"""Our fixed questions to PostgreSQL's own catalogue. Source: PostgreSQL manual, "System Catalogs".

Each runs with `search_path=pg_catalog` and finds what the *dump* brought: neither system schemas nor members of
extensions. In them, identifiers that a dump chose are quoted by the server (`format('%I')`).
"""

# ruff: noqa: S608 - the pieces put together here are constants of this module

from __future__ import annotations

from typing import Final

#: What the role of the operator's questions begins with: see `Cluster.role`.
READER: Final = "restore_lab_reader"
#: Marks the roles we made because the dump named them.
MADE_BY_US: Final = "made by restore-lab: named by the dump, not in it"

USER_SCHEMA: Final = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"


def of_user(catalogue: str, alias: str) -> str:
    """No member of an extension: pg_depend, deptype e."""
    return (
        f"NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '{catalogue}'::regclass"
        f" AND d.objid = {alias}.oid AND d.deptype = 'e')"
    )


#: Relations of the dump, to be narrowed by kind; `c` is pg_class, `n` pg_namespace.
RELATIONS: Final = (
    f"FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    f" WHERE {USER_SCHEMA} AND c.relpersistence <> 't' AND {of_user('pg_class', 'c')}"
)

COUNT_OF_TABLES: Final = f"SELECT count(*) {RELATIONS} AND c.relkind = 'r';"

NAMES_OF_TABLES: Final = f"SELECT n.nspname, c.relname {RELATIONS} AND c.relkind = 'r';"

#: What a dump may announce by name: relations, views, routines, triggers, those of extensions too.
NAMES: Final = (
    f"SELECT 'table', n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    f" WHERE {USER_SCHEMA} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"
    f" UNION ALL SELECT 'view', n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    f" WHERE {USER_SCHEMA} AND c.relkind IN ('v', 'm')"
    f" UNION ALL SELECT 'routine', n.nspname, p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
    f" WHERE {USER_SCHEMA}"
    " UNION ALL SELECT 'trigger', '', t.tgname FROM pg_trigger t;"
)

#: What a message may be about.
KNOWN: Final = "SELECT relname FROM pg_class UNION SELECT conname FROM pg_constraint UNION SELECT typname FROM pg_type;"

#: One statement a table, each then run by psql: no rule, view or child table can stand in for the table itself.
ROWS_OF_TABLES: Final = (
    "SELECT format('SELECT %L, %L, count(*) FROM ONLY %I.%I', n.nspname, c.relname, n.nspname, c.relname)"
    f" {RELATIONS} AND c.relkind = 'r' ORDER BY n.nspname, c.relname\n\\gexec\n"
)


#: Whether any table of the dump has an index, then each that has none and holds rows, and whether a counter numbers it.
KEYLESS: Final = (
    f"SELECT '', '', EXISTS (SELECT {RELATIONS} AND c.relkind = 'r'"
    " AND EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid));\n"
    "SELECT format('SELECT %L, %L, %L WHERE EXISTS (SELECT FROM ONLY %I.%I)', n.nspname, c.relname,"
    " EXISTS (SELECT FROM pg_depend d JOIN pg_class s ON s.oid = d.objid WHERE d.classid = 'pg_class'::regclass"
    " AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.deptype IN ('a', 'i') AND s.relkind = 'S'),"
    f" n.nspname, c.relname) {RELATIONS} AND c.relkind = 'r'"
    " AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid) ORDER BY n.nspname, c.relname\n\\gexec\n"
)


def _relations(kind: str, relkinds: str) -> str:
    return f"SELECT '{kind}', count(*) {RELATIONS} AND c.relkind IN ({relkinds})"


def _constraints(kind: str, contype: str) -> str:
    return (
        f"SELECT '{kind}', count(*) FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid"
        f" JOIN pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE o.contype = '{contype}' AND {USER_SCHEMA} AND {of_user('pg_class', 'c')}"
    )


def _routines(kind: str, prokinds: str) -> str:
    return (
        f"SELECT '{kind}', count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        f" WHERE p.prokind IN ({prokinds}) AND {USER_SCHEMA} AND {of_user('pg_proc', 'p')}"
    )


_TRIGGERS: Final = (
    "SELECT 'trigger', count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
    f" JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal AND {USER_SCHEMA}"
)
_TYPES: Final = (
    "SELECT 'type', count(*) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace"
    " LEFT JOIN pg_class c ON c.oid = t.typrelid"
    " WHERE t.typtype IN ('c', 'd', 'e', 'r') AND coalesce(c.relkind, 'c') = 'c'"
    f" AND {USER_SCHEMA} AND {of_user('pg_type', 't')}"
)

#: Constraints of kind n (NOT NULL, stored since 18) are left out: they would make series look different.
OBJECTS: Final = (
    "\nUNION ALL ".join(
        (
            _relations("table", "'r', 'p'"),
            _relations("index", "'i', 'I'"),
            _relations("view", "'v'"),
            _relations("materialized_view", "'m'"),
            _relations("sequence", "'S'"),
            _relations("foreign_table", "'f'"),
            _constraints("primary_key", "p"),
            _constraints("unique", "u"),
            _constraints("foreign_key", "f"),
            _constraints("check", "c"),
            _constraints("exclusion", "x"),
            _routines("function", "'f', 'a', 'w'"),
            _routines("procedure", "'p'"),
            _TRIGGERS,
            "SELECT 'event_trigger', count(*) FROM pg_event_trigger",
            _TYPES,
            "SELECT 'policy', count(*) FROM pg_policy",
            "SELECT 'extension', count(*) FROM pg_extension WHERE extname <> 'plpgsql'",
            "SELECT 'large_object', count(*) FROM pg_largeobject_metadata",
        )
    )
    + ";"
)

#: Roles are the cluster's: neither the server's own, nor ours, nor those we made because the dump named them.
ROLES: Final = (
    "SELECT 'role', count(*) FROM pg_authid a WHERE a.rolname !~ '^pg_'"
    " AND a.rolname !~ '^restore_lab_(admin|reader)_[0-9a-f]{16}$'"
    f" AND a.rolname <> 'postgres' AND coalesce(shobj_description(a.oid, 'pg_authid'), '') <> '{MADE_BY_US}';"
)

READ_ONLY_DATABASES: Final = (
    "SELECT count(*) FROM pg_db_role_setting s, unnest(s.setconfig) AS setting"
    " WHERE setting IN ('default_transaction_read_only=on', 'default_transaction_read_only=true');"
)

END_CONNECTIONS: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid() AND client_port IS NOT NULL;\n"
)
SILENCE_EVENT_TRIGGERS: Final = "ALTER SYSTEM SET event_triggers = off;\nSELECT pg_reload_conf();\n"

#: Schemas the dump brought, fullest first: where a statement of an old dump that names none is to be looked for.
SCHEMAS: Final = (
    f"SELECT n.nspname FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid WHERE {USER_SCHEMA}"
    " GROUP BY 1 ORDER BY count(c.oid) DESC, 1 LIMIT 100;"
)


def reader(*, may_read_all: bool) -> str:
    """Make the role of the operator's questions, whatever the dump made of that name.

    `may_read_all` is whether the series knows `pg_read_all_data` (14 on); before, each schema is granted.
    """
    granted = (
        f"GRANT pg_read_all_data TO {READER};\n"
        if may_read_all
        else f"SELECT format('GRANT USAGE ON SCHEMA %I TO {READER}', n.nspname)"
        f" FROM pg_namespace n WHERE {USER_SCHEMA}\n"
        f"UNION ALL SELECT format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO {READER}', n.nspname)"
        f" FROM pg_namespace n WHERE {USER_SCHEMA}\n\\gexec\n"
    )
    return (
        f"SELECT 'CREATE ROLE {READER}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{READER}')\n\\gexec\n"
        f"ALTER ROLE {READER} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION BYPASSRLS VALID UNTIL 'infinity'"
        " CONNECTION LIMIT -1;\n"
        f"ALTER ROLE {READER} RESET ALL;\n"
        f"SELECT format('GRANT CONNECT ON DATABASE %I TO {READER}', current_database())\n\\gexec\n{granted}"
    )


#: Where amcheck is put, so that it can go afterwards without a trace; a dump may have brought its own.
_OURS: Final = "restore_lab_amcheck"
_AMCHECK: Final = "(SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'amcheck')"
#: Below are the server's own objects: src/include/access/transam.h, FirstNormalObjectId.
_FIRST_OID_OF_USERS: Final = 16384
#: Ordinary, materialised and TOAST tables of the heap, and B-tree indexes; amcheck knows no others.
_CHECKED: Final = (
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index i ON i.indexrelid = c.oid"
    " JOIN pg_am a ON a.oid = c.relam"
    f" WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', '{_OURS}') AND c.relpersistence <> 't'"
    f" AND c.oid >= {_FIRST_OID_OF_USERS}"
)
_INDEXES: Final = f"{_CHECKED} AND c.relkind = 'i' AND a.amname = 'btree' AND i.indisvalid AND i.indisready"
_HEAPS: Final = f"{_CHECKED} AND c.relkind IN ('r', 'm', 't') AND a.amname = 'heap'"

AMCHECK_COMES: Final = f"CREATE SCHEMA {_OURS};\nCREATE EXTENSION IF NOT EXISTS amcheck SCHEMA {_OURS};\n"
AMCHECK_GOES: Final = f"DROP SCHEMA {_OURS} CASCADE;\n"


def checked(*, heaps_too: bool) -> str:
    """Ask how many indexes and tables `integrity` looks at."""
    heaps = f" + (SELECT count(*) {_HEAPS})" if heaps_too else ""
    return f"SELECT (SELECT count(*) {_INDEXES}){heaps};"


def integrity(*, heaps_too: bool) -> str:
    """Give the script that checks each index, and each table where the series has `verify_heapam` (14 on).

    A damaged index is an error; each damage of a table is a row that names it. Source: PostgreSQL manual, "amcheck".
    """
    indexes = f"SELECT format('SELECT %s.bt_index_check(%s::regclass, true)', {_AMCHECK}, c.oid) {_INDEXES}\n\\gexec\n"
    heaps = (
        "SELECT format('SELECT %L FROM %s.verify_heapam(%s::regclass)', n.nspname || '.' || c.relname,"
        f" {_AMCHECK}, c.oid) {_HEAPS}\n\\gexec\n"
    )
    return indexes + (heaps if heaps_too else "")


def quoted(identifier: str) -> str:
    """Quote an identifier that the server did not. Source: PostgreSQL manual, "Identifiers and Key Words"."""
    return '"' + identifier.replace('"', '""') + '"'

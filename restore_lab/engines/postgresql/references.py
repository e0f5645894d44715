"""Our fixed questions to PostgreSQL about what rows say of each other: foreign keys, counters, views; pure text.

Each brings one finished statement a key, counter or view, its identifiers quoted by the server (`format('%I')`).
Sources: PostgreSQL manual, "pg_constraint", "pg_depend", "pg_sequence"; src/backend/utils/adt/ri_triggers.c
(RI_Initial_Check) for what a foreign key means.
"""

# ruff: noqa: S608 - the pieces put together here are constants of this module

from __future__ import annotations

from typing import Final

from restore_lab.engines.base import MOST_ASKED, VIEW_READ
from restore_lab.engines.postgresql.catalogue import READER, RELATIONS, USER_SCHEMA, of_user

_RELATION: Final = f"(SELECT c.oid, n.nspname, c.relname, c.relkind {RELATIONS})"
#: One more than is asked, to see that there are more.
_BOUND: Final = f"ORDER BY 1, 2, 3 LIMIT {MOST_ASKED + 1};"
#: A table's own rows, but all partitions of a partitioned one.
_ONLY: Final = "CASE {alias}.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END"
#: A key over a period (18 on) holds where the union of the parent's periods covers the child's.
_IS_PERIOD: Final = "coalesce((to_jsonb(o) ->> 'conperiod')::boolean, false) AND k.position = cardinality(o.conkey)"

#: The conditions of one key: the child's columns are given, the parent's are the same, by the key's own operators.
_CONDITIONS: Final = f"""
SELECT
  string_agg(format('child.%I IS NOT NULL', mine.attname),
    CASE o.confmatchtype WHEN 'f' THEN ' OR ' ELSE ' AND ' END ORDER BY k.position) AS given,
  string_agg(format('parent.%I OPERATOR(%I.%s) child.%I%s', theirs.attname, m.nspname, p.oprname, mine.attname,
    CASE WHEN mine.attcollation <> theirs.attcollation AND theirs.attcollation <> 0
      THEN (SELECT format(' COLLATE %I.%I', l.nspname, t.collname) FROM pg_collation t
        JOIN pg_namespace l ON l.oid = t.collnamespace WHERE t.oid = theirs.attcollation) ELSE '' END),
    ' AND ' ORDER BY k.position) FILTER (WHERE NOT ({_IS_PERIOD})) AS same,
  string_agg(format(' HAVING child.%I <@ range_agg(parent.%I)', mine.attname, theirs.attname), '')
    FILTER (WHERE {_IS_PERIOD}) AS covered
FROM unnest(o.conkey, o.confkey, o.conpfeqop) WITH ORDINALITY AS k (mine, theirs, operator, position)
JOIN pg_attribute mine ON mine.attrelid = o.conrelid AND mine.attnum = k.mine
JOIN pg_attribute theirs ON theirs.attrelid = o.confrelid AND theirs.attnum = k.theirs
JOIN pg_operator p ON p.oid = k.operator
JOIN pg_namespace m ON m.oid = p.oprnamespace
"""

#: Every key once: what a partition has of its parent (conparentid) is counted with the parent.
ORPHANS: Final = f"""
SELECT child.nspname, child.relname, o.conname, format(
  'SELECT count(*) FROM %s%I.%I AS child WHERE (%s) AND NOT EXISTS (SELECT FROM %s%I.%I AS parent WHERE %s%s)',
  {_ONLY.format(alias="child")}, child.nspname, child.relname, conditions.given,
  {_ONLY.format(alias="father")}, father_schema.nspname, father.relname, conditions.same,
  coalesce(conditions.covered, ''))
FROM pg_constraint o
JOIN {_RELATION} AS child ON child.oid = o.conrelid
JOIN pg_class father ON father.oid = o.confrelid
JOIN pg_namespace father_schema ON father_schema.oid = father.relnamespace
CROSS JOIN LATERAL ({_CONDITIONS}) AS conditions
WHERE o.contype = 'f' AND o.conparentid = 0
{_BOUND}
"""

#: The same, each counted at once by psql: schema, table, key, rows that point nowhere.
ORPHANS_COUNTED: Final = (
    "SELECT format('SELECT %L, %L, %L, (%s)', key.schema, key.relation, key.name, key.counting)"
    f" FROM ({ORPHANS.strip().removesuffix(';')}) AS key (schema, relation, name, counting)\n\\gexec\n"
)

#: A default that finds its sequence by name when it runs leaves no trace in pg_depend: so did servers before 8.1.
_BY_NAME: Final = r"^nextval\(\(?''([^'']+)''::(?:text|character varying)\)?(?:::regclass)?\)"
_A_NAME: Final = r'^("[^"]+"|[a-z_][a-z0-9_$]*)(\.("[^"]+"|[a-z_][a-z0-9_$]*))?$'

#: Columns that take their numbers from a counter: owned by them (SERIAL, IDENTITY), or named by their default alone.
_COUNTED: Final = f"""
SELECT d.objid AS counter, d.refobjid AS relation, d.refobjsubid AS attnum FROM pg_depend d
  WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
  AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
UNION SELECT d.refobjid, e.adrelid, e.adnum FROM pg_depend d JOIN pg_attrdef e ON e.oid = d.objid
  WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
  AND pg_get_expr(e.adbin, e.adrelid) LIKE 'nextval(%)'
UNION SELECT coalesce(to_regclass(quote_ident(n.nspname) || '.' || s.name), to_regclass(s.name),
    to_regclass('public.' || s.name))::oid, s.adrelid, s.adnum
  FROM (SELECT e.adrelid, e.adnum, substring(pg_get_expr(e.adbin, e.adrelid) FROM '{_BY_NAME}') AS name
    FROM pg_attrdef e OFFSET 0) AS s
  JOIN pg_class c ON c.oid = s.adrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE s.name ~ '{_A_NAME}'
"""

_NEXT: Final = (
    "SELECT (SELECT %s(%I) FROM %I.%I) %s"
    " (SELECT CASE WHEN is_called THEN last_value::numeric + %s ELSE last_value END FROM %I.%I)"
)
#: Whether the next number is one the column has passed already; a counter that begins anew may do so.
COUNTERS: Final = f"""
SELECT counter.nspname, counter.relname, '', format('{_NEXT}',
  CASE WHEN s.seqincrement > 0 THEN 'max' ELSE 'min' END, a.attname, held.nspname, held.relname,
  CASE WHEN s.seqincrement > 0 THEN '>=' ELSE '<=' END, s.seqincrement, counter.nspname, counter.relname)
FROM ({_COUNTED}) AS counted
JOIN pg_sequence s ON s.seqrelid = counted.counter AND NOT s.seqcycle
JOIN {_RELATION} AS counter ON counter.oid = counted.counter
JOIN {_RELATION} AS held ON held.oid = counted.relation AND held.relkind IN ('r', 'p')
JOIN pg_attribute a ON a.attrelid = held.oid AND a.attnum = counted.attnum AND NOT a.attisdropped
  AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype)
{_BOUND}
"""

#: Before views are read: where a function of theirs looks for what it names.
KEEP_SEARCH_PATH: Final = (
    "SELECT pg_catalog.set_config('restore_lab.search_path', pg_catalog.current_setting('search_path'), false);"
)
#: The whole row is asked for, so that no column is left out as unused; only its number comes back.
VIEWS: Final = f"""
SELECT n.nspname, c.relname, '', format(
  'SELECT pg_catalog.set_config(''search_path'', pg_catalog.concat_ws('', '', %L,'
  ' nullif(pg_catalog.current_setting(''restore_lab.search_path''), '''')), true);'
  ' SELECT pg_catalog.count(held) FROM (SELECT * FROM %I.%I {VIEW_READ}',
  quote_ident(n.nspname), n.nspname, c.relname)
{RELATIONS} AND c.relkind IN ('v', 'm')
{_BOUND}
"""
#: A view's functions are called by who reads it: the dump may keep them to roles of its own.
LET_READER_CALL: Final = f"""
SELECT format('GRANT EXECUTE ON ROUTINE %s TO {READER}', p.oid::regprocedure)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE {USER_SCHEMA} AND {of_user("pg_proc", "p")} AND p.prokind = 'f'
AND NOT has_function_privilege('{READER}', p.oid, 'EXECUTE')
\\gexec
"""

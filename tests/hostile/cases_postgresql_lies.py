"""Hostile backups of PostgreSQL that lie to questions."""

from __future__ import annotations

from typing import Final

from hostile.cases import Case
from hostile.cases_postgresql import PG

from restore_lab.findings import Code

CASES: Final[tuple[Case, ...]] = (
    PG.failed(
        "view-in-place",
        "a view in a table's place, with rows enough",
        """
DROP TABLE public.courrier CASCADE;
CREATE VIEW public.courrier AS
SELECT g AS id, g AS consultation_id, 'x' AS texte FROM generate_series(1, 150) g;
""",
        Code.TABLE_MISSING,
    ),
    PG.failed(
        "rule-in-place",
        "a rule that makes an empty table a view",
        """
DROP TABLE public.courrier CASCADE;
CREATE TABLE public.courrier (id int);
CREATE RULE "_RETURN" AS ON SELECT TO public.courrier DO INSTEAD SELECT g AS id FROM generate_series(1, 150) g;
""",
        Code.TABLE_MISSING,
    ),
    PG.failed(
        "foreign-in-place",
        "a foreign table in a table's place, whose rows a command prints",
        """
DROP TABLE public.courrier CASCADE;
CREATE EXTENSION file_fdw SCHEMA public;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE public.courrier (line text) SERVER files OPTIONS (program 'seq 150');
""",
        Code.TABLE_MISSING,
    ),
    PG.failed(
        "own-count",
        "an aggregate `count` of its own, first in the search path, and no row",
        """
DELETE FROM public.courrier;
CREATE FUNCTION public.one(bigint, anyelement) RETURNS bigint LANGUAGE sql AS 'SELECT 150::bigint';
CREATE AGGREGATE public.count(anyelement) (SFUNC = public.one, STYPE = bigint, INITCOND = '150');
CREATE AGGREGATE public.count(*) (SFUNC = int8inc, STYPE = bigint, INITCOND = '150');
ALTER DATABASE restored SET search_path = public, pg_catalog;
ALTER ROLE ALL SET search_path = public, pg_catalog;
""",
        Code.TABLE_EMPTY,
    ),
    PG.failed(
        "own-operators",
        "operators `=` and `<` of its own, first in the search path, and too few rows",
        """
DELETE FROM public.courrier WHERE id > 3;
CREATE FUNCTION public.always(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION public.always(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION public.never(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.always);
CREATE OPERATOR public.= (LEFTARG = int, RIGHTARG = int, FUNCTION = public.always);
CREATE OPERATOR public.< (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = public.never);
ALTER DATABASE restored SET search_path = public, pg_catalog;
""",
        Code.ROWS_BELOW_MINIMUM,
    ),
    PG.failed(
        "row-security",
        "row security in force for all, over an emptied table",
        """
DELETE FROM public.courrier;
ALTER TABLE public.courrier ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.courrier FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON public.courrier USING (pg_sleep(0) IS NOT NULL);
""",
        Code.TABLE_EMPTY,
    ),
    PG.failed(
        "inherited-rows",
        "an emptied table that shows another's rows by inheritance",
        """
CREATE TABLE public.shadow () INHERITS (public.courrier);
INSERT INTO public.shadow SELECT * FROM public.courrier;
DELETE FROM ONLY public.courrier;
""",
        Code.TABLE_EMPTY,
    ),
    PG.unknown(
        "undeletable",
        "a rule and a trigger that let no table be emptied, against the test of the test",
        """
CREATE RULE stay AS ON DELETE TO public.courrier DO INSTEAD NOTHING;
CREATE FUNCTION public.stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
CREATE TRIGGER stay BEFORE TRUNCATE ON public.courrier EXECUTE FUNCTION public.stay();
ALTER TABLE public.courrier ENABLE ALWAYS TRIGGER stay;
""",
        Code.CONTROL_NOT_RUN,
    ),
)

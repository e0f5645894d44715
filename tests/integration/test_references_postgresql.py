"""Foreign keys, counters and views that PostgreSQL restored. See `test_references.py`."""

# ruff: noqa: S608 - statements of these tests, over names of theirs

from __future__ import annotations

import time
from typing import Final

import pytest
from integration.referring import PG_HEAD, POSTGRESQL, Place, orphans, postgresql

from restore_lab.engines.base import TOO_MANY
from restore_lab.engines.postgresql import one_by_one

PG_KEYS: Final = (
    PG_HEAD
    + r"""
CREATE EXTENSION citext;
CREATE TABLE parent (id int PRIMARY KEY, a int, b int, code citext UNIQUE, word text COLLATE "C" UNIQUE, UNIQUE (a, b));
INSERT INTO parent SELECT g, g, g, 'Code' || g, 'word' || g FROM generate_series(1, 10) g;
CREATE TABLE child (id serial PRIMARY KEY, parent int REFERENCES parent, a int, b int, up int REFERENCES child,
  code citext REFERENCES parent (code), word text COLLATE "POSIX" REFERENCES parent (word),
  CONSTRAINT simple FOREIGN KEY (a, b) REFERENCES parent (a, b));
ALTER TABLE child DISABLE TRIGGER ALL;
INSERT INTO child VALUES (1, 1, 1, 1, NULL, 'cODE1', 'word1'), (2, 99, 1, NULL, 1, NULL, NULL),
  (3, NULL, NULL, 77, 3, 'code99', NULL), (4, 98, 1, 2, 44, NULL, 'nothing'), (5, 97, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE full_child (a int, b int);
INSERT INTO full_child VALUES (1, 1), (NULL, NULL), (1, NULL), (NULL, 9);
ALTER TABLE full_child ADD CONSTRAINT whole FOREIGN KEY (a, b) REFERENCES parent (a, b) MATCH FULL NOT VALID;
CREATE TABLE parted (id int, parent int REFERENCES parent) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
INSERT INTO parted VALUES (1, 1), (2, 91), (11, 92), (12, NULL);
CREATE TABLE target (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE target_1 PARTITION OF target FOR VALUES FROM (0) TO (10);
CREATE TABLE pointing (id int REFERENCES target);
INSERT INTO target VALUES (1); INSERT INTO pointing VALUES (1), (2), (2);
CREATE TABLE heir (LIKE parent) INHERITS (parent);
INSERT INTO heir (id) VALUES (97);
CREATE TABLE young (extra int) INHERITS (child);
INSERT INTO young (id, parent) VALUES (100, 55);
CREATE SCHEMA "we ird;--""q";
CREATE TABLE "we ird;--""q"."$(touch x) %I %s :x \!
--help" ("id'é" int PRIMARY KEY, ":""up" int CONSTRAINT "; DROP TABLE parent; --" REFERENCES parent);
INSERT INTO "we ird;--""q"."$(touch x) %I %s :x \!
--help" VALUES (1, 1), (2, 3333);
"""
)
PG_ORPHANS: Final = {
    "child.child_parent_fkey": 3,
    "child.simple": 1,
    "child.child_up_fkey": 1,
    "child.child_code_fkey": 1,
    "child.child_word_fkey": 1,
    "full_child.whole": 2,
    "parted.parted_parent_fkey": 2,
    "pointing.pointing_id_fkey": 2,
    'we ird;--"q.$(touch x) %I %s :x \\!\\n--help.; DROP TABLE parent; --': 1,
}


@POSTGRESQL
def test_postgresql_keys_mean_what_the_server_means_by_them(place: Place) -> None:
    with place.restored(PG_KEYS.encode()) as (machine, database):
        seen = database.references()

        assert (orphans(seen), len(seen.keys), seen.unanswered) == (PG_ORPHANS, 9, ())
        assert postgresql(machine, "SELECT count(*) FROM parent") == ["11"]
        by_hand = "SELECT count(*) FROM ONLY child c LEFT JOIN ONLY parent p ON p.id = c.parent WHERE p.id IS NULL"
        assert postgresql(machine, by_hand + " AND c.parent IS NOT NULL") == ["3"]
        for key in ("child_parent_fkey", "child_up_fkey", "simple", "child_word_fkey"):
            # the server's own judgement: each of these constraints would be refused if it were made now
            definition = postgresql(
                machine, f"SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname='{key}'"
            )
            with pytest.raises(AssertionError, match="violates"):
                postgresql(machine, f"ALTER TABLE ONLY child ADD {' '.join(definition)}")


PG_COUNTERS: Final = (
    PG_HEAD
    + """
CREATE TABLE t (id serial, fine bigserial, always int GENERATED ALWAYS AS IDENTITY,
  word text DEFAULT nextval('t_id_seq'));
INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (7, 7, 9), (8, 8, 10);
SELECT setval('t_id_seq', 8), setval('t_fine_seq', 8), setval('t_always_seq', 10, false);
CREATE SEQUENCE loose; CREATE SEQUENCE "By Name"; CREATE SEQUENCE down INCREMENT -1 MAXVALUE 100 START 100;
SELECT setval('down', 50); CREATE SEQUENCE down_again INCREMENT -1 MAXVALUE 100 START 100;
CREATE SEQUENCE round CYCLE; CREATE SEQUENCE unread;
CREATE SCHEMA "s;""q"; CREATE SEQUENCE "s;""q"."it's";
CREATE TABLE u (loose int DEFAULT nextval('loose'), named int DEFAULT nextval(('"By Name"'::text)::regclass),
  down int DEFAULT nextval('down'), round int DEFAULT nextval('round'), odd int DEFAULT nextval('"s;""q"."it''s"'),
  empty int DEFAULT nextval('unread'), again int DEFAULT nextval('down_again'));
INSERT INTO u VALUES (5, 5, 50, 5, 5, NULL, 50);
"""
)


@POSTGRESQL
def test_postgresql_sequences_behind_their_columns_are_named(place: Place) -> None:
    with place.restored(PG_COUNTERS.encode()) as (machine, database):
        seen = database.references()

        assert set(seen.behind) == {"t_always_seq", "loose", "By Name", "down_again", "s;\"q.it's"}
        assert (len(seen.behind), seen.keys, seen.unanswered) == (5, (), ())
        assert postgresql(machine, "SELECT last_value FROM t_id_seq") == ["8"]


PG_VIEWS: Final = (
    PG_HEAD
    + r"""
CREATE ROLE app NOLOGIN;
CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 500);
CREATE FUNCTION lacking() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT count(*) FROM not_there); END$$;
CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN
  INSERT INTO t VALUES (0); RETURN 1; END$$;
CREATE FUNCTION insists() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN
  PERFORM set_config('transaction_read_only', 'off', false); INSERT INTO t VALUES (0); RETURN 1; END$$;
CREATE FUNCTION sleeps() RETURNS int LANGUAGE plpgsql AS $$BEGIN
  PERFORM set_config('statement_timeout', '0', false); PERFORM pg_sleep(3600); RETURN 1; END$$;
CREATE FUNCTION kept() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE EXECUTE ON FUNCTION kept() FROM PUBLIC;
CREATE FUNCTION lies() RETURNS int LANGUAGE plpgsql AS $$BEGIN
  RAISE EXCEPTION E'x\nERROR:  57014: y\n' USING ERRCODE = 'P0777'; END$$;
CREATE VIEW a_fine AS SELECT * FROM t;
CREATE VIEW b_lacking AS SELECT id, lacking() FROM t;
CREATE VIEW c_writes AS SELECT id, writes() FROM t;
CREATE VIEW c_writes_on AS SELECT id, insists() FROM t;
CREATE VIEW d_sleeps AS SELECT id, sleeps() FROM t;
CREATE VIEW e_kept AS SELECT id, kept() FROM t;
CREATE VIEW f_lies AS SELECT id, lies() FROM t;
CREATE VIEW g_later AS SELECT 1 / (id - 50) AS x FROM t;
CREATE MATERIALIZED VIEW h_unfilled AS SELECT 1 AS x WITH NO DATA;
CREATE VIEW i_empty AS SELECT id, lacking() FROM t WHERE id < 0;
CREATE SCHEMA own; CREATE TABLE own.inner_t (id int); INSERT INTO own.inner_t VALUES (1);
CREATE FUNCTION own.unqualified() RETURNS bigint LANGUAGE plpgsql AS $$BEGIN
  RETURN (SELECT count(*) FROM inner_t); END$$;
CREATE VIEW own.by_path AS SELECT own.unqualified();
CREATE VIEW public."; DROP TABLE t; -- \q ""é
--help" AS SELECT lacking();
"""
)


@POSTGRESQL
def test_postgresql_views_are_read_by_who_can_only_read(place: Place) -> None:
    with place.restored(PG_VIEWS.encode()) as (machine, database):
        began = time.monotonic()
        seen = database.views(timeout_seconds=2)

        assert {one.subject: one.code for one in seen.problems} == {
            "b_lacking": "42P01",
            "c_writes_on": "25001",
            "f_lies": "P0777",
            "g_later": "22012",
            "h_unfilled": "55000",
            '; DROP TABLE t; -- \\q "é\\n--help': "42P01",
        }
        assert (seen.asked, seen.unanswered, time.monotonic() - began < 30) == (12, (), True)
        assert postgresql(machine, "SELECT count(*) FROM t") == ["500"]


@POSTGRESQL
def test_more_keys_than_are_ever_asked_are_not_passed_over_in_silence(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_by_one, "MOST_ASKED", 5)
    with place.restored(PG_KEYS.encode()) as (_, database):
        seen = database.references()

    assert (len(seen.keys), [one.code for one in seen.unanswered]) == (5, [TOO_MANY] * 4)

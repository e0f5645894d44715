"""Questions to a server that came back, also where its dump attacks or damages it. See `test_postgresql_restore.py`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest
from fake_engine import FakeEngine
from fakes import restored as asked_about
from integration.postgresql_backups import ENGINE, LOCAL, OBJECTS, SECRET, TABLES, Place, backups, restored

from restore_lab.checks.freshness import Freshness
from restore_lab.engines.base import MOST_NAMES, MOST_ROWS, Database
from restore_lab.errors import QueryRefused
from restore_lab.findings import Code, finding


@pytest.fixture(params=LOCAL)
def place(request: pytest.FixtureRequest) -> Place:
    return request.param  # type: ignore[no-any-return]


#: Fifty hours up to now, then every minute of the next days, then one date far ahead, thousands of times.
AHEAD: Final = """
CREATE TABLE t (d date, ts timestamp, tz timestamptz, x text, iso text, n int);
INSERT INTO t SELECT g, g, g AT TIME ZONE 'Europe/Paris', to_char(g, 'YYYY-MM-DD HH24:MI:SS'),
  to_char(g, 'YYYY-MM-DD"T"HH24:MI:SS'), to_char(g, 'YYYYMMDD')::int
  FROM (SELECT timestamp '2026-11-23 09:00' - i * interval '1 hour' FROM generate_series(0, 50) i
  UNION ALL SELECT timestamp '2026-11-23 11:00' + i * interval '1 minute' FROM generate_series(0, 6000) i
  UNION ALL SELECT timestamp '2030-01-01' FROM generate_series(1, 6000)) of_them(g);
"""
NOW: Final = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def test_the_newest_past_entry_is_found_behind_any_number_of_future_ones(place: Place) -> None:
    with restored(place, b"-- PostgreSQL database dump\n" + AHEAD.encode()) as back:
        of = asked_about(FakeEngine(), now=NOW)
        for column in ("d", "ts", "tz", "x", "iso", "n"):
            answer = Freshness(table="t", column=column).ask(replace(of, database=back.database))
            day_only = column in {"d", "n"}
            hour = datetime(2026, 11, 22, 23, tzinfo=UTC) if day_only else datetime(2026, 11, 23, 8, tzinfo=UTC)
            # the rest of today, eleven in the morning to midnight, is today for a column without an hour
            future = 12_001 - (13 * 60 if day_only else 0)
            assert (column, answer.newest_entry_at) == (column, hour)
            assert answer.findings == (finding(Code.DATES_IN_FUTURE, table="t", rows=future),)


def test_a_server_that_the_dump_kills_is_a_server_that_failed(place: Place) -> None:
    dump = ENGINE.recognise(b"SET statement_timeout = 0;\n")
    assert dump is not None
    # run by the server, where its own process number means itself
    kill = b"COPY (SELECT 1) TO PROGRAM 'kill -9 $(head -1 postmaster.pid)';\n\\! sleep 1\nSELECT 2;\nSELECT 3;\n"
    with place.machine(1000) as machine:
        load = ENGINE.start(machine, place.server).load(dump, [kill])

    assert Code.SERVER_FAILED in {one.code for one in load.findings}


FIGHTS_BACK: Final = b"""
ALTER ROLE postgres NOLOGIN;
ALTER ROLE restore_lab_admin SET search_path = nowhere;
ALTER ROLE restore_lab_admin SET statement_timeout = 1;
ALTER DATABASE restored SET default_transaction_read_only = on;
ALTER SYSTEM SET max_connections = 1;
CREATE ROLE restore_lab_reader SUPERUSER NOLOGIN;
ALTER ROLE restore_lab_reader SET default_transaction_read_only = off;
CREATE FUNCTION public.format(text, text) RETURNS text LANGUAGE sql AS 'SELECT NULL';
CREATE RULE none AS ON DELETE TO public.visits DO INSTEAD NOTHING;
"""


def test_a_dump_that_fights_back_does_not_keep_us_from_asking(place: Place) -> None:
    with restored(place, backups(place)["inserts"] + FIGHTS_BACK) as back:
        assert back.tables == TABLES
        assert back.objects["policy"] == OBJECTS["policy"]
        assert back.database.query("SELECT count(*) FROM patients") == [("500",)]
        assert back.database.query("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [("f",)]


LOGIN_TRIGGER: Final = b"""
SET statement_timeout = 0;
CREATE TABLE t AS SELECT 1 AS id;
CREATE FUNCTION shut() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'closed'; END$$;
CREATE EVENT TRIGGER shut ON login EXECUTE FUNCTION shut();
ALTER EVENT TRIGGER shut ENABLE ALWAYS;
"""


def test_a_trigger_at_login_shuts_nobody_out(place: Place) -> None:
    with restored(place, LOGIN_TRIGGER) as back:
        assert back.tables == {"t": 1}
        assert back.database.query("SELECT id FROM t") == [("1",)]


DAMAGE: Final = b"""
CREATE FUNCTION public.fickle(a int4, b int4) RETURNS int LANGUAGE sql
  AS 'SELECT CASE WHEN $1 = $2 THEN 0 WHEN $1 > $2 THEN 1 ELSE -1 END';
CREATE OPERATOR CLASS public.fickle_ops FOR TYPE int4 USING btree AS OPERATOR 1 < (int4, int4),
  OPERATOR 2 <= (int4, int4), OPERATOR 3 = (int4, int4), OPERATOR 4 >= (int4, int4), OPERATOR 5 > (int4, int4),
  FUNCTION 1 public.fickle(int4, int4);
CREATE INDEX crooked ON public.visits (id public.fickle_ops);
CREATE OR REPLACE FUNCTION public.fickle(a int4, b int4) RETURNS int LANGUAGE sql
  AS 'SELECT CASE WHEN $1 = $2 THEN 0 WHEN $1 < $2 THEN 1 ELSE -1 END';
UPDATE pg_catalog.pg_class SET relfrozenxid = pg_current_xact_id()::xid WHERE oid = 'billing.late'::regclass;
"""


def test_a_damaged_index_and_a_damaged_table_are_named(place: Place) -> None:
    with restored(place, backups(place)["plain"] + DAMAGE) as back:
        assert back.codes == {}
        problems = {(one.code, one.subject) for one in back.database.integrity().problems}
        assert problems == {("XX002", "crooked"), ("XX001", "billing.late")}


@pytest.fixture(scope="module", params=LOCAL)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    place: Place = request.param
    with restored(place, backups(place)["custom"]) as back:
        yield back.database


class TestQuestions:
    def test_values_come_back_as_text_and_null_as_none(self, database: Database) -> None:
        asked = "SELECT 1, NULL, '', E'a\\nb\"c,\\\\d', 'é', NULL::int; -- a remark"
        assert database.query(asked) == [("1", None, "", 'a\nb"c,\\d', "é", None)]
        assert database.query("VALUES (''), (NULL), ('x')") == [("",), (None,), ("x",)]
        assert database.query("SELECT 1 WHERE false") == []
        assert database.query("SELECT repeat('x', 300000)") == [("x" * 300_000,)]

    def test_row_level_security_hides_nothing(self, database: Database) -> None:
        assert database.query("SELECT count(*) FROM patients") == [("500",)]
        assert database.query("SELECT count(*) FROM billing.invoices") == [("200",)]
        ((current, session),) = database.query("SELECT current_user, session_user")
        assert str(current).startswith("restore_lab_reader_")
        assert current == session

    @pytest.mark.parametrize(
        ("sql", "code", "subject"),
        [
            ("SELECT * FROM nothing_there", "42P01", "nothing_there"),
            (f"SELECT '{SECRET}'::int", "22P02", "integer"),
            ("SELECT 1; DROP TABLE visits", "42P11", ""),
            ("DELETE FROM visits", "42P11", ""),
            ("WITH gone AS (DELETE FROM visits RETURNING 1) SELECT * FROM gone", "25006", ""),
            ("COMMIT", "42P11", ""),
            ("\\! touch here", "42601", ""),
            ("SELECT 1/0", "22012", ""),
            ("SELECT pg_read_file('/etc/passwd')", "42501", "pg_read_file"),
            (f"SELECT generate_series(1, {MOST_ROWS + 1})", "54000", "rows"),
            ("SELECT repeat('x', 1000000) FROM generate_series(1, 20)", "54000", "bytes"),
        ],
    )
    def test_a_question_is_refused_in_few_words(self, database: Database, sql: str, code: str, subject: str) -> None:
        with pytest.raises(QueryRefused) as refused:
            database.query(sql)
        assert (refused.value.code, refused.value.subject) == (code, subject)
        assert SECRET not in str(refused.value)
        assert database.query("SELECT count(*) FROM visits") == [("300",)]

    def test_as_many_rows_as_allowed_come_back(self, database: Database) -> None:
        assert len(database.query(f"SELECT generate_series(1, {MOST_ROWS})")) == MOST_ROWS

    def test_a_question_for_names_brings_more_of_them(self, database: Database) -> None:
        names = "SELECT 'scan/' || n || '.pdf', NULL FROM generate_series(1, 25000) AS n"

        assert len(database.query(names, most_rows=MOST_NAMES)) == 25_000

    def test_a_question_has_a_limit(self, database: Database) -> None:
        with pytest.raises(TimeoutError):
            database.query("SELECT pg_sleep(30)", timeout_seconds=0.5)

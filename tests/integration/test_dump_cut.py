"""What the servers' own tools write is never called cut, whatever their options; and every cut of it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from integration import mariadb_dumps as mariadb
from integration import postgresql_backups as postgresql
from needs import absent, third_party

from restore_lab.engines import ENGINES, announced
from restore_lab.engines.base import HEAD_BYTES, Dump
from restore_lab.engines.mariadb.engine import Mariadb
from restore_lab.engines.mariadb.load import outline_of
from restore_lab.engines.mariadb.server import ADMIN, LiveServer
from restore_lab.engines.outline import Outline
from restore_lab.engines.postgresql.backup import make_backup
from restore_lab.engines.tokens import Dialect
from restore_lab.findings import Code, finding
from restore_lab.sandboxes.local.driver import Local
from restore_lab.unpack import peel

MORE: Final = """
USE cabinet;
CREATE VIEW seconde AS SELECT * FROM liste;
CREATE VIEW avant AS SELECT * FROM seconde;
CREATE TABLE note (t TEXT);
INSERT INTO note VALUES ('CREATE TABLE `faux` (a int);\\nDROP TABLE acte;\\n-- Table structure for table `faux`\\n'),
  ('it''s \\\\'), ('\\\\\\'');
DELIMITER //
CREATE PROCEDURE deux() BEGIN DECLARE x TEXT; SET x = 'CREATE TABLE `faux` (a int); -- it''s'; /* it's */ DO 1; END//
CREATE TRIGGER apres AFTER INSERT ON acte FOR EACH ROW BEGIN UPDATE patient SET nom = 'x;''y' WHERE id = 0; END//
DELIMITER ;
"""
MARIADB_OPTIONS: Final = (
    *("--databases cabinet archive", "--all-databases", "cabinet", "cabinet --no-data", "cabinet --no-create-info"),
    *(
        "cabinet --skip-opt",
        "cabinet --compact",
        "cabinet acte",
        "cabinet --routines --events",
        "cabinet --skip-comments",
    ),
    *("cabinet --skip-extended-insert", "cabinet --hex-blob --complete-insert", "cabinet --compatible=ansi"),
    *("cabinet --single-transaction --no-autocommit", "cabinet --skip-triggers --ignore-table=cabinet.acte"),
    *("cabinet --lock-all-tables", "cabinet --skip-quote-names", "--add-drop-database --databases cabinet"),
    *("cabinet --tz-utc=0 --skip-set-charset", "cabinet --replace", "cabinet --insert-ignore --order-by-primary"),
    *("cabinet --add-drop-trigger --skip-add-locks --skip-disable-keys", "cabinet --no-data --routines"),
)
POSTGRESQL_OPTIONS: Final = (
    *("", "--schema-only", "--data-only", "--inserts", "--column-inserts --rows-per-insert=50", "--table=visits"),
    *("--exclude-table-data=visits", "--exclude-table-data=billing.*", "--clean --if-exists", "--create", "--no-owner"),
    *(
        "--section=pre-data --section=data",
        "--section=data",
        "--no-unlogged-table-data",
        "--data-only --disable-triggers",
    ),
    *("--exclude-table=visits", "--schema=billing", "--no-comments --no-privileges", "--load-via-partition-root"),
)
POSTGRESQL_MORE: Final = """
CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY, serial serial, note text);
INSERT INTO numbered (note) VALUES (E'CREATE TABLE faux (a int);\\n\\\\.\\nit''s'), ('$$ \\\\');
CREATE UNLOGGED TABLE passing (a int);
INSERT INTO passing VALUES (1);
CREATE TABLE "a b; 'c" (a int);
CREATE FUNCTION quoted() RETURNS text LANGUAGE sql AS $_$ SELECT 'CREATE TABLE faux (a int); $$ it''s' $_$;
CREATE VIEW circle AS SELECT id, count(*) FROM patients GROUP BY id;
"""


KEYLESS: Final = (
    "CREATE TABLE a (x int); CREATE TABLE m (x int); CREATE TABLE z (x int);\n"
    "INSERT INTO a VALUES (1); INSERT INTO m VALUES (1); INSERT INTO z VALUES (1);\n"
)


def outline(dump: Dump, data: bytes) -> Outline:
    one = outline_of(dump) if dump.engine == "mariadb" else Outline(dialect=Dialect(dump.engine))
    for at in range(0, len(data), 65_536):
        one.look(data[at : at + 65_536])
    one.close()
    return one


def whole(kind: str, data: bytes) -> Outline:
    """Assert that nothing is said of a whole dump."""
    dump = ENGINES[kind]().recognise(data[:HEAD_BYTES])
    assert dump is not None
    read = outline(dump, data)
    assert tuple(announced.cut(read, dump)) == ()
    assert not read.lost
    assert "faux" not in {named.name for names in read.made.values() for named in names}
    return read


@pytest.fixture(scope="module")
def dumps() -> dict[str, bytes]:
    """One database of MariaDB, dumped with each of the options."""
    made: dict[str, bytes] = {}
    with mariadb.LOCAL.machine() as machine:
        Mariadb().start(machine, mariadb.LOCAL.server)
        live = LiveServer(machine=machine)
        live.ask([mariadb.SCRIPT + MORE], timeout_seconds=60)
        for options in MARIADB_OPTIONS:
            argv = ("mariadb-dump", f"--defaults-file={live.path(ADMIN)}", *options.split())
            done = machine.run(argv, timeout_seconds=60)
            assert done.exit_code == 0, options
            made[options] = done.stdout
    return made


@pytest.mark.parametrize("options", MARIADB_OPTIONS)
def test_a_whole_dump_of_mariadb_dump_lacks_nothing(dumps: dict[str, bytes], options: str) -> None:
    assert whole("mariadb", dumps[options]).judgeable


def test_every_cut_of_mariadb_dump_at_a_line_end_is_seen_behind_a_forged_end(dumps: dict[str, bytes]) -> None:
    data = dumps["cabinet --routines --events"]
    dump = Mariadb().recognise(data[:HEAD_BYTES])
    lines = data.splitlines(keepends=True)
    last = max(at for at, line in enumerate(lines) if b"@OLD_" in line)
    assert dump is not None
    for at in range(12, last):
        cut = outline(dump, b"".join(lines[:at]) + b"\n-- Dump completed on 2026-01-01  4:00:00\n")
        # what ends inside a statement is refused by the server itself
        assert cut.lost or [one.code for one in announced.cut(cut, dump)] == [Code.DUMP_CUT], at


def postgresql_dumps(place: postgresql.Place) -> Iterator[tuple[str, bytes]]:
    with place.machine(1024 * 1024) as machine:
        make_backup(machine, place.server, [(postgresql.SCRIPT + POSTGRESQL_MORE).encode()], lambda _: None)
        environment = {"PGHOST": machine.scratch, "PGUSER": "postgres", "PGDATABASE": "cabinet"}
        commands = [("pg_dump", *options.split()) for options in POSTGRESQL_OPTIONS]
        for argv in (*commands, ("pg_dumpall",), ("pg_dumpall", "--clean"), ("pg_dumpall", "--globals-only")):
            done = machine.run(argv, timeout_seconds=60, environment=environment)
            assert done.exit_code == 0, (argv, done.stderr)
            yield " ".join(argv), done.stdout


@pytest.mark.parametrize("place", postgresql.LOCAL + postgresql.CONTAINERS)
def test_a_whole_dump_of_pg_dump_lacks_nothing(place: postgresql.Place) -> None:
    if lacking := place.sandbox.lacks(place.server):
        absent(lacking)
    judged = {argv: whole("postgresql", data).judgeable for argv, data in postgresql_dumps(place)}

    # it drops databases: what is there in the end cannot be told from it
    assert [argv for argv, judgeable in judged.items() if not judgeable] == ["pg_dumpall --clean"]
    assert len(judged) == len(POSTGRESQL_OPTIONS) + 3


def test_every_cut_of_pg_dump_within_its_rows_is_seen_behind_a_forged_end() -> None:
    place = postgresql.Place(sandbox=Local(), series="15")
    data = dict(postgresql_dumps(place))["pg_dump"]
    dump = ENGINES["postgresql"]().recognise(data[:HEAD_BYTES])
    assert dump is not None
    for wanted, codes in ((data, {Code.DUMP_CUT}), (older(data), {Code.DUMP_CUT, Code.CONTENTS_ABSENT})):
        lines = wanted.splitlines(keepends=True)
        first = next(at for at, line in enumerate(lines) if line.startswith(b"\\.")) + 1
        last = max(at for at, line in enumerate(lines) if b"pg_catalog.setval" in line)
        told = set()
        for at in range(first, last, 7):
            cut = outline(dump, b"".join(lines[:at]) + postgresql.FORGED)
            found = {one.code for one in announced.cut(cut, dump)}
            assert cut.lost or found, at
            told |= found
        assert told == codes


def test_a_cut_that_leaves_what_leaving_out_does_is_never_passed_over() -> None:
    place = postgresql.Place(sandbox=Local(), series="15")
    with place.machine(1024 * 1024) as machine:
        make_backup(machine, place.server, [KEYLESS.encode()], lambda _: None)
        environment = {"PGHOST": machine.scratch, "PGUSER": "postgres", "PGDATABASE": "cabinet"}
        every, kept = (
            older(machine.run(argv, timeout_seconds=60, environment=environment).stdout)
            for argv in (("pg_dump",), ("pg_dump", "--exclude-table-data=z"))
        )
    dump = ENGINES["postgresql"]().recognise(every[:HEAD_BYTES])
    assert dump is not None
    assert tuple(announced.cut(outline(dump, every), dump)) == ()
    absent_or_cut = [finding(Code.CONTENTS_ABSENT, missing=1, subject="z")]
    assert list(announced.cut(outline(dump, kept), dump)) == absent_or_cut
    at = every.index(b"--\n-- Data for Name: z;")
    assert list(announced.cut(outline(dump, every[:at] + postgresql.FORGED), dump)) == absent_or_cut
    for at in range(every.index(b"COPY public.z "), every.index(b"\\.\n", every.index(b"COPY public.z ")), 5):
        (told,) = announced.cut(outline(dump, every[:at] + postgresql.FORGED), dump, refused=True)
        assert told.code is Code.DUMP_CUT, at


def older(dump: bytes) -> bytes:
    """As releases before August 2025 wrote it."""
    return b"\n".join(line for line in dump.split(b"\n") if b"restrict " not in line[:12])


def test_a_dump_of_sqlite_is_cut_or_whole(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.sqlite")
    connection.executescript(
        "CREATE TABLE t(a); INSERT INTO t VALUES ('CREATE TABLE faux(a);\nit''s'), (2); CREATE VIEW v AS SELECT 1;"
        "CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET a = 1; DELETE FROM t; END;"
    )
    data = ("PRAGMA foreign_keys=OFF;\n" + "\n".join(connection.iterdump()) + "\n").encode()
    dump = ENGINES["sqlite"]().recognise(data)
    assert dump is not None
    read = whole("sqlite", data)
    assert {kind: len(names) for kind, names in read.made.items() if names} == {"table": 1, "view": 1, "trigger": 1}
    (told,) = announced.cut(outline(dump, data.removesuffix(b"COMMIT;\n")), dump)
    assert told.code is Code.DUMP_CUT


@pytest.mark.data
def test_no_third_party_dump_lacks_anything() -> None:
    seen = 0
    for path in sorted(third_party().rglob("*.sql*")):
        if "mydumper" in path.parts or path.suffix not in {".sql", ".gz"} or path.name.endswith(".tar.gz"):
            continue
        with path.open("rb") as stream:
            pieces = iter(lambda: stream.read(65_536), b"")
            data = b"".join(peel(pieces, head_bytes=HEAD_BYTES, most_bytes=10**9).chunks)
        kind = next((kind for kind in ("mariadb", "postgresql") if ENGINES[kind]().recognise(data[:HEAD_BYTES])), None)
        if kind:
            assert whole(kind, data).judgeable, path
            seen += 1
    assert seen >= 20

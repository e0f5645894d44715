"""What every engine does. PostgreSQL and MariaDB are further rows of `ENGINES`, beside their own tests."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from fake_engine import FAKE_HEAD, FakeEngine
from fake_sandbox import FakeSandbox
from needs import absent

from restore_lab.counted import KeyCount
from restore_lab.engines.base import HEAD_BYTES, MOST_NAMES, Database, Dump, Engine, Load, References, Views
from restore_lab.engines.sqlite.engine import Sqlite
from restore_lab.errors import MachineFailed, QueryRefused
from restore_lab.findings import Code, reduce_message
from restore_lab.sandboxes.base import Machine, Need, Sandbox
from restore_lab.sandboxes.local.driver import Local

SCHEMA = """
CREATE TABLE patient(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE visit(id INTEGER PRIMARY KEY, patient INTEGER REFERENCES patient(id), at TEXT);
CREATE INDEX visit_at ON visit(at);
CREATE VIEW recent AS SELECT * FROM visit;
INSERT INTO patient VALUES (1, 'Vorzibuk'), (2, 'É; né');
INSERT INTO visit VALUES (1, 1, '2026-11-20 09:00'), (2, 1, NULL), (3, 2, '2026-11-21 10:00');
"""


#: Two visits of patients that are not there, one of nobody, and a view of a table that is not there either.
UNLINKED = """
INSERT INTO visit VALUES (4, 8, 'x'), (5, 9, 'x'), (6, NULL, 'x');
CREATE TABLE old(id INTEGER);
CREATE VIEW gone AS SELECT id FROM old;
DROP TABLE old;
"""
TWICE = b"INSERT INTO patient VALUES (1, 'twice');\n"


def sqlite_file(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(SCHEMA)
    return path.read_bytes()


def sqlite_dump(path: Path) -> str:
    sqlite_file(path)
    with closing(sqlite3.connect(path)) as database:
        return "PRAGMA foreign_keys=OFF;\n" + "\n".join(database.iterdump()) + "\n"


def sqlite_damaged(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(SCHEMA)
        database.executemany("INSERT INTO patient(name) VALUES (?)", [("x" * 200,) for _ in range(2000)])
        database.commit()
    data = bytearray(path.read_bytes())
    for page in range(8, 40):
        data[page * 4096 : page * 4096 + 64] = b"\xfe" * 64
    return bytes(data)


def sqlite_unlinked(path: Path) -> bytes:
    sqlite_file(path)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(UNLINKED)
    return path.read_bytes()


def sqlite_with_log(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.executescript(SCHEMA)
    return path.read_bytes()


@dataclass(frozen=True, kw_only=True)
class Row:
    """An engine, where it runs, and good and bad backups of two patients and three visits."""

    engine: Engine
    sandbox: Sandbox
    good: Callable[[Path], bytes]
    one: str
    writing: str
    integrity_fails: Callable[[Path], bytes] | None = None
    links_fail: Callable[[Path], bytes] | None = None
    load_fails: dict[Code, Callable[[Path], bytes]] = field(default_factory=dict)


ENGINES = {
    "sqlite file": Row(
        engine=Sqlite(),
        sandbox=Local(),
        good=sqlite_file,
        one="SELECT 1",
        writing="DELETE FROM patient",
        integrity_fails=sqlite_damaged,
        links_fail=sqlite_unlinked,
        load_fails={Code.WAL_NOT_IN_BACKUP: sqlite_with_log},
    ),
    "sqlite dump": Row(
        engine=Sqlite(),
        sandbox=Local(),
        good=lambda path: sqlite_dump(path).encode(),
        one="SELECT 1",
        writing="INSERT INTO patient VALUES (9, 'x')",
        load_fails={
            Code.LOAD_ERRORS: lambda path: sqlite_dump(path).encode() + TWICE,
            Code.LOAD_STOPPED: lambda path: sqlite_dump(path).encode().rpartition(b"INTO")[0],
            Code.TEXT_NOT_UTF8: lambda path: sqlite_dump(path).encode("cp1252"),
        },
        links_fail=lambda path: (sqlite_dump(path) + UNLINKED).encode(),
    ),
    "fake": Row(
        engine=FakeEngine(tables={"patient": 2, "visit": 3}, answers={"SELECT 1": [("1",)]}),
        sandbox=FakeSandbox(),
        good=lambda _path: FAKE_HEAD,
        one="SELECT 1",
        writing="DELETE FROM patient",
    ),
}


@pytest.fixture(params=ENGINES)
def row(request: pytest.FixtureRequest) -> Row:
    found = ENGINES[str(request.param)]
    lacking = found.sandbox.lacks(found.engine.offered()[0])
    if lacking:
        absent(lacking)
    return found


@pytest.fixture
def machine(row: Row) -> Iterator[Machine]:
    need = Need(
        lab_id="contract-engines",
        drill_id="engines",
        restore_id="main",
        server=row.engine.offered()[0],
        backup_bytes=1024**2,
        memory_bytes=1024**3,
        expires_at=datetime.now(UTC) + timedelta(minutes=10),
    )
    with row.sandbox.machine(need) as live:
        yield live


def recognised(row: Row, data: bytes) -> Dump:
    dump = row.engine.recognise(data[:HEAD_BYTES])
    assert dump is not None
    return dump


def loaded(row: Row, machine: Machine, data: bytes, *, piece_bytes: int = 1000) -> tuple[Database, Load]:
    database = row.engine.start(machine, row.engine.offered()[0])
    pieces = (data[start : start + piece_bytes] for start in range(0, len(data), piece_bytes))
    return database, database.load(recognised(row, data), pieces)


def test_its_own_dump_is_recognised_and_nothing_else(row: Row, tmp_path: Path) -> None:
    dump = recognised(row, row.good(tmp_path / "db"))

    assert dump.engine == row.engine.kind
    assert row.engine.servers(dump)
    assert all(server.engine == row.engine.kind for server in row.engine.servers(dump))
    for hostile in (b"", b"\0" * HEAD_BYTES, b"\xff" * 100, b"PK\x03\x04", b"-- a comment\n", bytes(range(256)) * 256):
        assert row.engine.recognise(hostile) is None


def test_a_good_backup_loads_without_a_word_and_is_counted(row: Row, machine: Machine, tmp_path: Path) -> None:
    database, load = loaded(row, machine, row.good(tmp_path / "db"))

    assert (load.problems, load.findings) == ((), ())
    inventory = database.inventory()
    assert {table.name: table.rows for table in inventory.tables} == {"patient": 2, "visit": 3}
    assert {one.kind: one.count for one in inventory.objects}["table"] == 2
    assert database.integrity().problems == ()
    assert database.integrity().asked > 0


def test_a_question_is_answered_as_text_and_null_as_none(row: Row, machine: Machine, tmp_path: Path) -> None:
    database, _ = loaded(row, machine, row.good(tmp_path / "db"))

    assert [tuple(answer) for answer in database.query(row.one)] == [("1",)]
    if row.engine.kind != "fake":
        assert list(database.query("SELECT at, NULL, 1.5 FROM visit ORDER BY id")) == [
            ("2026-11-20 09:00", None, "1.5"),
            (None, None, "1.5"),
            ("2026-11-21 10:00", None, "1.5"),
        ]


def test_what_writes_or_is_wrong_or_too_much_is_refused_by_a_code(row: Row, machine: Machine, tmp_path: Path) -> None:
    database, _ = loaded(row, machine, row.good(tmp_path / "db"))

    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10001) SELECT i FROM n"
    for refused in (row.writing, "SELECT * FROM nowhere", "SELEC", many, "ATTACH '/tmp/x' AS y"):
        with pytest.raises(QueryRefused) as caught:
            database.query(refused)
        assert "nowhere" not in caught.value.code
        assert caught.value.code
    assert {table.rows for table in database.inventory().tables} == {2, 3}


def test_a_question_for_names_brings_more_of_them(row: Row, machine: Machine, tmp_path: Path) -> None:
    database, _ = loaded(row, machine, row.good(tmp_path / "db"))
    tables = ", ".join(f"visit v{number}" for number in range(10))
    names = f"SELECT 'scan.pdf', NULL FROM {tables}"  # noqa: S608 - three rows, each with each: 59,049
    if row.engine.kind == "fake":
        cast("FakeEngine", row.engine).answers[names] = [("scan.pdf", None)] * 3**10

    assert len(database.query(names, most_rows=MOST_NAMES)) == 3**10
    with pytest.raises(QueryRefused):
        database.query(names)


def test_a_loss_made_on_purpose_is_there_to_be_seen(row: Row, machine: Machine, tmp_path: Path) -> None:
    database, _ = loaded(row, machine, row.good(tmp_path / "db"))
    before = {one.kind: one.count for one in database.inventory().objects}

    spoilt = database.spoil("visit")

    after = database.inventory()
    assert (spoilt.table, bool(spoilt.index)) == ("visit", True)
    assert {table.name: table.rows for table in after.tables} == {"patient": 2, "visit": 0}
    assert {one.kind: one.count for one in after.objects}.get("index", 0) == before["index"] - 1


def test_it_is_reached_again_from_another_process(row: Row, machine: Machine, tmp_path: Path) -> None:
    loaded(row, machine, row.good(tmp_path / "db"))

    again = row.engine.attach(row.sandbox.attach(machine.handle), row.engine.offered()[0])

    assert len(again.inventory().tables) == 2


def test_its_own_series_is_told_from_another(row: Row, machine: Machine, tmp_path: Path) -> None:
    data = row.good(tmp_path / "db")
    database, _ = loaded(row, machine, data)

    assert row.engine.own_series(recognised(row, data), database.server_version)
    assert not row.engine.own_series(recognised(row, data), "1.0")


FAILING = [(name, code) for name, found in ENGINES.items() for code in found.load_fails]


@pytest.mark.parametrize(("row", "code"), FAILING, indirect=["row"])
def test_a_bad_dump_is_found_bad_while_it_loads(row: Row, code: Code, machine: Machine, tmp_path: Path) -> None:
    _, load = loaded(row, machine, row.load_fails[code](tmp_path / "db"))

    assert [found.code for found in load.findings] == [code]
    assert "twice" not in repr(load)


def test_every_key_is_counted_and_every_view_is_read(row: Row, machine: Machine, tmp_path: Path) -> None:
    database, _ = loaded(row, machine, row.good(tmp_path / "db"))

    assert database.references() == References(keys=(KeyCount(key="visit.patient", orphans=0),))
    assert database.views() == Views(asked=1)


UNLINKING = [name for name, found in ENGINES.items() if found.links_fail]


@pytest.mark.parametrize("row", UNLINKING, indirect=True)
def test_rows_without_parents_and_views_without_tables_are_found(row: Row, machine: Machine, tmp_path: Path) -> None:
    assert row.links_fail is not None
    database, _ = loaded(row, machine, row.links_fail(tmp_path / "db"))

    assert database.references() == References(keys=(KeyCount(key="visit.patient", orphans=2),))
    seen = database.views()
    assert (seen.asked, [one.subject for one in seen.problems], seen.unanswered) == (2, ["gone"], ())


DAMAGED = [name for name, found in ENGINES.items() if found.integrity_fails]


@pytest.mark.parametrize("row", DAMAGED, indirect=True)
def test_a_damaged_file_is_found_by_the_engines_own_check(row: Row, machine: Machine, tmp_path: Path) -> None:
    assert row.integrity_fails is not None
    database, _ = loaded(row, machine, row.integrity_fails(tmp_path / "db"))

    problems = database.integrity().problems

    assert problems
    assert all(problem.length == 0 or problem.digest != reduce_message(b"", code="").digest for problem in problems)


def test_a_machine_that_is_gone_is_a_machine_that_failed(tmp_path: Path) -> None:
    row = ENGINES["sqlite file"]
    need_server = row.engine.offered()[0]
    with row.sandbox.machine(
        Need(
            lab_id="contract-engines",
            drill_id="engines",
            restore_id="gone",
            server=need_server,
            backup_bytes=1,
            memory_bytes=1024**3,
            expires_at=datetime.now(UTC) + timedelta(minutes=10),
        )
    ) as machine:
        database, _ = loaded(row, machine, row.good(tmp_path / "db"))
    with pytest.raises(MachineFailed):
        database.query("SELECT 1")

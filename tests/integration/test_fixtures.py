"""The committed backups are what their script makes today: same restored content, whatever the bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fixtures.make import DAY, FIXTURES, HERE, PATIENTS, make
from needs import absent

from restore_lab.demo import SEED
from restore_lab.engines import ENGINES
from restore_lab.engines.base import HEAD_BYTES, Database, Dump, Engine
from restore_lab.sample_practice import expected_counts
from restore_lab.sandboxes.base import Need, Sandbox, Server
from restore_lab.scenario import Auto
from restore_lab.unpack import Measured, peel

GIBIBYTE = 1024**3
MOST_COMMITTED_BYTES = 3_000_000


def _where(engine: Engine, dump: Dump) -> tuple[Sandbox, Server]:
    lacks = []
    for server in engine.servers(dump):
        for sandbox in Auto().sandboxes():
            lack = sandbox.lacks(server)
            if lack is None:
                return sandbox, server
            lacks.append(lack)
    return absent(lacks[0])


@contextmanager
def _restored(name: str, backup: Path) -> Iterator[Database]:
    engine = ENGINES[name]()
    with backup.open("rb") as stream:
        peeled = peel(Measured(stream, lambda _done: None), head_bytes=HEAD_BYTES, most_bytes=GIBIBYTE)
        dump = engine.recognise(peeled.head)
        assert dump is not None
        sandbox, server = _where(engine, dump)
        need = Need(
            lab_id="fixtures",
            drill_id="fixtures",
            restore_id=name,
            server=server,
            backup_bytes=64_000_000,
            memory_bytes=2 * GIBIBYTE,
            expires_at=datetime.now(UTC) + timedelta(minutes=20),
        )
        with sandbox.machine(need) as machine:
            database = engine.start(machine, server)
            database.load(dump, peeled.chunks)
            yield database


def _content(database: Database) -> dict[str, tuple[int, str]]:
    """Rows of every table, and a digest of them all in the order of their first column."""
    seen = {}
    for table in database.inventory().tables:
        rows = database.query(f"SELECT * FROM {table.name} ORDER BY 1")  # noqa: S608 - names of our own schema
        seen[table.name] = (table.rows, hashlib.sha256(repr([tuple(row) for row in rows]).encode()).hexdigest())
    return seen


@pytest.mark.parametrize("engine", sorted(FIXTURES))
def test_a_committed_backup_restores_to_what_its_script_makes(engine: str, tmp_path: Path) -> None:
    with _restored(engine, HERE / FIXTURES[engine]) as database:
        committed = _content(database)
    with _restored(engine, make(engine, tmp_path)) as database:
        regenerated = _content(database)
    assert committed == regenerated
    assert {name: rows for name, (rows, _) in committed.items()} == expected_counts(SEED, DAY, PATIENTS)


def test_the_committed_backups_stay_small() -> None:
    assert sum((HERE / name).stat().st_size for name in FIXTURES.values()) < MOST_COMMITTED_BYTES

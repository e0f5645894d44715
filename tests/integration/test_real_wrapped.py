"""Dumps nobody here wrote, in every wrapper there is. See `test_real_databases.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from integration.real_databases import RESTORED
from integration.real_drills import Drill, drills_in, judged, need_machine
from integration.real_rows import DDEV, DDEV_PG, OTHER, ROLES
from integration.real_wrappers import LAYERS, WRAPPERS
from needs import third_party

from restore_lab.engines.base import HEAD_BYTES
from restore_lab.evidence import Verdict
from restore_lab.findings import Code
from restore_lab.signature.keys import SigningKey
from restore_lab.unpack import peel

MISLEADING: Final = tuple(
    f"{folder}/users.mysql.{wrapper}" for folder in (DDEV, DDEV_PG) for wrapper in ("bz2", "zip", "tar.xz", "tgz")
)


@pytest.fixture
def data() -> Path:
    return third_party()


@pytest.fixture
def run(tmp_path: Path, made_key: tuple[Path, SigningKey]) -> Drill:
    return drills_in(tmp_path, made_key[0])


@pytest.mark.data
@pytest.mark.parametrize("name", WRAPPERS)
def test_a_wrapper_gives_the_dump_inside_it(data: Path, name: str) -> None:
    wrapped = (data / name).read_bytes()

    peeled = peel([wrapped], head_bytes=HEAD_BYTES, most_bytes=1_000_000)

    stem, _, wrapper = name.partition("/users.")
    assert peeled.layers == LAYERS[wrapper.partition(".")[2]]
    assert b"".join(peeled.chunks) == (data / stem / "users.sql").read_bytes()


@pytest.mark.data
@pytest.mark.parametrize("name", MISLEADING)
def test_a_wrapped_dump_with_a_misleading_name_comes_back(data: Path, run: Drill, name: str) -> None:
    folder, _, pattern = (data / name).as_posix().rpartition("/")
    engine = WRAPPERS[name]
    need_machine(RESTORED["ddev-oneuser" if engine == "mariadb" else "ddev-postgresql-oneuser"])

    evidence = run(Path(folder), pattern, machine="local")

    (restore,) = evidence.restores
    assert restore.dump is not None
    assert (restore.dump.engine, restore.dump.layers) == (engine, LAYERS[name.partition(".mysql.")[2]])
    rows = 2 if engine == "mariadb" else 8
    assert {table.name: table.rows for table in restore.tables} == {"users": rows}
    # nothing is asked about the practice's own data here
    roles = (ROLES,) if engine == "postgresql" else ()
    assert judged(evidence) == (Verdict.INCONCLUSIVE, (Code.NOTHING_ASKED, OTHER, *roles))


@pytest.mark.data
def test_every_wrapper_is_unpacked(data: Path) -> None:
    there = {path.relative_to(data).as_posix() for path in (data / "ddev").rglob("users.*")}
    plain = {f"{folder}/users.{name}" for folder in (DDEV, DDEV_PG) for name in ("sql", "mysql")}

    assert there == plain | set(WRAPPERS)

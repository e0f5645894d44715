"""Backups in several files, of other kinds, or none: said to be what they are. See `test_real_databases.py`."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path
from typing import Final

import pytest
from integration.real_databases import REFUSED, RESTORED
from integration.real_drills import Drill, drills_in, judged, need_machine
from integration.real_rows import DDEV, SEVERAL
from needs import third_party

from restore_lab.evidence import Verdict
from restore_lab.findings import Code
from restore_lab.signature.keys import SigningKey

MYDUMPER: Final = (
    "mocker_test",
    "exotic_filenames/data",
    "generated_columns/data",
    "issue_282/data",
    "view/data",
    "various_types/data",
    "character_sets/gb18030",
    "character_sets/mixed",
    "character_sets/utf8mb4",
)
EXPORT: Final = "e-20261121-020000"
#: A file by which a folder is known to be one backup, and the tool that writes it.
IN_PIECES: Final = {
    "cabinet-schema-create.sql": "mydumper",
    "cabinet-schema-create.sql.zst": "mydumper, compressed",
    "toc.dat": "pg_dump --format=directory",
    "@.json": "MySQL Shell",
    "backup_manifest": "pg_basebackup",
}
OWN_FILES: Final = {
    "xtrabackup_checkpoints": "mariadb-backup",
    "mariadb_backup_checkpoints": "mariadb-backup, newer",
    "ibdata1": "a copy of MariaDB's folder",
    "PG_VERSION": "a copy of PGDATA",
    "PATIENT.FIC": "HFSQL",
}


@pytest.fixture
def data() -> Path:
    return third_party()


@pytest.fixture
def run(tmp_path: Path, made_key: tuple[Path, SigningKey]) -> Drill:
    return drills_in(tmp_path, made_key[0])


@pytest.mark.data
def test_a_script_with_a_fault_is_no_backup(data: Path, run: Drill) -> None:
    said = REFUSED["ddev-invalid"]

    assert judged(run(data / DDEV, "invalid.sql")) == (said.verdict, said.codes)


@pytest.mark.data
@pytest.mark.parametrize("name", MYDUMPER)
def test_a_backup_in_several_files_is_not_judged(data: Path, tmp_path: Path, run: Drill, name: str) -> None:
    said, folder = REFUSED["mydumper"], data / "mydumper" / name
    packed, beside = tmp_path / "packed", tmp_path / "beside"
    packed.mkdir()
    with tarfile.open(packed / "export.tar.gz", "w:gz") as archive:
        archive.add(folder, arcname=EXPORT)
    shutil.copytree(folder, beside / EXPORT)

    for where, pattern in ((folder, "*"), (folder, "*.sql"), (packed, "*"), (beside, "*"), (beside, "e-%Y%m%d-%H%M%S")):
        assert judged(run(where, pattern)) == (said.verdict, said.codes), (where.name, pattern)


@pytest.mark.data
def test_every_folder_of_mydumper_is_tried(data: Path) -> None:
    found = {path.parent for path in (data / "mydumper").rglob("*.sql")}

    assert {folder.relative_to(data / "mydumper").as_posix() for folder in found} == set(MYDUMPER)


@pytest.mark.parametrize("name", IN_PIECES)
def test_a_folder_is_a_backup_by_what_lies_in_it(tmp_path: Path, run: Drill, name: str) -> None:
    folder = tmp_path / "backups" / "2026-11-21"
    folder.mkdir(parents=True)
    (folder / "data.1").write_bytes(b"one of several")
    without = judged(run(folder.parent, "*")), judged(run(folder, "*"))
    (folder / name).write_bytes(b"")

    assert without == ((Verdict.FAILED, (Code.NO_BACKUP_FOUND,)), (Verdict.FAILED, (Code.DUMP_NOT_RECOGNISED,)))
    assert judged(run(folder.parent, "%Y-%m-%d")) == (Verdict.INCONCLUSIVE, (SEVERAL,))
    assert judged(run(folder, "*.1")) == (Verdict.INCONCLUSIVE, (SEVERAL,))


@pytest.mark.parametrize("name", OWN_FILES)
def test_a_folder_of_a_servers_own_files_is_a_backup_that_is_not_restored(
    tmp_path: Path, run: Drill, name: str
) -> None:
    folder = tmp_path / "backups" / "2026-11-21"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(b"\0")

    assert judged(run(folder.parent, "%Y-%m-%d")) == (Verdict.INCONCLUSIVE, (Code.BACKUP_OF_ANOTHER_KIND,))


def test_a_newer_file_beside_such_a_folder_is_the_backup(tmp_path: Path, run: Drill) -> None:
    need_machine(RESTORED["chinook-sqlite"])
    folder = tmp_path / "2026-11-20"
    folder.mkdir()
    (folder / "toc.dat").write_bytes(b"")
    (tmp_path / "2026-11-21").write_bytes(b"PRAGMA foreign_keys=OFF;\nCREATE TABLE t (a);\nINSERT INTO t VALUES (1);\n")

    evidence = run(tmp_path, "%Y-%m-%d")

    (restore,) = evidence.restores
    assert restore.recovery_point is not None
    assert (restore.recovery_point.point, restore.recovery_point.candidates) == ("2026-11-21", 2)
    assert judged(evidence) == (Verdict.INCONCLUSIVE, (Code.NOTHING_ASKED,))


@pytest.mark.data
@pytest.mark.parametrize("tool", ["restic", "borg"])
def test_a_packed_repository_is_not_judged(data: Path, run: Drill, tool: str) -> None:
    said = REFUSED[tool]
    packed = sorted(data.glob(said.files[0]))
    assert packed
    for repository in packed:
        assert judged(run(repository.parent, repository.name)) == (said.verdict, said.codes), repository.name

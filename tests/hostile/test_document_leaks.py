"""Documents beside the database: a drill of both passes, sees what is wrong, and leaves no name and no byte."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from documents import RANDOM, tarred
from stems import assert_no_leak, command, drill, leaks, rest

from restore_lab.evidence import Evidence, RestoreRecord, from_json
from restore_lab.sample_practice import STEM
from restore_lab.signature import dsse

Files = dict[str, bytes]
_PLACE = """
[place.backup]
kind = "directory"
path = "shared"
pattern = "documents_%Y-%m-%d.tar.gz"
"""
_RESTORE = """
[[restore]]
place = "partage"
engine = { kind = "files" }
machine = { kind = "local" }

[[restore.check]]
kind = "integrity"

[[restore.check]]
kind = "documents"
at_least = { pdf = 20 }
"""
_NAMES = """
[[restore.check]]
kind = "document_names"
title = "courriers cites"
sql = "SELECT nom_fichier, ajoute_le FROM document ORDER BY id DESC LIMIT 10000"
"""


def documents_of(lab: Path) -> Files:
    """Every letter and photograph, as the practice's software would keep them in folders."""
    (backup,) = (lab / "backups").iterdir()
    with closing(sqlite3.connect(backup)) as database:
        rows = database.execute("SELECT nom_fichier, contenu FROM document").fetchall()
    return {f"{STEM}/{number % 7}/{name}": content for number, (name, content) in enumerate(rows)}


def put(lab: Path, files: Files) -> None:
    path = lab / "shared" / f"documents_{datetime.now(UTC):%Y-%m-%d}.tar.gz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(tarred(files), 1))
    rest(path)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lab = tmp_path_factory.mktemp("documents") / "lab"
    assert command(lab, "demo", "--engine", "sqlite", str(lab)).returncode == 0
    for backup in (lab / "backups").iterdir():
        rest(backup)
    settings = (lab / "lab.toml").read_text("utf-8")
    start = settings.index('name = "partage"')
    end = settings.index("\n[", start)
    (lab / "lab.toml").write_text(settings[:end] + "\nbackup_every_days = 366\n" + _PLACE + settings[end:], "utf-8")
    scenario = lab / "scenarios" / "annual" / "scenario.toml"
    text = scenario.read_text("utf-8").replace('kind = "auto"', 'kind = "local"')
    scenario.write_text(text + _NAMES + _RESTORE, "utf-8")
    put(lab, documents_of(lab))
    return lab


@pytest.fixture
def lab(sample: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample, tmp_path / "lab", copy_function=shutil.copy2))


def evidence(lab: Path) -> Evidence:
    path = max(lab.glob("reports/*/*/evidence.dsse.json"), key=lambda found: found.stat().st_mtime)
    payload = json.loads(path.read_bytes())["payload"]
    return from_json(dsse.read_statement(base64.b64decode(payload)).evidence_json)


def restored(lab: Path) -> RestoreRecord:
    return evidence(lab).restores[1]


def codes(lab: Path) -> set[str]:
    return {one.finding.code.value for one in evidence(lab).findings if one.finding.restore_id == "2-partage"}


def test_a_drill_of_both_passes_and_leaves_no_data(lab: Path) -> None:
    assert leaks("".join(documents_of(lab)).encode())

    done = drill(lab)

    assert done.returncode == 0, done.stdout + done.stderr
    record = restored(lab)
    counts = {one.kind: one.count for one in record.documents}
    assert set(counts) == {"pdf", "jpeg"}
    assert sum(counts.values()) == len(documents_of(lab))
    assert [one.name for one in record.controls if one.silent] == []
    assert {one.name for one in record.checks} == {"integrity", "documents"}
    assert_no_leak(lab, done.stdout, done.stderr)


def without(count: int) -> Callable[[Files], Files]:
    return lambda files: dict(list(files.items())[count:])


def locked(files: Files) -> Files:
    return {f"{name}.locked": RANDOM.randbytes(len(data)) for name, data in files.items()}


def cut(files: Files) -> Files:
    return {name: data[: len(data) // (1 + number % 2)] for number, (name, data) in enumerate(files.items())}


def renamed_by_the_secretary(files: Files) -> Files:
    return {f"{number}.{name.rpartition('.')[2]}": data for number, (name, data) in enumerate(files.items())}


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (without(3), {"DOCUMENTS_MISSING"}),
        (locked, {"RANSOMWARE_SIGNS", "DOCUMENTS_UNREADABLE", "DOCUMENTS_MISSING"}),
        (cut, {"DOCUMENTS_UNREADABLE"}),
        (renamed_by_the_secretary, {"DOCUMENTS_MISSING"}),
        (lambda _: {"folder/Thumbs.db": b"x"}, {"BACKUP_EMPTY", "OBJECTS_BELOW_MINIMUM", "DOCUMENTS_MISSING"}),
    ],
)
def test_what_is_wrong_with_the_documents_fails_the_drill_and_names_nothing(
    lab: Path, change: Callable[[Files], Files], seen: set[str]
) -> None:
    put(lab, change(documents_of(lab)))

    done = drill(lab)

    assert done.returncode == 1, done.stdout + done.stderr
    assert seen <= codes(lab)
    assert_no_leak(lab, done.stdout, done.stderr)


def test_a_mirrored_folder_is_restored_as_an_archive_of_it_is(lab: Path) -> None:
    mirror = lab / "mirror"
    for name, content in documents_of(lab).items():
        (mirror / name).parent.mkdir(parents=True, exist_ok=True)
        (mirror / name).write_bytes(content)
    settings = (lab / "lab.toml").read_text("utf-8")
    place = '\n[place.backup]\nkind = "folder"\npath = "mirror"\n'
    (lab / "lab.toml").write_text(settings.replace(_PLACE, place), "utf-8")

    done = drill(lab)

    assert done.returncode == 0, done.stdout + done.stderr
    record = restored(lab)
    assert sum(one.count for one in record.documents) == len(documents_of(lab))
    manifest = sorted((name, hashlib.sha256(content).hexdigest()) for name, content in documents_of(lab).items())
    lines = "".join(f"{digest}  {name}\n" for name, digest in manifest)
    assert record.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    shutil.rmtree(mirror)
    assert_no_leak(lab, done.stdout, done.stderr)

    (mirror / "left").mkdir(parents=True)
    assert (drill(lab).returncode, "SOURCE_NOT_PLUGGED_IN" in codes(lab)) == (3, True)


def test_fewer_documents_than_at_the_last_drill_fail_it(lab: Path) -> None:
    assert drill(lab).returncode == 0
    put(lab, without(6)(documents_of(lab)))

    assert drill(lab).returncode == 1
    assert {"DOCUMENTS_BELOW_PREVIOUS", "DOCUMENTS_MISSING"} <= codes(lab)


def test_a_cut_archive_fails_the_drill(lab: Path) -> None:
    (path,) = (lab / "shared").iterdir()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    rest(path)

    done = drill(lab)

    assert done.returncode == 1
    assert "ARCHIVE_DAMAGED" in codes(lab)
    assert_no_leak(lab, done.stdout, done.stderr)


def test_what_a_document_says_is_no_message_of_a_backup_tool(lab: Path) -> None:
    text = b"pg_dump: error: connection to server failed\nmysqldump: Got error: 1045\n"
    put(lab, documents_of(lab) | {"help.txt": text})

    assert drill(lab).returncode == 0
    assert codes(lab) <= {"IDENTITY_NOT_VERIFIED"}

"""Whole drills of databases nobody here wrote: from the folder they lie in to the verdict, and what of them holds.

`docs/real-databases.md` is the same table for people; a test reads both.
"""

from __future__ import annotations

import ast
import json
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import pytest
from needs import absent, third_party

from restore_lab import drill
from restore_lab.controls import CUT
from restore_lab.engines import ENGINES as DRIVERS
from restore_lab.engines.base import HEAD_BYTES
from restore_lab.evidence import Evidence, Verdict
from restore_lab.findings import Code
from restore_lab.lab import load_lab
from restore_lab.sandboxes.container.driver import Container
from restore_lab.sandboxes.local.driver import Local
from restore_lab.scenario import load_scenario
from restore_lab.signature.keys import SigningKey
from restore_lab.unpack import peel

HERE: Final = Path(__file__)
PAGE: Final = HERE.parents[2] / "docs" / "real-databases.md"
ENGINES: Final = {"mariadb": "MariaDB", "postgresql": "PostgreSQL", "sqlite": "SQLite"}
OTHER: Final = Code.SERVER_OF_ANOTHER_SERIES
ELSEWHERE: Final = Code.DATA_IN_ANOTHER_DATABASE
ROLES: Final = Code.ROLES_NOT_IN_BACKUP
SEVERAL: Final = Code.ARCHIVE_HOLDS_SEVERAL
RESERVED: Final = Verdict.PASSED_WITH_RESERVATIONS


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A question whose answer others know."""

    label: str
    sql: str
    answer: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """A set that comes back: on which server, with which verdict, and what of it holds.

    `files` are put end to end; `counts` begin with the main table; `truth` names a file with the rows of every table.
    """

    files: tuple[str, ...]
    server: str
    counts: dict[str, int]
    tables: int
    rows: int
    own_series: bool = False
    machine: str = "container"
    verdict: Verdict = RESERVED
    codes: tuple[Code, ...] = (OTHER,)
    objects: tuple[tuple[str, int], ...] = ()
    asked: tuple[Asked, ...] = ()
    truth: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """What does not come back: why, the verdict it must have, and the test that shows it."""

    files: tuple[str, ...]
    why: str
    holds: str
    verdict: Verdict
    codes: tuple[Code, ...]
    test: str


CLINIC: Final = tuple(
    f"mysql8-clinic/clinic_{name}.sql"
    for name in ("appointment", "medicalstaff", "medicine", "patient", "prescription", "routines")
)
MOCKER: Final = "mydumper/mocker_test/mocker_test"
MOCKER_TABLES: Final = ("i", "report_case_high_risk", "tbl_autoid", "tbl_multi_index")
DDEV: Final = "ddev/mariadb"
DDEV_PG: Final = "ddev/postgres"

RESTORED: Final = {
    "chinook-sqlite": Restored(
        files=("chinook/Chinook_Sqlite.sqlite",),
        server="SQLite 3",
        own_series=True,
        machine="local",
        verdict=Verdict.PASSED,
        codes=(),
        counts={"Customer": 59, "PlaylistTrack": 8715, "Track": 3503, "InvoiceLine": 2240, "Invoice": 412},
        tables=11,
        rows=15_607,
        objects=(("foreign key", 11),),
        asked=(
            Asked(label="sum of totals", sql="SELECT printf('%.2f', sum(Total)) FROM Invoice", answer="2328.60"),
            Asked(
                label="hex of the first name",
                sql="SELECT hex(FirstName) FROM Customer WHERE CustomerId = 1",
                answer="4C75C3AD73",
            ),
            Asked(label="newest invoice", sql="SELECT date(max(InvoiceDate)) FROM Invoice", answer="2025-12-22"),
            Asked(
                label="orphaned invoices",
                sql="SELECT count(*) FROM Invoice WHERE CustomerId NOT IN (SELECT CustomerId FROM Customer)",
                answer="0",
            ),
        ),
        truth="chinook_mysql",
    ),
    "chinook-mysql": Restored(
        files=("chinook/Chinook_MySql.sql",),
        server="MariaDB 11.8",
        codes=(OTHER, ELSEWHERE),
        counts={"Customer": 59, "PlaylistTrack": 8715},
        tables=11,
        rows=15_607,
        objects=(("foreign key", 11),),
        asked=(Asked(label="sum of totals", sql="SELECT sum(Total) FROM Invoice", answer="2328.60"),),
        truth="chinook_mysql",
    ),
    "chinook-postgresql": Restored(
        files=("chinook/Chinook_PostgreSql.sql",),
        server="PostgreSQL 13",
        codes=(OTHER, ELSEWHERE),
        counts={"customer": 59, "playlist_track": 8715},
        tables=11,
        rows=15_607,
        objects=(("foreign_key", 11),),
        asked=(Asked(label="sum of totals", sql="SELECT sum(total) FROM invoice", answer="2328.60"),),
    ),
    "northwind": Restored(
        files=("northwind/northwind.sql",),
        server="PostgreSQL 13",
        counts={"customers": 91, "order_details": 2155, "orders": 830},
        tables=14,
        rows=3362,
        objects=(("foreign_key", 13),),
        truth="northwind_pg",
    ),
    "sakila-mysql": Restored(
        files=("sakila-mysql/sakila-mv-schema.sql", "sakila-mysql/sakila-mv-data.sql"),
        server="MariaDB 11.8",
        codes=(OTHER, ELSEWHERE, Code.LINE_ENDS_CHANGED),
        counts={"customer": 599, "payment": 16_049},
        tables=16,
        rows=47_273,
        objects=(("foreign key", 22), ("view", 7), ("trigger", 6), ("procedure", 3), ("function", 3)),
        asked=(
            Asked(label="sum of payments", sql="SELECT sum(amount) FROM payment", answer="67416.51"),
            Asked(label="first payment", sql="SELECT min(payment_date) FROM payment", answer="2005-05-24 22:53:30"),
            Asked(label="last payment", sql="SELECT max(payment_date) FROM payment", answer="2006-02-14 15:16:03"),
        ),
    ),
    "sakila-postgresql": Restored(
        files=(
            "sakila-pg/postgres-sakila-schema.sql",
            "sakila-pg/postgres-sakila-insert-data-using-copy.sql",
        ),
        server="PostgreSQL 13",
        counts={"customer": 599, "film": 1000, "rental": 16_044, "actor": 200},
        tables=21,
        rows=46_273,
        asked=(
            Asked(label="payments", sql="SELECT count(*) FROM payment", answer="16049"),
            Asked(label="sum of payments", sql="SELECT sum(amount) FROM payment", answer="67416.51"),
        ),
    ),
    "openemr": Restored(
        files=("openemr/mysqldump_2026-11-20.sql.gz",),
        server="MariaDB 10.11",
        own_series=True,
        verdict=Verdict.PASSED,
        codes=(Code.ZERO_DATES, ELSEWHERE),
        counts={"patient_data": 14, "list_options": 3107},
        tables=209,
        rows=4294,
        truth="openemr502_example",
    ),
    "elexis": Restored(
        files=("elexis/mysql-simpel.sql",),
        server="MariaDB 10.11",
        counts={"kontakt": 2, "at_medevit_elexis_loinc": 2031},
        tables=62,
        rows=2145,
        truth="elexis_mysql_simpel",
    ),
    "openelis": Restored(
        files=("openelis/bahmni-base.dump",),
        server="PostgreSQL 13",
        codes=(OTHER, ROLES, Code.LOAD_ERRORS_HARMLESS),
        counts={"clinlims.analyte": 149, "clinlims.worksheet_heading": 570},
        tables=173,
        rows=1645,
        objects=(("foreign_key", 188), ("sequence", 105)),
        truth="openelis_bahmni-base_pg9.2",
    ),
    "mysql8-clinic": Restored(
        files=CLINIC,
        server="MariaDB 11.8",
        codes=(OTHER, ELSEWHERE),
        counts={"patient": 5, "appointment": 35},
        tables=5,
        rows=71,
        objects=(("foreign key", 4), ("view", 2)),
    ),
    "mysql8-clinic-older": Restored(
        files=CLINIC,
        server="MariaDB 10.11",
        machine="local",
        verdict=Verdict.INCONCLUSIVE,
        codes=(Code.COLLATION_ABSENT, Code.TABLE_MISSING, Code.NO_TABLES, OTHER),
        counts={"patient": 0},
        tables=0,
        rows=0,
    ),
    "d7tester-1": Restored(
        files=("ddev/d7tester_test_1.sql.gz",), server="MariaDB 10.11", counts={"users": 2}, tables=73, rows=1558
    ),
    "d7tester-2": Restored(
        files=("ddev/d7tester_test_2.sql.gz",), server="MariaDB 10.11", counts={"users": 2}, tables=73, rows=1568
    ),
    "ddev-users": Restored(files=(f"{DDEV}/users.sql",), server="MariaDB 10.11", counts={"users": 2}, tables=1, rows=2),
    "ddev-oneuser": Restored(
        files=(f"{DDEV}/oneuser.sql",),
        server="MariaDB 10.11",
        machine="local",
        counts={"users_just_one": 1},
        tables=1,
        rows=1,
    ),
    "ddev-stdintable": Restored(
        files=(f"{DDEV}/stdintable.sql",),
        server="MariaDB 10.11",
        machine="local",
        counts={"stdintable": 2},
        tables=1,
        rows=2,
    ),
    "ddev-use": Restored(
        files=(f"{DDEV}/users_with_USE_statement.sql",),
        server="MariaDB 10.11",
        machine="local",
        codes=(OTHER, ELSEWHERE),
        counts={"users": 2},
        tables=1,
        rows=2,
    ),
    "ddev-posts": Restored(
        files=(f"{DDEV}/posts_with_ddl_content.sql",),
        server="MariaDB 10.11",
        machine="local",
        codes=(OTHER, ELSEWHERE),
        counts={"wp_posts": 181},
        tables=1,
        rows=181,
    ),
    "ddev-legacy": Restored(
        files=(f"{DDEV}/legacy_collations.sql",),
        server="MariaDB 10.11",
        machine="local",
        counts={"legacy_collations": 2},
        tables=1,
        rows=2,
    ),
    "ddev-modern": Restored(
        files=(f"{DDEV}/modern_collations.sql",),
        server="MariaDB 11.8",
        counts={"modern_mariadb": 1, "modern_mysql": 1},
        tables=2,
        rows=2,
    ),
    "ddev-modern-older": Restored(
        files=(f"{DDEV}/modern_collations.sql",),
        server="MariaDB 10.11",
        machine="local",
        verdict=Verdict.INCONCLUSIVE,
        codes=(Code.COLLATION_ABSENT, OTHER),
        counts={"modern_mariadb": 1},
        tables=1,
        rows=1,
    ),
    "ddev-postgresql-users": Restored(
        files=(f"{DDEV_PG}/users.sql",),
        server="PostgreSQL 15",
        codes=(OTHER, ROLES),
        counts={"users": 8},
        tables=1,
        rows=8,
    ),
    "ddev-postgresql-oneuser": Restored(
        files=(f"{DDEV_PG}/oneuser.sql",),
        server="PostgreSQL 15",
        machine="local",
        codes=(OTHER, ROLES),
        counts={"users_just_one": 1},
        tables=1,
        rows=1,
    ),
    "ddev-postgresql-stdintable": Restored(
        files=(f"{DDEV_PG}/stdintable.sql",),
        server="PostgreSQL 13",
        codes=(OTHER, ROLES),
        counts={"stdintable": 2},
        tables=1,
        rows=2,
    ),
    "mydumper-joined": Restored(
        files=(
            f"{MOCKER}-schema-create.sql",
            *(f"{MOCKER}.{table}-schema.sql" for table in MOCKER_TABLES),
            *(f"{MOCKER}.{table}.sql" for table in MOCKER_TABLES),
        ),
        server="MariaDB 11.8",
        counts={"tbl_autoid": 10_000, "tbl_multi_index": 10_000},
        tables=4,
        rows=20_002,
    ),
}

REFUSED: Final = {
    "ddev-invalid": Refused(
        files=(f"{DDEV}/invalid.sql",),
        why="no dump: a script with a fault in it",
        holds="nothing to hold",
        verdict=Verdict.FAILED,
        codes=(Code.DUMP_NOT_RECOGNISED,),
        test="test_a_script_with_a_fault_is_no_backup",
    ),
    "mydumper": Refused(
        files=("mydumper/*",),
        why="a folder of files, whose order matters; joined in that order by hand, see `mydumper-joined`",
        holds="not asked",
        verdict=Verdict.INCONCLUSIVE,
        codes=(SEVERAL,),
        test="test_a_backup_in_several_files_is_not_judged",
    ),
    "restic": Refused(
        files=("restic/*.tar.gz",),
        why="repositories of restic, packed here; no source reads them yet",
        holds="not asked",
        verdict=Verdict.INCONCLUSIVE,
        codes=(SEVERAL,),
        test="test_a_packed_repository_is_not_judged",
    ),
    "borg": Refused(
        files=("borg/*.tar.gz",),
        why="a repository of borg, packed here; no source reads it yet",
        holds="not asked",
        verdict=Verdict.INCONCLUSIVE,
        codes=(SEVERAL,),
        test="test_a_packed_repository_is_not_judged",
    ),
}

#: Every wrapper there is around `users`; under `users.mysql` PostgreSQL's dump has a misleading name too.
WRAPPERS: Final = {
    f"{folder}/users.{name}.{wrapper}": engine
    for folder, engine in ((DDEV, "mariadb"), (DDEV_PG, "postgresql"))
    for name in ("sql", "mysql")
    for wrapper in ("gz", "bz2", "xz", "zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz")
}
LAYERS: Final = {
    "gz": ("gzip",),
    "bz2": ("bzip2",),
    "xz": ("xz",),
    "zip": ("zip",),
    "tar": ("tar",),
    "tar.gz": ("gzip", "tar"),
    "tgz": ("gzip", "tar"),
    "tar.bz2": ("bzip2", "tar"),
    "tar.xz": ("xz", "tar"),
}
MISLEADING: Final = tuple(
    f"{folder}/users.mysql.{wrapper}" for folder in (DDEV, DDEV_PG) for wrapper in ("bz2", "zip", "tar.xz", "tgz")
)
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
#: What lies beside the data and is none.
BESIDE: Final = ("LICENSE", "README", "test_db-README")
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

LAB: Final = """
[practice]
name = "Cabinet de l'Essai"
doctor = "Dr Essai"
[contractor]
name = "Prestataire d'essai"
[signature]
key = "keys/signing-key.pem"
certificate = "keys/signing-cert.pem"
[[place]]
name = "records"
label = "Dossiers"
backup_every_days = 100000
[place.backup]
kind = "directory"
path = {folder}
pattern = {pattern}
settle_seconds = 0.1
"""
SCENARIO: Final = """
title = "Essai"
[[restore]]
place = "records"
machine = {{ kind = {machine} }}
[[restore.check]]
kind = "integrity"
[[restore.check]]
kind = "counts"
main = [{main}]
[restore.check.at_least]
{at_least}
[[restore.check]]
kind = "objects"
[restore.check.at_least]
{objects}
"""
QUESTION: Final = """
[[restore.check]]
kind = "sql"
title = {title}
sql = {sql}
equals = {answer}
"""


@pytest.fixture
def data() -> Path:
    return third_party()


Drill = Callable[..., Evidence]


@pytest.fixture
def run(tmp_path: Path, made_key: tuple[Path, SigningKey]) -> Drill:
    """Run a drill of what lies in a folder, as an operator would: two files, one command, no short cut."""

    def carry_out(folder: Path, pattern: str, wanted: Restored | None = None, *, machine: str = "local") -> Evidence:
        root = Path(tempfile.mkdtemp(prefix="lab-", dir=tmp_path))
        scenario = root / "scenarios" / "annual"
        scenario.mkdir(parents=True)
        shutil.copytree(made_key[0], root / "keys")
        text = LAB.format(folder=json.dumps(str(folder)), pattern=json.dumps(pattern))
        (root / "lab.toml").write_text(text, "utf-8")
        (scenario / "scenario.toml").write_text(_scenario(wanted, machine), "utf-8")
        lab = load_lab(root)
        outcome = drill.run(lab, load_scenario(lab, "annual"), asked_for="latest", listen=lambda _: None)
        assert not outcome.recorded.report_fault
        return outcome.evidence

    return carry_out


def _scenario(wanted: Restored | None, machine: str) -> str:
    counts = wanted.counts if wanted else {}
    objects = wanted.objects if wanted else ()
    text = SCENARIO.format(
        machine=json.dumps(wanted.machine if wanted else machine),
        main=json.dumps(next(iter(counts))) if wanted else "",
        at_least="\n".join(f"{json.dumps(table)} = {rows}" for table, rows in counts.items()),
        objects="\n".join(f"{json.dumps(kind)} = {count}" for kind, count in objects),
    )
    for one in wanted.asked if wanted else ():
        title, sql, answer = (json.dumps(part) for part in (one.label, one.sql, one.answer))
        text += QUESTION.format(title=title, sql=sql, answer=answer)
    return text


def codes_of(evidence: Evidence) -> tuple[Code, ...]:
    found = tuple(one.finding.code for one in evidence.findings)
    assert found.count(Code.IDENTITY_NOT_VERIFIED) == 1
    return tuple(code for code in found if code is not Code.IDENTITY_NOT_VERIFIED)


def judged(evidence: Evidence) -> tuple[Verdict, tuple[Code, ...]]:
    return evidence.verdict, codes_of(evidence)


def placed(data: Path, files: tuple[str, ...], folder: Path) -> tuple[Path, str]:
    """Where the files lie and what they are called: one where it is, several put end to end."""
    if len(files) == 1:
        whole = data / files[0]
        return whole.parent, whole.name
    folder.mkdir()
    (folder / "joined.sql").write_bytes(b"".join((data / name).read_bytes() for name in files))
    return folder, "joined.sql"


def need_machine(one: Restored) -> None:
    engine, _, series = one.server.partition(" ")
    kind = next(kind for kind, name in ENGINES.items() if name == engine)
    server = next(server for server in DRIVERS[kind]().offered() if server.series == series)
    sandbox = Container() if one.machine == "container" else Local()
    if lack := sandbox.lacks(server):
        absent(lack)


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.docker if one.machine == "container" else ())
        for name, one in RESTORED.items()
    ],
)
def test_a_real_database_comes_back_as_its_row_says(data: Path, tmp_path: Path, run: Drill, name: str) -> None:
    one = RESTORED[name]
    need_machine(one)
    folder, pattern = placed(data, one.files, tmp_path / "joined")

    evidence = run(folder, pattern, one)

    assert judged(evidence) == (one.verdict, one.codes)
    (restore,) = evidence.restores
    assert restore.server is not None
    assert restore.conditions is not None
    assert f"{ENGINES[restore.server.engine]} {restore.server.version}".startswith(f"{one.server}.")
    assert (restore.server.own_series, restore.conditions.sandbox) == (one.own_series, one.machine)
    rows = {table.name: table.rows for table in restore.tables}
    assert (len(rows), sum(rows.values())) == (one.tables, one.rows)
    assert {table: rows.get(table, 0) for table in one.counts} == one.counts
    assert {kind.kind: kind.count for kind in restore.objects}.items() >= dict(one.objects).items()
    (cut,) = [control for control in restore.controls if control.name == CUT]
    comes_back = one.verdict in {Verdict.PASSED, RESERVED}
    assert (cut.silent, cut.not_judged) == (False, "") or (not comes_back and cut.not_judged == "already_found")
    # a dump in text is cut between two statements: nothing is refused, and what tells of a cut is found
    assert not comes_back or set(cut.raised) & set(cut.expected)
    assert not cut.end_forged or not {Code.LOAD_ERRORS, Code.LOAD_STOPPED} & set(cut.raised)
    if one.truth:
        truth = json.loads((data / f"groundtruth/{one.truth}.json").read_text("utf-8"))
        counted = truth.get("rows") or truth["rows_only"]
        assert rows == {table.removeprefix("public."): number for table, number in counted.items()}


@pytest.mark.data
def test_the_right_answer_is_what_the_questions_turn_on(data: Path, run: Drill) -> None:
    one = RESTORED["chinook-sqlite"]
    need_machine(one)
    wrong = Restored(
        files=one.files,
        server=one.server,
        machine="local",
        counts={"Customer": 60},
        tables=11,
        rows=15_607,
        objects=(("foreign key", 12),),
        asked=(Asked(label="sum of totals", sql=one.asked[0].sql, answer="2328.61"),),
    )

    verdict, codes = judged(run(data / "chinook", "Chinook_Sqlite.sqlite", wrong))

    assert verdict is Verdict.FAILED
    assert set(codes) == {Code.ROWS_BELOW_MINIMUM, Code.OBJECTS_BELOW_MINIMUM, Code.SQL_EXPECTATION_UNMET}


@pytest.mark.data
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.98])
def test_a_database_file_that_is_cut_fails(data: Path, tmp_path: Path, run: Drill, kept: float) -> None:
    need_machine(RESTORED["chinook-sqlite"])
    whole = (data / "chinook/Chinook_Sqlite.sqlite").read_bytes()
    folder = tmp_path / "cut"
    folder.mkdir()
    (folder / "chinook.sqlite").write_bytes(whole[: int(len(whole) * kept)])

    verdict, codes = judged(run(folder, "*", RESTORED["chinook-sqlite"]))

    assert verdict is Verdict.FAILED
    assert Code.INTEGRITY_ERRORS in codes


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


def figure(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def several(number: int, what: str) -> str:
    return f"{figure(number)} {what}{'' if number == 1 else 's'}"


def said_of(verdict: Verdict, codes: tuple[Code, ...]) -> str:
    return ": ".join(part for part in (verdict.value, ", ".join(f"`{code.value}`" for code in codes)) if part)


def row(name: str, one: Restored) -> tuple[str, ...]:
    host = " of the host" if one.machine == "local" and one.server[:6] != "SQLite" else ""
    holds = [f"{several(one.tables, 'table')}, {several(one.rows, 'row')}"]
    holds += [f"{table} {figure(rows)}" for table, rows in one.counts.items() if rows]
    holds += [several(number, kind.replace("_", " ")) for kind, number in one.objects]
    holds += [f"{asked.label} {asked.answer}" for asked in one.asked]
    return (
        f"`{name}`",
        end_to_end(one.files),
        f"{one.server}{host}, {'own series' if one.own_series else 'nearest'}",
        said_of(one.verdict, one.codes),
        "; ".join(holds),
        f"`{test_a_real_database_comes_back_as_its_row_says.__name__}`",
    )


def end_to_end(files: tuple[str, ...]) -> str:
    """Name them; more than two are all the scripts of their folder."""
    if len(files) > 2:
        return f"`{files[0].rpartition('/')[0]}/*.sql`"
    return ", ".join(f"`{name}`" for name in files)


def refused_row(name: str, one: Refused) -> tuple[str, ...]:
    verdict = said_of(one.verdict, one.codes)
    return (f"`{name}`", end_to_end(one.files), f"not restored: {one.why}", verdict, one.holds, f"`{one.test}`")


def wrapped_row(name: str, folder: str, plain: str) -> tuple[str, ...]:
    tests = (test_a_wrapper_gives_the_dump_inside_it, test_a_wrapped_dump_with_a_misleading_name_comes_back)
    return (
        f"`{name}`",
        f"`{folder}/users.*`",
        f"unpacked, then as `{plain}`",
        f"as `{plain}`",
        f"the bytes of `{plain}`, in each of {sum(one.startswith(folder) for one in WRAPPERS)} wrappers",
        ", ".join(f"`{test.__name__}`" for test in tests),
    )


def declared() -> list[tuple[str, ...]]:
    return [
        *(row(name, one) for name, one in RESTORED.items()),
        wrapped_row("ddev-wrapped", DDEV, "ddev-users"),
        wrapped_row("ddev-postgresql-wrapped", DDEV_PG, "ddev-postgresql-users"),
        *(refused_row(name, one) for name, one in REFUSED.items()),
    ]


def on_the_page() -> list[tuple[str, ...]]:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]


def test_the_page_says_what_the_tests_declare() -> None:
    wanted = ["| " + " | ".join(cells) + " |" for cells in declared()]

    assert ["| " + " | ".join(cells) + " |" for cells in on_the_page()] == wanted


def test_every_test_on_the_page_is_there() -> None:
    here = {node.name for node in ast.parse(HERE.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)}
    named = {name.strip("`") for cells in on_the_page() for name in cells[-1].split(", ")}

    assert named
    assert named <= here


@pytest.mark.data
def test_every_file_of_the_data_is_on_the_page(data: Path) -> None:
    patterns = {name.strip("`") for cells in on_the_page() for name in cells[1].split(", ")}
    files = {path.relative_to(data).as_posix() for path in data.rglob("*") if path.is_file()}
    beside = {name for name in files if name.startswith("groundtruth/") or Path(name).name.startswith(BESIDE)}

    assert {name for name in files - beside if not any(fnmatchcase(name, one) for one in patterns)} == set()
    assert {one for one in patterns if not any(fnmatchcase(name, one) for name in files)} == set()


@pytest.mark.data
def test_every_wrapper_is_unpacked(data: Path) -> None:
    there = {path.relative_to(data).as_posix() for path in (data / "ddev").rglob("users.*")}
    plain = {f"{folder}/users.{name}" for folder in (DDEV, DDEV_PG) for name in ("sql", "mysql")}

    assert there == plain | set(WRAPPERS)

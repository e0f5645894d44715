"""Codes that no backup raises by itself: of the folder, the machine, the scenario, the drill; and near misses of notes.

Each trial is a drill with real servers, in a lab where the same whole backup has passed before. `tests/proofs.py` says
which code is proved here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from integration.damaged import Row, absence, carry_out, notes, said_of, weighing
from integration.damaged_making import WORKSHOP
from integration.damaged_practice import DATABASE
from integration.damaged_trials import (
    Trial,
    accepted,
    asking,
    asking_nothing_else,
    at,
    behind,
    beside,
    drilled,
    enrolled,
    given,
    hold_a_folder_fast,
    in_lab,
    kill_the_container,
    on,
    own_test,
    the_backup,
)
from needs import absent
from stems import COMMAND, environment_of

from restore_lab.controls import CUT
from restore_lab.events import Stage
from restore_lab.evidence import Evidence, Verdict, from_json
from restore_lab.findings import Code
from restore_lab.sandboxes.container import docker_engine
from restore_lab.signature.keys import SigningKey


def in_memory(rows: int) -> bytes:
    """A table that its server keeps in memory, at 255 bytes a row."""
    return (
        b"SET max_heap_table_size = 4000000000;\nCREATE TABLE fugace (t CHAR(255)) ENGINE=MEMORY CHARSET=latin1;\n"
        b"INSERT INTO fugace SELECT 'x' FROM seq_1_to_%d;\n" % rows
    )


def on_disk(rows: int) -> bytes:
    return b"CREATE TABLE public.gros AS SELECT g, md5(g::text) FROM generate_series(1, %d) g;\n" % rows


TODAY: Final = datetime.now(UTC).date()
AGAIN: Final = Trial()
ON_MARIADB: Final = Trial(engine="mariadb")
IN_CONTAINER: Final = Trial(engine="mariadb", machine="container")
PLAIN_IN_CONTAINER: Final = Trial(engine="postgresql", machine="container", tool=("pg_dump", DATABASE))


def small(trial: Trial, sql: bytes) -> Trial:
    """On a container with little memory and disk."""
    machine = '{ kind = "container", memory_bytes = 600_000_000, disk_bytes = 300_000_000 }'
    return replace(trial, change=(on(machine), behind(sql)))


BARE: Final = on('{ kind = "local", unsafe_bare_process = true }')
NO_TIME: Final = given("objective_rto_seconds = 0")
OWN_TESTS: Final = asking('kind = "pytest"\npath = "."')
HURRIED: Final = asking('kind = "pytest"\npath = "."\ntimeout_seconds = 10')
IDLES: Final = "import time\n\n\ndef test_idles():\n    time.sleep({seconds})\n"
QUICK: Final = given('engine = { kind = "mariadb", load_timeout_seconds = 8 }')
PATIENTS_THERE: Final = (
    "def test_patients(database):\n    assert database.query('SELECT count(*) FROM patient') == [('40',)]\n"
)
A_DISK: Final = '[[place]]\nname = "scans"\nlabel = "Documents numérisés"\n'
A_CLOSURE: Final = "[[practice.closures]]\nfirst = 2026-02-16\nlast = 2026-03-15\n"

IMAGE: Final = "restore-lab/test-shows-more:1"
#: Runs a command as a user who can make no namespace: neither bubblewrap nor we can hold a process then.
IN_NO_NAMESPACE: Final = (
    *("unshare", "--user", "--map-user=1000", "--map-group=1000", "--keep-caps", "sh", "-c"),
    'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --inh-caps=-all --ambient-caps=-all "$@"',
    "unheld",
)

RAISED: Final[dict[Code, Trial]] = {
    Code.BACKUP_CHANGED_WHILE_READ: Trial(meddle=at(Stage.LOAD, behind(b"\0"))),
    Code.NOT_THE_LATEST: Trial(change=(beside(-7),), asked_for="oldest"),
    Code.NO_MACHINE: Trial(change=(in_lab('[host]\nrole = "production"'),)),
    Code.MACHINE_FAILED: replace(IN_CONTAINER, meddle=at(Stage.LOAD, kill_the_container)),
    Code.MACHINE_OUT_OF_MEMORY: small(IN_CONTAINER, in_memory(8_000_000)),
    Code.MACHINE_DISK_FULL: small(PLAIN_IN_CONTAINER, on_disk(6_000_000)),
    Code.COPY_NOT_SHOWN_GONE: Trial(meddle=at(Stage.ASK, hold_a_folder_fast)),
    Code.LOAD_TIMED_OUT: replace(ON_MARIADB, change=(behind(b"SELECT SLEEP(60);\n"), QUICK)),
    Code.CHECK_TIMED_OUT: Trial(change=(HURRIED, own_test(IDLES.format(seconds=60)))),
    Code.PYTEST_FAILED: Trial(change=(OWN_TESTS, own_test(PATIENTS_THERE.replace("40", "41")))),
    Code.PYTEST_BROKEN: Trial(change=(OWN_TESTS, own_test(PATIENTS_THERE.replace("database)", "base)")))),
    Code.NOTHING_ASKED: Trial(change=(asking_nothing_else('kind = "integrity"'),)),
    Code.IDENTITY_NOT_VERIFIED: AGAIN,
    Code.PLACE_NOT_TESTED: Trial(change=(in_lab(A_DISK),)),
    Code.CONTROL_NOT_RUN: Trial(meddle=at(Stage.CONTROL, lambda root: the_backup(root).unlink(), about=CUT)),
    Code.COPY_HELD: Trial(hold_for=timedelta(hours=1)),
    Code.ACCEPTANCE_EXPIRED: Trial(change=(NO_TIME, accepted(TODAY - timedelta(days=2)))),
}
SPARED: Final[dict[Code, Trial]] = {
    Code.BACKUP_CHANGED_WHILE_READ: Trial(meddle=at(Stage.LOAD, beside(-7))),
    Code.NOT_THE_LATEST: Trial(change=(beside(-7),)),
    Code.NO_MACHINE: Trial(change=(in_lab('[host]\nrole = "practice"'),)),
    Code.MACHINE_FAILED: IN_CONTAINER,
    Code.MACHINE_OUT_OF_MEMORY: small(IN_CONTAINER, in_memory(1000)),
    Code.MACHINE_DISK_FULL: small(PLAIN_IN_CONTAINER, on_disk(1000)),
    Code.ISOLATION_PARTIAL: IN_CONTAINER,
    Code.ISOLATION_NONE: Trial(change=(BARE,)),
    Code.COPY_NOT_SHOWN_GONE: AGAIN,
    Code.LOAD_TIMED_OUT: replace(ON_MARIADB, change=(behind(b"SELECT SLEEP(1);\n"), QUICK)),
    Code.CHECK_TIMED_OUT: Trial(change=(HURRIED, own_test(IDLES.format(seconds=1)))),
    Code.PYTEST_FAILED: Trial(change=(OWN_TESTS, own_test(PATIENTS_THERE))),
    Code.PYTEST_BROKEN: Trial(change=(OWN_TESTS, own_test(PATIENTS_THERE.replace("40", "41")))),
    Code.NOTHING_ASKED: Trial(change=(asking_nothing_else('kind = "counts"\nmain = ["patient"]'),)),
    Code.IDENTITY_NOT_VERIFIED: Trial(change=(enrolled,)),
    Code.PLACE_NOT_TESTED: AGAIN,
    Code.CONTROL_NOT_RUN: Trial(meddle=at(Stage.DESTROY, beside(-7))),
    Code.COPY_HELD: AGAIN,
    Code.ACCEPTANCE_EXPIRED: Trial(change=(NO_TIME, accepted(TODAY + timedelta(days=2)))),
    # notes: a row lists those that must be there, and says nothing of others
    Code.BACKUP_IN_PROGRESS: Trial(change=(beside(-7, "dump.partial"),)),
    Code.BACKUPS_SAME_DATE: Trial(change=(beside(-1),)),
    Code.WAL_NOT_IN_BACKUP: AGAIN,
    Code.LINE_ENDS_CHANGED: ON_MARIADB,
    Code.LOAD_ERRORS_HARMLESS: ON_MARIADB,
    Code.ZERO_DATES: ON_MARIADB,
    Code.DATA_IN_ANOTHER_DATABASE: ON_MARIADB,
    Code.ORPHAN_ROWS_KNOWN: ON_MARIADB,
    Code.NO_FOREIGN_KEYS: ON_MARIADB,
    Code.DATA_STALE_CLOSED: Trial(change=(in_lab(A_CLOSURE),)),
    Code.DATES_IN_FUTURE: AGAIN,
    Code.IDENTITY_ENROLLED: Trial(change=(enrolled,)),
}


@pytest.fixture(scope="module", autouse=True)
def workshop() -> Iterator[None]:
    yield
    WORKSHOP.close()


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory, made_key: tuple[Path, SigningKey]) -> Callable[[Row], Path]:
    """A lab of each kind, in which a whole backup has passed; made when it is first asked for."""
    made: dict[Row, Path] = {}

    def lab(row: Row) -> Path:
        if row not in made:
            made[row] = tmp_path_factory.mktemp("labs") / "lab"
            carry_out(row, made[row], made_key[0])
        return made[row]

    return lab


Found = Callable[[Trial], Evidence]


@pytest.fixture(scope="module")
def found(labs: Callable[[Row], Path], tmp_path_factory: pytest.TempPathFactory) -> Found:
    """How a trial ends; one that was carried out already is not carried out again."""
    seen: dict[Trial, Evidence] = {}

    def found(trial: Trial) -> Evidence:
        if lack := absence(trial.row):
            absent(lack)
        if trial not in seen:
            root = copied(labs(trial.row), tmp_path_factory.mktemp("trial"))
            for change in trial.change:
                change(root)
            seen[trial] = drilled(root, trial)
        return seen[trial]

    return found


def copied(lab: Path, folder: Path) -> Path:
    return Path(shutil.copytree(lab, folder / "lab", copy_function=shutil.copy2))


def codes(evidence: Evidence) -> frozenset[Code]:
    return weighing(evidence) | notes(evidence)


def parameters(trials: dict[Code, Trial]) -> list[object]:
    return [
        pytest.param(code, marks=pytest.mark.docker if trial.row.docker else (), id=code.value)
        for code, trial in trials.items()
    ]


@pytest.mark.parametrize("code", parameters(RAISED))
def test_it_is_raised(found: Found, code: Code) -> None:
    if code is Code.COPY_NOT_SHOWN_GONE and os.geteuid() != 0:
        pytest.skip("mounting something into the folder of a machine needs root")

    assert code in codes(found(RAISED[code]))


@pytest.mark.parametrize("code", parameters(SPARED))
def test_what_is_near_it_is_spared(found: Found, code: Code) -> None:
    evidence = found(SPARED[code])

    assert evidence.verdict is not Verdict.INCONCLUSIVE, said_of(evidence)
    assert code not in codes(evidence)


@pytest.fixture
def image() -> Iterator[str]:
    """An image of MariaDB's server in which something lies where the host has the engine's socket."""
    base = IN_CONTAINER.row.backup.server.image
    made = (
        subprocess.run(("docker", "create", base), capture_output=True, check=True, timeout=60).stdout.decode().strip()
    )
    try:
        copy = ("docker", "cp", "--follow-link", __file__, f"{made}:{docker_engine.socket_path()}")
        subprocess.run(copy, capture_output=True, check=True, timeout=60)
        subprocess.run(("docker", "commit", made, IMAGE), capture_output=True, check=True, timeout=60)
        yield IMAGE
    finally:
        subprocess.run(("docker", "rm", made), capture_output=True, check=True, timeout=60)
        subprocess.run(("docker", "rmi", "--force", IMAGE), capture_output=True, check=True, timeout=60)


@pytest.mark.docker
def test_a_machine_that_sees_what_it_should_not_is_held_in_part(found: Found, image: str) -> None:
    trial = replace(IN_CONTAINER, change=(on(f'{{ kind = "container", image = "{image}" }}'),))

    assert Code.ISOLATION_PARTIAL in codes(found(trial))


def test_a_process_that_nothing_holds_is_not_isolated(labs: Callable[[Row], Path], tmp_path: Path) -> None:
    root = copied(labs(AGAIN.row), tmp_path)
    BARE(root)
    run = (str(COMMAND), "--lab", str(root), "run", "--scenario", "annual", "--json")

    done = subprocess.run(
        (*IN_NO_NAMESPACE, *run), capture_output=True, check=False, timeout=120, env=environment_of(root)
    )

    assert done.returncode == 0, done.stderr
    assert Code.ISOLATION_NONE in codes(from_json(done.stdout))

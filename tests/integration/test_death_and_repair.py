"""Whatever dies in the middle of a drill: the right exit code, a register that verifies, nothing left, a next drill.

Each fault at each stage, by the installed command: `tests/faults`. Here is what strikes between two stages, or in the
middle of one. Kills of a drill that loads: `tests/hostile/test_server_leaks.py`. Mail that is not delivered:
`tests/e2e/test_deliver.py`, `tests/integration/test_delivery.py`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from faults.aftermath import (
    COMMAND,
    assert_swept,
    closed,
    command,
    entries,
    fill,
    left,
    mounted,
    processes_of,
    rest,
    temporary_of,
    wait_until,
)
from faults.engine_proxy import MortalEngine
from needs import absent, docker_engine

from restore_lab import drill
from restore_lab.demo import Sample, make_demo
from restore_lab.errors import ExitCode
from restore_lab.events import BytesRead, Entered, Event, Listener
from restore_lab.evidence import Verdict
from restore_lab.lab import lab_id_of, load_lab
from restore_lab.register import EntryType
from restore_lab.scenario import load_scenario

#: More than all our other questions to the engine together, less than the dump that is loaded.
_MIDDLE_OF_LOAD_BYTES = 150_000
_PATIENTS = 20
_SCENARIO = """
title = "Test annuel de restauration"
every_days = 365

[[restore]]
place = "dossiers"
machine = { kind = "%s" }

[[restore.check]]
kind = "counts"
main = ["patient"]

[[restore.check]]
kind = "objects"
at_least = { table = 11 }

[[restore.check]]
kind = "sql"
title = "patients"
sql = "SELECT count(*) FROM patient"
equals = 20
"""
_OWN_TEST = """
[[restore.check]]
kind = "pytest"
title = "own"
path = "checks/test_own.py"
"""
#: Keeps what it was answered where pytest says that a test may, and is then at it for a long time.
_OWN_TEST_FILE = """
import time

def test_own(database, tmp_path):
    (tmp_path / "a-row").write_text(str(database.query("SELECT 1")))
    time.sleep(60)
"""
#: A drill in a process of its own. `die <where>`: SIGKILLs itself there; `<stage>+` is in the middle of what the stage
#: runs on the machine, another word is the end of a path that is about to be made, written or moved into place.
#: `wait <stage>`: says so there, and goes on when it is told a line.
_CHILD = """
import os, signal, sys, threading, time
from pathlib import Path
from restore_lab import drill
from restore_lab.errors import RestoreLabError
from restore_lab.events import Entered, Stage
from restore_lab.lab import load_lab
from restore_lab.scenario import load_scenario

folder, mode, where = sys.argv[1:]
stages = []

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def die_in_the_middle():
    while not any(path.read_text() for path in Path("/proc/self/task").glob("*/children")):
        time.sleep(0.001)
    die()

def listen(event):
    if not isinstance(event, Entered):
        return
    stages.append(event.stage)
    here = where.rstrip("+") in {event.stage.value, event.about}
    if mode == "die" and here:
        threading.Thread(target=die_in_the_middle, daemon=True).start() if where.endswith("+") else die()
    elif mode == "wait" and here:
        print(event.stage.value, flush=True)
        sys.stdin.readline()

def writes(what, arguments):
    if what == "os.mkdir" or (what == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
        ending, _, after = where.partition(" after ")
        if str(arguments[0]).endswith(ending) and (not after or after in stages):
            die()

if mode == "die" and where.rstrip("+") not in {*Stage, "cut"}:
    if where.startswith("-annual-"):
        sys.addaudithook(lambda what, arguments: "-annual-" in str(arguments[:1]) and what == "os.mkdir" and die())
    else:
        sys.addaudithook(writes)
lab = load_lab(Path(folder))
try:
    sys.exit(drill.run(lab, load_scenario(lab, "annual"), asked_for="latest", listen=listen).exit_code)
except RestoreLabError as error:
    sys.exit(error.exit_code)
"""


# ---- labs, drills, and what is left of them


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Sample labs by engine, each made once; its backup rests."""
    made: dict[str, Path] = {}

    def lab(engine: str) -> Path:
        if engine not in made:
            root = tmp_path_factory.mktemp("sample") / engine
            backup = make_demo(root, Sample(engine=engine, day=date.today(), patients=_PATIENTS))  # noqa: DTZ011
            rest(backup)
            kind = "local" if engine == "sqlite" else "container"
            (root / "scenarios" / "annual" / "scenario.toml").write_text(_SCENARIO % kind, "utf-8")
            made[engine] = root
        return made[engine]

    return lab


@pytest.fixture
def lab(samples: Callable[[str], Path], tmp_path: Path) -> Path:
    """A lab of its own, with SQLite on a local machine."""
    return Path(shutil.copytree(samples("sqlite"), tmp_path / "lab", copy_function=shutil.copy2))


@pytest.fixture
def in_container(samples: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A lab of its own whose server runs in a container."""
    docker_engine()
    return lambda engine: Path(shutil.copytree(samples(engine), tmp_path / "lab", copy_function=shutil.copy2))


def silent(_event: Event) -> None:
    """Watch a drill without a word."""


def drilled(lab: Path, listen: Listener = silent) -> drill.Outcome:
    opened = load_lab(lab)
    return drill.run(opened, load_scenario(opened, "annual"), asked_for="latest", listen=listen)


@contextmanager
def child(lab: Path, mode: str, where: str) -> Iterator[subprocess.Popen[str]]:
    """Run a drill in a process of its own, which is no more when the block ends."""
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(lab), mode, where],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary_of(lab))},
    ) as running:
        try:
            yield running
        finally:
            running.kill()


# ---- the drill itself is killed


@pytest.mark.parametrize(
    "where",
    [
        "-annual-",  # opened, and no folder yet
        "find",
        "start+",
        "load+",
        "count+",
        "ask+",
        "spoilt+",
        "destroy",
        "cut+",
        "seal",
        "evidence.dsse.json.new",
        "report.pdf.new",
        "register.jsonl after seal",
    ],
)
def test_a_drill_killed_anywhere_is_closed_as_abandoned_by_the_next_and_swept(lab: Path, where: str) -> None:
    with child(lab, "die", where) as killed:
        out, err = killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL, (out, err)
    last = entries(lab)[-1]
    assert last.kind is EntryType.OPENED
    wait_until(lambda: not processes_of(str(last.fields["drill"])))
    assert bool(left(lab)) == where.endswith(("+", "destroy"))

    after = drilled(lab)

    assert after.exit_code is ExitCode.PASSED
    assert told(after) == {("EARLIER_DRILL_DIED", last.fields["drill"])}
    assert left(lab) == []
    assert closed(lab) == [("INCONCLUSIVE", ["ABANDONED"]), (after.evidence.verdict.value, [])]
    assert told(drilled(lab)) == set()
    assert_swept(lab)


def told(outcome: drill.Outcome) -> set[tuple[object, object]]:
    """What a drill says of drills before it: code, and the drill meant."""
    found = (one.finding for one in outcome.evidence.findings)
    return {(one.code.value, dict(one.params)["drill"]) for one in found if one.code.value.startswith("EARLIER_")}


def test_what_a_dead_drill_left_and_cannot_be_removed_is_said_until_it_is_gone(lab: Path) -> None:
    with child(lab, "die", "ask+") as killed:
        killed.communicate(timeout=60)
    dead = str(entries(lab)[-1].fields["drill"])
    wait_until(lambda: not processes_of(dead))
    (copy,) = (Path(one) for one in left(lab) if one.startswith("/dev/shm/"))  # noqa: S108 - where machines live
    both = {("EARLIER_DRILL_DIED", dead), ("EARLIER_COPY_NOT_SHOWN_GONE", dead)}

    with ExitStack() as held:
        hold_fast(copy, held)
        seen = [drilled(lab), drilled(lab)]
        assert [(told(one), one.exit_code) for one in seen] == [(both, ExitCode.NOT_GONE)] * 2
        assert {one.evidence.verdict for one in seen} == {Verdict.PASSED_WITH_RESERVATIONS}
        assert copy.exists()
        shown = command(lab, "run", "--scenario", "annual")
    assert shown.returncode == ExitCode.NOT_GONE
    assert f"{dead}, begun on" in shown.stdout
    assert "its copy may still be there: `restore-lab sweep` looks for it" in shown.stdout

    after = command(lab, "run", "--scenario", "annual")
    assert (after.returncode, copy.exists()) == (ExitCode.PASSED, False)
    assert f"{dead}, begun on" in after.stdout
    assert "what it may have left was looked for, and is gone" in after.stdout
    assert told(drilled(lab)) == set()


def test_a_sweep_by_hand_leaves_the_next_drill_to_tell_of_the_dead_one_and_no_copy(lab: Path) -> None:
    with child(lab, "die", "load+") as killed:
        killed.communicate(timeout=60)
    dead = str(entries(lab)[-1].fields["drill"])
    wait_until(lambda: not processes_of(dead))
    assert_swept(lab)

    assert told(drilled(lab)) == {("EARLIER_DRILL_DIED", dead)}
    assert told(drilled(lab)) == set()


@contextmanager
def holding(lab: Path, length: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a drill that holds its copy, by the real command, until it says so; give it, and the drill's id."""
    words = [str(COMMAND), "--lab", str(lab), "run", "--scenario", "annual", "--hold", length]
    environment = {**os.environ, "TMPDIR": str(temporary_of(lab))}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as child:
        try:
            assert child.stderr is not None
            assert any(line.startswith("until") for line in child.stderr)
            yield child, str(entries(lab)[-1].fields["drill"])
        finally:
            child.kill()


def swept_after(lab: Path) -> list[tuple[object, object]]:
    """Whose remains were looked for, and whether nothing is left, of each time that it was done after their end."""
    swept = (one.fields for one in entries(lab) if one.kind is EntryType.SWEPT and "after" in one.fields)
    return [(one["after"], one["all_gone"]) for one in swept]


def test_a_hold_that_was_killed_is_told_by_the_next_drill_which_removes_its_copy(lab: Path) -> None:
    with holding(lab, "5m") as (child, held):
        child.kill()
        child.communicate()
    assert left(lab)

    after = command(lab, "run", "--scenario", "annual")

    assert (after.returncode, left(lab)) == (ExitCode.PASSED, [])
    assert re.search(rf"{held}, begun on \S+, left its copy\n.*was looked for, and is gone", after.stdout)
    assert swept_after(lab) == [([held], True)]
    assert told(drilled(lab)) == set()
    assert swept_after(lab) == [([held], True)]


def test_a_killed_holds_copy_that_cannot_be_removed_is_said_until_it_is_gone(lab: Path) -> None:
    with holding(lab, "5m") as (child, held):
        child.kill()
        child.communicate()
    (copy,) = (Path(one) for one in left(lab) if one.startswith("/dev/shm/"))  # noqa: S108 - where machines live

    with ExitStack() as fast:
        hold_fast(copy, fast)
        seen = [drilled(lab), drilled(lab)]
    assert [(told(one), one.exit_code) for one in seen] == [
        ({("EARLIER_COPY_NOT_SHOWN_GONE", held)}, ExitCode.NOT_GONE)
    ] * 2

    assert told(drilled(lab)) == {("EARLIER_COPY_GONE", held)}
    assert (told(drilled(lab)), left(lab)) == (set(), [])
    assert swept_after(lab) == [([held], False), ([held], False), ([held], True)]


def test_a_hold_that_lives_or_ended_by_itself_is_not_told(lab: Path) -> None:
    with holding(lab, "3s") as (child, _):
        assert told(drilled(lab)) == set()
        child.communicate(timeout=30)
        assert child.returncode == ExitCode.NOT_GONE
    assert left(lab) == []

    assert told(drilled(lab)) == set()
    assert swept_after(lab) == []


def hold_fast(folder: Path, until: ExitStack) -> None:
    """Keep a folder from being removed, for root too, while `until` lasts: something is mounted there."""
    if os.geteuid() != 0:
        absent("only root can hold a folder fast")
    kept = folder / "kept"
    kept.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(kept)], check=True)
    until.callback(subprocess.run, ["umount", str(kept)], check=True)


def test_a_test_of_the_operator_dies_with_its_drill_and_its_files_are_swept(lab: Path) -> None:
    scenario = lab / "scenarios" / "annual"
    (scenario / "scenario.toml").write_text(_SCENARIO % "local" + _OWN_TEST, "utf-8")
    (scenario / "checks" / "test_own.py").write_text(_OWN_TEST_FILE, "utf-8")

    def of_the_test() -> list[str]:
        return [words for words in processes_of(str(lab)) if "pytest_plugin" in words]

    def kept() -> list[Path]:
        folders = (Path(one) for one in left(lab) if "-pytest-" in one)
        return [path for folder in folders for path in folder.glob("base/test_own0/a-row")]

    with child(lab, "wait", "nowhere"):
        wait_until(kept)
        (row,) = kept()
        assert of_the_test()

    wait_until(lambda: not of_the_test(), 5)
    assert row.exists()
    assert_swept(lab)
    assert not row.exists()
    assert closed(lab) == [("INCONCLUSIVE", ["ABANDONED"])]


def test_a_drill_killed_after_its_last_entry_is_closed_and_not_abandoned(lab: Path) -> None:
    with child(lab, "die", ".register.head.new after seal") as killed:
        killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert (lab / "reports" / "register.head").read_text("ascii").strip() != entries(lab)[-1].head

    assert closed(lab) == [("PASSED", [])]
    assert_swept(lab)
    after = drilled(lab)
    assert (after.exit_code, told(after)) == (ExitCode.PASSED, set())
    assert closed(lab) == [("PASSED", []), ("PASSED", [])]


# ---- its server, its machine, its engine are killed


@dataclass(kw_only=True)
class Strike:
    """Listens to a drill and kills its database server, or its machine, at one point of it.

    `client` is what the load's own command line matches (and not the line that looks for it), `server` a program.
    """

    lab: Path
    how: str
    at: str
    client: str
    server: str
    done: str = ""
    _threads: list[threading.Thread] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if not isinstance(event, Entered) or self.at not in {event.stage.value, event.about}:
            return
        match self.at:
            case "load":
                self._while_it_loads()
            case "cut":
                self._later(self._as_soon_as_it_serves, self._containers())
            case _:
                self._strike(self._containers()[0])

    def end(self) -> None:
        for thread in self._threads:
            thread.join()
        assert self.done, "nothing was struck"

    def _later(self, what: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=what, args=arguments))
        self._threads[-1].start()

    def _while_it_loads(self) -> None:
        """Lie in wait inside before the drill goes on: a small backup loads sooner than a command begins there."""
        (container,) = self._containers()
        lines = ["echo waiting", f"until pgrep -f '{self.client}' >/dev/null; do :; done"]
        if self.how == "server":
            lines.append(self._kill)
        words = self._words(container, "\n".join(lines))
        inside = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert inside.stdout is not None
        assert inside.stdout.readline() == "waiting\n"
        self._later(self._once_it_loads, inside, container)

    def _once_it_loads(self, inside: subprocess.Popen[str], container: str) -> None:
        inside.communicate()
        assert inside.returncode == 0
        if self.how == "machine":
            self._strike(container)
        self.done = container

    def _as_soon_as_it_serves(self, earlier: list[str]) -> None:
        wait_until(lambda: set(self._containers()) - set(earlier))
        (container,) = set(self._containers()) - set(earlier)
        self._inside(container, f"until pgrep -x {self.server}; do :; done")
        self._strike(container)

    def _strike(self, container: str) -> None:
        if self.how == "machine":
            subprocess.run(["docker", "rm", "--force", container], check=True, capture_output=True)
        else:
            self._inside(container, self._kill)
        self.done = container

    @property
    def _kill(self) -> str:
        return f"pkill -KILL -x {self.server}"

    def _inside(self, container: str, line: str) -> None:
        subprocess.run(self._words(container, line), check=True, capture_output=True)

    @staticmethod
    def _words(container: str, line: str) -> list[str]:
        return ["docker", "exec", "--user", "10001", container, "timeout", "30", "/bin/sh", "-c", line]

    def _containers(self) -> list[str]:
        words = ["docker", "ps", "--quiet", "--filter", f"label=restore-lab.lab={lab_id_of(self.lab)}"]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()


@pytest.mark.docker
@pytest.mark.parametrize(
    ("engine", "how", "at", "reason"),
    [
        ("postgresql", "server", "load", "SERVER_FAILED"),
        ("postgresql", "machine", "patients", "CHECK_BROKEN"),
        ("postgresql", "server", "spoilt", "CONTROL_NOT_RUN"),
        ("postgresql", "machine", "cut", "CONTROL_NOT_RUN"),
        ("mariadb", "machine", "load", "MACHINE_FAILED"),
        ("mariadb", "server", "patients", "CHECK_BROKEN"),
        ("mariadb", "machine", "spoilt", "CONTROL_NOT_RUN"),
        ("mariadb", "server", "cut", "CONTROL_NOT_RUN"),
    ],
)
def test_a_server_or_a_machine_killed_under_a_drill_is_no_fault_of_the_backup(
    in_container: Callable[[str], Path], engine: str, how: str, at: str, reason: str
) -> None:
    lab = in_container(engine)
    client, server = ("[-]pg_restore ", "postgres") if engine == "postgresql" else ("^mariadb ", "mariadbd")
    strike = Strike(lab=lab, how=how, at=at, client=client, server=server)

    ended = drilled(lab, strike)

    strike.end()
    assert (ended.exit_code, ended.evidence.verdict) == (ExitCode.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert reason in ended.evidence.reasons
    (restore,) = ended.evidence.restores
    assert all(one.gone for one in restore.removals)
    assert left(lab) == []
    assert closed(lab) == [("INCONCLUSIVE", list(ended.evidence.reasons))]
    if at == "load":  # one for each engine: it takes a while
        assert drilled(lab).exit_code is ExitCode.PASSED
        assert len(closed(lab)) == 2


@pytest.mark.docker
def test_docker_stopped_while_a_dump_loads_leaves_a_copy_that_the_next_drill_removes(
    in_container: Callable[[str], Path], tmp_path: Path
) -> None:
    lab = in_container("postgresql")
    ours = MortalEngine(path=tmp_path / "docker.sock", most_bytes=_MIDDLE_OF_LOAD_BYTES)
    began = time.monotonic()
    with ours.living():
        seen = command(lab, "run", "--scenario", "annual", "--json", environment=ours.environment)
        assert ours.is_dead
    assert time.monotonic() - began < 60

    evidence = json.loads(seen.stdout)
    assert (seen.returncode, seen.stderr) == (ExitCode.NOT_GONE, "")
    assert evidence["verdict"] == "INCONCLUSIVE"
    assert evidence["reasons"] == ["MACHINE_FAILED"]
    (removal,) = evidence["restores"][0]["removals"]
    assert (removal["kind"], removal["gone"]) == ("container", False)
    assert closed(lab) == [("INCONCLUSIVE", ["MACHINE_FAILED"])]
    assert len(left(lab)) == 1

    after = drilled(lab)
    assert (after.exit_code, told(after), left(lab)) == (
        ExitCode.PASSED,
        {("EARLIER_COPY_GONE", evidence["drill_id"])},
        [],
    )
    assert swept_after(lab) == [([evidence["drill_id"]], True)]


@pytest.mark.docker
def test_a_machine_whose_disk_is_full_is_no_fault_of_the_backup(in_container: Callable[[str], Path]) -> None:
    lab = in_container("mariadb")
    scenario = lab / "scenarios" / "annual" / "scenario.toml"
    text = scenario.read_text("utf-8")
    small = '{ kind = "container", disk_bytes = 260_000_000 }'
    scenario.write_text(text.replace('{ kind = "container" }', small), "utf-8")
    (backup,) = (lab / "backups").iterdir()
    whole = backup.read_bytes()
    filling = b"CREATE TABLE filling (a LONGTEXT);\n" + b"INSERT INTO filling SELECT REPEAT('x', 4000000);\n" * 100
    end = whole.rindex(b"-- Dump completed")
    backup.write_bytes(whole[:end] + filling + whole[end:])
    rest(backup)

    ended = drilled(lab)

    assert (ended.exit_code, ended.evidence.verdict) == (ExitCode.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert "MACHINE_DISK_FULL" in ended.evidence.reasons
    assert left(lab) == []
    assert closed(lab) == [("INCONCLUSIVE", list(ended.evidence.reasons))]


# ---- the disk of the reports is full


@pytest.fixture
def narrow(lab: Path) -> Iterator[Path]:
    """A lab whose reports lie on a disk of two megabytes, with one drill in it."""
    (lab / "reports").mkdir(exist_ok=True)
    with mounted("tmpfs", lab / "reports", "-t", "tmpfs", "-o", "size=2m"):
        assert drilled(lab).exit_code is ExitCode.PASSED
        yield lab


def test_an_entry_the_disk_has_no_room_for_is_not_half_written(narrow: Path) -> None:
    filling = fill(narrow / "reports")
    before = len(entries(narrow))

    for _ in range(5):  # the last page of the register takes some entries more
        seen = command(narrow, "run", "--scenario", "annual")
        assert (seen.returncode, seen.stdout) == (ExitCode.BUG, "")

    assert "register.jsonl could not be written: No space left on device" in seen.stderr
    assert command(narrow, "register", "verify").returncode == ExitCode.PASSED
    assert len(entries(narrow)) >= before
    filling.unlink()
    after = command(narrow, "run", "--scenario", "annual")
    assert after.returncode == ExitCode.PASSED
    assert {verdict for verdict, _ in closed(narrow)} <= {"PASSED", "INCONCLUSIVE"}
    assert closed(narrow)[-1] == ("PASSED", [])


# ---- the backup cannot be read to its end


@pytest.mark.parametrize("how", ["replaced", "cut", "removed"])
def test_a_backup_that_changes_while_it_is_read_is_not_called_bad(lab: Path, how: str) -> None:
    (backup,) = (lab / "backups").iterdir()
    whole = backup.read_bytes()

    def listen(event: Event) -> None:
        if isinstance(event, BytesRead) and backup.exists() and backup.stat().st_size == len(whole):
            match how:
                case "replaced":
                    beside = backup.with_suffix(".new")
                    beside.write_bytes(whole[: len(whole) // 2])
                    beside.replace(backup)
                case "cut":
                    os.truncate(backup, event.done_bytes)
                case _:
                    backup.unlink()

    ended = drilled(lab, listen)

    assert "BACKUP_CHANGED_WHILE_READ" in {one.finding.code for one in ended.evidence.findings}
    assert (ended.exit_code, ended.evidence.verdict) == (ExitCode.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert left(lab) == []
    backup.write_bytes(whole)
    rest(backup)
    assert drilled(lab).exit_code is ExitCode.PASSED
    assert len(closed(lab)) == 2


def test_a_disk_pulled_out_while_the_backup_is_read_is_inconclusive(lab: Path, tmp_path: Path) -> None:
    if shutil.which("mkfs.ext4") is None:
        absent("there is no mkfs.ext4")
    backups, image = lab / "backups", tmp_path / "usb"
    aside = Path(shutil.copytree(backups, tmp_path / "aside", copy_function=shutil.copy2))
    with image.open("wb") as stream:
        stream.truncate(16 * 1024 * 1024)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True, capture_output=True)
    with mounted(str(image), backups, "-o", "loop"):
        shutil.copytree(aside, backups, dirs_exist_ok=True, copy_function=shutil.copy2)

    def listen(event: Event) -> None:
        if isinstance(event, BytesRead):
            os.truncate(image, 0)

    with mounted(str(image), backups, "-o", "loop,ro"):
        ended = drilled(lab, listen)

    assert (ended.exit_code, ended.evidence.verdict) == (ExitCode.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert ended.evidence.reasons == ("SOURCE_UNREADABLE",)
    (restore,) = ended.evidence.restores
    assert restore.sha256 is None
    assert left(lab) == []
    assert drilled(lab).exit_code is ExitCode.PASSED  # the folder under the mount has the backup still
    assert len(closed(lab)) == 2


# ---- the key cannot be opened


def encrypted(lab: Path) -> Path:
    path = lab / "keys" / "signing-key.pem"
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"la bonne phrase"),
        )
    )
    settings = lab / "lab.toml"
    reference = 'certificate = "keys/signing-cert.pem"\npassphrase = { env = "LAB_PASSPHRASE" }'
    settings.write_text(
        settings.read_text("utf-8").replace('certificate = "keys/signing-cert.pem"', reference), "utf-8"
    )
    return path


def spoil_key(lab: Path, how: str) -> dict[str, str]:
    key = lab / "keys" / "signing-key.pem"
    match how:
        case "wrong passphrase":
            encrypted(lab)
            return {"LAB_PASSPHRASE": "une autre phrase"}
        case "no passphrase":
            encrypted(lab)
        case "read by others":
            key.chmod(0o644)
        case _:
            key.unlink()
    return {}


@pytest.mark.parametrize("how", ["wrong passphrase", "no passphrase", "read by others", "missing"])
def test_without_a_key_nothing_is_restored_and_nothing_is_recorded(lab: Path, how: str) -> None:
    environment = spoil_key(lab, how)

    seen = command(lab, "run", "--scenario", "annual", environment=environment)

    assert (seen.returncode, seen.stdout) == (ExitCode.USAGE, "")
    assert seen.stderr.startswith("restore-lab: ")
    assert "phrase" not in seen.stderr.replace("passphrase", "")
    assert not (lab / "reports" / "register.jsonl").exists()
    assert list((lab / "reports").glob("*/*")) == []
    assert left(lab) == []


def test_the_right_passphrase_opens_the_key(lab: Path) -> None:
    encrypted(lab)

    right = {"LAB_PASSPHRASE": "la bonne phrase"}
    assert command(lab, "run", "--scenario", "annual", environment=right).returncode == ExitCode.PASSED
    assert closed(lab) == [("PASSED", [])]


# ---- two drills of one lab at once


def test_two_drills_of_one_lab_at_once_let_each_other_live(lab: Path) -> None:
    with ExitStack() as ending:
        both = [ending.enter_context(child(lab, "wait", "patients")) for _ in range(2)]
        for one in both:
            assert one.stdout is not None
            assert one.stdout.readline() == "ask\n"
        assert len(left(lab)) == 2

        assert command(lab, "sweep").stdout == "nothing was left behind that can be seen from here\n"
        assert len(left(lab)) == 2
        assert [one.kind for one in entries(lab)].count(EntryType.CLOSED) == 0
        ended = [one.communicate("go\n", timeout=60) for one in both]

    assert [one.returncode for one in both] == [ExitCode.PASSED, ExitCode.PASSED], ended
    assert closed(lab) == [("PASSED", []), ("PASSED", [])]
    assert len(list((lab / "reports").glob(f"{datetime.now(UTC):%Y}/*/report.pdf"))) == 2
    assert_swept(lab)

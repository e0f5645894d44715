"""Drills on a rootless Docker and on Podman: what holds a machine there, what does not, what is left afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import open_doors
import other_engines
import pytest
from needs import program
from open_doors import MIB, how
from other_engines import Engine
from stems import COMMAND

from restore_lab.evidence import Evidence, Isolation, Verdict, from_json
from restore_lab.sandboxes.base import Need, Server
from restore_lab.sandboxes.container.driver import Container

pytestmark = pytest.mark.docker

SMALL = "restore-lab/postgresql:15"
#: The newest series of each, which the sample practice is made with.
NEWEST = {"postgresql": "restore-lab/postgresql:18", "mariadb": "restore-lab/mariadb:11.8"}
PROGRAMS = {"postgresql": "postgres", "mariadb": "mariadbd"}
HELD_BY_THE_KERNEL = ("memory_bytes", "memory_and_swap_bytes", "nano_cpus", "processes")


@pytest.fixture(scope="module", params=list(other_engines.KINDS))
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with other_engines.engine(other_engines.KINDS[request.param], SMALL, *NEWEST.values()) as lent:
        yield lent


@pytest.fixture
def need(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Need:
    """What a small machine on this engine is asked for."""
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    return Need(
        lab_id=f"engines-{os.getpid()}",
        drill_id=f"drill-{os.getpid()}",
        restore_id="main",
        server=Server(engine="postgresql", series="15", own_series=True, image=SMALL, folders=(), programs=()),
        backup_bytes=MIB,
        memory_bytes=64 * MIB,
        expires_at=datetime.now(UTC) + timedelta(minutes=10),
    )


def cgroup_version(engine: Engine) -> str:
    return engine.docker("info", "--format", "{{.CgroupVersion}}").strip()


def test_limits_are_graded_by_what_is_enforced(engine: Engine, need: Need) -> None:
    """A grade is held against a process that takes more than all of the machine may."""
    with Container(disk_bytes=64 * MIB).machine(need) as machine:
        most = next(limit.value for limit in machine.conditions.limits if limit.name == "memory_bytes")
        past = f"bs={most + 64 * MIB}"
        script = 'echo 1000 >/proc/self/oom_score_adj; dd if=/dev/zero of=/dev/null "$1" count=1 || echo killed'

        taken = engine.docker("exec", machine.handle.machine_id, "/bin/sh", "-c", script, "take", past)

        assert (how(machine, "memory_bytes") == "enforced") == ("killed" in taken)
        assert machine.conditions.mechanism == engine.kind.mechanism
        assert (machine.conditions.isolation, machine.conditions.unproved) == (Isolation.SEALED, ())
        assert (how(machine, "disk_bytes"), how(machine, "seconds")) == ("enforced", "watched")
        if cgroup_version(engine) == "1":
            assert {how(machine, name) for name in HELD_BY_THE_KERNEL} == {"not enforced"}


def test_what_an_engine_makes_writable_besides_is_bounded(need: Need) -> None:
    """Podman lays memory over folders of a read-only root, half of the host's each, unless it is told how much."""
    script = """
        cd /; for each in . run var/tmp var etc home opt usr machine tmp dev/shm; do
          touch $each/x 2>/dev/null && echo $each $(($(stat -f -c '%S * %b' $each) / 1048576))
        done
    """
    with Container(disk_bytes=64 * MIB).machine(need) as machine:
        said = machine.run(("sh", "-c", script), timeout_seconds=30).stdout.decode().splitlines()

    room_mib = {place: int(size) for place, size in (line.split() for line in said)}
    besides = {place: size for place, size in room_mib.items() if place in {"run", "var/tmp"}}
    assert {**room_mib, **besides} == {**besides, "machine": 64, "tmp": 256, "dev/shm": 256}
    assert all(size <= 1 for size in besides.values())


def test_a_network_given_is_seen_from_inside(engine: Engine, need: Need) -> None:
    with open_doors.container(need, network_mode=engine.kind.network) as machine:
        assert machine.conditions.isolation is Isolation.NONE


def test_a_folder_of_the_host_is_seen_from_inside(need: Need) -> None:
    with open_doors.container(need, volumes={"/usr/share": {"bind": "/anywhere", "mode": "ro"}}) as machine:
        assert machine.conditions.isolation is Isolation.PARTIAL


def test_two_machines_share_a_loopback_and_nothing_else(engine: Engine, need: Need) -> None:
    sandbox = Container()
    with sandbox.machine(need) as database, sandbox.beside(database, need) as application:
        assert application.conditions.mechanism == f"{engine.kind.mechanism}, one loopback"
        assert application.conditions.isolation is Isolation.SEALED
        for machine in (database, application):
            tried, open_ = sandbox.ways_out(machine)
            assert (tried >= 6, open_) == (True, 0)
    assert engine.left(f"restore-lab.lab={need.lab_id}") == []


@dataclass(frozen=True, kw_only=True)
class Lab:
    """The sample practice, restored in containers of one engine."""

    root: Path
    engine: Engine

    def command(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        argv = (str(COMMAND), "--lab", str(self.root), *words)
        return subprocess.run(argv, capture_output=True, check=False, timeout=600, env=self.engine.environment())

    def left(self) -> list[str]:
        """Give what carries the label of any lab: this engine serves this test alone."""
        return self.engine.left("restore-lab.lab")


@pytest.fixture(scope="module")
def lab_of(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Lab]:
    @cache
    def made(server: str) -> Lab:
        root = tmp_path_factory.mktemp("engines") / server
        demo = (str(COMMAND), "demo", str(root), "--engine", server)
        done = subprocess.run(demo, capture_output=True, check=False, timeout=600, env=engine.environment())
        assert done.returncode == 0, done.stderr.decode()
        scenario = root / "scenarios" / "annual" / "scenario.toml"
        scenario.write_text(scenario.read_text("utf-8").replace('kind = "auto"', 'kind = "container"'), "utf-8")
        return Lab(root=root, engine=engine)

    return made


@pytest.mark.parametrize("server", list(NEWEST))
def test_a_drill_passes_and_says_what_held_it(lab_of: Callable[[str], Lab], server: str) -> None:
    lab = lab_of(server)

    done = lab.command("run", "--scenario", "annual", "--json")

    assert done.returncode == 0, done.stderr.decode()
    evidence: Evidence = from_json(done.stdout)
    assert evidence.verdict in {Verdict.PASSED, Verdict.PASSED_WITH_RESERVATIONS}
    (restore,) = evidence.restores
    conditions = restore.conditions
    assert conditions is not None
    assert (conditions.sandbox, conditions.mechanism) == ("container", lab.engine.kind.mechanism)
    assert conditions.isolation is Isolation.SEALED
    assert (conditions.image or "").endswith(NEWEST[server])
    assert [control.silent for control in restore.controls] == [False, False]
    assert restore.removals
    assert all(each.gone for each in restore.removals)
    assert lab.left() == []
    if cgroup_version(lab.engine) == "1":
        pages = text_of(next(lab.root.glob(f"reports/*/{evidence.drill_id}/report.pdf")))
        assert pages.count("non imposée") >= len(HELD_BY_THE_KERNEL)
        assert f"demandé à {lab.engine.kind.mechanism.capitalize()}" in pages


def text_of(report: Path) -> str:
    done = subprocess.run((program("pdftotext"), str(report), "-"), capture_output=True, check=True, timeout=60)
    return " ".join(done.stdout.decode().split())


@pytest.mark.parametrize("server", list(NEWEST))
def test_a_sweep_removes_what_a_killed_drill_left(lab_of: Callable[[str], Lab], server: str) -> None:
    lab = lab_of(server)
    argv = (str(COMMAND), "--lab", str(lab.root), "run", "--scenario", "annual")
    with subprocess.Popen(
        argv, env=lab.engine.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as drill:
        wait_for(PROGRAMS[server], lab.engine)
        drill.send_signal(signal.SIGKILL)
    assert lab.left()

    swept = lab.command("sweep")

    assert swept.returncode == 0, swept.stderr.decode()
    assert lab.left() == []
    assert lab.command("register", "verify").returncode == 0


def wait_for(program_name: str, engine: Engine) -> None:
    """Wait until a machine of the drill runs its server."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for container in engine.docker("ps", "--quiet").split():
            with suppress(subprocess.CalledProcessError):  # it ended while we looked
                names = engine.docker("exec", container, "/bin/sh", "-c", "cat /proc/[0-9]*/comm")
                if program_name in names.split():
                    return
        time.sleep(0.1)
    pytest.fail("no machine of the drill was seen while it ran")

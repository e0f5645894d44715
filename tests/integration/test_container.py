"""The container sandbox on a real engine: what is denied, what is limited, what is left after the worst moments."""

from __future__ import annotations

import gc
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from faults.engine_proxy import MortalEngine
from integration.one_container import IMAGE, MIB, SERVER, docker, left_of, small_need

from restore_lab.errors import MachineDiskFull, MachineFailed, MachineOutOfMemory
from restore_lab.evidence import Limit, Removal
from restore_lab.sandboxes.base import Machine, Need
from restore_lab.sandboxes.container import commands, docker_engine
from restore_lab.sandboxes.container.driver import Container

pytestmark = pytest.mark.docker

TIB = 1024**4
LAB = f"integration-{os.getpid()}"


@pytest.fixture(autouse=True)
def need() -> Need:
    """Asked for by every test, which is skipped by it where the engine or the image is not here."""
    return small_need(LAB)


@pytest.fixture
def machine(need: Need) -> Iterator[Machine]:
    with Container().machine(need) as live:
        yield live


def left() -> list[str]:
    return left_of(LAB)


def inspected(machine: Machine) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(docker("container", "inspect", machine.handle.machine_id))
    return found[0]


def test_a_machine_gets_nothing_by_default(machine: Machine) -> None:
    seen = inspected(machine)
    host = seen["HostConfig"]

    assert host["NetworkMode"] == "none"
    assert list(seen["NetworkSettings"]["Networks"]) == ["none"]
    assert not host["Binds"]
    assert not host.get("Mounts")
    assert seen["Mounts"] == []
    assert (host["CapDrop"], host["Privileged"]) == (["ALL"], False)
    assert not host["CapAdd"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["ReadonlyRootfs"] is True
    assert host["LogConfig"]["Type"] == "none"
    assert host["IpcMode"] == "private"
    assert (host["PidMode"], host["UsernsMode"]) == ("", "")
    assert not host["Devices"]
    assert seen["Config"]["User"] == "10001:10001"
    assert seen["Config"]["Hostname"] == "machine"


def test_a_machine_is_limited(machine: Machine, need: Need) -> None:
    host = inspected(machine)["HostConfig"]

    assert host["Memory"] == host["MemorySwap"] > need.memory_bytes
    assert (host["NanoCpus"], host["PidsLimit"]) == ((os.cpu_count() or 1) * 10**9, 512)
    assert {"Name": "core", "Soft": 1, "Hard": 1} in host["Ulimits"]
    assert "noexec" in host["Tmpfs"]["/machine"]
    assert Limit(name="memory_bytes", value=host["Memory"], how="enforced") in machine.conditions.limits
    assert {limit.name for limit in machine.conditions.limits} >= {"disk_bytes", "processes", "seconds", "nano_cpus"}


def test_a_machine_says_what_it_runs(machine: Machine) -> None:
    image_id = docker("image", "inspect", "--format", "{{.Id}}", IMAGE).strip()

    assert (machine.conditions.image, machine.conditions.image_id) == (IMAGE, image_id)
    assert machine.conditions.storage == "tmpfs"


def test_everything_created_is_labelled(need: Need) -> None:
    with Container(disk_bytes=256 * MIB).machine(replace(need, backup_bytes=TIB)) as machine:
        names = {each.kind: each.name for each in machine.removals()}
        volume = json.loads(docker("volume", "inspect", names["volume"]))[0]
        for labels in (inspected(machine)["Config"]["Labels"], volume["Labels"]):
            assert labels["restore-lab.lab"] == LAB
            assert labels["restore-lab.drill"] == "drill"
            assert labels["restore-lab.restore"] == "main"
            assert datetime.fromisoformat(labels["restore-lab.expires-at"]) == need.expires_at
        assert "drill" in names["volume"]
    assert left() == []


def test_a_copy_too_large_for_memory_goes_to_a_volume(need: Need) -> None:
    with Container(disk_bytes=256 * MIB).machine(replace(need, backup_bytes=TIB)) as machine:
        assert machine.conditions.storage == "volume"
        assert Limit(name="disk_bytes", value=256 * MIB, how="watched") in machine.conditions.limits
        done = machine.run(("stat", "-c", "%a %u", machine.scratch), timeout_seconds=30)
        assert done.stdout == b"700 10001\n"
        assert inspected(machine)["HostConfig"]["Memory"] < 1024 * MIB

    assert {each.kind for each in machine.removals()} == {"container", "volume"}
    assert all(each.gone for each in machine.removals())
    assert left() == []


def test_a_copy_that_outgrows_its_volume_ends_the_machine(need: Need) -> None:
    with (
        pytest.raises(MachineDiskFull, match="outgrew the disk limit"),
        Container(disk_bytes=64 * MIB).machine(replace(need, backup_bytes=TIB)) as machine,
    ):
        machine.run(("sh", "-c", "head -c 128M /dev/zero >file; sleep 30"), timeout_seconds=60)

    assert left() == []


def test_a_full_tmpfs_fails_the_command_only(need: Need) -> None:
    with Container(disk_bytes=16 * MIB).machine(need) as machine:
        done = machine.run(("dd", "if=/dev/zero", "of=file", "bs=1M", "count=32"), timeout_seconds=30)

        assert done.exit_code == 1
        assert b"No space left" in done.stderr
        assert machine.run(("true",), timeout_seconds=30).exit_code == 0


def test_running_out_of_memory_is_said_so(machine: Machine) -> None:
    with pytest.raises(MachineOutOfMemory, match="ran out of memory"):
        machine.run(("sh", "-c", "head -c 3G /dev/zero | tail -c 2500M | wc -c; exit 3"), timeout_seconds=60)


def test_short_commands_are_run_by_one_program_that_the_engine_began_once(machine: Machine) -> None:
    ran_before = len(inspected(machine)["ExecIDs"] or ())

    sessions = [machine.run(("cut", "-d ", "-f4,6", "/proc/self/stat"), timeout_seconds=10).stdout for _ in range(3)]

    parents = {words.split()[0] for words in sessions}
    assert len(parents) == 1, "each was begun by another"
    assert len({words.split()[1] for words in sessions}) == 3, "two of them share a session"
    assert len(inspected(machine)["ExecIDs"] or ()) == ran_before == 1


def test_a_command_takes_all_its_stdin_and_says_more_than_a_pipe_holds(machine: Machine) -> None:
    fed = os.urandom(3 * MIB)

    done = machine.run(("tee", "/dev/stderr"), timeout_seconds=60, stdin=(fed[:MIB], fed[MIB:]))

    assert (done.stdout, done.stderr, done.exit_code, done.fed_bytes) == (fed, fed, 0, len(fed))


def test_a_command_that_was_killed_says_so(machine: Machine) -> None:
    assert machine.run(("sh", "-c", "kill -TERM $$"), timeout_seconds=10).exit_code == 128 + signal.SIGTERM


def test_what_a_command_leaves_running_is_not_waited_for(machine: Machine) -> None:
    done = machine.run(("sh", "-c", "sleep 60 & echo done"), timeout_seconds=30)

    assert (done.stdout, done.seconds < 10) == (b"done\n", True)


@pytest.mark.parametrize("when", ["while it runs a command", "between two"])
def test_commands_run_without_the_program_that_is_kept_for_them(machine: Machine, when: str) -> None:
    kill = ("sh", "-c", "kill -KILL $PPID; sleep 1")
    if when == "between two":
        pid = machine.run(("sh", "-c", "echo $PPID"), timeout_seconds=10).stdout.decode().strip()
        kill = ("kill", "-KILL", pid)
        machine.run(kill, timeout_seconds=10, stdin=iter(()))
    else:
        assert machine.run(kill, timeout_seconds=10).exit_code == 128 + signal.SIGKILL

    done = machine.run(("tee", "/dev/stderr"), timeout_seconds=10, stdin=(b"fed",))

    assert (done.stdout, done.stderr, done.exit_code) == (b"fed", b"fed", 0)


def test_an_image_without_perl_runs_commands_too(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_KEEPER", ("no-such-program",))
    again = Container().attach(machine.handle)

    assert again.run(("echo", "yes"), timeout_seconds=10).stdout == b"yes\n"


def test_a_machine_killed_from_outside_is_a_machine_that_failed(machine: Machine) -> None:
    threading.Timer(1, docker, ("kill", machine.handle.machine_id)).start()

    with pytest.raises(MachineFailed, match="ended before its work was done"):
        machine.run(("sleep", "60"), timeout_seconds=30)
    with pytest.raises(MachineFailed):
        machine.run(("true",), timeout_seconds=30)


def test_a_machine_dies_by_itself_at_its_expiry(need: Need) -> None:
    soon = replace(need, expires_at=datetime.now(UTC) + timedelta(seconds=4))
    with pytest.raises(MachineFailed, match="ended before"), Container().machine(soon) as machine:
        machine.run(("sleep", "60"), timeout_seconds=30)

    assert left() == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a request of the SDK cut short
@pytest.mark.parametrize("after_seconds", [0.0, 0.02, 0.05, 0.1, 0.2, 0.4])
def test_an_interrupt_while_it_is_made_leaves_nothing(need: Need, after_seconds: float) -> None:
    def interrupt() -> None:
        time.sleep(after_seconds)
        os.kill(os.getpid(), signal.SIGINT)

    volume = replace(need, backup_bytes=TIB)
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the interrupt may come at any of these lines
        threading.Thread(target=interrupt).start()
        with Container(disk_bytes=MIB * 64).machine(volume):
            time.sleep(30)

    gc.collect()
    time.sleep(1)
    assert left() == []


def test_an_image_that_cannot_be_had_leaves_nothing(need: Need) -> None:
    volume = replace(need, backup_bytes=TIB)

    with pytest.raises(MachineFailed), Container(image="restore-lab/none:0").machine(volume):
        pytest.fail("there is no such image")

    assert left() == []


@pytest.mark.parametrize(
    "why",
    [
        "restore-lab.expires-at=2020-01-01T00:00:00+00:00",
        "restore-lab.process=1 0",  # whoever is number 1 today, that is not when it started
    ],
)
def test_a_sweep_removes_what_a_dead_drill_left(need: Need, why: str) -> None:
    name = f"restore-lab-dead-{os.getpid()}"
    labels = [f"restore-lab.lab={LAB}", why]
    marks = [word for label in labels for word in ("--label", label)]
    docker("volume", "create", *marks, f"{name}-data")
    mount = f"type=volume,source={name}-data,target=/machine"
    docker("run", "--detach", "--network", "none", "--name", name, *marks, "--mount", mount, IMAGE, "sleep", "600")

    with Container().machine(need) as alive:
        swept = tuple(Container().sweep(now=datetime.now(UTC), lab_id=LAB, ended=()))

        assert [(each.kind, each.name, each.gone) for each in swept] == [
            ("container", name, True),
            ("volume", f"{name}-data", True),
        ]
        assert alive.run(("true",), timeout_seconds=30).exit_code == 0
    assert left() == []


def test_a_container_that_was_made_when_the_engine_went_is_told_though_it_was_never_lent(
    need: Need, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Removal] = []
    engine = MortalEngine(path=tmp_path / "docker.sock", loses=b"/start HTTP/")
    with engine.living():
        monkeypatch.setenv("DOCKER_HOST", engine.environment["DOCKER_HOST"])
        with pytest.raises(MachineFailed), Container().machine(replace(need, hear_left=heard.extend)):
            pytest.fail("it was lent")
    monkeypatch.undo()

    (told,) = heard
    assert (told.kind, told.gone, docker_engine.look_up("container", told.name) is not None) == (
        "container",
        False,
        True,
    )
    docker_engine.remove("container", told.name)
    assert left() == []


def test_a_clean_up_that_fails_shows_and_hides_nothing(need: Need, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose_the_engine() -> None:
        monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"), Container().machine(need) as machine:
        lose_the_engine()

    monkeypatch.undo()
    assert [each.gone for each in machine.removals()] == [False]
    docker_engine.remove("container", machine.removals()[0].name)
    assert left() == []


def test_an_engine_elsewhere_is_refused(need: Need, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")

    assert "not this host's" in (Container().lacks(SERVER) or "")
    with pytest.raises(MachineFailed, match="not this host's"), Container().machine(need):
        pytest.fail("no machine may come from there")


def test_an_engine_that_does_not_answer_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")

    lacking = Container().lacks(SERVER) or ""

    assert "docker info" in lacking
    assert "\n" not in lacking


def test_a_missing_image_says_where_to_look() -> None:
    lacking = Container().lacks(replace(SERVER, image="restore-lab/postgresql:9"))

    assert lacking == ("the image restore-lab/postgresql:9 is not on this host (`restore-lab image list`)")

"""A machine with one door open is graded down for it, by what was tried from inside and not by what was asked."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import open_doors
import pytest
from needs import absent, docker_engine
from open_doors import MIB, how

from restore_lab import process
from restore_lab.evidence import Isolation
from restore_lab.process import Completed
from restore_lab.sandboxes import proof
from restore_lab.sandboxes.base import Machine, Need, Server
from restore_lab.sandboxes.container.driver import Container
from restore_lab.sandboxes.local.driver import Local
from restore_lab.sandboxes.local.seal import Mechanism

Lend = Callable[..., AbstractContextManager[Machine]]
IMAGE = "restore-lab/postgresql:15"
SERVER = Server(engine="postgresql", series="15", own_series=True, image=IMAGE, folders=(), programs=("sh",))
LAB = f"doors-{os.getpid()}"
HELD = (Mechanism.BUBBLEWRAP, Mechanism.NAMESPACES)
#: What makes a network of its own, by mechanism.
NETWORK = {Mechanism.BUBBLEWRAP: ("--unshare-net",), Mechanism.NAMESPACES: ("--net",)}


@pytest.fixture
def need() -> Need:
    """Too large for memory, so that a local machine's folder lies where a mount can show it."""
    return Need(
        lab_id=LAB,
        drill_id=f"doors-{os.getpid()}",
        restore_id="main",
        server=SERVER,
        backup_bytes=1024**4,
        memory_bytes=256 * MIB,
        expires_at=datetime.now(UTC) + timedelta(minutes=10),
    )


@pytest.fixture
def in_container(need: Need) -> Lend:
    docker_engine()
    if lacking := Container().lacks(SERVER):
        absent(lacking)
    return partial(open_doors.container, need)


@pytest.fixture(params=HELD)
def mechanism(request: pytest.FixtureRequest) -> Mechanism:
    found = Mechanism(request.param)
    if found is Mechanism.BUBBLEWRAP and Local()._mechanism_or_fail() is not found:
        absent("bubblewrap")
    return found


def test_a_local_machine_without_an_open_door_is_sealed(need: Need, mechanism: Mechanism) -> None:
    with open_doors.local(need, mechanism) as machine:
        assert (machine.conditions.isolation, machine.conditions.unproved) == (Isolation.SEALED, ())
        assert (how(machine, "data_bytes_per_process"), how(machine, "bytes_per_file")) == ("enforced", "enforced")
        is_root = os.geteuid() == 0
        whole = ("enforced", "watched") if is_root else ("not enforced", "not enforced")
        assert (how(machine, "processes"), how(machine, "memory_bytes")) == whole


def test_a_local_machine_on_the_hosts_network_is_not_isolated(need: Need, mechanism: Mechanism) -> None:
    with open_doors.local(need, mechanism, without=NETWORK[mechanism]) as machine:
        assert machine.conditions.isolation is Isolation.NONE


def test_a_local_machine_that_sees_a_file_of_the_host_is_held_in_part(need: Need, mechanism: Mechanism) -> None:
    with open_doors.local(need, mechanism, shown=lambda folder: folder) as machine:
        assert machine.conditions.isolation is Isolation.PARTIAL


def test_a_local_machine_whose_processes_may_hold_all_is_told(need: Need, mechanism: Mechanism) -> None:
    with open_doors.local(need, mechanism, without=("--data=",)) as machine:
        assert how(machine, "data_bytes_per_process") == "not enforced"
        assert (how(machine, "bytes_per_file"), machine.conditions.isolation) == ("enforced", Isolation.SEALED)


def test_a_limit_on_memory_that_gives_way_is_told(need: Need, mechanism: Mechanism) -> None:
    """The kernel's word is not taken for it: the limit is set above what the machine was to have."""
    with open_doors.local(need, mechanism) as machine:
        marker = f"{machine.handle.machine_id}/label.json"

        seen = proof.look(lambda argv: machine.run(argv, timeout_seconds=30), marker, data_bytes=128 * MIB)

        assert "memory-granted" in seen.words
        assert seen.of_process("data", 128 * MIB) == "not enforced"


def test_a_bare_process_is_not_isolated(need: Need) -> None:
    with open_doors.local(need, Mechanism.BARE) as machine:
        assert machine.conditions.isolation is Isolation.NONE


def test_the_question_itself_finds_a_bare_process_out(tmp_path: Path) -> None:
    """Not by its mechanism: this host's loopback answers, and the file is there."""
    marker = tmp_path / "marker"
    marker.write_text("seen", "ascii")
    path = {"PATH": os.environ["PATH"]}

    seen = proof.look(lambda argv: process.run(argv, timeout_seconds=30, environment=path), str(marker))

    assert seen.isolation is Isolation.NONE
    assert {"network", "host-files"} <= seen.words


def test_a_connection_that_is_not_admitted_is_heard(tmp_path: Path) -> None:
    """What a machine says of itself is not all: the listener decides."""

    def denying(argv: tuple[str, ...]) -> Completed:
        port = next(word for word in argv if word.startswith("loopback,")).partition(",")[2]
        with socket.create_connection(("127.0.0.1", int(port))):
            pass
        return silent(argv)

    def silent(_argv: tuple[str, ...]) -> Completed:
        said = b"ways-out-tried\nmemory-asked\nasked\n"
        return Completed(exit_code=0, stdout=said, stderr=b"", cut=False, fed_bytes=0, seconds=0.1)

    seen, heard = (proof.look(one, str(tmp_path), data_bytes=MIB) for one in (silent, denying))

    assert (seen.isolation, seen.unproved) == (Isolation.SEALED, ("memory",))
    assert heard.isolation is Isolation.NONE


@pytest.mark.docker
def test_a_container_without_an_open_door_is_sealed(
    in_container: Lend,
) -> None:
    with in_container() as machine:
        assert (machine.conditions.isolation, machine.conditions.unproved) == (Isolation.SEALED, ())
        assert {how(machine, name) for name in ("memory_bytes", "processes", "nano_cpus")} == {"enforced"}


@pytest.mark.docker
@pytest.mark.parametrize("network", ["bridge", "host"])
def test_a_container_with_a_network_is_not_isolated(in_container: Lend, network: str) -> None:
    hostname = {} if network == "bridge" else {"hostname": None}
    with in_container(network_mode=network, **hostname) as machine:
        assert machine.conditions.isolation is Isolation.NONE


@pytest.mark.docker
def test_a_container_with_a_folder_of_the_host_is_held_in_part(in_container: Lend, tmp_path: Path) -> None:
    with in_container(volumes={str(tmp_path): {"bind": "/anywhere", "mode": "ro"}}) as machine:
        assert machine.conditions.isolation is Isolation.PARTIAL


@pytest.mark.docker
@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"mem_limit": None, "memswap_limit": None}, {"memory_bytes", "memory_and_swap_bytes"}),
        ({"nano_cpus": None}, {"nano_cpus"}),
        ({"pids_limit": None}, {"processes"}),
    ],
)
def test_a_container_without_a_limit_is_told(in_container: Lend, options: dict[str, None], names: set[str]) -> None:
    with in_container(**options) as machine:
        loose = {limit.name for limit in machine.conditions.limits if limit.how == "not enforced"}
        assert (loose, machine.conditions.isolation) == (names, Isolation.SEALED)


@pytest.fixture
def without_perl() -> Iterator[str]:
    """An image from which no connection can be tried."""
    name = f"restore-lab-test/without-perl:{os.getpid()}"
    recipe = f"FROM {IMAGE}\nUSER root\nRUN rm -f /usr/bin/perl*\n"
    build = ("docker", "build", "--quiet", "--network", "none", "--tag", name, "-")
    subprocess.run(build, input=recipe.encode(), capture_output=True, check=True, timeout=120)
    yield name
    subprocess.run(("docker", "rmi", "--force", name), capture_output=True, check=True, timeout=60)


@pytest.mark.docker
def test_of_what_could_not_be_tried_nothing_is_claimed(in_container: Lend, without_perl: str) -> None:
    with in_container(image=without_perl) as machine:
        assert (machine.conditions.isolation, machine.conditions.unproved) == (Isolation.PARTIAL, ("network",))

"""A machine of every sandbox in turn, on whichever engine or node it needs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import other_engines
import pytest
from contract.sandboxes import MIB, SANDBOXES, SERVER, Row, docker_knows, listed_inside, ready
from fake_sandbox import FakeSandbox
from node.lab import lab_node, small_node

from restore_lab.evidence import Removal
from restore_lab.sandboxes.base import Machine, Need
from restore_lab.sandboxes.container.driver import Container
from restore_lab.sandboxes.raspberry_pi.driver import RaspberryPi


@pytest.fixture(scope="module")
def on_a_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Row]:
    """A node of this host's architecture, in a container with sshd."""
    with small_node() as node:

        def exists(removal: Removal) -> bool:
            return removal.name in node.root("ls /dev/shm /var/tmp")

        def processes(_machine: Machine) -> str:
            return node.root("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")

        sandbox = RaspberryPi(node=lab_node(tmp_path_factory.mktemp("lab"), node))
        yield Row(sandbox=sandbox, still_there=exists, processes=processes)


@pytest.fixture(scope="module")
def rootless_docker() -> Iterator[other_engines.Engine]:
    with other_engines.engine(other_engines.ROOTLESS_DOCKER, SERVER.image) as engine:
        yield engine


@pytest.fixture(scope="module")
def podman() -> Iterator[other_engines.Engine]:
    with other_engines.engine(other_engines.PODMAN, SERVER.image) as engine:
        yield engine


@pytest.fixture
def on_rootless_docker(rootless_docker: other_engines.Engine, monkeypatch: pytest.MonkeyPatch) -> Row:
    """The engine of a user without rights."""
    monkeypatch.setenv("DOCKER_HOST", rootless_docker.host)
    return Row(sandbox=Container(), still_there=docker_knows, processes=listed_inside)


@pytest.fixture
def on_podman(podman: other_engines.Engine, monkeypatch: pytest.MonkeyPatch) -> Row:
    """An engine that speaks as Docker does, nearly."""
    monkeypatch.setenv("DOCKER_HOST", podman.host)
    return Row(sandbox=Container(), still_there=docker_knows, processes=listed_inside)


@pytest.fixture(params=SANDBOXES)
def row(request: pytest.FixtureRequest) -> Row:
    return row_of(request)


def row_of(request: pytest.FixtureRequest) -> Row:
    found = request.param
    return ready(request.getfixturevalue(found) if isinstance(found, str) else found)


@pytest.fixture(params=[*SANDBOXES, pytest.param(None, id="fake")])
def row_or_fake(request: pytest.FixtureRequest) -> Row:
    """Every sandbox, and the fake one, which runs no commands."""
    if request.param is not None:
        return row_of(request)
    fake = FakeSandbox()

    def lives(removal: Removal) -> bool:
        return any(machine.label == removal.name and not machine.destroyed for machine in fake.lent)

    return Row(sandbox=fake, still_there=lives, processes=lambda _machine: "")


@pytest.fixture
def need() -> Need:
    return Need(
        lab_id=f"contract-{os.getpid()}",
        drill_id=f"drill-{os.getpid()}",
        restore_id="main",
        server=SERVER,
        backup_bytes=MIB,
        memory_bytes=256 * MIB,
        expires_at=datetime.now(UTC) + timedelta(minutes=10),
    )


@pytest.fixture
def machine(row: Row, need: Need) -> Iterator[Machine]:
    with row.sandbox.machine(need) as live:
        yield live

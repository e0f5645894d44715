"""The sandboxes under test, each a row of `SANDBOXES`, and what looks at their machines without their help."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import pytest
from needs import absent

from restore_lab import process
from restore_lab.errors import MachineFailed
from restore_lab.evidence import Removal
from restore_lab.sandboxes.base import Machine, Need, Sandbox, Server
from restore_lab.sandboxes.container.driver import Container
from restore_lab.sandboxes.local.driver import Local
from restore_lab.sandboxes.local.seal import Mechanism

MIB = 1024 * 1024
SERVER = Server(
    engine="postgresql",
    series="15",
    own_series=True,
    image="restore-lab/postgresql:15",
    folders=(),
    programs=("sh",),
)


def docker_knows(removal: Removal) -> bool:
    """Ask the docker command, not our driver, whether something is there."""
    asked = ("docker", removal.kind, "inspect", removal.name)
    return process.run(asked, timeout_seconds=30, environment=dict(os.environ)).exit_code == 0


def listed_inside(machine: Machine) -> str:
    """Command lines of all processes, as the machine sees them."""
    return sh(machine, "for each in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$each; echo; done 2>/dev/null")[1].decode()


def listed_on_host(machine: Machine) -> str:
    """Command lines of all processes of the machine's user: each local command sees only itself."""
    uid = int(sh(machine, "id -u")[1])
    seen = []
    for process_folder in Path("/proc").glob("[0-9]*"):
        try:
            if process_folder.stat().st_uid == uid:
                seen.append((process_folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return "\n".join(seen)


def folder_exists(removal: Removal) -> bool:
    return any((parent / removal.name).exists() for parent in (Path("/dev/shm"), Path("/var/tmp")))  # noqa: S108


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalByNamespaces(Local):
    """The local sandbox on a host that has no bubblewrap."""

    def lacks(self, server: Server) -> str | None:
        return super(LocalByNamespaces, self).lacks(server) or namespaces_lack()

    def _mechanism_or_fail(self) -> Mechanism:
        return Mechanism.NAMESPACES


@lru_cache(maxsize=1)
def namespaces_lack() -> str | None:
    """Find by trying whether namespaces hold a process here."""
    trial = Need(
        lab_id=f"contract-{os.getpid()}",
        drill_id=f"trial-{os.getpid()}",
        restore_id="main",
        server=SERVER,
        backup_bytes=1,
        memory_bytes=2**28,
        expires_at=datetime.now(UTC) + timedelta(minutes=1),
    )
    try:
        with LocalByNamespaces().machine(trial):
            return None
    except MachineFailed as error:
        return f"namespaces do not hold a process here: {error.message}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A sandbox under test: `still_there` and `processes` look at the machine without its help, where they can."""

    sandbox: Sandbox
    still_there: Callable[[Removal], bool]
    processes: Callable[[Machine], str]


SANDBOXES = [
    pytest.param(
        Row(sandbox=Container(), still_there=docker_knows, processes=listed_inside),
        id="container",
        marks=pytest.mark.docker,
    ),
    pytest.param(Row(sandbox=Local(), still_there=folder_exists, processes=listed_on_host), id="local"),
    pytest.param(
        Row(sandbox=LocalByNamespaces(), still_there=folder_exists, processes=listed_on_host),
        id="local by namespaces",
    ),
    pytest.param("on_a_node", id="raspberry-pi", marks=pytest.mark.docker),
    pytest.param("on_rootless_docker", id="rootless Docker", marks=pytest.mark.docker),
    pytest.param("on_podman", id="Podman", marks=pytest.mark.docker),
]


def ready(found: Row) -> Row:
    if lacking := found.sandbox.lacks(SERVER):
        absent(lacking)
    return found


def sh(machine: Machine, script: str, *arguments: str, timeout_seconds: float = 60) -> tuple[int, bytes]:
    done = machine.run(("sh", "-c", script, "test", *arguments), timeout_seconds=timeout_seconds)
    return done.exit_code, done.stdout

"""What a container is given and what it is denied, decided before the engine is asked. Pure but for /proc/meminfo."""

from __future__ import annotations

import json
import math
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from restore_lab import process
from restore_lab.sandboxes.base import Need

SCRATCH = "/machine"
USER_ID = 10001
DRILL_LABEL = "restore-lab.drill"
RESTORE_LABEL = "restore-lab.restore"
EXPIRES_LABEL = "restore-lab.expires-at"
LAB_LABEL = "restore-lab.lab"
CREATED_LABEL = "restore-lab.created-at"
#: The process whose drill it is: its number, and when it started.
PROCESS_LABEL = "restore-lab.process"
#: On an image of ours: the digest of its list of packages, as `image sbom` writes it.
SBOM_LABEL = "restore-lab.sbom-sha256"
#: On an image of ours: the digest of its layers. An image made on top inherits the labels, and has other layers.
LAYERS_LABEL = "restore-lab.layers-sha256"
#: Limits by name, as they were asked of the engine: one that cannot hold them forgets them.
LIMITS_LABEL = "restore-lab.limits"
#: What `network_mode` begins with where a container has the network of another one, which is then a loopback alone.
JOINED = "container:"
#: How the machine ends itself when the copy on its volume outgrows the limit.
DISK_FULL_EXIT = 75

#: Engines that are spoken to alike and differ in a few words.
Dialect = Literal["docker", "podman"]
#: What holds a machine; of one beside another, that they share a loopback.
MECHANISMS: Final[Mapping[Dialect, tuple[str, str]]] = {
    "docker": ("docker", "docker, one loopback"),
    "podman": ("podman", "podman, one loopback"),
}

_MIB = 1024 * 1024
_GIB = 1024 * _MIB
#: What a server writes beside the data: an empty cluster, its log of changes, sort files.
_ROOM_BYTES = _GIB
_TMP_BYTES = 256 * _MIB
_SHM_BYTES = 256 * _MIB
_PROCESSES = 512
_OPEN_FILES = 16_384
_TMPFS: Final = "rw,noexec,nosuid,nodev"
#: How an engine is told that a tmpfs belongs to the machine's user; Podman takes no numbers.
_OWNED: Final[Mapping[Dialect, str]] = {"docker": f"uid={USER_ID},gid={USER_ID}", "podman": "U"}
#: Podman makes these writable where the root is not, as large as it likes.
_WRITABLE_BY_PODMAN: Final = ("/run", "/var/tmp")  # noqa: S108 - inside the container
#: Looks every second and dies of a copy that outgrew its limit; the kernel has no limit for a volume.
_WATCH = (
    'end=$(( $(date +%s) + $1 )); while [ "$(date +%s)" -lt "$end" ]; do '
    f'[ "$(du -sk {SCRATCH} 2>/dev/null | cut -f1)" -le "$2" ] || exit {DISK_FULL_EXIT}; sleep 1; done'
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """One container to be: its name, what it is labelled with, where the copy lies and how large it may grow.

    `beside` is the ID of the container whose network it shares; without one it has none. `command` is what it runs
    instead of waiting for its expiry.
    """

    name: str
    image: str
    labels: Mapping[str, str]
    storage: Literal["tmpfs", "volume"]
    disk_bytes: int
    memory_bytes: int
    nano_cpus: int
    created_at: datetime
    seconds: int
    timezone: str
    dialect: Dialect
    beside: str = ""
    command: tuple[str, ...] = ()

    @property
    def volume(self) -> str:
        """The name of its volume, when it has one."""
        return f"{self.name}-data"

    @property
    def drill_label(self) -> str:
        """What the handle carries, to tell this machine from another that took its place."""
        return self.labels[DRILL_LABEL]

    def options(self) -> dict[str, Any]:
        """Give the keyword arguments of the docker SDK's ``containers.create``, but for the mount."""
        return {
            "name": self.name,
            "image": self.image,
            "command": self._command(),
            "entrypoint": [],
            "environment": {"TZ": self.timezone},
            "labels": {**self.labels, LIMITS_LABEL: json.dumps(self._limits())},
            "hostname": None if self.beside else "machine",
            "user": f"{USER_ID}:{USER_ID}",
            "init": True,
            "network_mode": f"{JOINED}{self.beside}" if self.beside else "none",
            "ipc_mode": "private",
            "read_only": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "log_config": {"Type": "none", "Config": {}},
            "healthcheck": {"Test": ["NONE"]},
            "mem_limit": self.memory_bytes,
            "memswap_limit": self.memory_bytes,
            "nano_cpus": self.nano_cpus,
            "pids_limit": _PROCESSES,
            "shm_size": _SHM_BYTES,
            "tmpfs": self._tmpfs(),
        }

    def ulimits(self) -> tuple[tuple[str, int], ...]:
        """Limits of one process. A core of one byte is none at all, even where the host pipes cores to a collector.

        Source: core(5) and `do_coredump` of Linux: a piped core is only given up at RLIMIT_CORE 1.
        """
        return (("core", 1), ("nofile", _OPEN_FILES))

    def _limits(self) -> dict[str, int]:
        memory = {"memory_bytes": self.memory_bytes, "memory_and_swap_bytes": self.memory_bytes}
        return {**memory, "nano_cpus": self.nano_cpus, "processes": _PROCESSES}

    def _command(self) -> list[str]:
        if self.command:
            return list(self.command)
        if self.storage == "tmpfs":
            return ["sleep", str(self.seconds)]
        return ["/bin/sh", "-c", _WATCH, "watch", str(self.seconds), str(self.disk_bytes // 1024)]

    def _tmpfs(self) -> dict[str, str]:
        mounts = {"/tmp": f"{_TMPFS},mode=1777,size={_TMP_BYTES}"}  # noqa: S108 - inside the container
        if self.dialect == "podman":
            mounts |= dict.fromkeys(_WRITABLE_BY_PODMAN, f"{_TMPFS},mode=0755,size={_MIB}")
        if self.storage == "tmpfs":
            mounts[SCRATCH] = f"{_TMPFS},{_OWNED[self.dialect]},mode=0700,size={self.disk_bytes}"
        return mounts


def plan(  # noqa: PLR0913 - the readings a decision needs, all by name
    need: Need,
    *,
    image: str,
    memory_bytes: int,
    nano_cpus: int,
    disk_bytes: int | None,
    free_bytes: int,
    dialect: Dialect,
    beside: str = "",
) -> Plan:
    """Decide a container. `memory_bytes` is for the server: what lies in memory-backed folders comes on top.

    The copy lies in memory when three times the backup fits in half of `free_bytes`, and all of it in the whole.
    """
    disk = disk_bytes or 3 * need.backup_bytes + _ROOM_BYTES
    memory = memory_bytes + _TMP_BYTES + _SHM_BYTES
    in_memory = 3 * need.backup_bytes <= free_bytes // 2 and memory + disk <= free_bytes
    now = datetime.now(UTC)
    return Plan(
        name=name_of(need.drill_id, need.restore_id),
        image=image,
        labels={
            **labels_of(need.lab_id, need.drill_id, created_at=now, expires_at=need.expires_at),
            RESTORE_LABEL: need.restore_id,
        },
        storage="tmpfs" if in_memory else "volume",
        disk_bytes=disk,
        memory_bytes=memory + disk if in_memory else memory,
        nano_cpus=nano_cpus,
        created_at=now,
        seconds=max(1, math.ceil((need.expires_at - now).total_seconds())),
        timezone=need.timezone,
        dialect=dialect,
        beside=beside,
    )


def name_of(*parts: str) -> str:
    """Give a container a name that says whose it is, and that no other has."""
    return "restore-lab-" + re.sub(r"[^A-Za-z0-9_.-]", "-", "-".join((*parts, secrets.token_hex(4))))


def labels_of(lab_id: str, drill_id: str, *, created_at: datetime, expires_at: datetime) -> dict[str, str]:
    """Give the labels by which whatever a drill creates is found again, and known for dead."""
    pid = process.own_pid()
    return {
        LAB_LABEL: lab_id,
        DRILL_LABEL: drill_id,
        EXPIRES_LABEL: expires_at.isoformat(),
        CREATED_LABEL: created_at.isoformat(),
        PROCESS_LABEL: f"{pid} {process.started(pid)}",
    }


def free_memory_bytes() -> int:
    """How much memory this host has to give. Source: proc(5), MemAvailable."""
    for line in Path("/proc/meminfo").read_text("ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def left_behind(labels: Mapping[str, str], *, now: datetime) -> bool:
    """Tell whether what carries these labels has outlived its drill; what says nothing readable has not."""
    pid, _, started = labels.get(PROCESS_LABEL, "").partition(" ")
    if pid.isdecimal() and process.started(int(pid)) != started:
        return True
    try:
        return datetime.fromisoformat(labels[EXPIRES_LABEL]) <= now
    except (KeyError, ValueError, TypeError):
        return False


def created_at(labels: Mapping[str, str], *, otherwise: datetime) -> datetime:
    """When what carries these labels was made."""
    try:
        return datetime.fromisoformat(labels[CREATED_LABEL])
    except (KeyError, ValueError):
        return otherwise

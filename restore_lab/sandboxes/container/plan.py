"""What a container is given and what it is denied, decided before the engine is asked. Pure but for /proc/meminfo."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from restore_lab import process
from restore_lab.evidence import Limit
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
#: What `network_mode` begins with where a container has the network of another one, which is then a loopback alone.
JOINED = "container:"
#: How the machine ends itself when the copy on its volume outgrows the limit.
DISK_FULL_EXIT = 75

_MIB = 1024 * 1024
_GIB = 1024 * _MIB
#: What a server writes beside the data: an empty cluster, its log of changes, sort files.
_ROOM_BYTES = _GIB
_TMP_BYTES = 256 * _MIB
_SHM_BYTES = 256 * _MIB
_PROCESSES = 512
_OPEN_FILES = 16_384
#: Looks every second and dies of a copy that outgrew its limit; the kernel has no limit for a volume.
_WATCH = (
    'end=$(( $(date +%s) + $1 )); while [ "$(date +%s)" -lt "$end" ]; do '
    f'[ "$(du -sk {SCRATCH} 2>/dev/null | cut -f1)" -le "$2" ] || exit {DISK_FULL_EXIT}; sleep 1; done'
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """One container to be: its name, what it is labelled with, where the copy lies and how large it may grow.

    `beside` is the ID of the container whose network it shares; without one it has none.
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
    beside: str = ""

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
            "labels": dict(self.labels),
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

    def _command(self) -> list[str]:
        if self.storage == "tmpfs":
            return ["sleep", str(self.seconds)]
        return ["/bin/sh", "-c", _WATCH, "watch", str(self.seconds), str(self.disk_bytes // 1024)]

    def _tmpfs(self) -> dict[str, str]:
        owned = f"rw,noexec,nosuid,nodev,uid={USER_ID},gid={USER_ID},mode=0700"
        mounts = {"/tmp": f"rw,noexec,nosuid,nodev,mode=1777,size={_TMP_BYTES}"}  # noqa: S108 - inside the container
        if self.storage == "tmpfs":
            mounts[SCRATCH] = f"{owned},size={self.disk_bytes}"
        return mounts


def plan(  # noqa: PLR0913 - the readings a decision needs, all by name
    need: Need,
    *,
    image: str,
    memory_bytes: int,
    nano_cpus: int,
    disk_bytes: int | None,
    free_bytes: int,
    beside: str = "",
) -> Plan:
    """Decide a container. `memory_bytes` is for the server: what lies in memory-backed folders comes on top.

    The copy lies in memory when three times the backup fits in half of `free_bytes`, and all of it in the whole.
    """
    disk = disk_bytes or 3 * need.backup_bytes + _ROOM_BYTES
    memory = memory_bytes + _TMP_BYTES + _SHM_BYTES
    in_memory = 3 * need.backup_bytes <= free_bytes // 2 and memory + disk <= free_bytes
    now = datetime.now(UTC)
    parts = (need.drill_id, need.restore_id, secrets.token_hex(4))
    return Plan(
        name="restore-lab-" + re.sub(r"[^A-Za-z0-9_.-]", "-", "-".join(parts)),
        image=image,
        labels={
            LAB_LABEL: need.lab_id,
            DRILL_LABEL: need.drill_id,
            RESTORE_LABEL: need.restore_id,
            EXPIRES_LABEL: need.expires_at.isoformat(),
            CREATED_LABEL: now.isoformat(),
            PROCESS_LABEL: _own_process(),
        },
        storage="tmpfs" if in_memory else "volume",
        disk_bytes=disk,
        memory_bytes=memory + disk if in_memory else memory,
        nano_cpus=nano_cpus,
        created_at=now,
        seconds=max(1, math.ceil((need.expires_at - now).total_seconds())),
        timezone=need.timezone,
        beside=beside,
    )


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


def _own_process() -> str:
    pid = process.own_pid()
    return f"{pid} {process.started(pid)}"


def created_at(labels: Mapping[str, str], *, otherwise: datetime) -> datetime:
    """When what carries these labels was made."""
    try:
        return datetime.fromisoformat(labels[CREATED_LABEL])
    except (KeyError, ValueError):
        return otherwise


def limits(seen: Mapping[str, Any], engine_info: Mapping[str, Any]) -> tuple[Limit, ...]:
    """Read back which limits the engine set, and whether its kernel can enforce them (`docker info` tells)."""
    table = (
        ("memory_bytes", "Memory", "MemoryLimit"),
        ("memory_and_swap_bytes", "MemorySwap", "SwapLimit"),
        ("nano_cpus", "NanoCpus", "CpuCfsQuota"),
        ("processes", "PidsLimit", "PidsLimit"),
    )
    host = seen["HostConfig"]
    able = {key for _, key, flag in table if engine_info.get(flag)}
    kernel = [
        Limit(name=name, value=host[key], how="enforced" if key in able else "watched")
        for name, key, _ in table
        if (host.get(key) or 0) > 0
    ]
    return (*kernel, *_own_limits(seen))


def _own_limits(seen: Mapping[str, Any]) -> tuple[Limit, ...]:
    """Read the disk and time limits out of what the container was given to run."""
    command = seen["Config"]["Cmd"]
    tmpfs = re.search(r"size=(\d+)", (seen["HostConfig"].get("Tmpfs") or {}).get(SCRATCH, ""))
    if tmpfs:
        disk = Limit(name="disk_bytes", value=int(tmpfs[1]), how="enforced")
        return (disk, Limit(name="seconds", value=int(command[-1]), how="watched"))
    disk = Limit(name="disk_bytes", value=int(command[-1]) * 1024, how="watched")
    return (disk, Limit(name="seconds", value=int(command[-2]), how="watched"))

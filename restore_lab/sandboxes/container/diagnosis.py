"""Why a container, or a command in it, came to its end: what the engine and the kernel say, as our errors. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from restore_lab.errors import MachineDiskFull, MachineFailed, MachineOutOfMemory
from restore_lab.sandboxes.container import plan as plans

#: Asked inside the machine, of whichever control group version it has.
KILLS_QUESTION = (
    *("/bin/sh", "-c"),
    "cat /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control 2>/dev/null; :",
)


def fail_if_ended(seen: Mapping[str, Any]) -> None:
    """Say why a container that was inspected does not run any more.

    Raises:
        MachineDiskFull, MachineOutOfMemory, MachineFailed: it has ended.
    """
    state = seen["State"]
    if state["Running"]:
        return
    if state["OOMKilled"]:
        raise out_of_memory(seen)
    if state["ExitCode"] == plans.DISK_FULL_EXIT:
        raise MachineDiskFull(
            "the restored copy outgrew the disk limit of its machine",
            hint="give the machine more: disk_bytes of the container",
        )
    raise MachineFailed(
        f"the machine ended before its work was done (exit {state['ExitCode']})",
        hint="it reached its expiry, or something on this host stopped it",
    )


def out_of_memory(seen: Mapping[str, Any]) -> MachineOutOfMemory:
    """Make the error of a machine in which the kernel killed a process for lack of memory."""
    limit = seen["HostConfig"]["Memory"] // (1024 * 1024)
    if not limit:
        return MachineOutOfMemory(
            "the machine ran out of memory: the kernel killed a process, at no limit of its own",
            hint="this host has too little memory, or an engine that enforces no limits",
        )
    return MachineOutOfMemory(
        f"the machine ran out of memory: the kernel killed a process at its limit of {limit} MiB",
        hint="give the machine more: memory_bytes of the container",
    )


def absent(program: str) -> MachineFailed:
    """Make the error of a program the machine does not have."""
    return MachineFailed(f"the program {program} is not in the machine", hint="is this the image of the right server?")


def kills(counters: bytes) -> int:
    """Read how many processes the kernel killed for lack of memory.

    The engine only says so once the container has ended. Source: cgroup v2 `memory.events`, v1 `memory.oom_control`.
    """
    lines = (line.split() for line in counters.decode("ascii", "replace").splitlines())
    return sum(int(words[1]) for words in lines if len(words) == 2 and words[0] == "oom_kill" and words[1].isdigit())

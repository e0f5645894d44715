"""Which limits of a container hold: what was asked of the engine, against what the kernel says inside. Pure.

An engine without the right to set limits (rootless, on control groups of version 1) takes them, and drops them.
Sources: cgroup-v1 `memory.txt`, `pids.txt`, `sched-bwc.txt` and `cgroup-v2.rst` of the kernel's documentation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from restore_lab.evidence import Limit
from restore_lab.sandboxes.container import plan as plans

#: Prints `name=value` for each limit of the control group this machine is in, of whichever version; none where it is
#: none. What is unlimited is no number, or one beyond all that is asked for.
QUESTION: Final = r"""
own=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
say() {
  name=$1; shift
  for file; do [ -r "$file" ] && { echo "$name=$(cut -d ' ' -f "${field:-1}" "$file")"; return; }; done
}
cd /sys/fs/cgroup 2>/dev/null && {
  say memory memory/memory.limit_in_bytes memory.max "$own/memory.max"
  say memory_and_swap memory/memory.memsw.limit_in_bytes
  say swap memory.swap.max "$own/memory.swap.max"
  say pids pids/pids.max pids.max "$own/pids.max"
  say quota cpu/cpu.cfs_quota_us cpu.max "$own/cpu.max"
  field=2; say period cpu.max "$own/cpu.max"
  field=1; say period cpu/cpu.cfs_period_us
}
sed -n 's/^SwapTotal: *\([0-9]*\) kB$/host_swap=\1/p' /proc/meminfo
sed -n 's/^oom_kill \([0-9]*\)$/kills=\1/p' memory/memory.oom_control memory.events 2>/dev/null
echo "disk=$(($(stat -f -c '%S * %b' SCRATCH)))"
""".replace("SCRATCH", plans.SCRATCH)
_NANO: Final = 1_000_000_000
#: The size of a tmpfs is rounded up to whole pages, of which these are the largest.
_PAGE_BYTES: Final = 64 * 1024
_How = Literal["enforced", "not enforced"]


def asked(labels: Mapping[str, str]) -> Mapping[str, int]:
    """Give the limits a machine was to have: an engine that cannot hold one forgets it."""
    return dict(json.loads(labels.get(plans.LIMITS_LABEL, "{}")))


def limits(seen: Mapping[str, Any], readings: Mapping[str, int], *, bites: bool | None) -> tuple[Limit, ...]:
    """Grade each limit of a container that was inspected, by the answers to `QUESTION`.

    `bites` is whether the engine's limits on memory were seen to hold when passed; None when that was not tried: the
    kernel's word is then all there is.
    """
    held = {
        "memory_bytes": readings.get("memory"),
        "memory_and_swap_bytes": _memory_and_swap(readings),
        "nano_cpus": _nano_cpus(readings),
        "processes": readings.get("pids"),
    }
    holds = bites is not False
    wanted = asked(seen["Config"]["Labels"] or {})
    kernel = (
        Limit(name=name, value=wanted[name], how=_how(value, wanted[name], bites=holds or "memory" not in name))
        for name, value in held.items()
        if name in wanted
    )
    return (*kernel, *_own_limits(seen, readings))


def _how(value: int | None, wanted: int, *, bites: bool) -> _How:
    return "enforced" if bites and value is not None and 0 < value <= wanted else "not enforced"


def _memory_and_swap(readings: Mapping[str, int]) -> int | None:
    """Read what memory and swap come to: version 1 limits their sum, version 2 each."""
    if "memory_and_swap" in readings or "memory" not in readings:
        return readings.get("memory_and_swap")
    if "swap" in readings:
        return readings["memory"] + readings["swap"]
    return readings["memory"] if readings.get("host_swap") == 0 else None


def _nano_cpus(readings: Mapping[str, int]) -> int | None:
    if "quota" in readings and readings.get("period"):
        return readings["quota"] * _NANO // readings["period"]
    return None


def _own_limits(seen: Mapping[str, Any], readings: Mapping[str, int]) -> tuple[Limit, ...]:
    """Read the disk and time limits out of what the container was given to run."""
    command = seen["Config"]["Cmd"]
    tmpfs = re.search(r"size=(\d+)", (seen["HostConfig"].get("Tmpfs") or {}).get(plans.SCRATCH, ""))
    if tmpfs:
        size = int(tmpfs[1])
        disk = Limit(name="disk_bytes", value=size, how=_how(readings.get("disk"), size + _PAGE_BYTES, bites=True))
        return (disk, Limit(name="seconds", value=int(command[-1]), how="watched"))
    disk = Limit(name="disk_bytes", value=int(command[-1]) * 1024, how="watched")
    return (disk, Limit(name="seconds", value=int(command[-2]), how="watched"))

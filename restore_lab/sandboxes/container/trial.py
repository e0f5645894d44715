"""Shows that an engine's limits on memory hold: a small container takes more than it may, and must be killed for it.

Not the machine itself: its limit may be of gigabytes, which an engine that holds nothing would take from this host; and
an engine remembers of a container for ever that memory ran out in it.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from restore_lab.errors import MachineFailed
from restore_lab.sandboxes.container import docker_engine as engine
from restore_lab.sandboxes.container import plan as plans
from restore_lab.sandboxes.container.removing import removed

_MIB: Final = 1024 * 1024
_LIMIT_BYTES: Final = 48 * _MIB
_TAKEN_BYTES: Final = 2 * _LIMIT_BYTES
_SECONDS: Final = 30
#: As a shell says that SIGKILL ended a command; nothing else kills it.
_KILLED: Final = 128 + 9


@lru_cache(maxsize=8)
def memory_limit_bites(engine_socket: str, image: str, *, lab_id: str, drill_id: str) -> bool | None:
    """Try it once a drill, with an image that is there; None when the trial did not come to either end.

    Raises:
        MachineFailed: the engine did not make it, or does not show it to be gone.
    """
    now = datetime.now(UTC)
    plan = plans.Plan(
        name=plans.name_of(drill_id, "trial"),
        image=image,
        labels=plans.labels_of(lab_id, drill_id, created_at=now, expires_at=now + timedelta(seconds=_SECONDS)),
        storage="tmpfs",
        disk_bytes=_MIB,
        memory_bytes=_LIMIT_BYTES,
        nano_cpus=1_000_000_000,
        created_at=now,
        seconds=_SECONDS,
        timezone="UTC",
        dialect=engine.dialect(),
        command=("dd", "if=/dev/zero", "of=/dev/null", f"bs={_TAKEN_BYTES}", "count=1"),
    )
    is_made = False
    try:
        engine.create_container(plan)
        is_made = True
        code = _exit_code(plan.name)
    finally:
        left = removed("container", plan.name, created_at=now, confirmed=is_made)
    if not left.gone:
        raise MachineFailed(
            f"the trial {plan.name} is not shown to be gone",
            hint=f"ask the engine at {engine_socket}",
        )
    return {0: False, _KILLED: True}.get(code)


def _exit_code(name: str) -> int:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        seen = engine.look_up("container", name)
        if seen is None:
            break
        if not seen["State"]["Running"]:
            return int(seen["State"]["ExitCode"])
        time.sleep(0.02)
    return -1

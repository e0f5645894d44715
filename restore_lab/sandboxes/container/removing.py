"""Removes what was made on the engine, and looks it up until it is gone."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime

from restore_lab.errors import MachineFailed
from restore_lab.evidence import Removal
from restore_lab.sandboxes.container import docker_engine as engine

#: How long an engine may go on removing what it was asked to, or making what nobody waits for any more.
_SETTLE_SECONDS = 10.0
_CREATION_SECONDS = 1.0


def removed(kind: engine.Kind, name: str, *, created_at: datetime, confirmed: bool = True) -> Removal:
    """Remove one thing and look it up until it is gone; never raises on the engine's account.

    `confirmed` is false when its creation was not seen to end: the engine may then still be at it.
    """
    began = time.monotonic()
    least = 0.0 if confirmed else _CREATION_SECONDS
    while True:
        gone = _gone(kind, name)
        waited = time.monotonic() - began
        if waited >= (least if gone else _SETTLE_SECONDS):
            break
        time.sleep(0.1)
    at = datetime.now(UTC) if gone else None
    return Removal(kind=kind, name=name, created_at=created_at, removed_at=at, gone=gone)


def _gone(kind: engine.Kind, name: str) -> bool:
    with suppress(MachineFailed):  # being removed already, or still in use: the look decides
        engine.remove(kind, name)
    try:
        return engine.look_up(kind, name) is None
    except MachineFailed:
        return False

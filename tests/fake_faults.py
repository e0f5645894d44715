"""Faults of the fakes: what is raised, and at which named point."""

from __future__ import annotations

import signal

#: What is raised at a named point, or nothing.
Faults = dict[str, BaseException]


def interrupt() -> KeyboardInterrupt:
    """What Ctrl-C raises."""
    return KeyboardInterrupt()


def raise_at(faults: Faults, where: str) -> None:
    fault = faults.get(where)
    if isinstance(fault, KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    if fault is not None:
        raise fault

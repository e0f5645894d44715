"""Restored copies kept for a while after their drill is closed (`run --hold`): the only way to look at one.

The command that holds them stays in the foreground and lets go at its end; if it dies, `sweep` finds them.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic

from restore_lab.evidence import Removal
from restore_lab.sandboxes.base import Machine, Server

#: Longer than this a copy has no business being there; a machine expires at twelve hours.
LONGEST = timedelta(hours=8)


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A machine that is kept, and the server on it."""

    machine: Machine
    server: Server


@dataclass(kw_only=True, slots=True)
class Holding:
    """Keeps machines for `length` once they were questioned; `until` is when the last of them goes."""

    length: timedelta
    held: list[Held] = field(default_factory=list)
    until: datetime | None = None
    _over_at: float = 0.0
    _stack: ExitStack = field(default_factory=ExitStack)

    def keep(self, lent: AbstractContextManager[Machine], server: Server) -> Machine:
        """Take a machine over from the restore that uses it.

        Raises:
            MachineFailed: it could not be made.
        """
        machine = self._stack.enter_context(lent)
        self.held.append(Held(machine=machine, server=server))
        return machine

    def begin(self) -> datetime:
        """Start the time anew: the restore is done with its machine."""
        self.until = datetime.now(UTC) + self.length
        self._over_at = monotonic() + self.length.total_seconds()
        return self.until

    @property
    def left_seconds(self) -> float:
        """How long it lasts still; a wall clock that is put back makes it no longer."""
        return max(0.0, self._over_at - monotonic())

    def let_go(self) -> tuple[Removal, ...]:
        """Destroy every machine, and tell what was looked up afterwards."""
        self._stack.close()
        return tuple(removal for one in self.held for removal in one.machine.removals())

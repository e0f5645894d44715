"""What a disposable machine promises: nothing by default, and gone afterwards."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from restore_lab.evidence import Conditions, Removal
from restore_lab.process import KEPT_OUTPUT_BYTES, Completed

__all__ = ["KEPT_OUTPUT_BYTES", "Completed", "Handle", "Hosting", "Machine", "Need", "Sandbox", "Server", "lent"]


def _unheard(_left: tuple[Removal, ...]) -> None:
    """Nobody asks what a machine that could not be lent left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """One way to get a database server: `series` is the major one, `own_series` whether it is the dump's own.

    `image` is the tag a container runs. For `local`: `programs` must all be found in `folders` (first match wins) or in
    the system's own; `needs` are further host folders outside /usr that they cannot run without.
    """

    engine: str
    series: str
    own_series: bool
    image: str
    folders: tuple[str, ...]
    programs: tuple[str, ...]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """What a restore asks of a machine; sizes in bytes, `expires_at` is when a sweep may take it for dead.

    Its servers live in `timezone`, as those of the practice do (IANA time zone database). `hear_left` hears what is not
    shown to be gone of a machine that could not be lent: there is none whose `removals()` could be asked.
    """

    lab_id: str
    drill_id: str
    restore_id: str
    server: Server
    backup_bytes: int
    memory_bytes: int
    expires_at: datetime
    timezone: str = "UTC"
    hear_left: Callable[[tuple[Removal, ...]], None] = _unheard


@dataclass(frozen=True, kw_only=True, slots=True)
class Handle:
    """Enough to find a machine again from another process."""

    kind: str
    machine_id: str
    label: str


class Machine(Protocol):
    """One live machine. Every command runs inside it, under its limits, without a network."""

    @property
    def handle(self) -> Handle:
        """What another process needs to find this machine again."""
        ...

    @property
    def conditions(self) -> Conditions:
        """What holds this machine, proved from inside when it started."""
        ...

    @property
    def scratch(self) -> str:
        """Absolute path, inside the machine, of the writable folder that holds the data; gone with the machine."""
        ...

    def run(  # noqa: PLR0913 - the three streams of a command, each by its name
        self,
        argv: Sequence[str],
        *,
        timeout_seconds: float,
        stdin: Iterable[bytes] | None = None,
        stdout: Callable[[bytes], object] | None = None,
        stderr: Callable[[bytes], object] | None = None,
        environment: dict[str, str] | None = None,
    ) -> Completed:
        """Run one command to its end, feeding and draining all three streams together.

        `stdin` is at hand when it is a list or a tuple, and may be sent as a whole; anything else streams.
        When `stdout` is given, output goes there piece by piece and `Completed.stdout` stays empty; so with `stderr`. A
        command that ends before its stdin does is not an error: `fed_bytes` tells, and the rest of `stdin` is unread.
        Whoever gives the next piece of `stdin` may run another command first.

        Raises:
            MachineFailed: the command could not be started, or the machine died.
            TimeoutError: the limit passed; the command is dead.
        """
        ...

    def start(self, argv: Sequence[str], *, environment: dict[str, str] | None = None) -> None:
        """Start a server that lives until the machine is destroyed; its output is kept inside the machine.

        Raises:
            MachineFailed: the command could not be started.
        """
        ...

    def removals(self) -> tuple[Removal, ...]:
        """Everything created for this machine; after its end, looked up again."""
        ...


class Sandbox(Protocol):
    """A way to get disposable machines; the frozen settings of it are the driver."""

    def lacks(self, server: Server) -> str | None:
        """Say in one line why this host cannot run `server`, or None when it can. Touches nothing."""
        ...

    def machine(self, need: Need) -> AbstractContextManager[Machine]:
        """Lend a machine for as long as the block lasts.

        On every way out the machine is destroyed and looked up; `removals()` of the machine then tells, and of one that
        could not be lent `hear_left` of the need is told (`lent` does both). Clean-up is registered before anything is
        created, and never hides the first error.

        Raises:
            MachineFailed: no machine could be had.
        """
        ...

    def attach(self, handle: Handle) -> Machine:
        """Find a live machine again from its handle; the caller must not destroy it.

        Raises:
            MachineFailed: it is not there any more.
        """
        ...

    def sweep(self, *, now: datetime, lab_id: str, ended: Collection[str]) -> Iterator[Removal]:
        """Destroy what dead drills of this lab left behind; give each thing as it is removed.

        `ended` names drills of this lab whose process is gone: what a power cut took the label of is told by its name.
        What lives, or may be another lab's, is not touched.

        Raises:
            MachineFailed: not everything could be looked at, or told whose it is; what could be was removed before.
        """
        ...


@runtime_checkable
class Hosting(Protocol):
    """A sandbox that can also lend the machine of an application, beside that of the restored database.

    The two share a loopback and nothing else: neither has a way out, and nothing listens on the host.
    """

    def beside(self, machine: Machine, need: Need) -> AbstractContextManager[Machine]:
        """Lend a machine, under the rules of `Sandbox.machine`, that runs the image of `need.server`.

        Raises:
            MachineFailed: no machine could be had, or its image is not on this host.
        """
        ...

    def command(self, image: str) -> tuple[str, ...]:
        """Give what an application's image starts by itself.

        Raises:
            MachineFailed: it starts nothing.
        """
        ...

    def relay(self, machine: Machine, socket: str, port: int) -> None:
        """Let whoever shares the loopback reach a server's socket of this machine, at 127.0.0.1:`port`.

        Raises:
            MachineFailed: the port is taken, or nobody answers there.
        """
        ...

    def ways_out(self, machine: Machine) -> tuple[int, int]:
        """Try from inside to reach this host and addresses beyond; give how many tries, and how many may have got out.

        Raises:
            MachineFailed: the machine did not say.
        """
        ...


class Destroyable(Machine, Protocol):
    """A machine as its driver has it."""

    def destroy(self) -> None:
        """Remove all that was created, and look it up; what is left shows in `removals()`."""
        ...


@contextmanager
def lent(live: Destroyable, create: Callable[[], object], need: Need) -> Iterator[Machine]:
    """Create a machine, lend it for the block, and destroy it on every way out; see `Sandbox.machine`.

    Raises:
        MachineFailed: whatever `create` raises.
    """
    is_lent = False
    try:
        create()
        is_lent = True
        yield live
    finally:
        live.destroy()
        if not is_lent:
            need.hear_left(tuple(one for one in live.removals() if not one.gone))

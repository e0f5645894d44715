"""What strikes a drill: each is real, and is done to the command while it is held at its place, or as it goes on."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from faults.aftermath import fill, mounted, temporary_of, wait_until
from faults.engine_proxy import MortalEngine
from faults.false_clock import false_clock, put
from faults.scene import Scene, name_mail_server
from mail_server import free_port, misbehaving, silent

Strike = Callable[[Scene], None]

#: How long a lock is held that is let go: the command has waited so long for it.
_WAITED_SECONDS: Final = 2
#: A node that hears no more wipes the copy after 40 s at the latest.
_NODE_WIPES_SECONDS: Final = 60
#: How long each answer of the node takes then, so that the link is cut before the copy is gone.
_SLOW_SECONDS: Final = 0.5
#: The server has its socket: until then, what is killed may be a probe of initdb, which tries another.
_SERVES: Final = "find /machine /tmp /run -name '.s.PGSQL.*' 2>/dev/null | grep -q ."
_KILL_SERVER: Final = "pkill -KILL -x postgres"
#: Takes all memory there is. The kernel kills the server first, whose processes were marked for that: whoever may not
#: spare himself may offer others of his own.
_TAKE_MEMORY: Final = (
    "for one in $(pgrep -x postgres); do echo 1000 >/proc/$one/oom_score_adj; done; tail /dev/zero; ! pgrep -x postgres"
)
#: Ends well only when the disk takes no more.
_TAKE_DISK: Final = "! cat /dev/zero >/machine/filling"


def nothing(_here: Scene) -> None:
    """Nothing is made ready."""


def signalled(number: signal.Signals) -> Strike:
    """Send a signal to the command."""
    return lambda here: os.kill(here.pid, number)


def _on_the_machine(strike: Strike, *, ready: str) -> Strike:
    """Strike the held command's container; at `start`, as soon as one is there and a line of shell in it succeeds."""

    def struck(here: Scene) -> None:
        if here.stage != "start":
            strike(here)
            return

        def act() -> None:
            wait_until(here.containers)
            here.inside("--user=10001", f"until {ready}; do :; done")
            os.kill(here.pid, signal.SIGSTOP)  # it would take the container away under the strike
            strike(here)
            os.kill(here.pid, signal.SIGCONT)

        here.later(act)

    return struck


server_killed: Final = _on_the_machine(lambda here: here.inside("--user=10001", _KILL_SERVER), ready=_SERVES)
memory_taken: Final = _on_the_machine(lambda here: here.inside("--user=10001", _TAKE_MEMORY), ready=_SERVES)
disk_taken: Final = _on_the_machine(lambda here: here.inside("--user=10001", _TAKE_DISK), ready="test -d /machine")


def behind_an_engine(here: Scene) -> None:
    """Let the command ask an engine that can be stopped."""
    here.engine = MortalEngine(path=here.lab.parent / "docker.sock")
    here.ending.enter_context(here.engine.living())
    here.environment |= here.engine.environment


def engine_stopped(here: Scene) -> None:
    """Stop the engine; at `start`, as soon as it has started the container, and before it says so."""
    assert here.engine is not None
    if here.stage == "start":
        here.engine.loses = b"/start HTTP/"
    else:
        here.engine.die()


def engine_restarted(here: Scene) -> None:
    """Stop the engine as above, and every container of ours with it; it is back while the command goes on."""
    assert here.engine is not None
    here.engine.dies_with_it = here.kill_containers
    engine_stopped(here)


def link_cut(here: Scene) -> None:
    """Cut the link to the node for good; it is there again once the command has ended and the node had its time."""
    here.mending.callback(here.plug_in)
    here.mending.callback(_let_the_node_wipe, here)
    if here.stage != "destroy":
        here.unplug()
        return
    assert here.link is not None
    here.link.faults.latency_seconds = _SLOW_SECONDS

    def act() -> None:
        wait_until(lambda: _entered_destroy(here.lab))
        here.unplug()

    here.later(act)


def _entered_destroy(lab: Path) -> bool:
    return any('"stage": "destroy"' in log.read_text("ascii") for log in lab.glob("reports/*/*/drill.log"))


def before_a_node_is_asked(here: Scene) -> None:
    """Hold the command a stage earlier where it removes: that is talk on a connection it has, which no gate sees."""
    here.place = "check" if here.stage == "destroy" else here.stage


def _let_the_node_wipe(here: Scene) -> None:
    with suppress(AssertionError):
        wait_until(lambda: not here.left()["folder on the node"], _NODE_WIPES_SECONDS)


def on_small_disks(here: Scene) -> None:
    """Put the reports, and the folder for what is temporary, on small disks of their own."""
    for folder in (here.lab / "reports", temporary_of(here.lab)):
        folder.mkdir(exist_ok=True)
        here.ending.enter_context(mounted("tmpfs", folder, "-t", "tmpfs", "-o", "size=3m"))


def disks_filled(here: Scene) -> None:
    """Leave no byte of room on either."""
    for folder in (here.lab / "reports", temporary_of(here.lab)):
        here.mending.callback(fill(folder).unlink)


def with_a_clock(here: Scene) -> None:
    """Let the command read a wall clock that can be put forward or back while it runs; monotonic clocks stay true."""
    here.environment |= false_clock(here.samples.folder / "clock.so", here.lab.parent / "clock")


def clock_put(by: timedelta) -> Strike:
    """Put the clock forward or back."""
    return lambda here: put(here.lab.parent / "clock", by)


def _lock(here: Scene) -> int:
    folder = here.lab / "reports"
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def at_a_lock(here: Scene) -> None:
    """Hold the command where it is about to lock the register, at the stages that do."""
    here.place = {"find": "lock 1", "sign": "lock 2", "deliver": "lock 3"}.get(here.stage, here.stage)


def locked_for_ever(here: Scene) -> None:
    """Lock the register, and do not let go before the command has ended."""
    here.mending.callback(os.close, _lock(here))


def locked_for_a_while(here: Scene) -> None:
    """Lock the register, and let go once the command has waited for it for a while."""
    descriptor = _lock(here)

    def act() -> None:
        wait_until(lambda: _has_open(here.pid, here.lab / "reports" / ".lock"))
        time.sleep(_WAITED_SECONDS)
        assert _has_open(here.pid, here.lab / "reports" / ".lock"), "it did not wait"
        os.close(descriptor)

    here.later(act)


def _has_open(pid: int, path: Path) -> bool:
    for link in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(OSError):
            if link.readlink() == path:
                return True
    return False


def mail_to_nobody(here: Scene) -> None:
    """Name a port at which nobody listens."""
    _named_instead(here, free_port())


def mail_to_a_silent_server(here: Scene) -> None:
    """Name a server that takes the connection and never says a word."""
    _named_instead(here, here.mending.enter_context(misbehaving(silent)))


def _named_instead(here: Scene, port: int) -> None:
    assert here.mail is not None
    name_mail_server(here.lab, port)
    here.mending.callback(name_mail_server, here.lab, here.mail.port)

"""Every fault at every stage: how the drill must end and what it may leave, or why that has no meaning there."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from faults import strikes
from faults.strikes import Strike

from restore_lab.evidence import Isolation

STAGES: Final = ("find", "fetch", "start", "load", "check", "destroy", "sign", "register", "deliver")
NOTHING: Final = "nothing"
#: What each kind of machine of these drills is shown to be, on every engine and kernel that we test on.
ISOLATION: Final = dict.fromkeys(("local", "container", "raspberry-pi"), Isolation.SEALED)


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """How a drill must end; `verdict` "" means that none was opened, `left` is what lies there before the sweep."""

    exit_code: int
    verdict: str
    reasons: tuple[str, ...] = ()
    left: str = NOTHING
    next_drill: str = "PASSED (0)"
    daily: bool = False

    @property
    def every_day(self) -> End:
        """The same, tried with every `tox`."""
        return replace(self, daily=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One thing that goes wrong on one kind of machine; `ends` says of each stage how, or in a line why it cannot."""

    name: str
    does: str
    strike: Strike
    ends: Mapping[str, End | str]
    machine: str = "local"
    prepare: Strike = strikes.nothing

    @property
    def docker(self) -> bool:
        """Whether containers are needed."""
        return self.machine != "local"

    @property
    def isolation(self) -> Isolation:
        """What holds every machine of its drills, struck or not, and no less."""
        return ISOLATION[self.machine]

    @property
    def real(self) -> Mapping[str, End]:
        """The stages at which it has a meaning."""
        return {stage: end for stage, end in self.ends.items() if isinstance(end, End)}


def ended(code: int, *reasons: str, left: str = NOTHING) -> End:
    """An end of which nothing is known of the backup."""
    return End(exit_code=code, verdict="INCONCLUSIVE", reasons=reasons, left=left)


def at(stages: str, end: End | str) -> dict[str, End | str]:
    """The same end at several stages."""
    return dict.fromkeys(stages.split(), end)


PASSED: Final = End(exit_code=0, verdict="PASSED")
RESERVED: Final = End(exit_code=0, verdict="PASSED WITH RESERVATIONS")
NOT_RUN: Final = End(exit_code=3, verdict="")
LATE: Final = End(exit_code=4, verdict="PASSED")
INTERRUPTED: Final = ended(130, "INTERRUPTED")
#: What a process that was killed ends with, as Python gives it.
KILLED: Final = -int(signal.SIGKILL)
ABANDONED: Final = ended(KILLED, "ABANDONED")
UNWRITTEN: Final = ended(70, "ABANDONED")
NO_MACHINE_YET: Final = at("find fetch", "there is no machine yet")
NO_MACHINE: Final = at("sign register deliver", "there is no machine any more")
NO_MAIL: Final = at(" ".join(STAGES[:-1]), "nobody speaks to the mail server before the drill is recorded")

_INTERRUPTED: Final = {
    **at("find fetch start load check destroy", INTERRUPTED),
    **at("sign register", PASSED),
    "deliver": replace(INTERRUPTED, verdict="PASSED", reasons=()),
}
_CLOCK: Final = {
    **at("find fetch start load check destroy", replace(RESERVED, reasons=("CLOCK_JUMPED",))),
    **at("sign register deliver", PASSED),
}

FAULTS: Final = (
    Fault(
        name="SIGINT",
        does="Ctrl-C",
        strike=strikes.signalled(signal.SIGINT),
        ends={**_INTERRUPTED, "destroy": INTERRUPTED.every_day},
    ),
    Fault(
        name="SIGTERM",
        does="`kill`, or systemd that stops",
        strike=strikes.signalled(signal.SIGTERM),
        ends={**_INTERRUPTED, "sign": PASSED.every_day},
    ),
    Fault(
        name="SIGKILL",
        does="`kill -9`, or the kernel that has no memory for the command",
        strike=strikes.signalled(signal.SIGKILL),
        ends={
            **at("find fetch start sign register", ABANDONED),
            **at("load check destroy", replace(ABANDONED, left="1 folder")),
            "deliver": replace(ABANDONED, verdict="PASSED", reasons=()),
        },
    ),
    Fault(
        name="SIGTERM with a container",
        does="`kill`, or systemd that stops",
        strike=strikes.signalled(signal.SIGTERM),
        machine="container",
        ends={
            **at("find fetch sign register deliver", "as without one"),
            **at("start load check destroy", INTERRUPTED),
        },
    ),
    Fault(
        name="SIGKILL with a container",
        does="`kill -9`",
        strike=strikes.signalled(signal.SIGKILL),
        machine="container",
        ends={
            **at("find fetch sign register deliver", "as without one"),
            "start": ABANDONED,
            **at("load check destroy", replace(ABANDONED, left="1 container")),
        },
    ),
    Fault(
        name="server killed",
        does="every process of the database server in the machine is killed",
        strike=strikes.server_killed,
        machine="container",
        ends={
            **NO_MACHINE_YET,
            "start": ended(3, "SERVER_FAILED"),
            "load": ended(3, "SERVER_FAILED"),
            "check": ended(3, "CHECK_BROKEN", "CONTROL_NOT_RUN"),
            "destroy": PASSED,
            **NO_MACHINE,
        },
    ),
    Fault(
        name="Docker stopped",
        does="the engine answers no more, while the container lives on",
        strike=strikes.engine_stopped,
        prepare=strikes.behind_an_engine,
        machine="container",
        ends={
            **at("find fetch", ended(3, "NO_MACHINE")),
            "start": ended(6, "MACHINE_FAILED", left="1 container"),
            "load": ended(6, "MACHINE_FAILED", left="1 container"),
            "check": ended(6, "CHECK_BROKEN", "CONTROL_NOT_RUN", left="1 container"),
            "destroy": ended(6, "CONTROL_NOT_RUN", left="1 container"),
            **NO_MACHINE,
        },
    ),
    Fault(
        name="Docker stopped with its containers",
        does="the engine and its containers go, and the engine is back after three seconds",
        strike=strikes.engine_restarted,
        prepare=strikes.behind_an_engine,
        machine="container",
        ends={
            **at("find fetch", "there is no container yet: as when Docker is stopped"),
            **at("start load", ended(3, "MACHINE_FAILED")),
            "check": ended(3, "CHECK_BROKEN", "CONTROL_NOT_RUN"),
            "destroy": PASSED,
            **NO_MACHINE,
        },
    ),
    Fault(
        name="out of memory",
        does="all memory of the machine is taken, and the kernel kills there",
        strike=strikes.memory_taken,
        machine="container",
        ends={
            **NO_MACHINE_YET,
            "start": ended(3, "MACHINE_OUT_OF_MEMORY"),
            "load": ended(3, "MACHINE_OUT_OF_MEMORY"),
            "check": ended(3, "CHECK_BROKEN", "CONTROL_NOT_RUN"),
            "destroy": PASSED,
            **at("sign register deliver", "of the machine there is nothing any more; of the command: see SIGKILL"),
        },
    ),
    Fault(
        name="disk full in the machine",
        does="the machine's disk is filled",
        strike=strikes.disk_taken,
        machine="container",
        ends={
            **NO_MACHINE_YET,
            "start": ended(3, "SERVER_FAILED"),
            "load": ended(3, "SERVER_FAILED"),
            "check": ended(3, "CONTROL_NOT_RUN"),
            "destroy": PASSED,
            **NO_MACHINE,
        },
    ),
    Fault(
        name="disk full on this host",
        does="the disks of the reports and of temporary files are filled",
        strike=strikes.disks_filled,
        prepare=strikes.on_small_disks,
        ends={
            **at("find fetch start load check destroy", UNWRITTEN),
            "sign": UNWRITTEN.every_day,
            "register": End(exit_code=70, verdict="PASSED"),
            "deliver": LATE,
        },
    ),
    Fault(
        name="link cut",
        does="the SSH link to the node is cut, and is there again after the drill",
        strike=strikes.link_cut,
        prepare=strikes.before_a_node_is_asked,
        machine="raspberry-pi",
        ends={
            **at("find fetch", ended(3, "NO_MACHINE")),
            "start": ended(3, "MACHINE_FAILED"),
            "load": ended(6, "MACHINE_FAILED"),
            "check": ended(6, "CHECK_BROKEN", "CONTROL_NOT_RUN"),
            "destroy": ended(6, "CONTROL_NOT_RUN"),
            **NO_MACHINE,
        },
    ),
    Fault(
        name="clock put forward",
        does="the wall clock of the command jumps by 400 days",
        strike=strikes.clock_put(timedelta(days=400)),
        prepare=strikes.with_a_clock,
        ends=_CLOCK,
    ),
    Fault(
        name="clock put back",
        does="the wall clock of the command jumps back by 400 days",
        strike=strikes.clock_put(timedelta(days=-400)),
        prepare=strikes.with_a_clock,
        ends=_CLOCK,
    ),
    Fault(
        name="register locked for a while",
        does="another process holds the register until the command has waited for two seconds",
        strike=strikes.locked_for_a_while,
        prepare=strikes.at_a_lock,
        ends={
            **at(" ".join(STAGES), PASSED),
            "sign": PASSED.every_day,
            "register": "the command itself holds it",
        },
    ),
    Fault(
        name="register locked for ever",
        does="another process holds the register and does not let go",
        strike=strikes.locked_for_ever,
        prepare=strikes.at_a_lock,
        ends={
            "find": NOT_RUN,
            **at("fetch start load check destroy", "nobody asks for it before the drill is signed: as there"),
            "sign": ended(3, "ABANDONED"),
            "register": "the command itself holds it",
            "deliver": LATE,
        },
    ),
    Fault(
        name="mail server gone",
        does="nobody listens",
        strike=strikes.nothing,
        prepare=strikes.mail_to_nobody,
        ends={**NO_MAIL, "deliver": LATE},
    ),
    Fault(
        name="mail server silent",
        does="it takes the connection and never says a word",
        strike=strikes.nothing,
        prepare=strikes.mail_to_a_silent_server,
        ends={**NO_MAIL, "deliver": LATE},
    ),
)
BY_NAME: Final = {fault.name: fault for fault in FAULTS}


def rows() -> Iterable[tuple[Fault, str, End | str]]:
    """Every fault at every stage, in the order of the page."""
    return ((fault, stage, fault.ends[stage]) for fault in FAULTS for stage in STAGES)

"""What runs in a container may answer in place of the program kept there: bytes, within a limit, no more."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from integration.one_container import left_of, small_need

from restore_lab.errors import MachineFailed
from restore_lab.process import Completed
from restore_lab.sandboxes.base import Machine, Need
from restore_lab.sandboxes.container.driver import Container

pytestmark = pytest.mark.docker

LAB = f"kept-{os.getpid()}"
#: Writes frames (a kind, a length, bytes) to where the kept program writes its own, before the command has ended.
FORGED = "{ %s; } > /proc/$PPID/fd/1; sleep 30"
#: An answer as the kept program gives one: output, then the exit code 0.
AN_ANSWER = r"printf '\001\000\000\000\000\000\000\0060 rows\003\000\000\000\000\000\000\001\000'"
#: A frame of almost four GiB of which all that is asked for comes.
WITHOUT_END = r"printf '\001\000\000\000\377\377\377\377'; cat /dev/zero"
#: A frame of which nothing comes.
UNFINISHED = r"printf '\001\000\000\000\377\377\377\377'"


@pytest.fixture
def need() -> Need:
    return small_need(LAB)


@pytest.fixture
def machine(need: Need) -> Iterator[Machine]:
    with Container().machine(need) as live:
        yield live


def asked(machine: Machine, forged: str, *, timeout_seconds: float) -> Completed:
    return machine.run(("sh", "-c", FORGED % forged), timeout_seconds=timeout_seconds)


def test_an_answer_may_be_forged_and_is_an_answer_of_that_machine(machine: Machine) -> None:
    done = asked(machine, AN_ANSWER, timeout_seconds=20)

    assert (done.stdout, done.exit_code, done.seconds < 20) == (b"0 rows", 0, True)


@pytest.mark.parametrize("forged", [WITHOUT_END, UNFINISHED])
def test_an_answer_without_end_reaches_its_limit(machine: Machine, forged: str) -> None:
    with pytest.raises((TimeoutError, MachineFailed)):
        asked(machine, forged, timeout_seconds=3)


def test_a_machine_is_shown_to_be_gone_whatever_it_answered(need: Need) -> None:
    with Container().machine(need) as live:
        asked(live, AN_ANSWER, timeout_seconds=20)

    assert {one.gone for one in live.removals()} == {True}
    assert left_of(LAB) == []

"""What a machine answers about itself, and what may be claimed of it then."""

from __future__ import annotations

import json

import pytest

from restore_lab.errors import MachineFailed
from restore_lab.evidence import Isolation
from restore_lab.process import Completed
from restore_lab.sandboxes import proof
from restore_lab.sandboxes.container import limits, plan

MIB = 1024 * 1024


def answer(*words: str) -> Completed:
    said = "\n".join(words).encode()
    return Completed(exit_code=0, stdout=said, stderr=b"", cut=False, fed_bytes=0, seconds=0.1)


@pytest.mark.parametrize(
    ("words", "isolation", "unproved"),
    [
        (("ways-out-tried",), Isolation.SEALED, ()),
        (("ways-out-tried", "data=1024", "memory-granted", "scratch"), Isolation.SEALED, ()),
        (("ways-out-tried", "memory-asked", "memory-refused"), Isolation.SEALED, ()),
        (("ways-out-tried", "memory-asked"), Isolation.SEALED, ("memory",)),
        (("ways-out-tried", "capabilities"), Isolation.PARTIAL, ()),
        (("ways-out-tried", "root-writable"), Isolation.PARTIAL, ()),
        (("ways-out-tried", "host-files"), Isolation.PARTIAL, ()),
        (("ways-out-tried", "new-privileges"), Isolation.PARTIAL, ()),
        (("ways-out-tried", "system-calls"), Isolation.PARTIAL, ()),
        ((), Isolation.PARTIAL, ("network",)),
        (("network",), Isolation.NONE, ()),
        (("network", "ways-out-tried"), Isolation.NONE, ()),
        (("ways-out-tried", "superuser"), Isolation.NONE, ()),
    ],
)
def test_what_may_be_claimed(words: tuple[str, ...], isolation: Isolation, unproved: tuple[str, ...]) -> None:
    given = answer(*words, "asked")

    assert (proof.read(given).isolation, proof.read(given).unproved) == (isolation, unproved)
    assert proof.isolation(given) is isolation


@pytest.mark.parametrize("words", [(), ("ways-out-tried",), ("ways-out-tried", "memory-refused")])
def test_an_answer_that_breaks_off_claims_nothing(words: tuple[str, ...]) -> None:
    with pytest.raises(MachineFailed, match="did not answer what holds it"):
        proof.isolation(answer(*words))


@pytest.mark.parametrize(
    ("words", "grade"),
    [
        (("data=100", "memory-refused"), "enforced"),
        (("data=100",), "enforced"),
        (("data=100", "memory-granted"), "not enforced"),
        (("data=101", "memory-refused"), "not enforced"),
        (("memory-refused",), "not enforced"),
        ((), "not enforced"),
    ],
)
def test_the_memory_of_a_process_is_held_when_it_is_set_and_does_not_give_way(
    words: tuple[str, ...], grade: str
) -> None:
    assert proof.read(answer(*words, "asked")).of_process("data", 100) == grade


def test_other_limits_of_a_process_are_held_when_they_are_set() -> None:
    seen = proof.read(answer("processes=512", "file=99", "memory-granted", "asked"))

    assert (seen.of_process("processes", 512), seen.of_process("file", 98)) == ("enforced", "not enforced")


ASKED = {"memory_bytes": 512 * MIB, "memory_and_swap_bytes": 512 * MIB, "nano_cpus": 1_500_000_000, "processes": 512}
INSPECTED = {
    "HostConfig": {"Tmpfs": {plan.SCRATCH: f"size={64 * MIB}"}},
    "Config": {"Cmd": ["sleep", "60"], "Labels": {plan.LIMITS_LABEL: json.dumps(ASKED)}},
}
CPU = {"quota": 150_000, "period": 100_000}
VERSION_1 = {"memory": 512 * MIB, "memory_and_swap": 512 * MIB, "pids": 512, **CPU}
VERSION_2 = {"memory": 512 * MIB, "swap": 0, "pids": 512, **CPU}


def loose(readings: dict[str, int], *, bites: bool | None = True) -> set[str]:
    graded = limits.limits(INSPECTED, {"disk": 64 * MIB, **readings}, bites=bites)
    assert {one.name for one in graded} == {*ASKED, "disk_bytes", "seconds"}
    return {one.name for one in graded if one.how == "not enforced"}


@pytest.mark.parametrize("readings", [VERSION_1, VERSION_2])
def test_limits_the_kernel_has_are_enforced(readings: dict[str, int]) -> None:
    assert loose(readings) == set()
    assert loose(readings, bites=None) == set()


def test_limits_the_kernel_does_not_know_are_not_enforced() -> None:
    """A rootless engine on control groups of version 1: what is there is the group of whoever started it."""
    assert loose({}) == set(ASKED)
    assert loose({"memory": 2**63 - 4096, "memory_and_swap": 2**63 - 4096, "pids": 96_551}) == set(ASKED)


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"memory": 513 * MIB}, {"memory_bytes"}),
        ({"memory_and_swap": 1024 * MIB}, {"memory_and_swap_bytes"}),
        ({"pids": 513}, {"processes"}),
        ({"quota": 200_000}, {"nano_cpus"}),
        ({"period": 0}, {"nano_cpus"}),
        ({"disk": 128 * MIB}, {"disk_bytes"}),
    ],
)
def test_a_limit_that_is_larger_than_asked_for_is_not_enforced(changed: dict[str, int], names: set[str]) -> None:
    assert loose({**VERSION_1, **changed}) == names


def test_a_limit_on_memory_that_was_passed_is_not_enforced_whatever_the_kernel_says() -> None:
    assert loose(VERSION_1, bites=False) == {"memory_bytes", "memory_and_swap_bytes"}


@pytest.mark.parametrize(
    ("readings", "names"),
    [
        ({"swap": 0}, set()),
        ({"host_swap": 0}, set()),
        ({"swap": 1}, {"memory_and_swap_bytes"}),
        ({"host_swap": 1024}, {"memory_and_swap_bytes"}),
        ({}, {"memory_and_swap_bytes"}),
    ],
)
def test_memory_and_swap_of_version_2_are_added_up(readings: dict[str, int], names: set[str]) -> None:
    assert loose({"memory": 512 * MIB, "pids": 512, **CPU, **readings}) == names

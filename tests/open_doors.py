"""Machines with one door opened each: what is denied to every other machine is given to these, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from restore_lab.sandboxes.base import Machine, Need
from restore_lab.sandboxes.container import docker_engine
from restore_lab.sandboxes.container import plan as plans
from restore_lab.sandboxes.container.machine import ContainerMachine
from restore_lab.sandboxes.local.machine import LocalMachine
from restore_lab.sandboxes.local.seal import Mechanism, Seal

MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class OpenSeal(Seal):
    """A seal some words of which are left out."""

    without: tuple[str, ...]

    def wrap(self, argv: Sequence[str]) -> tuple[str, ...]:
        return tuple(word for word in Seal.wrap(self, argv) if not word.startswith(self.without))


@dataclass(frozen=True, kw_only=True)
class OpenPlan(plans.Plan):
    """A plan some options of which are others."""

    other: dict[str, Any]

    def options(self) -> dict[str, Any]:
        return {**plans.Plan.options(self), **self.other}


@contextmanager
def local(
    need: Need, mechanism: Mechanism, *, without: tuple[str, ...] = (), shown: Callable[[Path], Path] | None = None
) -> Iterator[Machine]:
    """Lend a local machine whose seal lacks words, or that sees a folder of the host: which, by the machine's own."""
    live = LocalMachine.prepare(need, mechanism)
    given = {field.name: getattr(live.seal, field.name) for field in fields(Seal)}
    if without:
        live.seal = OpenSeal(**given, without=without)
    if shown is not None:
        live.seal = replace(live.seal, visible=(str(shown(live.seal.folder)),))
    try:
        live.create(need)
        yield live
    finally:
        live.destroy()


@contextmanager
def container(need: Need, **other: Any) -> Iterator[Machine]:  # noqa: ANN401 - options of the docker SDK
    """Lend a container with other options than a machine's."""
    plan = plans.plan(
        need,
        image=need.server.image,
        memory_bytes=need.memory_bytes,
        nano_cpus=1_000_000_000,
        disk_bytes=64 * MIB,
        free_bytes=plans.free_memory_bytes(),
        dialect=docker_engine.dialect(),
    )
    given = {field.name: getattr(plan, field.name) for field in fields(plans.Plan)}
    live = ContainerMachine(name=plan.name, label=need.drill_id)
    try:
        live.create(OpenPlan(**given, other=other))
        yield live
    finally:
        live.destroy()


def how(machine: Machine, name: str) -> str:
    """Give the grade of one limit."""
    (found,) = (limit.how for limit in machine.conditions.limits if limit.name == name)
    return found

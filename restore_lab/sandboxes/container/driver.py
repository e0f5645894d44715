"""A disposable machine as a container that has no network, no mount of the host and nobody's privileges."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from restore_lab.errors import MachineFailed
from restore_lab.evidence import Removal
from restore_lab.sandboxes.base import Handle, Machine, Need, Server
from restore_lab.sandboxes.container import docker_engine as engine
from restore_lab.sandboxes.container import plan as plans
from restore_lab.sandboxes.container.machine import ContainerMachine, removed


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """The `container` sandbox.

    `memory_bytes` is for the server alone, `disk_bytes` the most the copy may take, `cpus` a number of processors;
    `image` stands in for the server's own. Nothing here can mount, publish or connect.
    """

    kind: Literal["container"] = "container"
    memory_bytes: int | None = None
    disk_bytes: int | None = None
    cpus: float | None = None
    image: str | None = None

    def lacks(self, server: Server) -> str | None:
        """Say in one line why this host cannot run `server`, or None when it can. Pulls nothing."""
        image = self.image or server.image
        if not image:
            return f"no image is made for {server.engine}: it runs locally"
        try:
            if engine.image_id(image) is not None:
                return None
        except MachineFailed as error:
            return f"{error.message}; {error.hint}"
        return f"the image {image} is not on this host (`restore-lab image list`)"

    @contextmanager
    def machine(self, need: Need) -> Iterator[Machine]:
        """Lend a machine; see `Sandbox.machine`. What could not be removed is a note on the error that ended it."""
        plan = self._plan(need)
        live = ContainerMachine(name=plan.name, label=need.drill_id)
        try:
            live.create(plan)
            yield live
        except BaseException as error:
            live.destroy()
            for left in (removal for removal in live.removals() if not removal.gone):
                error.add_note(f"{left.kind} {left.name} was not shown to be gone")
            raise
        else:
            live.destroy()

    def attach(self, handle: Handle) -> Machine:
        """Find a live machine again from its handle; the caller must not destroy it.

        Raises:
            MachineFailed: it is not there any more, has ended, or belongs to another drill.
        """
        live = ContainerMachine(name=handle.machine_id, label=handle.label)
        live.look()
        return live

    def sweep(self, *, now: datetime, lab_id: str) -> tuple[Removal, ...]:
        """Destroy the containers and volumes of this lab that are expired, or whose drill's process is gone.

        Raises:
            MachineFailed: there is an engine, and it did not say what there is.
        """
        if not Path(engine.socket_path()).exists():
            return ()
        return tuple(
            removed(left.kind, left.name, created_at=plans.created_at(left.labels, otherwise=now))
            for left in engine.everything_of(lab_id)
            if plans.left_behind(left.labels, now=now)
        )

    def _plan(self, need: Need) -> plans.Plan:
        host = engine.info()
        return plans.plan(
            need,
            image=self.image or need.server.image,
            memory_bytes=self.memory_bytes or need.memory_bytes,
            nano_cpus=int((self.cpus or host["NCPU"]) * 1_000_000_000),
            disk_bytes=self.disk_bytes,
            free_bytes=min(plans.free_memory_bytes(), host["MemTotal"]),
        )

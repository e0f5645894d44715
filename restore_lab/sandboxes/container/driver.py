"""A disposable machine as a container that has no network, no mount of the host and nobody's privileges."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from restore_lab.errors import MachineFailed
from restore_lab.evidence import Removal
from restore_lab.sandboxes.base import Handle, Machine, Need, Server, lent
from restore_lab.sandboxes.container import docker_engine as engine
from restore_lab.sandboxes.container import egress
from restore_lab.sandboxes.container import plan as plans
from restore_lab.sandboxes.container.machine import ContainerMachine
from restore_lab.sandboxes.container.removing import removed
from restore_lab.sandboxes.proof import DOCUMENTATION

#: What an application may write beside its answers: sessions, caches, its own log.
_APPLICATION_DISK_BYTES: Final = 128 * 1024 * 1024
_RELAY: Final = Path(__file__).with_name("relay.pl")
_RELAY_SECONDS: Final = 60
#: Ends with 0 as soon as somebody answers at a port of the loopback, with 1 when nobody does within the time.
_ANSWERS: Final = (
    "use Socket; my $end = time + $ARGV[1]; do { socket(my $way, PF_INET, SOCK_STREAM, 0);"
    " exit 0 if connect($way, sockaddr_in($ARGV[0], INADDR_LOOPBACK)); select undef, undef, undef, 0.1 }"
    " while time < $end; exit 1"
)


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
        """Lend a machine; see `Sandbox.machine`."""
        image = self.image or need.server.image
        with _lent(self._plan(need, image, self.disk_bytes, self.memory_bytes or need.memory_bytes), need) as live:
            yield live

    @contextmanager
    def beside(self, machine: Machine, need: Need) -> Iterator[Machine]:
        """Lend the machine of an application; see `Hosting.beside`. It has the network of `machine`, which is none."""
        image = need.server.image
        if engine.image_id(image) is None:
            raise MachineFailed(f"the image {image} is not on this host (`restore-lab image list`)")
        if engine.image_config(image).get("Volumes"):
            raise MachineFailed("the image declares volumes", hint="what it writes there would lie beside its machine")
        plan = self._plan(need, image, _APPLICATION_DISK_BYTES, need.memory_bytes, beside=machine.handle.machine_id)
        with _lent(plan, need) as live:
            yield live

    def command(self, image: str) -> tuple[str, ...]:
        """See `Hosting.command`: the image's entry point and command."""
        config = engine.image_config(image)
        if command := (*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())):
            return command
        raise MachineFailed("the image starts nothing by itself", hint="give it a CMD")

    def relay(self, machine: Machine, socket: str, port: int) -> None:
        """See `Hosting.relay`; perl passes the bytes on, which every Debian has."""
        if _answers(machine, port, seconds=0):
            raise MachineFailed("another program holds the port of the database")
        machine.start(("perl", "-e", _RELAY.read_text("utf-8"), str(port), socket))
        if not _answers(machine, port, seconds=_RELAY_SECONDS):
            raise MachineFailed("the database cannot be reached beside its machine")

    def ways_out(self, machine: Machine) -> tuple[int, int]:
        """See `Hosting.ways_out`."""
        return egress.tried(machine, (*egress.host_addresses(), *DOCUMENTATION))

    @staticmethod
    def attach(handle: Handle) -> Machine:
        """Find a live machine again from its handle; the caller must not destroy it.

        Raises:
            MachineFailed: it is not there any more, has ended, or belongs to another drill.
        """
        live = ContainerMachine(name=handle.machine_id, label=handle.label)
        live.look()
        return live

    def sweep(self, *, now: datetime, lab_id: str, ended: Collection[str]) -> Iterator[Removal]:
        """Destroy the containers and volumes of this lab that are expired, or whose drill's process is gone.

        Raises:
            MachineFailed: there is an engine, and it did not say what there is.
        """
        del ended  # the engine keeps a thing and its labels together
        if not Path(engine.socket_path()).exists():
            return
        for left in engine.everything_of(lab_id):
            if plans.left_behind(left.labels, now=now):
                yield removed(left.kind, left.name, created_at=plans.created_at(left.labels, otherwise=now))

    def _plan(
        self, need: Need, image: str, disk_bytes: int | None, memory_bytes: int, *, beside: str = ""
    ) -> plans.Plan:
        host = engine.info()
        return plans.plan(
            need,
            image=image,
            memory_bytes=memory_bytes,
            nano_cpus=int((self.cpus or host["NCPU"]) * 1_000_000_000),
            disk_bytes=disk_bytes,
            free_bytes=min(plans.free_memory_bytes(), host["MemTotal"]),
            dialect=engine.dialect(),
            beside=beside,
        )


def _lent(plan: plans.Plan, need: Need) -> AbstractContextManager[Machine]:
    live = ContainerMachine(name=plan.name, label=need.drill_id)
    return lent(live, lambda: live.create(plan), need)


def _answers(machine: Machine, port: int, *, seconds: int) -> bool:
    argv = ("perl", "-e", _ANSWERS, str(port), str(seconds))
    return machine.run(argv, timeout_seconds=seconds + 30).exit_code == 0

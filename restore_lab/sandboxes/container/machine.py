"""One live container: commands run in it, what holds it is proved from inside, and it is shown to be gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from restore_lab.errors import MachineFailed
from restore_lab.evidence import Conditions, Removal
from restore_lab.process import Output
from restore_lab.sandboxes import proof
from restore_lab.sandboxes.base import Completed, Handle
from restore_lab.sandboxes.container import diagnosis, limits, streams
from restore_lab.sandboxes.container import docker_engine as engine
from restore_lab.sandboxes.container import plan as plans
from restore_lab.sandboxes.container.commands import Commands
from restore_lab.sandboxes.container.removing import removed
from restore_lab.sandboxes.container.trial import memory_limit_bites

_SHORT_SECONDS = 30.0
#: How long an engine may take to learn that a machine has ended.
_SETTLE_SECONDS = 10.0
_IS_THERE = ("/bin/sh", "-c", 'command -v -- "$1" >/dev/null', "is-there")
_KEEPING_OUTPUT = ("/bin/sh", "-c", 'exec "$@" >>server.log 2>&1', "server")
#: What the shared proof does not ask: a root mounted read-only, no way to privileges, filtered system calls, nothing
#: mounted but what an engine mounts by itself: the machine's own names, what starts it, memory, the copy's volume.
_MORE_QUESTIONS = r"""
grep -qE '^[^ ]+ / [^ ]+ ro[, ]' /proc/mounts || echo root-writable
grep -q '^NoNewPrivs:[[:space:]]*1$' /proc/self/status || echo new-privileges
grep -q '^Seccomp:[[:space:]]*2$' /proc/self/status || echo system-calls
( : > .proof && rm .proof ) 2>/dev/null && echo scratch
while read -r _ point kind _; do
  case "$point $kind" in
    "/ "*|/proc*|/sys*|/dev*|"/machine "*) ;;
    "/etc/hosts "*|"/etc/hostname "*|"/etc/resolv.conf "*|"/run/.containerenv "*|"/run/secrets "*) ;;
    "/sbin/docker-init "*|"/usr/sbin/docker-init "*|"/run/podman-init "*) ;;
    "/tmp tmpfs"|"/run tmpfs"|"/var/tmp tmpfs") ;;
    *) echo host-files ;;
  esac
done </proc/mounts
"""


@dataclass(kw_only=True, slots=True)
class ContainerMachine:
    """A container of ours, by name. `_created` holds what was, or may have been, created for it."""

    name: str
    label: str
    _id: str = ""
    _kills: int = 0
    _conditions: Conditions | None = None
    _created: tuple[tuple[engine.Kind, str, datetime], ...] = ()
    _removals: tuple[Removal, ...] = ()
    _commands: Commands = field(init=False)

    def __post_init__(self) -> None:
        self._commands = Commands(self.name)

    @property
    def handle(self) -> Handle:
        """What another process needs to find this machine again."""
        return Handle(kind="container", machine_id=self._id or self.name, label=self.label)

    @property
    def conditions(self) -> Conditions:
        """What holds this machine, proved from inside when it started."""
        if self._conditions is None:
            raise MachineFailed(f"the machine {self.name} was not started")
        return self._conditions

    @property
    def scratch(self) -> str:
        """The writable folder inside the machine; gone with it."""
        return plans.SCRATCH

    def create(self, plan: plans.Plan) -> None:
        """Create what the plan says, and ask from inside what holds it.

        Raises:
            MachineFailed: the engine refused, or the machine does not answer.
        """
        self._created = (("container", plan.name, plan.created_at),)
        if plan.storage == "volume":
            self._created = (*self._created, ("volume", plan.volume, plan.created_at))
            engine.create_volume(plan.volume, plan.labels)
        engine.create_container(plan)
        lab_id, drill_id = plan.labels[plans.LAB_LABEL], plan.drill_label
        self.look(bites=memory_limit_bites(engine.socket_path(), plan.image, lab_id=lab_id, drill_id=drill_id))

    def look(self, *, bites: bool | None = None) -> None:
        """Ask the machine itself what it can reach, and what its limits are; `bites` as `limits.limits` takes it.

        Raises:
            MachineFailed: it is not there, has ended, carries another drill's label, or does not answer.
        """
        seen = engine.look_up("container", self.name)
        if seen is None or seen["Config"]["Labels"].get(plans.DRILL_LABEL) != self.label:
            raise MachineFailed(f"the machine {self.name} is not there any more")
        diagnosis.fail_if_ended(seen)
        self._id, self.name = str(seen["Id"]), str(seen["Name"]).lstrip("/")
        volumes = [mount["Name"] for mount in seen["Mounts"] if mount["Type"] == "volume"]
        if not self._created:
            made = plans.created_at(seen["Config"]["Labels"], otherwise=datetime.now(UTC))
            self._created = (("container", self.name, made), *(("volume", name, made) for name in volumes))
        self._conditions = self._looked_at(seen, bites=bites, is_on_volume=bool(volumes))

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
        """Run one command to its end; see `Machine.run`. `fed_bytes` includes what lies in the engine's pipes.

        Raises:
            MachineDiskFull, MachineOutOfMemory: a limit of the machine ended it, or a process in it.
            MachineFailed, TimeoutError: as `Machine.run`.
        """
        frames = streams.Frames(stdout=Output(sink=stdout), stderr=Output(sink=stderr))
        try:
            done = self._commands.run(argv, frames, timeout_seconds, stdin=stdin, environment=environment or {})
        except MachineFailed:
            self._fail_if_broken()
            raise
        if done.exit_code != 0:
            self._fail_if_broken()
        return done

    def start(self, argv: Sequence[str], *, environment: dict[str, str] | None = None) -> None:
        """Start a server; its output goes to ``server.log`` in `scratch`.

        Raises:
            MachineFailed: the program is not in the machine, or the engine did not start it.
        """
        if self.run((*_IS_THERE, argv[0]), timeout_seconds=_SHORT_SECONDS).exit_code != 0:
            raise diagnosis.absent(argv[0])
        exec_id, _ = engine.prepare(self.name, (*_KEEPING_OUTPUT, *argv), environment or {}, stdin=False)
        engine.start_detached(exec_id)

    def removals(self) -> tuple[Removal, ...]:
        """Everything created for this machine; before its end, as still there."""
        return self._removals or tuple(
            Removal(kind=kind, name=name, created_at=at, removed_at=None, gone=False)
            for kind, name, at in self._created
        )

    def destroy(self) -> None:
        """Kill and remove all that was created, then look it up again; failures show as ``gone=False``."""
        self._commands.close()
        self._removals = tuple(
            removed(kind, name, created_at=at, confirmed=bool(self._id)) for kind, name, at in self._created
        )

    def _fail_if_broken(self) -> None:
        """Tell a command that failed from a machine that did: one that answers lives, an engine may learn it late."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while True:
            seen = engine.look_up("container", self.name)
            if seen is None:
                raise MachineFailed(f"the machine {self.name} is not there any more")
            diagnosis.fail_if_ended(seen)
            with suppress(MachineFailed, TimeoutError):
                answer = self._asked(diagnosis.KILLS_QUESTION)
                if answer.exit_code == 0:
                    break
            if time.monotonic() >= deadline:
                raise MachineFailed(f"the machine {self.name} does not answer any more")
            time.sleep(0.1)
        if diagnosis.kills(answer.stdout) > self._kills:
            raise diagnosis.out_of_memory(seen)

    def _looked_at(self, seen: Mapping[str, Any], *, bites: bool | None, is_on_volume: bool) -> Conditions:
        host_socket = engine.socket_path()
        found = proof.look(self._asked, host_socket, further=_MORE_QUESTIONS + limits.QUESTION)
        if "scratch" not in found.words:
            raise MachineFailed(f"{plans.SCRATCH} cannot be written to in the machine {self.name}")
        self._kills = found.readings.get("kills", 0)
        shares_loopback = str(seen["HostConfig"]["NetworkMode"]).startswith(plans.JOINED)
        return Conditions(
            sandbox="container",
            isolation=found.isolation,
            mechanism=plans.MECHANISMS[engine.dialect()][shares_loopback],
            storage="volume" if is_on_volume else "tmpfs",
            limits=limits.limits(seen, found.readings, bites=bites),
            image=str(seen["Config"]["Image"]),
            image_id=str(seen["Image"]),
            sbom_sha256=_sbom(seen),
            unproved=found.unproved if bites is not None else (*found.unproved, "memory"),
        )

    def _asked(self, argv: tuple[str, ...]) -> Completed:
        return self._commands.run(argv, streams.Frames(), _SHORT_SECONDS)


def _sbom(seen: Mapping[str, Any]) -> str | None:
    """Give the digest of the list of its image's packages; an image made on one of ours only inherited that."""
    labels = seen["Config"]["Labels"]
    is_its_own = labels.get(plans.LAYERS_LABEL) == engine.image_layers(str(seen["Image"]))
    return labels.get(plans.SBOM_LABEL) if is_its_own else None

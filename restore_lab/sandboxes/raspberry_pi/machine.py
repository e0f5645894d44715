"""One live machine on a node: commands held there as they are on a local one, under a lease that outlives no client."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Final

from restore_lab.errors import MachineDiskFull, MachineFailed, MachineOutOfMemory
from restore_lab.evidence import Conditions, Removal
from restore_lab.process import Completed
from restore_lab.sandboxes.base import Handle, Need
from restore_lab.sandboxes.local.machine import search_path
from restore_lab.sandboxes.local.seal import Mechanism, Seal
from restore_lab.sandboxes.raspberry_pi import hold as holds
from restore_lab.sandboxes.raspberry_pi import inspection
from restore_lab.sandboxes.raspberry_pi.hold import Hold
from restore_lab.sandboxes.raspberry_pi.inspection import KIND
from restore_lab.sandboxes.raspberry_pi.lease import Lease
from restore_lab.sandboxes.raspberry_pi.node import CARD_FOLDER, MEMORY_FOLDER, Facts, Node
from restore_lab.sandboxes.raspberry_pi.remains import end, remove
from restore_lab.sandboxes.raspberry_pi.slice import Slice
from restore_lab.ssh.connection import connected
from restore_lab.ssh.link import Link, LinkLost, Running

PREFIX: Final = "restore-lab-"
MIB: Final = 1024 * 1024
#: What a server takes beside the copy itself.
MARGIN_BYTES: Final = 192 * MIB
#: How long after a command's own limit the node may take to say that it was ended.
_GRACE_SECONDS = 15.0
_TRIAL_SECONDS = 30.0
_KILLED = 128 + 9
_NOT_STARTED = (126, 127)
#: Takes the environment from the head of its input, word by word up to an empty one: arguments are seen by all there.
_WITH: Final = (
    *("/usr/bin/env", "-i", "/bin/bash", "-c"),
    'while IFS= read -r -d "" word && [ "$word" ]; do export "$word"; done; unset PWD OLDPWD SHLVL; exec "$@"',
)
_ENV_SAYS = b"/usr/bin/env: "


@dataclass(kw_only=True, slots=True)
class NodeMachine:
    """A folder on a node, and the processes held in it; `memory_bytes` is for all of them and the copy together."""

    node: Node
    link: Link
    hold: Hold
    label: str
    path: str
    memory_bytes: int = 0
    timezone: str = "UTC"
    _conditions: Conditions | None = None
    _lease: Lease | None = None
    _created_at: datetime | None = None
    _servers: list[Running] = field(default_factory=list)
    _removals: tuple[Removal, ...] = ()

    @classmethod
    def prepare(cls, need: Need, node: Node, link: Link, facts: Facts, *, on_card: bool) -> NodeMachine:
        """Choose names and sizes; creates nothing yet."""
        parent = CARD_FOLDER if on_card else MEMORY_FOLDER
        seal = Seal(
            mechanism=Mechanism.BUBBLEWRAP,
            folder=_folder(parent, need),
            uid=0,
            visible=(),
            as_root=False,
            memory_bytes=min(need.memory_bytes, facts.memory_bytes),
            file_bytes=max(4 * need.backup_bytes, MARGIN_BYTES),
            system=facts.system,
        )
        copy_bytes = 0 if on_card else seal.file_bytes
        return cls(
            node=node,
            link=link,
            hold=Hold(seal=seal),
            label=f"{need.drill_id}/{need.restore_id}",
            path=search_path(need.server),
            memory_bytes=_whole_bytes(need.memory_bytes + copy_bytes, facts),
            timezone=need.timezone,
        )

    @property
    def handle(self) -> Handle:
        """See `Machine.handle`."""
        where = {
            "node": str(self.node.account.key.parent),
            "hold": self.hold.written(),
            "path": self.path,
            "timezone": self.timezone,
        }
        return Handle(kind=KIND, machine_id=json.dumps(where), label=self.label)

    @property
    def conditions(self) -> Conditions:
        """See `Machine.conditions`."""
        if self._conditions is None:
            raise MachineFailed(f"the machine {self.label} was not started here")
        return self._conditions

    @property
    def scratch(self) -> str:
        """See `Machine.scratch`."""
        return self.hold.seal.scratch

    def create(self, need: Need, facts: Facts, *, unsafe_bare_process: bool, allow_card: bool) -> None:
        """Have the node make the folder, find what holds a process there, and ask from inside what it can reach.

        Raises:
            MachineFailed: nothing holds it, or a copy in memory might reach the node's card.
        """
        self._created_at = datetime.now(UTC)
        seal, expires = self.hold.seal, round(need.expires_at.timestamp())
        self._lease = Lease.take(
            self.link,
            str(seal.folder),
            disk_bytes=seal.file_bytes,
            memory_bytes=self.memory_bytes,
            label=f"{need.lab_id} {expires} {need.drill_id} {need.restore_id}",
        )
        left = (need.expires_at - self._created_at).total_seconds()
        offered = Slice.of(seal.folder, facts, memory_bytes=self.memory_bytes, seconds=left)
        slices = (offered,) if self._lease.sliced else ()
        self.hold = holds.find(self.link, seal, slices, unsafe_bare_process=unsafe_bare_process)
        proof = inspection.proof_of(self.hold, self.link, memory_bytes=self.memory_bytes)
        if proof.counts_memory:
            self._lease.count()
        if not allow_card:
            inspection.refuse_swap(self.node, facts, proof)
        answer = self.run(inspection.question(self.hold), timeout_seconds=_TRIAL_SECONDS)
        self._conditions = inspection.conditions(self.node, facts, self.hold, proof, answer)

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
        """See `Machine.run`; the node itself ends what passes its limit."""
        self._fail_if_ended()
        word = f"command-{secrets.token_hex(8)}"
        limited = ("/usr/bin/timeout", "--signal=KILL", f"{timeout_seconds:.1f}", *_WITH, word, *self.hold.wrap(argv))
        block = self._environment(environment)
        try:
            done = self.link.run(
                limited,
                timeout_seconds=timeout_seconds + _GRACE_SECONDS,
                stdin=chain((block,), stdin or ()),
                stdout=stdout,
                stderr=stderr,
            )
        except TimeoutError as error:
            raise MachineFailed(f"the node {self.node.name} does not answer any more") from error
        except LinkLost:
            self._fail_if_ended()
            raise
        except BaseException:
            with suppress(MachineFailed):
                end(self.link, word)
            raise
        if done.exit_code != 0 and self._lease is not None:
            self._lease.look()
        self._fail_if_ended()
        done = replace(done, fed_bytes=max(0, done.fed_bytes - len(block)))
        if done.exit_code == _KILLED and done.seconds >= timeout_seconds:
            raise TimeoutError(f"{argv[0]} did not end within {timeout_seconds:.0f} s")
        if done.exit_code in _NOT_STARTED and done.stderr.startswith(_ENV_SAYS):
            raise MachineFailed(f"the program {argv[0]} is not in the machine, or could not be started")
        return done

    def start(self, argv: Sequence[str], *, environment: dict[str, str] | None = None) -> None:
        """See `Machine.start`."""
        there = self.run(("/bin/sh", "-c", 'command -v -- "$1" >/dev/null', "is-there", argv[0]), timeout_seconds=30)
        if there.exit_code != 0:
            raise MachineFailed(f"the program {argv[0]} is not in the machine")
        kept = ("/bin/sh", "-c", 'exec "$@" >server.log 2>&1', "server", *argv)
        server = self.link.begin((*_WITH, "server", *self.hold.wrap(kept)))
        self._servers.append(server)
        server.say(self._environment(environment))

    def removals(self) -> tuple[Removal, ...]:
        """See `Machine.removals`."""
        if self._removals or self._created_at is None:
            return self._removals
        return self._removed(self._created_at, None)

    def destroy(self) -> None:
        """Give up the lease; where it was lost, connect again and look."""
        if self._created_at is None:
            return
        gone = self._lease is not None and self._lease.end()
        if not gone:
            gone = self._removed_over_a_new_link()
        for server in self._servers:
            server.close()
        self._removals = self._removed(self._created_at, datetime.now(UTC) if gone else None)

    def _removed(self, created_at: datetime, removed_at: datetime | None) -> tuple[Removal, ...]:
        """Name the folder and the slice: the node says of both at once whether they are gone."""
        made = [("folder", self.hold.seal.folder.name)]
        if self.hold.slice is not None:
            made.append(("slice", self.hold.slice.name))
        return tuple(
            Removal(kind=kind, name=name, created_at=created_at, removed_at=removed_at, gone=removed_at is not None)
            for kind, name in made
        )

    def _removed_over_a_new_link(self) -> bool:
        try:
            with connected(self.node.account) as link:
                return remove(link, str(self.hold.seal.folder))
        except MachineFailed:
            return False

    def _environment(self, extra: dict[str, str] | None) -> bytes:
        usual = {"PATH": self.path, "HOME": self.scratch, "LANG": "C.UTF-8", "TMPDIR": "/tmp", "TZ": self.timezone}  # noqa: S108
        words = (f"{key}={value}\0" for key, value in {**usual, **(extra or {})}.items())
        return "".join((*words, "\0")).encode()

    def _fail_if_ended(self) -> None:
        if self._removals:
            raise MachineFailed(f"the machine {self.label} is not there any more")
        match self._lease.exceeded if self._lease is not None else "":
            case "disk":
                raise MachineDiskFull(f"the machine wrote more than {self.hold.seal.file_bytes} bytes")
            case "memory":
                raise MachineOutOfMemory("the machine used more memory than its node has for it")
        if self._lease is not None and self._lease.lost:
            raise LinkLost(f"the link to the node {self.node.name} broke")


def attached(handle: Handle, link: Link, node: Node) -> NodeMachine:
    """Find a live machine again from its handle; it must not be destroyed here.

    Raises:
        MachineFailed: it is not there any more.
    """
    where = json.loads(handle.machine_id)
    held = holds.read(where["hold"])
    machine = NodeMachine(
        node=node, link=link, hold=held, label=handle.label, path=where["path"], timezone=where["timezone"]
    )
    there = ("/usr/bin/test", "-f", f"{held.seal.folder}/label")
    if link.run(there, timeout_seconds=_TRIAL_SECONDS).exit_code != 0:
        raise MachineFailed(f"the machine {handle.label} is not there any more")
    return machine


def _whole_bytes(wanted_bytes: int, facts: Facts) -> int:
    """What the whole may take: some of what is free stays the node's; in whole MiB, as kernels count whole pages."""
    return min(wanted_bytes, facts.available_bytes * 15 // 16) // MIB * MIB


def _folder(parent: str, need: Need) -> Path:
    return Path(parent) / f"{PREFIX}{need.drill_id}-{need.restore_id}-{secrets.token_hex(8)}"

"""One live local machine: commands and servers held in one folder, which goes with it."""

from __future__ import annotations

import os
import pwd
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from restore_lab import process
from restore_lab.errors import MachineDiskFull, MachineFailed, MachineOutOfMemory
from restore_lab.evidence import Conditions, Isolation, Limit, Removal
from restore_lab.process import Completed
from restore_lab.sandboxes import proof
from restore_lab.sandboxes.base import Handle, Need, Server
from restore_lab.sandboxes.local.folder import (
    DISK_FOLDER,
    DISK_MARGIN_BYTES,
    MEMORY_FOLDER,
    fits_memory,
    label_of,
    named_folder,
    remove_folder,
    write_label,
)
from restore_lab.sandboxes.local.seal import PROCESSES, Mechanism, Seal, system_here
from restore_lab.sandboxes.local.watch import Watch

SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
#: Where uids nobody owns are looked for: the range systemd keeps for the same purpose (systemd.exec(5), DynamicUser).
_UNUSED_UIDS = range(61184, 65520)
#: How env(1) ends, and what it says first, when it cannot start a program.
_NOT_STARTED = (126, 127)
_ENV_SAYS = b"/usr/bin/env: "


@dataclass(kw_only=True, slots=True)
class LocalMachine:
    """A folder, and the processes held in it."""

    seal: Seal
    label: str
    path: str
    timezone: str = "UTC"
    _conditions: Conditions | None = None
    _watch: Watch | None = None
    _created_at: datetime | None = None
    _servers: list[process.Child] = field(default_factory=list)
    _removals: tuple[Removal, ...] = ()

    @classmethod
    def prepare(cls, need: Need, mechanism: Mechanism) -> LocalMachine:
        """Choose names and sizes; creates nothing yet."""
        parent = MEMORY_FOLDER if fits_memory(need.backup_bytes) else DISK_FOLDER
        folder = named_folder(parent, need.drill_id, need.restore_id)
        as_root = os.geteuid() == 0
        visible = _outside_usr((*(str(Path(part).parent) for part in need.server.folders), *need.server.needs))
        seal = Seal(
            mechanism=mechanism,
            folder=folder,
            uid=unused_uid() if as_root else os.geteuid(),
            visible=visible,
            as_root=as_root,
            memory_bytes=need.memory_bytes,
            file_bytes=max(4 * need.backup_bytes, DISK_MARGIN_BYTES) * 4,
            system=system_here(),
        )
        label = f"{need.drill_id}/{need.restore_id}"
        return cls(seal=seal, label=label, path=search_path(need.server), timezone=need.timezone)

    @property
    def handle(self) -> Handle:
        """See `Machine.handle`."""
        return Handle(kind="local", machine_id=str(self.seal.folder), label=self.label)

    @property
    def conditions(self) -> Conditions:
        """See `Machine.conditions`."""
        if self._conditions is None:
            raise MachineFailed(f"the machine {self.label} was not started here")
        return self._conditions

    @property
    def scratch(self) -> str:
        """See `Machine.scratch`."""
        return self.seal.scratch

    def create(self, need: Need) -> None:
        """Make the folder, label it, and ask from inside what holds it."""
        self._created_at = datetime.now(UTC)
        folder, uid = self.seal.folder, self.seal.uid
        try:
            folder.mkdir(mode=0o700)
            write_label(folder, label_of(need, self.seal, self.path))
            (folder / "passwd").write_text(f"restorelab:x:{uid}:{uid}::{self.scratch}:/bin/false\n", "ascii")
            (folder / "group").write_text(f"restorelab:x:{uid}:\n", "ascii")
            (folder / "root").mkdir(mode=0o755)
            (folder / "data").mkdir(mode=0o700)
            if self.seal.as_root:
                os.chown(folder / "data", uid, uid)
                if self.seal.mechanism is Mechanism.BARE:
                    folder.chmod(0o711)
        except OSError as error:
            raise MachineFailed(f"no folder for the machine under {folder.parent}: {error.strerror}") from error
        self._conditions = self._looked_at()
        self._watch = Watch(
            folder=folder / "data",
            uid=uid if self.seal.as_root else None,
            disk_bytes=self.seal.file_bytes,
            memory_bytes=self.seal.memory_bytes,
            act=self._stop_servers,
        )
        self._watch.begin()

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
        """See `Machine.run`."""
        if self._removals or not self.seal.folder.is_dir():
            raise MachineFailed(f"the machine {self.label} is not there any more")
        done = process.run(
            self.seal.wrap(argv),
            timeout_seconds=timeout_seconds,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            environment=self._environment(environment),
        )
        self._fail_if_exceeded()
        if done.exit_code in _NOT_STARTED and done.stderr.startswith(_ENV_SAYS):
            raise MachineFailed(f"the program {argv[0]} is not in the machine, or could not be started")
        return done

    def start(self, argv: Sequence[str], *, environment: dict[str, str] | None = None) -> None:
        """See `Machine.start`."""
        there = self.run(("/bin/sh", "-c", 'command -v -- "$1" >/dev/null', "is-there", argv[0]), timeout_seconds=30)
        if there.exit_code != 0:
            raise MachineFailed(f"the program {argv[0]} is not in the machine")
        kept = ("/bin/sh", "-c", 'exec "$@" >server.log 2>&1', "server", *argv)
        self._servers.append(process.spawn(self.seal.wrap(kept), environment=self._environment(environment)))

    def removals(self) -> tuple[Removal, ...]:
        """See `Machine.removals`."""
        if self._removals or self._created_at is None:
            return self._removals
        name, made = self.seal.folder.name, self._created_at
        return (Removal(kind="folder", name=name, created_at=made, removed_at=None, gone=False),)

    def destroy(self) -> None:
        """Stop what runs, remove the folder, and look both up again."""
        if self._watch is not None:
            self._watch.end()
        self._stop_servers()
        if self._created_at is not None:
            self._removals = (remove_folder(self.seal.folder, found_at=self._created_at),)

    def _stop_servers(self) -> None:
        for server in self._servers:
            process.stop(server, gently=False)

    def _fail_if_exceeded(self) -> None:
        match self._watch.exceeded if self._watch is not None else "":
            case "disk":
                raise MachineDiskFull(f"the machine wrote more than {self.seal.file_bytes} bytes")
            case "memory":
                raise MachineOutOfMemory(f"the machine used more than {self.seal.memory_bytes} bytes of memory")

    def _environment(self, extra: dict[str, str] | None) -> dict[str, str]:
        usual = {"PATH": self.path, "HOME": self.scratch, "LANG": "C.UTF-8", "TMPDIR": "/tmp", "TZ": self.timezone}  # noqa: S108
        return {**usual, **(extra or {})}

    def _looked_at(self) -> Conditions:
        marker, seal = self.seal.folder / "label.json", self.seal
        with _for_all_to_see(marker):
            seen = proof.look(
                lambda argv: self.run(argv, timeout_seconds=30), str(marker), data_bytes=seal.memory_bytes
            )
        return Conditions(
            sandbox="local",
            isolation=Isolation.NONE if seal.mechanism is Mechanism.BARE else seen.isolation,
            mechanism=seal.mechanism.value,
            storage="tmpfs" if seal.folder.parent == MEMORY_FOLDER else "directory",
            limits=self._limits(seen),
            unproved=seen.unproved,
        )

    def _limits(self, seen: proof.Seen) -> tuple[Limit, ...]:
        """Grade what was asked for; of a user without root we can tell its machine's processes from no others."""
        memory, file = self.seal.memory_bytes, self.seal.file_bytes
        return (
            Limit(name="data_bytes_per_process", value=memory, how=seen.of_process("data", memory)),
            Limit(name="bytes_per_file", value=file, how=seen.of_process("file", file)),
            Limit(name="disk_bytes", value=file, how="watched"),
            Limit(name="processes", value=PROCESSES, how=seen.of_process("processes", PROCESSES)),
            Limit(name="memory_bytes", value=memory, how="watched" if self.seal.as_root else "not enforced"),
        )


@contextmanager
def _for_all_to_see(marker: Path) -> Iterator[None]:
    """Let a file be read by every user who sees its folder: else permissions would stand in for the seal."""
    before = marker.parent.stat().st_mode
    marker.parent.chmod(0o711)
    marker.chmod(0o644)
    try:
        yield
    finally:
        marker.parent.chmod(before)


def search_path(server: Server) -> str:
    """Give the PATH of a machine: the server's own folders first."""
    return ":".join((*server.folders, *SYSTEM_FOLDERS))


def _outside_usr(folders: Iterable[str]) -> tuple[str, ...]:
    """Keep what the sealed view does not show anyway, and exists."""
    wanted = dict.fromkeys(folders)
    return tuple(part for part in wanted if not part.startswith("/usr/") and Path(part).is_dir())


def unused_uid() -> int:
    """Pick a uid that no account and no process has."""
    running = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended while we looked
            running.add(entry.stat().st_uid)
    accounts = {account.pw_uid for account in pwd.getpwall()}
    free = [uid for uid in _UNUSED_UIDS if uid not in running | accounts]
    return secrets.choice(free)

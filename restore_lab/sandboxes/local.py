"""A disposable machine on this very host: processes held by bubblewrap, else by namespaces, in one folder that goes."""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

from restore_lab import process
from restore_lab.errors import MachineFailed
from restore_lab.evidence import Conditions, Isolation, Limit, Removal
from restore_lab.process import Completed
from restore_lab.sandboxes import proof
from restore_lab.sandboxes.base import Handle, Machine, Need, Server
from restore_lab.sandboxes.seal import Mechanism, Seal

PREFIX = "restore-lab-"
_MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - the machine's folder in it is made 0700 with an unguessable name
_DISK_FOLDER = Path("/var/tmp")  # noqa: S108 - as above
_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
#: Where uids nobody owns are looked for: the range systemd keeps for the same purpose (systemd.exec(5), DynamicUser).
_UNUSED_UIDS = range(61184, 65520)
_DISK_MARGIN_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Local:
    """The `local` sandbox. `unsafe_bare_process` allows a restore that nothing holds, and is reported as such."""

    kind: Literal["local"] = "local"
    unsafe_bare_process: bool = False

    def lacks(self, server: Server) -> str | None:
        """Say in one line why this host cannot run `server`, or None when it can."""
        if sys.platform != "linux":
            return "only Linux can hold a local machine"
        for program in server.programs:
            if shutil.which(program, path=_search_path(server)) is None:
                return f"{server.engine} {server.series}: the program {program} is not on this host"
        if _mechanism() is None and not self.unsafe_bare_process:
            return "neither bubblewrap nor user namespaces work here; install the package bubblewrap"
        return None

    @contextmanager
    def machine(self, need: Need) -> Iterator[Machine]:
        """Lend a machine; see `Sandbox.machine`."""
        live = _LocalMachine.prepare(need, self._mechanism_or_fail())
        try:
            live.create(need)
            yield live
        finally:
            live.destroy()

    def attach(self, handle: Handle) -> Machine:
        """Find a live machine again from its folder."""
        folder = Path(handle.machine_id)
        try:
            label = json.loads((folder / "label.json").read_text("utf-8"))
            seal = Seal(
                mechanism=Mechanism(label["mechanism"]),
                folder=folder,
                uid=label["uid"],
                visible=tuple(label["visible"]),
                as_root=os.geteuid() == 0,
                memory_bytes=label["memory_bytes"],
                file_bytes=label["file_bytes"],
            )
        except (OSError, ValueError, KeyError) as error:
            raise MachineFailed(f"the machine {handle.label} is not there any more") from error
        return _LocalMachine(seal=seal, label=handle.label, path=label["path"])

    def sweep(self, *, now: datetime, lab_id: str) -> tuple[Removal, ...]:
        """Remove the folders of this lab whose drill is dead or expired."""
        left = (path for parent in (_MEMORY_FOLDER, _DISK_FOLDER) for path in parent.glob(f"{PREFIX}*"))
        return tuple(_remove_folder(path, found_at=now) for path in left if _is_dead(path, now=now, lab_id=lab_id))

    def _mechanism_or_fail(self) -> Mechanism:
        mechanism = _mechanism() or (Mechanism.BARE if self.unsafe_bare_process else None)
        if mechanism is None:
            raise MachineFailed(
                "nothing on this host can hold a restore: bubblewrap and user namespaces both failed",
                hint='install the package bubblewrap, or use `machine = { kind = "container" }`',
            )
        return mechanism


@dataclass(kw_only=True, slots=True)
class _LocalMachine:
    """A folder, and the processes held in it."""

    seal: Seal
    label: str
    path: str
    _conditions: Conditions | None = None
    _created_at: datetime | None = None
    _servers: list[process.Child] = field(default_factory=list)
    _removals: tuple[Removal, ...] = ()

    @classmethod
    def prepare(cls, need: Need, mechanism: Mechanism) -> _LocalMachine:
        """Choose names and sizes; creates nothing yet."""
        parent = _MEMORY_FOLDER if _fits_memory(need.backup_bytes) else _DISK_FOLDER
        folder = parent / f"{PREFIX}{need.drill_id}-{need.restore_id}-{secrets.token_hex(8)}"
        as_root = os.geteuid() == 0
        visible = _outside_usr((*(str(Path(part).parent) for part in need.server.folders), *need.server.needs))
        seal = Seal(
            mechanism=mechanism,
            folder=folder,
            uid=_unused_uid() if as_root else os.geteuid(),
            visible=visible,
            as_root=as_root,
            memory_bytes=need.memory_bytes,
            file_bytes=max(4 * need.backup_bytes, _DISK_MARGIN_BYTES) * 4,
        )
        return cls(seal=seal, label=f"{need.drill_id}/{need.restore_id}", path=_search_path(need.server))

    @property
    def handle(self) -> Handle:
        return Handle(kind="local", machine_id=str(self.seal.folder), label=self.label)

    @property
    def conditions(self) -> Conditions:
        if self._conditions is None:
            raise MachineFailed(f"the machine {self.label} was not started here")
        return self._conditions

    @property
    def scratch(self) -> str:
        return self.seal.scratch

    def create(self, need: Need) -> None:
        """Make the folder, label it, and ask from inside what holds it."""
        self._created_at = datetime.now(UTC)
        folder, uid = self.seal.folder, self.seal.uid
        try:
            folder.mkdir(mode=0o700)
            label = _label(need, self.seal, self.path)
            (folder / "label.json").write_text(json.dumps(label), "utf-8")
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

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_seconds: float,
        stdin: Iterable[bytes] | None = None,
        stdout: Callable[[bytes], object] | None = None,
        environment: dict[str, str] | None = None,
    ) -> Completed:
        return process.run(
            self.seal.wrap(argv),
            timeout_seconds=timeout_seconds,
            stdin=stdin,
            stdout=stdout,
            environment=self._environment(environment),
        )

    def start(self, argv: Sequence[str], *, environment: dict[str, str] | None = None) -> None:
        kept = ("/bin/sh", "-c", 'exec "$@" >server.log 2>&1', "server", *argv)
        self._servers.append(process.spawn(self.seal.wrap(kept), environment=self._environment(environment)))

    def removals(self) -> tuple[Removal, ...]:
        return self._removals

    def destroy(self) -> None:
        """Stop what runs, remove the folder, and look both up again."""
        for server in self._servers:
            process.stop(server, gently=False)
        if self._created_at is not None:
            self._removals = (_remove_folder(self.seal.folder, found_at=self._created_at),)

    def _environment(self, extra: dict[str, str] | None) -> dict[str, str]:
        return {"PATH": self.path, "HOME": self.scratch, "LANG": "C.UTF-8", "TMPDIR": "/tmp", **(extra or {})}  # noqa: S108

    def _looked_at(self) -> Conditions:
        marker = str(self.seal.folder / "label.json")
        seen = proof.isolation(self.run(proof.argv(marker), timeout_seconds=30))
        if self.seal.mechanism is Mechanism.BARE:
            seen = Isolation.NONE
        processes = (Limit(name="processes", value=512, how="enforced"),) if self.seal.as_root else ()
        return Conditions(
            sandbox="local",
            isolation=seen,
            mechanism=self.seal.mechanism.value,
            storage="tmpfs" if self.seal.folder.parent == _MEMORY_FOLDER else "directory",
            limits=(
                Limit(name="data_bytes_per_process", value=self.seal.memory_bytes, how="enforced"),
                Limit(name="bytes_per_file", value=self.seal.file_bytes, how="enforced"),
                *processes,
            ),
        )


def _search_path(server: Server) -> str:
    return ":".join((*server.folders, *_SYSTEM_FOLDERS))


def _outside_usr(folders: Iterable[str]) -> tuple[str, ...]:
    """Keep what the sealed view does not show anyway, and exists."""
    wanted = dict.fromkeys(folders)
    return tuple(part for part in wanted if not part.startswith("/usr/") and Path(part).is_dir())


def _fits_memory(backup_bytes: int) -> bool:
    """Three times the dump in half of the memory that is free."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
        room = shutil.disk_usage(_MEMORY_FOLDER).free
    except (OSError, StopIteration, ValueError):
        return False
    return 3 * backup_bytes + _DISK_MARGIN_BYTES <= min(available // 2, room)


def _unused_uid() -> int:
    """Pick a uid that no account and no process has."""
    running = {status.stat().st_uid for status in Path("/proc").glob("[0-9]*") if status.exists()}
    accounts = {account.pw_uid for account in pwd.getpwall()}
    free = [uid for uid in _UNUSED_UIDS if uid not in running | accounts]
    return secrets.choice(free)


@lru_cache(maxsize=1)
def _mechanism() -> Mechanism | None:
    """Find by trying which mechanism holds a process here; the first that works."""
    for mechanism in (Mechanism.BUBBLEWRAP, Mechanism.NAMESPACES):
        with tempfile.TemporaryDirectory(prefix="restore-lab-trial-") as name:
            folder = Path(name)
            for part in ("data", "root"):
                (folder / part).mkdir()
            for part in ("passwd", "group"):
                (folder / part).touch()
            as_root = os.geteuid() == 0
            seal = Seal(
                mechanism=mechanism,
                folder=folder,
                uid=_unused_uid() if as_root else os.geteuid(),
                visible=(),
                as_root=as_root,
                memory_bytes=2**30,
                file_bytes=2**30,
            )
            path = {"PATH": ":".join(_SYSTEM_FOLDERS)}
            try:
                done = process.run(seal.wrap(("/bin/true",)), timeout_seconds=20, environment=path)
            except (MachineFailed, TimeoutError):
                continue
            if done.exit_code == 0:
                return mechanism
    return None


def _label(need: Need, seal: Seal, path: str) -> dict[str, object]:
    return {
        "lab": need.lab_id,
        "drill": need.drill_id,
        "restore": need.restore_id,
        "expires_at": need.expires_at.isoformat(),
        "pid": os.getpid(),
        "pid_started": process.started(os.getpid()),
        "mechanism": seal.mechanism.value,
        "uid": seal.uid,
        "visible": list(seal.visible),
        "memory_bytes": seal.memory_bytes,
        "file_bytes": seal.file_bytes,
        "path": path,
    }


def _is_dead(folder: Path, *, now: datetime, lab_id: str) -> bool:
    try:
        label = json.loads((folder / "label.json").read_text("utf-8"))
        expired = datetime.fromisoformat(label["expires_at"]) < now
        alive = process.started(label["pid"]) == label["pid_started"] != ""
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return label["lab"] == lab_id and (expired or not alive)


def _remove_folder(folder: Path, *, found_at: datetime) -> Removal:
    shutil.rmtree(folder, ignore_errors=True)
    return Removal(
        kind="folder",
        name=folder.name,
        created_at=found_at,
        removed_at=datetime.now(UTC),
        gone=not os.path.lexists(folder),
    )

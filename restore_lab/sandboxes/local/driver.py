"""A disposable machine on this very host: processes held by bubblewrap, else by namespaces, in one folder that goes."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

from restore_lab import process
from restore_lab.errors import MachineFailed
from restore_lab.evidence import Removal
from restore_lab.sandboxes.base import Handle, Machine, Need, Server, lent
from restore_lab.sandboxes.local.folder import (
    DISK_FOLDER,
    MEMORY_FOLDER,
    PREFIX,
    is_begun,
    is_dead,
    is_dead_trial,
    is_unlabelled,
    remove_folder,
    sorted_out,
    tell_unknown,
    trial_folder,
)
from restore_lab.sandboxes.local.machine import SYSTEM_FOLDERS, LocalMachine, search_path, unused_uid
from restore_lab.sandboxes.local.seal import Mechanism, Seal, system_here


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
            if shutil.which(program, path=search_path(server)) is None:
                return f"the program {program} is not on this host"
        if _mechanism() is None and not self.unsafe_bare_process:
            return "neither bubblewrap nor user namespaces work here; install the package bubblewrap"
        return None

    @contextmanager
    def machine(self, need: Need) -> Iterator[Machine]:
        """Lend a machine; see `Sandbox.machine`."""
        live = LocalMachine.prepare(need, self._mechanism_or_fail())
        with lent(live, lambda: live.create(need), need) as machine:
            yield machine

    @staticmethod
    def attach(handle: Handle) -> Machine:
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
                system=system_here(),
            )
        except (OSError, ValueError, KeyError) as error:
            raise MachineFailed(f"the machine {handle.label} is not there any more") from error
        return LocalMachine(seal=seal, label=handle.label, path=label["path"])

    def sweep(self, *, now: datetime, lab_id: str, ended: Collection[str]) -> Iterator[Removal]:
        """Remove the folders of this lab whose drill is dead or expired.

        Those of dead trials go as well, and are not told of: they never held anything, and are no lab's.

        Raises:
            MachineFailed: of a folder it cannot be told whose it is.
        """
        left = [path for parent in (MEMORY_FOLDER, DISK_FOLDER) for path in parent.glob(f"{PREFIX}*")]
        ours, unknown = sorted_out(filter(is_unlabelled, left), filter(is_begun, left), ended)
        for path in filter(is_dead_trial, left):
            remove_folder(path, found_at=now)
        for path in (*(one for one in left if is_dead(one, now=now, lab_id=lab_id)), *ours):
            yield remove_folder(path, found_at=now)
        tell_unknown(unknown, "this host")

    def _mechanism_or_fail(self) -> Mechanism:
        mechanism = _mechanism() or (Mechanism.BARE if self.unsafe_bare_process else None)
        if mechanism is None:
            raise MachineFailed(
                "nothing on this host can hold a restore: bubblewrap and user namespaces both failed",
                hint='install the package bubblewrap, or use `machine = { kind = "container" }`',
            )
        return mechanism


@lru_cache(maxsize=1)
def _mechanism() -> Mechanism | None:
    """Find by trying which mechanism holds a process here; the first that works."""
    for mechanism in (Mechanism.BUBBLEWRAP, Mechanism.NAMESPACES):
        with trial_folder() as folder:
            for part in ("data", "root"):
                (folder / part).mkdir()
            for part in ("passwd", "group"):
                (folder / part).touch()
            as_root = os.geteuid() == 0
            seal = Seal(
                mechanism=mechanism,
                folder=folder,
                uid=unused_uid() if as_root else os.geteuid(),
                visible=(),
                as_root=as_root,
                memory_bytes=2**30,
                file_bytes=2**30,
                system=system_here(),
            )
            path = {"PATH": ":".join(SYSTEM_FOLDERS)}
            try:
                done = process.run(seal.wrap(("/bin/true",)), timeout_seconds=20, environment=path)
            except (MachineFailed, TimeoutError):
                continue
            if done.exit_code == 0:
                return mechanism
    return None

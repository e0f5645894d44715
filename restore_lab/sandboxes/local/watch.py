"""Limits the kernel does not enforce for us: looked at every second, and acted upon."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_EVERY_SECONDS = 1.0


@dataclass(kw_only=True, slots=True)
class Watch:
    """Looks at a machine's folder, and at the memory of its user's processes, until stopped.

    `uid` is None where the machine has no user of its own; memory is then not looked at. The first limit passed is kept
    in `exceeded` (`disk` or `memory`) and `act` is called once.
    """

    folder: Path
    uid: int | None
    disk_bytes: int
    memory_bytes: int
    act: Callable[[], object]
    exceeded: str = ""
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start looking, from a thread that does not keep the process alive."""
        self._thread = threading.Thread(target=self._look, name="machine-watch", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop looking."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            if folder_bytes(self.folder) > self.disk_bytes:
                self.exceeded = "disk"
            elif self.uid is not None and user_memory_bytes(self.uid) > self.memory_bytes:
                self.exceeded = "memory"
            if self.exceeded:
                self.act()
                return


def folder_bytes(folder: Path) -> int:
    """Bytes allocated below a folder; what vanishes meanwhile does not count."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_blocks * 512  # noqa: PTH118 - hot loop
            except OSError:
                continue
    return total


def user_memory_bytes(uid: int) -> int:
    """Anonymous memory (RssAnon of proc(5)) of all processes of a user."""
    return sum(_anonymous_bytes(entry, uid) for entry in _processes())


def _processes() -> Iterator[Path]:
    return (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _anonymous_bytes(entry: Path, uid: int) -> int:
    try:
        if entry.stat().st_uid != uid:
            return 0
        lines = (entry / "status").read_text("ascii", "replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")), 0)

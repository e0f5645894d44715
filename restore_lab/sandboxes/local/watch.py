"""Limits the kernel does not enforce for us: looked at every second, and acted upon."""

from __future__ import annotations

import errno
import math
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_EVERY_SECONDS = 1.0


@dataclass(kw_only=True, slots=True)
class Watch:
    """Looks at a machine's folder, at what its user's processes hold open and at their memory, until stopped.

    `uid` is None where the machine has no user of its own; its processes are then not looked at. The first limit
    passed is kept in `exceeded` (`disk` or `memory`) and `act` is called once.
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
            hidden = unlinked_bytes(self.uid) if self.uid is not None else 0
            if folder_bytes(self.folder) + hidden > self.disk_bytes:
                self.exceeded = "disk"
            elif self.uid is not None and user_memory_bytes(self.uid) > self.memory_bytes:
                self.exceeded = "memory"
            if self.exceeded:
                self.act()
                return


def folder_bytes(folder: Path) -> float:
    """Bytes allocated below a folder; what vanishes meanwhile does not count, what is too deep to be seen is endless.

    No server names its files by more than the kernel's longest path (PATH_MAX): who does so hides what it writes.
    """
    total = 0
    waiting = [os.fspath(folder)]
    while waiting:
        path = waiting.pop()
        try:
            status = os.lstat(path)
            total += status.st_blocks * 512
            if stat.S_ISDIR(status.st_mode):
                waiting += [os.fspath(entry) for entry in Path(path).iterdir()]
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return math.inf
    return total


def unlinked_bytes(uid: int) -> int:
    """Bytes allocated to files without a name, or that never had one (memfd), which processes of a user hold open."""
    found: dict[tuple[int, int], int] = {}
    for entry in _processes():
        with suppress(OSError):  # it ended while we looked
            if entry.stat().st_uid == uid:
                statuses = (descriptor.stat() for descriptor in (entry / "fd").iterdir())
                found |= {
                    (one.st_dev, one.st_ino): one.st_blocks * 512
                    for one in statuses
                    if one.st_nlink == 0 and stat.S_ISREG(one.st_mode)
                }
    return sum(found.values())


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

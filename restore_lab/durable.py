"""Writing that survives a power cut (a line, a whole file in place of another) and an interrupt; one process alone."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

#: How long another process may keep us from writing: a record takes seconds, also when a time-stamp authority is down.
LOCK_SECONDS = 60.0
_LOOK_SECONDS = 0.05


def append_durably(path: Path, line: bytes) -> None:
    """Append a line whole, or raise OSError and leave none of it; when this returns, the disk has it.

    The caller is the only one that appends meanwhile.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        with ExitStack() as on_failure:
            on_failure.callback(os.ftruncate, descriptor, os.fstat(descriptor).st_size)
            _write_whole(descriptor, line)
            os.fsync(descriptor)
            on_failure.pop_all()
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


def _write_whole(descriptor: int, line: bytes) -> None:
    if os.write(descriptor, line) != len(line):  # a disk that fills up takes a part
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def replace_durably(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a whole file so that after a power cut either the old or the new one is there."""
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(path)
    sync_folder(path.parent)


@contextmanager
def alone(lock: Path, *, mode: int = 0o644) -> Iterator[None]:
    """Hold the only right to what a lock file stands for, across processes.

    Raises:
        TimeoutError: another process held it for `LOCK_SECONDS`.
        OSError: the file cannot be made.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        _take(descriptor)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, f"locked by another process for {LOCK_SECONDS:.0f} s") from error
            time.sleep(_LOOK_SECONDS)
        else:
            return


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put interrupts off while the record is written; it takes seconds, and half of it would be none."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def put_off() -> Iterator[None]:
    """Let a removal be whole: an interrupt that comes meanwhile is raised when the block has ended."""
    came: list[int] = []
    heeded = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda number, _frame: came.append(number)) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            raise KeyboardInterrupt


def sync_folder(folder: Path) -> None:
    """Have the disk take what a folder names."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

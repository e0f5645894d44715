"""The only module that starts processes: all three streams pumped together, every wait limited, nothing left behind."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from restore_lab.errors import MachineFailed

#: A process of ours that still runs.
Child = subprocess.Popen[bytes]

PIECE_BYTES = 1024 * 1024
#: Output kept per stream; what comes beyond is read and dropped.
KEPT_OUTPUT_BYTES = 16 * 1024 * 1024
#: How long a process may take to heed an interrupt, then a terminate, before it is killed.
GRACE_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed:
    """How a command ended; `fed_bytes` is how much of its stdin it took, `cut` whether output was dropped."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    cut: bool
    fed_bytes: int
    seconds: float


@dataclass(kw_only=True, slots=True)
class Output:
    """One output stream: kept up to `KEPT_OUTPUT_BYTES`, or handed on piece by piece to `sink`."""

    sink: Callable[[bytes], object] | None = None
    data: bytearray = field(default_factory=bytearray)
    cut: bool = False

    def take(self, piece: bytes) -> None:
        """Keep or hand on one piece."""
        if self.sink is not None:
            self.sink(piece)
            return
        room = KEPT_OUTPUT_BYTES - len(self.data)
        self.cut |= len(piece) > room
        self.data += piece[:room]


def run(  # noqa: PLR0913 - the three streams of a command, each by its name
    argv: Sequence[str],
    *,
    timeout_seconds: float,
    stdin: Iterable[bytes] | None = None,
    stdout: Callable[[bytes], object] | None = None,
    stderr: Callable[[bytes], object] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Completed:
    """Run a command to its end, in a session of its own, with nothing of our environment but what is given.

    Raises:
        MachineFailed: it could not be started.
        TimeoutError: the limit (seconds) passed; the whole session is dead by then.
    """
    started = time.monotonic()
    child = spawn(argv, environment=environment, piped=True)
    out, err = Output(sink=stdout), Output(sink=stderr)
    try:
        fed = _pump(child, iter(stdin or ()), out, err, deadline=started + timeout_seconds)
        exit_code = child.wait(max(0.1, started + timeout_seconds - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"{argv[0]} did not end within {timeout_seconds:.0f} s") from error
    finally:
        stop(child, gently=False)
    return Completed(
        exit_code=exit_code,
        stdout=bytes(out.data),
        stderr=bytes(err.data),
        cut=out.cut or err.cut,
        fed_bytes=fed,
        seconds=time.monotonic() - started,
    )


def spawn(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    piped: bool = False,
) -> Child:
    """Start a command as leader of its own session; the caller must `stop` it.

    Raises:
        MachineFailed: it could not be started.
    """
    stream = subprocess.PIPE if piped else subprocess.DEVNULL
    try:
        return subprocess.Popen(
            list(argv),
            stdin=stream,
            stdout=stream,
            stderr=stream,
            env=dict(environment or {}),
            start_new_session=True,
            cwd="/",
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise MachineFailed(f"{argv[0]} could not be started: {error.__class__.__name__}") from error


def stop(child: Child, *, gently: bool = True) -> None:
    """Interrupt, terminate, kill: whichever ends the whole session first. Harmless on one that has ended."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL) if gently else (signal.SIGKILL,):
        if child.poll() is not None:
            break
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
        with suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_SECONDS)
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.close()


def own_pid() -> int:
    """Give the number of this very process."""
    return os.getpid()


def started(pid: int) -> str:
    """When a process started, in clock ticks since boot, "" when there is none: with the pid, a process's only name.

    Source: proc(5), /proc/pid/stat field 22.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _pump(child: Child, pieces: Iterator[bytes], out: Output, err: Output, *, deadline: float) -> int:
    """Feed stdin and drain both outputs until the child closed them; give the bytes it took."""
    if child.stdin is None or child.stdout is None or child.stderr is None:
        raise MachineFailed("a child to be pumped has no pipes")
    feeder = _Feeder(child.stdin.fileno(), pieces)
    for stream in (child.stdin, child.stdout, child.stderr):
        os.set_blocking(stream.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ, out)
        selector.register(child.stderr, selectors.EVENT_READ, err)
        selector.register(child.stdin, selectors.EVENT_WRITE, feeder)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready and time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired(str(child.args), 0)
            for key, _ in ready:
                if isinstance(key.data, _Feeder):
                    if not key.data.feed():
                        selector.unregister(key.fileobj)
                        child.stdin.close()
                elif piece := os.read(key.fd, PIECE_BYTES):
                    key.data.take(piece)
                else:
                    selector.unregister(key.fileobj)
    return feeder.fed_bytes


@dataclass(slots=True)
class _Feeder:
    """What remains to be written to a child's stdin."""

    fd: int
    pieces: Iterator[bytes]
    waiting: memoryview = field(default_factory=lambda: memoryview(b""))
    fed_bytes: int = 0

    def feed(self) -> bool:
        """Write what the pipe takes now; False when there is nothing left, or nobody to read it."""
        if not self.waiting:
            piece = next(self.pieces, None)
            if piece is None:
                return False
            self.waiting = memoryview(piece)
        try:
            written = os.write(self.fd, self.waiting[:PIECE_BYTES])
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        self.waiting = self.waiting[written:]
        self.fed_bytes += written
        return True

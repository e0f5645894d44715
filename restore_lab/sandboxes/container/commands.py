"""Runs commands inside a container: by the engine where stdin streams, by a program kept in it where it is at hand.

A command costs the engine some 50 ms of processor time to begin, and a drill asks a hundred questions. So one program
of ours, `commands.pl`, stays in the container from the first question on, and runs one after another.
"""

from __future__ import annotations

import socket
import time
import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from restore_lab.errors import MachineFailed
from restore_lab.process import Completed, Output
from restore_lab.sandboxes.container import diagnosis, streams
from restore_lab.sandboxes.container import docker_engine as engine

#: What is kept. It answers in the engine's own stream format, with the exit code on a third stream.
_KEEPER: Final = ("perl", "-e", Path(__file__).with_name("commands.pl").read_text("utf-8"))
#: Interrupts, terminates, kills a whole session, two seconds each; ends with 0 when nothing of it is left.
_STOP: Final = (
    *("/bin/sh", "-c"),
    """for signal in INT TERM KILL; do
      pkill -"$signal" -s "$1"; tries=0
      while [ "$tries" -lt 20 ]; do pgrep -s "$1" >/dev/null || exit 0; sleep 0.1; tries=$((tries + 1)); done
    done; exit 1""",
    "stop",
)
_STOP_SECONDS: Final = 30.0
#: What a shell gives for a command that was killed: 128 + SIGKILL.
_KILLED: Final = 137


class Keeper:
    """The program kept in a container, by the connection to it; it runs one command at a time."""

    def __init__(self, connection: socket.socket, early: bytes) -> None:
        self._connection = connection
        self._told = Output(sink=lambda _: None)
        self._frames = streams.Frames(stdout=self._told)
        self._frames.take(early)
        self.close = weakref.finalize(self, connection.close)

    def begin(
        self, argv: Sequence[str], frames: streams.Frames, stdin: bytes, environment: Mapping[str, str]
    ) -> streams.Running:
        """Have it run a command; the one before has ended."""
        variables = (f"{name}={value}" for name, value in environment.items())
        words = (*(word.encode() for word in (str(len(argv)), *argv, *variables)), stdin)
        order = _counted(b"".join(_counted(word) for word in words))
        self._told.sink = frames.take
        feed = streams.Feed(pieces=iter((order,)), stays_open=True)
        return streams.Running(connection=self._connection, frames=frames, feed=feed, take=self._frames.take)


class Commands:
    """Runs the commands of one container, one at a time."""

    def __init__(self, container: str) -> None:
        self._container = container
        self._keeper: Keeper | None = None
        self._can_keep = True

    def run(
        self,
        argv: Sequence[str],
        frames: streams.Frames,
        timeout_seconds: float,
        *,
        stdin: Iterable[bytes] | None = None,
        environment: Mapping[str, str] = {},
    ) -> Completed:
        """Run one command to its end; what it says goes through `frames`.

        Raises:
            MachineFailed: the program is not in the machine, or the engine did not do its part.
            TimeoutError: the limit (seconds) passed; the command has ended by then, if need be with the whole machine.
        """
        began = time.monotonic()
        deadline = began + timeout_seconds
        ended = None
        try:
            if self._can_keep and (stdin is None or isinstance(stdin, tuple | list)):
                ended = self._kept(argv, frames, b"".join(stdin or ()), environment, deadline=deadline)
            code, fed_bytes = ended or self._begun(argv, frames, stdin, environment, deadline=deadline)
        except TimeoutError as error:
            raise TimeoutError(f"{argv[0]} did not end within {timeout_seconds:.0f} s") from error
        if frames.announced == b"absent":
            raise diagnosis.absent(argv[0])
        return Completed(
            exit_code=code,
            stdout=bytes(frames.stdout.data),
            stderr=bytes(frames.stderr.data),
            cut=frames.stdout.cut or frames.stderr.cut,
            fed_bytes=fed_bytes,
            seconds=time.monotonic() - began,
        )

    def close(self) -> None:
        """Let go of the kept program, which ends by that."""
        if self._keeper:
            self._keeper.close()
            self._keeper = None

    def _kept(
        self,
        argv: Sequence[str],
        frames: streams.Frames,
        stdin: bytes,
        environment: Mapping[str, str],
        *,
        deadline: float,
    ) -> tuple[int, int] | None:
        """As `_begun`, by the kept program; None when that is not there, or not any more, and began nothing."""
        keeper = self._keeper or Keeper(*self._start(_KEEPER, {}, is_fed=True)[1:])
        running, self._keeper = keeper.begin(argv, frames, stdin, environment), None
        try:
            self._pump(running, deadline=deadline)
            if frames.exit_code is not None:
                self._keeper = keeper
                return frames.exit_code, len(stdin)
        finally:
            if self._keeper is not keeper:
                keeper.close()
        self._can_keep = False  # no perl in the image, or something in the machine killed it
        return None if frames.announced is None else (_KILLED, len(stdin))

    def _begun(
        self,
        argv: Sequence[str],
        frames: streams.Frames,
        stdin: Iterable[bytes] | None,
        environment: Mapping[str, str],
        *,
        deadline: float,
    ) -> tuple[int, int]:
        """Have the engine run a command; give its exit code, and how many bytes it was fed."""
        exec_id, connection, early = self._start(argv, environment, is_fed=stdin is not None)
        feed = streams.feed_of(stdin)
        with connection:
            frames.take(early)
            running = streams.Running(connection=connection, frames=frames, feed=feed, take=frames.take)
            self._pump(running, deadline=deadline)
        return engine.exit_code(exec_id), feed.fed_bytes if feed else 0

    def _start(
        self, argv: Sequence[str], environment: Mapping[str, str], *, is_fed: bool
    ) -> tuple[str, socket.socket, bytes]:
        exec_id, version = engine.prepare(self._container, (*streams.ANNOUNCED, *argv), environment, stdin=is_fed)
        return exec_id, *streams.start(engine.socket_path(), version, exec_id)

    def _pump(self, running: streams.Running, *, deadline: float) -> None:
        try:
            running.pump(deadline=deadline)
        except BaseException:
            self._stop(running.pid())
            raise

    def _stop(self, pid: str) -> None:
        """End a command and all it started in its session; a machine in which that fails is ended as a whole."""
        with suppress(MachineFailed, TimeoutError):
            if pid and self.run((*_STOP, pid), streams.Frames(), _STOP_SECONDS).exit_code == 0:
                return
        with suppress(MachineFailed):
            engine.remove("container", self._container)


def _counted(word: bytes) -> bytes:
    return len(word).to_bytes(4, "big") + word

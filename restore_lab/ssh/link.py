"""Commands over one connection: a link that died is noticed, and an exit code is a program's own.

paramiko gives -1 for a lost link as well as for a signal, so that every command runs below a shell that outlives it.
This is the only place that quotes for a shell. Source: RFC 4254 (connection protocol).
"""

from __future__ import annotations

import select
import shlex
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import paramiko

from restore_lab.errors import MachineFailed
from restore_lab.process import Completed, Output

_ANSWER_SECONDS = 20.0
_PIECE_BYTES = 32 * 1024
#: How often a full window is tried again; the other end says nothing that could be waited for.
_AGAIN_SECONDS = 0.005
_LOOK_SECONDS = 0.5
_BELOW_A_SHELL = ("/bin/sh", "-c", '"$@"; exit $?', "below")


class _TooLate(Exception):  # not an error: a limit passed, which no error of a source may be taken for
    pass


class LinkLost(MachineFailed):
    """The connection broke: what ran at the other end may have ended well, or not at all."""


@dataclass(kw_only=True, slots=True)
class Running:
    """A command whose input and output stay open: what is said to it line by line, and what it answers."""

    channel: paramiko.Channel
    host: str
    _heard: bytearray = field(default_factory=bytearray)

    def say(self, said: bytes) -> None:
        """Send some bytes.

        Raises:
            LinkLost: it is not listening any more.
        """
        try:
            self.channel.sendall(said)
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise LinkLost(f"the link to {self.host} broke") from error

    def hear(self, *, timeout_seconds: float) -> str:
        """Wait for one line.

        Raises:
            LinkLost: none came within the time, or the command has ended.
        """
        self.channel.settimeout(timeout_seconds)
        while b"\n" not in self._heard:
            try:
                piece = self.channel.recv(4096)
            except (OSError, EOFError, paramiko.SSHException) as error:
                raise LinkLost(f"{self.host} did not answer within {timeout_seconds:.0f} s") from error
            if not piece:
                raise LinkLost(f"the command that held the line to {self.host} has ended")
            self._heard += piece
        line, _, rest = bytes(self._heard).partition(b"\n")
        self._heard = bytearray(rest)
        return line.decode("utf-8", "replace")

    def close(self) -> None:
        """Close its input; what it does then is its own affair."""
        with suppress(OSError, EOFError, paramiko.SSHException):
            self.channel.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """One connection, over which any number of commands run."""

    host: str
    client: paramiko.SSHClient

    @property
    def transport(self) -> paramiko.Transport:
        """The connection below its channels."""
        return self.client.get_transport()

    def close(self) -> None:
        """Close the connection; what runs at the other end is not ended by that."""
        self.client.close()

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_seconds: float,
        stdin: Iterable[bytes] | None = None,
        stdout: Callable[[bytes], object] | None = None,
        stderr: Callable[[bytes], object] | None = None,
    ) -> Completed:
        """Run one command to its end, feeding and draining all three streams together; see `process.run`.

        Raises:
            LinkLost: the connection broke before the command's exit code came.
            TimeoutError: the limit (seconds) passed; the command may still run.
        """
        began = time.monotonic()
        channel = self._begun(argv)
        out, err = Output(sink=stdout), Output(sink=stderr)
        try:
            fed = self._pumped(channel, filter(None, stdin or ()), out, err, deadline=began + timeout_seconds)
            code = channel.recv_exit_status() if channel.exit_status_ready() else -1
        except _TooLate as error:
            raise TimeoutError(f"{argv[0]} did not end within {timeout_seconds:.0f} s") from error
        finally:
            with suppress(OSError, EOFError, paramiko.SSHException):
                channel.close()
        if code < 0:
            raise LinkLost(f"the link to {self.host} broke before the command's end was known")
        return Completed(
            exit_code=code,
            stdout=bytes(out.data),
            stderr=bytes(err.data),
            cut=out.cut or err.cut,
            fed_bytes=fed,
            seconds=time.monotonic() - began,
        )

    def begin(self, argv: Sequence[str]) -> Running:
        """Start a command that is spoken to line by line, or that runs until it is ended.

        Raises:
            LinkLost: the connection is broken.
        """
        return Running(channel=self._begun(argv), host=self.host)

    def _begun(self, argv: Sequence[str]) -> paramiko.Channel:
        too_late = threading.Timer(_ANSWER_SECONDS, self.close)  # paramiko itself waits for an answer without a limit
        too_late.start()
        try:
            channel = self.transport.open_session(timeout=_ANSWER_SECONDS)
            channel.exec_command(shlex.join((*_BELOW_A_SHELL, *argv)))
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise LinkLost(f"{self.host} did not take a command") from error
        finally:
            too_late.cancel()
        return channel

    def _pumped(
        self, channel: paramiko.Channel, pieces: Iterator[bytes], out: Output, err: Output, *, deadline: float
    ) -> int:
        """Feed and drain until the command has ended; give the bytes it, or the link, took."""
        fed, rest, fed_up = 0, memoryview(b""), False
        channel.settimeout(0.0)
        while True:
            moved = _drained(channel, out, err)
            if channel.exit_status_ready() and not (channel.recv_ready() or channel.recv_stderr_ready()):
                if channel.eof_received or channel.closed:
                    return fed
            elif not self.transport.is_active():
                raise LinkLost(f"the link to {self.host} broke")
            if not fed_up and not channel.exit_status_ready():
                rest = rest or memoryview(next(pieces, b""))
                taken = _sent(channel, rest) if rest else -1
                if taken < 0:
                    fed_up = True
                    with suppress(OSError, EOFError, paramiko.SSHException):
                        channel.shutdown_write()
                else:
                    fed, rest = fed + taken, rest[taken:]
                moved = moved or taken > 0
            if time.monotonic() > deadline:
                raise _TooLate
            if not moved:
                _wait(channel, _LOOK_SECONDS if fed_up else _AGAIN_SECONDS)


def _drained(channel: paramiko.Channel, out: Output, err: Output) -> bool:
    moved = False
    while channel.recv_ready():
        out.take(channel.recv(_PIECE_BYTES))
        moved = True
    while channel.recv_stderr_ready():
        err.take(channel.recv_stderr(_PIECE_BYTES))
        moved = True
    return moved


def _wait(channel: paramiko.Channel, seconds: float) -> None:
    """Wait until something comes; a channel that has ended says so for ever, and is only waited for."""
    if channel.eof_received:
        time.sleep(_AGAIN_SECONDS)
    else:
        select.select([channel], [], [], seconds)


def _sent(channel: paramiko.Channel, piece: memoryview) -> int:
    """Give how many bytes were taken: none while the window is full, -1 once nobody reads any more."""
    try:
        return channel.send(bytes(piece[:_PIECE_BYTES])) or -1
    except TimeoutError:
        return 0
    except (OSError, EOFError, paramiko.SSHException):
        return -1

"""One command inside a container: its three streams over the engine's socket, pumped together. Knows no `docker`.

Source: Docker Engine API, ``POST /exec/{id}/start`` and "Attach to a container" (hijacking, stream format).
"""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from restore_lab.errors import MachineFailed
from restore_lab.process import PIECE_BYTES, Output

#: Tells its pid on the first line of stderr, then becomes the command: that pid's session is what a timeout kills.
ANNOUNCED = (
    *("/bin/sh", "-c"),
    'command -v -- "$1" >/dev/null || { echo absent >&2; exit 127; }; echo $$ >&2; exec "$@"',
    "run",
)
_CONNECT_SECONDS = 60.0
_ANNOUNCED_SECONDS = 10.0
_STDOUT = 1
_EXIT_CODE = 3
_LONGEST_LINE_BYTES = 64
_HEADER_BYTES = 8
_LONGEST_ANSWER_BYTES = 64 * 1024


@dataclass(kw_only=True, slots=True)
class Frames:
    """Takes the multiplexed bytes apart. `announced` is the first line of stderr, None until all of it was seen.

    `exit_code` is told by a keeper only.
    """

    stdout: Output = field(default_factory=Output)
    stderr: Output = field(default_factory=Output)
    announced: bytes | None = None
    exit_code: int | None = None
    _header: bytearray = field(default_factory=bytearray)
    _left: int = 0
    _line: bytearray = field(default_factory=bytearray)

    def take(self, data: bytes) -> None:
        """Hand on what arrived; frames may be cut anywhere."""
        view = memoryview(data)
        while view:
            if self._left == 0:
                missing = _HEADER_BYTES - len(self._header)
                self._header += view[:missing]
                view = view[missing:]
                if len(self._header) < _HEADER_BYTES:
                    return
                self._left = int.from_bytes(self._header[4:])
            piece = bytes(view[: self._left])
            self._give(piece)
            view = view[len(piece) :]
            self._left -= len(piece)
            if self._left == 0:
                self._header.clear()

    def _give(self, piece: bytes) -> None:
        if self._header[0] == _STDOUT:
            self.stdout.take(piece)
        elif self._header[0] == _EXIT_CODE:
            self.exit_code = piece[0] if piece else None
        elif self.announced is not None:
            self.stderr.take(piece)
        else:
            self._line += piece
            first, newline, rest = self._line.partition(b"\n")
            if newline or len(first) > _LONGEST_LINE_BYTES:
                self.announced = bytes(first)
                self.stderr.take(bytes(rest))


@dataclass(kw_only=True, slots=True)
class Feed:
    """What remains to be written to a command's stdin, which `stays_open` behind it when it is the keeper's."""

    pieces: Iterator[bytes]
    stays_open: bool = False
    fed_bytes: int = 0
    _waiting: memoryview = field(default_factory=lambda: memoryview(b""))

    def write(self, connection: socket.socket) -> bool:
        """Write what the socket takes now; False when there is nothing left, or nobody to read it."""
        while not self._waiting:
            piece = next(self.pieces, None)
            if piece is None:
                if not self.stays_open:
                    _close_stdin(connection)
                return False
            self._waiting = memoryview(piece)
        try:
            written = connection.send(self._waiting[:PIECE_BYTES])
        except BlockingIOError:
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False
        self._waiting = self._waiting[written:]
        self.fed_bytes += written
        return True


@dataclass(kw_only=True, slots=True)
class Running:
    """A command under way: what it is fed, what it says; `take` is given what arrives and hands on its `frames`."""

    connection: socket.socket
    frames: Frames
    feed: Feed | None
    take: Callable[[bytes], None]

    def pump(self, *, deadline: float) -> None:
        """Feed stdin and read both outputs until the command has ended, or the engine closed the connection.

        A command that stops reading its stdin is no error: what it did not take stays unread.

        Raises:
            TimeoutError: `deadline` (monotonic seconds) passed; the command may still run.
        """
        self.connection.setblocking(False)
        with selectors.DefaultSelector() as selector:
            selector.register(self.connection, selectors.EVENT_READ | (selectors.EVENT_WRITE if self.feed else 0))
            while self.frames.exit_code is None:
                limit = deadline - time.monotonic()
                if limit <= 0:
                    raise TimeoutError
                for _, ready in selector.select(limit):
                    if ready & selectors.EVENT_READ and not self._drain():
                        return
                    if ready & selectors.EVENT_WRITE and self.feed and not self.feed.write(self.connection):
                        selector.modify(self.connection, selectors.EVENT_READ)

    def pid(self) -> str:
        """Give its pid inside the container, waited for when it has only just been started; "" without one."""
        self.feed = None
        deadline = time.monotonic() + _ANNOUNCED_SECONDS
        while self.frames.announced is None and time.monotonic() < deadline:
            try:
                self.pump(deadline=time.monotonic() + 0.1)
            except TimeoutError:
                continue
            break
        pid = (self.frames.announced or b"").decode("ascii", "replace")
        return pid if pid.isdigit() else ""

    def _drain(self) -> bool:
        """Read what is there; False when the engine has closed the connection."""
        try:
            data = self.connection.recv(PIECE_BYTES)
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False
        self.take(data)
        return bool(data)


def start(engine_socket: str, api_version: str, exec_id: str) -> tuple[socket.socket, bytes]:
    """Start a prepared command and take the connection over; give it with the output that came with the answer.

    The docker SDK reads the answer through a buffer and would lose output that arrives together with it.

    Raises:
        MachineFailed: the engine refused, or closed the connection.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(_CONNECT_SECONDS)
        connection.connect(engine_socket)
        body = json.dumps({"Detach": False, "Tty": False}).encode()
        connection.sendall(
            f"POST /v{api_version}/exec/{exec_id}/start HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n".encode()
            + body
        )
        return connection, _answer(connection)
    except OSError as error:
        connection.close()
        raise MachineFailed(f"the Docker engine did not start the command: {error.__class__.__name__}") from error
    except BaseException:
        connection.close()
        raise


def _answer(connection: socket.socket) -> bytes:
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = connection.recv(PIECE_BYTES)
        if not piece or len(answer) > _LONGEST_ANSWER_BYTES:
            raise MachineFailed("the Docker engine closed the connection before the command started")
        answer += piece
    head, _, rest = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if status != [b"101"]:
        raise MachineFailed(f"the Docker engine did not start the command: {head[:64]!r}")
    return rest


def _close_stdin(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError:  # the command has ended: there is no stdin any more
        return


def feed_of(stdin: Iterable[bytes] | None) -> Feed | None:
    """Give what feeds `stdin`, or None when the command gets none."""
    return None if stdin is None else Feed(pieces=iter(stdin))

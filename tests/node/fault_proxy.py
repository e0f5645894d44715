"""What networks do to a connection, on command: a TCP proxy on the loopback interface, and servers that never greet."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from node.access import LOOPBACK, Node

_T = TypeVar("_T")
_PIECE_BYTES = 16384
_PIECES_ON_THE_WAY = 64
#: How often a stalled direction looks whether it may go on.
_LOOK_SECONDS = 0.02
#: How long after its FIN a cut connection is still there to take what was on its way.
_CUT_SECONDS = 0.2
_WAIT_SECONDS = 10


class Ending(Enum):
    """How a connection ends: in order (FIN), or with a reset (RST)."""

    CUT = "cut"
    RESET = "reset"


class Direction(Enum):
    """To the node, or from it."""

    UP = "up"
    DOWN = "down"


@dataclass(kw_only=True)
class Faults:
    """What happens to what passes; each field may be changed at any time and counts from the next piece on.

    Bytes are counted by direction, over all connections since the proxy began (`FaultProxy.passed`).
    """

    latency_seconds: float = 0.0
    bytes_per_second: float | None = None
    #: Connections stay open, new ones are taken, and nothing passes.
    stalled: bool = False
    #: Nothing more passes that way once so many bytes have; take the entry out to go on.
    stall_after: dict[Direction, int] = field(default_factory=dict)
    #: All connections end once so many bytes have gone that way; later ones pass.
    end_after: dict[Direction, tuple[int, Ending]] = field(default_factory=dict)
    #: The lowest bit of the byte with this number, from 0, is flipped, once; of the next one if that has passed.
    flip_at: dict[Direction, int] = field(default_factory=dict)
    #: This many bytes from the node pass one at a time, so many seconds apart: a banner that drips.
    drip_bytes: int = 0
    drip_seconds: float = 1.0


class FaultProxy:
    """A proxy before a node; `node` is the node as it looks through it."""

    def __init__(self, target: Node) -> None:
        self.faults = Faults()
        self.passed: Counter[Direction] = Counter()
        self.connections = 0
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._relay, LOOPBACK, 0))
        self.node = target.at(int(self._server.sockets[0].getsockname()[1]))

    def end(self, ending: Ending) -> None:
        """End every connection now, towards both sides; new ones are taken."""
        self._do(self._end(ending))

    def close(self) -> None:
        """Reset everything and take no more."""
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WAIT_SECONDS)
        self._loop.close()

    def _do(self, what: Coroutine[object, object, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(_WAIT_SECONDS)

    async def _close(self) -> None:
        self._server.close()
        await self._end(Ending.RESET)
        others = asyncio.all_tasks() - {task for task in (asyncio.current_task(),) if task}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _end(self, ending: Ending) -> None:
        ended, self._open = self._open, set()
        for writer in ended:
            with suppress(OSError):
                if ending is Ending.CUT:
                    writer.write_eof()
                else:
                    linger = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    writer.transport.abort()
        if ending is Ending.CUT:
            await asyncio.sleep(_CUT_SECONDS)
            for writer in ended:
                writer.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            node_reader, node_writer = await asyncio.open_connection(self._target.host, self._target.port)
        except OSError:
            writer.transport.abort()
            return
        self.connections += 1
        self._open |= {writer, node_writer}
        up = self._carry(reader, node_writer, Direction.UP)
        down = self._carry(node_reader, writer, Direction.DOWN)
        await asyncio.gather(up, down, return_exceptions=True)
        self._open -= {writer, node_writer}
        writer.close()
        node_writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction) -> None:
        """Pass one direction of one connection on until a side ends; what is late does not hold up what follows."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_PIECES_ON_THE_WAY)
        delivering = asyncio.create_task(self._deliver(queue, writer, direction))
        try:
            while piece := await reader.read(_PIECE_BYTES):
                await queue.put((self._loop.time() + self.faults.latency_seconds, piece))
            await queue.put((0.0, b""))
            await delivering
        finally:
            delivering.cancel()

    async def _deliver(
        self, queue: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, direction: Direction
    ) -> None:
        while True:
            due, piece = await queue.get()
            if not piece:
                break
            await asyncio.sleep(max(due - self._loop.time(), 0))
            while piece:
                count = min(self._allowed(direction), len(piece))
                await self._send(piece[:count], writer, direction)
                piece = piece[count:]
        writer.write_eof()

    def _allowed(self, direction: Direction) -> int:
        """Give how many bytes may pass before something is to happen."""
        faults, passed = self.faults, self.passed[direction]
        limits = [_PIECE_BYTES]
        if direction in faults.stall_after:
            limits.append(max(faults.stall_after[direction] - passed, 0))
        if direction in faults.end_after:
            limits.append(max(faults.end_after[direction][0] - passed, 1))
        if faults.bytes_per_second:
            limits.append(max(int(faults.bytes_per_second / 20), 1))
        if self._drips(direction):
            limits.append(1)
        return 0 if faults.stalled else min(limits)

    def _drips(self, direction: Direction) -> bool:
        return direction is Direction.DOWN and self.passed[direction] < self.faults.drip_bytes

    async def _send(self, piece: bytes, writer: asyncio.StreamWriter, direction: Direction) -> None:
        faults, began = self.faults, self.passed[direction]
        if not piece:
            await asyncio.sleep(_LOOK_SECONDS)
            return
        if faults.bytes_per_second:
            await asyncio.sleep(len(piece) / faults.bytes_per_second)
        if self._drips(direction):
            await asyncio.sleep(faults.drip_seconds)
        flip = max(faults.flip_at.get(direction, sys.maxsize) - began, 0)
        if flip < len(piece):
            del faults.flip_at[direction]
            piece = piece[:flip] + bytes([piece[flip] ^ 1]) + piece[flip + 1 :]
        writer.write(piece)
        await writer.drain()
        self.passed[direction] += len(piece)
        bytes_before_end, ending = faults.end_after.get(direction, (None, Ending.CUT))
        if bytes_before_end is not None and self.passed[direction] >= bytes_before_end:
            del faults.end_after[direction]
            await self._end(ending)


@contextmanager
def fault_proxy(node: Node) -> Iterator[FaultProxy]:
    """Run a proxy before a node until the block ends; everything passes until its `faults` are changed."""
    proxy = FaultProxy(node)
    try:
        yield proxy
    finally:
        proxy.close()


@contextmanager
def silent_server() -> Iterator[int]:
    """Listen on a port where connections are taken and nothing is ever said; give the port."""
    with socket.create_server((LOOPBACK, 0)) as listener:  # the kernel itself takes the connection
        yield int(listener.getsockname()[1])


@contextmanager
def babbling_server(*, line: bytes = b"restore-lab test\r\n", seconds: float = 0.2) -> Iterator[int]:
    """Listen on a port and say lines before an SSH banner that never comes (RFC 4253, 4.2 allows them)."""
    stop = threading.Event()

    def babble(client: socket.socket) -> None:
        with client, suppress(OSError):
            while not stop.wait(seconds):
                client.sendall(line)

    def take(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=babble, args=(client,), daemon=True).start()

    with socket.create_server((LOOPBACK, 0)) as listener:
        taking = threading.Thread(target=take, args=(listener,), daemon=True)
        taking.start()
        yield int(listener.getsockname()[1])
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        taking.join(_WAIT_SECONDS)

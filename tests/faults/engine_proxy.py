"""A Docker engine that can be stopped: a socket of our own before the real one, which nothing happens to."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_ENGINE_SOCKET = "/var/run/docker.sock"


@dataclass(kw_only=True)
class MortalEngine:
    """Stands before the Docker engine; gone for good when told, or once so many bytes passed on one connection.

    With `loses`, it is gone instead of giving its answer to the request in which these words stand. `dies_with_it` ends
    what dies with it; it then comes back, as a service that is started again does, after `away_seconds`.
    """

    path: Path
    most_bytes: int = sys.maxsize
    loses: bytes = b""
    dies_with_it: Callable[[], None] | None = None
    away_seconds: float = 3.0
    is_dead: bool = False
    _is_asked: bool = False
    _over: threading.Event = field(default_factory=threading.Event)
    _listening: list[socket.socket] = field(default_factory=list)
    _ends: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What makes a client of Docker ask this one."""
        return {"DOCKER_HOST": f"unix://{self.path}"}

    @contextmanager
    def living(self) -> Iterator[None]:
        self._listen()
        try:
            yield
        finally:
            self._over.set()
            self._end()
            for thread in self._threads:
                thread.join(10)
            for one in (*self._listening, *self._ends):
                one.close()

    def die(self) -> None:
        """Stop: nothing answers any more, and what was under way is cut; for good, where nothing dies with it."""
        self.is_dead, self.loses, self._is_asked = True, b"", False
        self._end()
        if self.dies_with_it is not None:
            self.dies_with_it()
            self._begin(self._come_back)

    def _come_back(self) -> None:
        if not self._over.wait(self.away_seconds):
            self.is_dead = False
            self._listen()

    def _listen(self) -> None:
        self._listening.append(socket.socket(socket.AF_UNIX))
        self._listening[-1].bind(str(self.path))
        self._listening[-1].listen(64)
        self._begin(self._accept, self._listening[-1])

    def _begin(self, what: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=what, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                engine = socket.socket(socket.AF_UNIX)
                self._ends += (client, engine)
                engine.connect(_ENGINE_SOCKET)
                self._begin(self._ask, client, engine)
                self._begin(self._answer, engine, client)

    def _ask(self, client: socket.socket, engine: socket.socket) -> None:
        passed = 0
        with suppress(OSError):
            while data := client.recv(16_384):
                passed += len(data)
                self._is_asked |= bool(self.loses) and self.loses in data
                if passed > self.most_bytes:
                    self.die()
                engine.sendall(data)
            engine.shutdown(socket.SHUT_WR)

    def _answer(self, engine: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := engine.recv(16_384):
                if self._is_asked:
                    self.die()
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)

    def _end(self) -> None:
        self.path.unlink(missing_ok=True)
        for one in (*self._listening, *self._ends):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

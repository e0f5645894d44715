"""Servers that are no test node: they never greet, never let in, never take a command, or never come to an end.

Each keeps its connection open, so that no link breaks: only a limit of ours ends the wait. Source: RFC 4252 to 4254.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import paramiko
import pytest
from node.access import LOOPBACK
from node.fault_proxy import babbling_server, silent_server

from restore_lab.ssh.connection import make_key

#: How long a test lets itself be kept waiting at each step.
LIMIT_SECONDS: Final = 1.0
_ACCOUNT: Final = "restore-lab"

Stop = threading.Event
Serve = Callable[[socket.socket, Stop], object]


class Endless(paramiko.ServerInterface):  # type: ignore[misc] # it ships no types
    """Lets everybody in; at one step (`auth`, `channel` or `exec`) it says nothing more until it is stopped.

    `shown` names those who showed it their key.
    """

    def __init__(self, step: str, stop: Stop, shown: list[str]) -> None:
        self.step, self.stop, self.shown = step, stop, shown

    def get_allowed_auths(self, _username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, _key: paramiko.PKey) -> int:
        self.shown.append(username)
        self._stay_at("auth")
        return int(paramiko.AUTH_SUCCESSFUL)

    def check_channel_request(self, _kind: str, _number: int) -> int:
        self._stay_at("channel")
        return int(paramiko.OPEN_SUCCEEDED)

    def check_channel_exec_request(self, channel: paramiko.Channel, _command: bytes) -> bool:
        self._stay_at("exec")
        if self.step == "flood":
            threading.Thread(target=self._flood, args=(channel,), daemon=True).start()
        return True

    def _stay_at(self, step: str) -> None:
        if self.step == step:
            self.stop.wait()

    def _flood(self, channel: paramiko.Channel) -> None:
        with suppress(OSError, EOFError, paramiko.SSHException):
            while not self.stop.is_set():
                channel.sendall(bytes(32_768))


@dataclass(frozen=True)
class Server:
    """Where a server listens, and the one key it may have."""

    port: int
    host_key: str


def written(key: paramiko.PKey) -> str:
    """Write a host key as `known_hosts` does."""
    return f"{key.get_name()} {key.get_base64()}"


HOST_KEY = paramiko.ECDSAKey.generate()


@contextmanager
def serving(serve: Serve) -> Iterator[Server]:
    """Take every connection, each in a thread of its own, until the block ends."""
    stop = Stop()

    def take(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=one, args=(client,), daemon=True).start()

    def one(client: socket.socket) -> None:
        with client, suppress(OSError, EOFError, paramiko.SSHException):
            serve(client, stop)

    with socket.create_server((LOOPBACK, 0)) as listener:
        taking = threading.Thread(target=take, args=(listener,), daemon=True)
        taking.start()
        yield Server(int(listener.getsockname()[1]), written(HOST_KEY))
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        taking.join(10)


def dripping(client: socket.socket, stop: Stop) -> None:
    """Say a banner byte by byte, without end."""
    client.sendall(b"SSH-2.0-")
    while not stop.wait(LIMIT_SECONDS / 4):
        client.sendall(b"x")


def greeting(client: socket.socket, stop: Stop) -> None:
    """Greet, and never agree on keys."""
    client.sendall(b"SSH-2.0-restore_lab_test\r\n")
    stop.wait()


def endless(step: str, shown: list[str]) -> Serve:
    """Speak SSH up to one step; `shown` as of `Endless`."""

    def serve(client: socket.socket, stop: Stop) -> None:
        transport = paramiko.Transport(client)
        transport.add_server_key(HOST_KEY)
        transport.start_server(event=threading.Event(), server=Endless(step, stop, shown))
        stop.wait()
        transport.close()

    return serve


@contextmanager
def hostile_server(name: str) -> Iterator[Server]:
    """Run one of the servers; that with the wrong key is met by nobody: no key of ours is shown to it."""
    key = written(HOST_KEY)
    shown: list[str] = []
    match name:
        case "silent":
            with silent_server() as port:
                yield Server(port, key)
        case "babbling":
            with babbling_server(seconds=LIMIT_SECONDS / 4) as port:
                yield Server(port, key)
        case "dripping":
            with serving(dripping) as server:
                yield server
        case "greeting":
            with serving(greeting) as server:
                yield server
        case "wrong-key":
            with serving(endless("never", shown)) as server:
                yield Server(server.port, written(paramiko.ECDSAKey.generate()))
            assert not shown, "our key was shown to a server that has not its own"
        case step:
            with serving(endless(step, shown)) as server:
                yield server


@contextmanager
def short_limits() -> Iterator[None]:
    """Let a node keep us waiting for as long as the servers count on, where it is half a minute else."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("ssh.connection._CONNECT_SECONDS", "ssh.link._ANSWER_SECONDS"):
            patched.setattr(f"restore_lab.{name}", LIMIT_SECONDS)
        patched.setattr("restore_lab.sandboxes.raspberry_pi.node._ASK_SECONDS", 2 * LIMIT_SECONDS)
        yield


def node_folder(lab: Path, server: Server) -> Path:
    """Write the folder of a node that is known by the server's own key."""
    folder = lab / "nodes" / "pi"
    folder.mkdir(parents=True)
    said = f'host = "{LOOPBACK}"\nport = {server.port}\nuser = "{_ACCOUNT}"\nowner = "Essai"\n'
    (folder / "node.toml").write_text(said, "utf-8")
    (folder / "known_hosts").write_text(f"[{LOOPBACK}]:{server.port} {server.host_key}\n", "ascii")
    make_key(folder / "key")
    return folder

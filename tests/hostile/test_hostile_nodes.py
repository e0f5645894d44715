"""Servers that are no test node: they never greet, never let in, never take a command, or never come to an end.

Each keeps its connection open, so that no link breaks: only a limit of ours ends the wait. Source: RFC 4252 to 4254.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import paramiko
import pytest
from hostile.carrying import a_lab
from hostile.cases import Case
from hostile.escapes import canaries
from integration.damaged import as_usual
from node.access import LOOPBACK
from node.fault_proxy import babbling_server, silent_server

from restore_lab import drill
from restore_lab.errors import ExitCode, MachineFailed
from restore_lab.evidence import Verdict
from restore_lab.findings import Code
from restore_lab.lab import load_lab
from restore_lab.sandboxes.raspberry_pi.node import read_node
from restore_lab.scenario import load_scenario
from restore_lab.signature.keys import SigningKey
from restore_lab.ssh.connection import connected, make_key

_LIMIT_SECONDS = 1.0
_ACCOUNT = "restore-lab"
WHOLE = Case(name="whole", engine="sqlite", tool=("backup",), tries="nothing")

Stop = threading.Event
Serve = Callable[[socket.socket, Stop], object]


class Endless(paramiko.ServerInterface):  # type: ignore[misc] # it ships no types
    """Lets everybody in; at one step (`auth`, `channel` or `exec`) it says nothing more until it is stopped."""

    def __init__(self, step: str, stop: Stop) -> None:
        self.step, self.stop = step, stop

    def get_allowed_auths(self, _username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, _username: str, _key: paramiko.PKey) -> int:
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
        yield Server(int(listener.getsockname()[1]), f"{HOST_KEY.get_name()} {HOST_KEY.get_base64()}")
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        taking.join(10)


def dripping(client: socket.socket, stop: Stop) -> None:
    """Say a banner byte by byte, without end."""
    client.sendall(b"SSH-2.0-")
    while not stop.wait(_LIMIT_SECONDS / 4):
        client.sendall(b"x")


def greeting(client: socket.socket, stop: Stop) -> None:
    """Greet, and never agree on keys."""
    client.sendall(b"SSH-2.0-restore_lab_test\r\n")
    stop.wait()


def endless(step: str) -> Serve:
    """Speak SSH up to one step."""

    def serve(client: socket.socket, stop: Stop) -> None:
        transport = paramiko.Transport(client)
        transport.add_server_key(HOST_KEY)
        transport.start_server(event=threading.Event(), server=Endless(step, stop))
        stop.wait()
        transport.close()

    return serve


@contextmanager
def hostile_server(name: str) -> Iterator[Server]:
    """Run one of the servers."""
    key = f"{HOST_KEY.get_name()} {HOST_KEY.get_base64()}"
    match name:
        case "silent":
            with silent_server() as port:
                yield Server(port, key)
        case "babbling":
            with babbling_server(seconds=_LIMIT_SECONDS / 4) as port:
                yield Server(port, key)
        case "dripping":
            with serving(dripping) as server:
                yield server
        case "greeting":
            with serving(greeting) as server:
                yield server
        case step:
            with serving(endless(step)) as server:
                yield server


def node_folder(lab: Path, server: Server) -> Path:
    """Write the folder of a node that is known by the server's own key."""
    folder = lab / "nodes" / "pi"
    folder.mkdir(parents=True)
    said = f'host = "{LOOPBACK}"\nport = {server.port}\nuser = "{_ACCOUNT}"\nowner = "Essai"\n'
    (folder / "node.toml").write_text(said, "utf-8")
    (folder / "known_hosts").write_text(f"[{LOOPBACK}]:{server.port} {server.host_key}\n", "ascii")
    make_key(folder / "key")
    return folder


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore_lab.ssh.connection._CONNECT_SECONDS", _LIMIT_SECONDS)
    monkeypatch.setattr("restore_lab.ssh.link._ANSWER_SECONDS", _LIMIT_SECONDS)


@pytest.mark.parametrize(
    "name", ["silent", "babbling", "dripping", "greeting", "auth", "channel", "exec", "started", "flood"]
)
def test_no_server_keeps_us_waiting_beyond_a_limit(tmp_path: Path, name: str) -> None:
    with hostile_server(name) as server:
        account = read_node(node_folder(tmp_path, server)).account
        began = time.monotonic()

        with pytest.raises((MachineFailed, TimeoutError)), connected(account) as link:
            link.run(("/bin/true",), timeout_seconds=_LIMIT_SECONDS)

        assert time.monotonic() - began < 8 * _LIMIT_SECONDS


@pytest.mark.parametrize("name", ["silent", "exec"])
def test_a_drill_whose_node_never_answers_is_inconclusive(
    tmp_path: Path, made_key: tuple[Path, SigningKey], name: str
) -> None:
    root = tmp_path / "lab"
    a_lab(WHOLE, root, made_key[0])
    with canaries() as set_out:
        as_usual(root / "backups", WHOLE.content(set_out))
    scenario = root / "scenarios" / "annual" / "scenario.toml"
    scenario.write_text(
        scenario.read_text("utf-8").replace('kind = "local"', 'kind = "raspberry-pi", node = "pi"'), "utf-8"
    )
    with hostile_server(name) as server:
        node_folder(root, server)
        lab = load_lab(root)
        began = time.monotonic()

        outcome = drill.run(lab, load_scenario(lab, "annual"), asked_for="latest", listen=lambda _event: None)

        assert time.monotonic() - began < 60
    assert (outcome.evidence.verdict, outcome.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert Code.NO_MACHINE in {one.finding.code for one in outcome.evidence.findings}

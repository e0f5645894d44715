"""How a test reaches a node: address, accounts, keys, and the real OpenSSH client."""

from __future__ import annotations

import itertools
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from needs import program

LOOPBACK = "127.0.0.1"
ADMIN = "pi"
ACCOUNT = "restorelab"
_CLIENT_OPTIONS = (
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=/dev/null",
    "UpdateHostKeys=no",
    "LogLevel=ERROR",
)


@dataclass(frozen=True, kw_only=True)
class KeyPair:
    """An Ed25519 key in OpenSSH's own files; `public` is ``ssh-ed25519 AAAA...``, without a comment."""

    private: Path
    public: str


@dataclass(frozen=True, kw_only=True)
class Node:
    """A machine that answers SSH on the loopback interface.

    `admin_user` may become root by sudo without a password, as on a fresh Raspberry Pi OS; `user` has no rights, and
    is None where nobody has made it yet. `host_key_line` is what a known_hosts file holds of the node: the key it is
    announced with, which a test may have made another one than it has.
    """

    host: str = LOOPBACK
    port: int
    admin_user: str = ADMIN
    user: str | None = ACCOUNT
    client_key: Path
    host_key_line: str

    def at(self, port: int) -> Node:
        """Give the same node behind another port, as through a proxy."""
        return Node(
            port=port,
            admin_user=self.admin_user,
            user=self.user,
            client_key=self.client_key,
            host_key_line=known_host(port, self.host_key_line.partition(" ")[2]),
        )

    def ssh_command(self, *words: str, user: str | None = None, options: tuple[str, ...] = ()) -> list[str]:
        """Give the OpenSSH client's command line for a remote shell command, by default as `user`, else the admin."""
        hosts = self.client_key.parent / f"known_hosts-{self.port}"
        hosts.write_text(self.host_key_line + "\n", "utf-8")
        settled = (*options, *_CLIENT_OPTIONS, f"UserKnownHostsFile={hosts}", "ConnectTimeout=20")
        flags = [word for option in settled for word in ("-o", option)]
        name = user or self.user or self.admin_user
        ssh = [program("ssh"), "-F", "/dev/null", "-T", *flags]
        return [*ssh, "-i", str(self.client_key), "-p", str(self.port), f"{name}@{self.host}", "--", *words]

    def ssh(
        self,
        *words: str,
        user: str | None = None,
        given: str = "",
        timeout: float = 60,
        options: tuple[str, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run a remote shell command; the exit code is its own, or 255 where the client could not reach it.

        Raises:
            subprocess.TimeoutExpired: it took longer than `timeout` seconds.
        """
        command = self.ssh_command(*words, user=user, options=options)
        return subprocess.run(command, input=given, capture_output=True, text=True, timeout=timeout, check=False)

    def sudo(self, script: str, *, timeout: float = 60) -> str:
        """Run a shell script as root, by way of the admin's sudo; give what it printed."""
        done = self.ssh("sudo", "-n", "/bin/sh", "-eu", user=self.admin_user, given=script, timeout=timeout)
        assert done.returncode == 0, f"{script}\nended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout


def known_host(port: int, public_key: str) -> str:
    """Give the known_hosts line of a node on a port of the loopback interface."""
    return f"[{LOOPBACK}]:{port} {public_key}"


def make_key(path: Path) -> KeyPair:
    """Make a key pair without a passphrase."""
    command = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return KeyPair(private=path, public=path.with_suffix(".pub").read_text("utf-8").strip())


@contextmanager
def keys() -> Iterator[tuple[KeyPair, KeyPair, KeyPair]]:
    """Lend a client's key, a node's host key and a host key that no node has."""
    with tempfile.TemporaryDirectory(prefix="restore-lab-node-") as folder:
        client, host, stranger = (make_key(Path(folder) / name) for name in ("client", "host", "stranger"))
        yield client, host, stranger


def free_port() -> int:
    """Give a port of the loopback interface that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def wait_until_it_answers(node: Node, *, seconds: float, state: Callable[[], str]) -> None:
    """Return once the admin is let in and a command has run; `state` is what to show when that does not happen."""
    until = time.monotonic() + seconds
    for patience in itertools.count(3):  # a connection begun too early may hang: do not wait on the first for long
        done = _tried(node, min(patience, 20))
        if done == "ready":
            return
        if time.monotonic() > until:
            raise AssertionError(f"no answer in {seconds:.0f} s: {done}\n{state()}")
        time.sleep(0.1)


def _tried(node: Node, patience: int) -> str:
    try:
        done = node.ssh("echo ready", user=node.admin_user, options=(f"ConnectTimeout={patience}",))
    except subprocess.TimeoutExpired:
        return "the client waited in vain"
    return done.stdout.strip() or done.stderr.strip()

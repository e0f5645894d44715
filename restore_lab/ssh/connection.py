"""A connection to another machine: one key opens it, to the one host key that is known, and a dead one is noticed.

What is trusted is in one `known_hosts` file. Sources: sshd(8) for known_hosts, tcp(7) for TCP_USER_TIMEOUT.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from restore_lab.errors import MachineFailed
from restore_lab.ssh.link import Link

#: How long bytes may stay unacknowledged before the link is taken for dead.
DEAD_AFTER_SECONDS = 10
_CONNECT_SECONDS = 20.0
_SSH_PORT = 22
#: A link that breaks is an error of ours; what the library says of it would reach the screen, where nobody prints.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class HostKeyChanged(MachineFailed):
    """The host has another key than the one that is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """Whom to be on which host, by which key; `known_hosts` holds the one key that the host may have."""

    host: str
    user: str
    key: Path
    known_hosts: Path
    port: int = 22


@contextmanager
def connected(account: Account) -> Iterator[Link]:
    """Connect for as long as the block lasts; see `connect`."""
    link = connect(account)
    try:
        yield link
    finally:
        link.close()


def connect(account: Account) -> Link:
    """Connect by the one key, to the one host key; nobody's agent, no password. The caller closes.

    Raises:
        MachineFailed: nobody answers, the host has another key than the known one, or the account is refused.
    """
    client = paramiko.SSHClient()
    try:
        client.load_host_keys(str(account.known_hosts))
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        _connect(client, account)
        client.get_transport().set_keepalive(DEAD_AFTER_SECONDS // 2)
    except BaseException:
        client.close()
        raise
    return Link(host=account.host, client=client)


@dataclass(frozen=True, slots=True)
class HostKey:
    """A host's public key, as a line of known_hosts and as OpenSSH prints its fingerprint."""

    line: str
    fingerprint: str


def host_key_of(host: str, port: int) -> HostKey:
    """Ask a host for its key; whose key it is, nobody has said yet.

    Raises:
        MachineFailed: nobody answers.
    """
    try:
        transport = paramiko.Transport(_socket(host, port))
        try:
            transport.start_client(timeout=_CONNECT_SECONDS)
            key = transport.get_remote_server_key()
        finally:
            transport.close()
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise MachineFailed(f"{host}:{port} does not speak SSH", hint="is it on, and on this network?") from error
    name = host if port == _SSH_PORT else f"[{host}]:{port}"
    return HostKey(f"{name} {key.get_name()} {key.get_base64()}", _fingerprint(key.asbytes()))


def known_host_key(known_hosts: Path) -> HostKey | None:
    """Read the one key that a host may have; None where none is known, or none can be read."""
    try:
        line = known_hosts.read_text("ascii").strip()
        return HostKey(line, _fingerprint(base64.b64decode(line.split()[2], validate=True)))
    except (OSError, ValueError, IndexError):
        return None


def _fingerprint(key: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode("ascii").rstrip("=")


def make_key(path: Path) -> None:
    """Make an Ed25519 key pair without a passphrase: `path`, 0600, and `path`.pub, in OpenSSH's own form."""
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        target.write(private)
    path.with_suffix(".pub").write_bytes(public + b"\n")


def _connect(client: paramiko.SSHClient, account: Account) -> None:
    where = f"{account.host}:{account.port}"
    try:
        client.connect(
            account.host,
            port=account.port,
            username=account.user,
            key_filename=str(account.key),
            sock=_socket(account.host, account.port),
            allow_agent=False,
            look_for_keys=False,
            timeout=_CONNECT_SECONDS,
            banner_timeout=_CONNECT_SECONDS,
            auth_timeout=_CONNECT_SECONDS,
        )
    except paramiko.BadHostKeyException as error:
        raise HostKeyChanged(
            f"{where} has another host key than the known one: somebody may stand in between",
            hint="if the node was set up anew, `restore-lab node prepare` shows both keys, and pins the new one",
        ) from error
    except paramiko.AuthenticationException as error:
        raise MachineFailed(
            f"{where} refuses the account {account.user}", hint="run `restore-lab node prepare` for it again"
        ) from error
    except (OSError, EOFError, paramiko.SSHException) as error:
        said = str(error) if isinstance(error, OSError) else error.__class__.__name__
        raise MachineFailed(f"no SSH connection to {where}: {said}", hint="is it on, and on this network?") from error


def _socket(host: str, port: int) -> socket.socket:
    made = socket.create_connection((host, port), timeout=_CONNECT_SECONDS)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_SECONDS * 1000)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, DEAD_AFTER_SECONDS // 2)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    return made

"""A real mail server (aiosmtpd) on this machine, with certificates made for one test; and servers that misbehave."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Literal

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "tests@example.org", "a-password"


@dataclass(frozen=True, kw_only=True, slots=True)
class Authority:
    """An authority of a test's own: its certificate as a file to trust, and what it certifies."""

    ca_file: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def server_context(self, folder: Path, *names: str) -> ssl.SSLContext:
        """Certify a server of these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        ends = [x509.DNSName(name) for name in names if not name[0].isdigit()]
        ends += [x509.IPAddress(ipaddress.ip_address(name)) for name in names if name[0].isdigit()]  # type: ignore[misc]
        made = _certificate(names[0], key, issuer=self.certificate.subject).add_extension(
            x509.SubjectAlternativeName(ends), critical=False
        )
        path = folder / f"server-{names[0]}.pem"
        path.write_bytes(_pem(made.sign(self.key, hashes.SHA256())) + _private_pem(key))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(path)
        return context


def make_authority(folder: Path) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's authority")])
    made = _certificate("a test's authority", key, issuer=name).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    certificate = made.sign(key, hashes.SHA256())
    (folder / "mail-ca.pem").write_bytes(_pem(certificate))
    return Authority(ca_file=folder / "mail-ca.pem", certificate=certificate, key=key)


@dataclass(frozen=True, slots=True)
class Received:
    """One mail as the server took it."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    login: bytes
    tls: bool

    @property
    def message(self) -> EmailMessage:
        message = message_from_bytes(self.content, policy=default)
        assert isinstance(message, EmailMessage)
        return message


@dataclass(kw_only=True)  # no slots: aiosmtpd looks at every member, and Python 3.11.2 gives one it cannot read
class MailServer:
    """What the server does, and what it took; `handle_*` are aiosmtpd's own hooks."""

    security: Literal["starttls", "tls", "none"]
    context: ssl.SSLContext | None = None
    login: bool = True
    refuses: dict[str, str] = field(default_factory=dict)
    data_reply: str = "250 2.0.0 taken"
    when_taken: Callable[[], None] = lambda: None
    received: list[Received] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name and order
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        del server
        if self.data_reply.startswith("2"):
            taken = Received(
                sender=envelope.mail_from or "",
                recipients=tuple(envelope.rcpt_tos),
                content=envelope.content if isinstance(envelope.content, bytes) else b"",
                login=_login(session.auth_data),
                tls=session.ssl is not None or self.security == "tls",
            )
            self.received.append(taken)
            self.when_taken()
        return self.data_reply

    @contextmanager
    def running(self) -> Iterator[MailServer]:
        loop = asyncio.new_event_loop()
        server = loop.run_until_complete(
            loop.create_server(
                self._protocol(loop), "127.0.0.1", self.port, ssl=self.context if self.security == "tls" else None
            )
        )
        self.port = server.sockets[0].getsockname()[1]
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(_ended(server), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()

    def _protocol(self, loop: asyncio.AbstractEventLoop) -> Callable[[], SMTP]:
        def make() -> SMTP:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # implicit TLS looks like none to aiosmtpd, which warns of the login
                return SMTP(
                    self,
                    hostname="mail.test",
                    loop=loop,
                    tls_context=self.context if self.security == "starttls" else None,
                    require_starttls=self.security == "starttls",
                    authenticator=_authenticated,
                    auth_required=self.login,
                    auth_require_tls=self.security == "starttls",
                )

        return make


def _authenticated(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
    del server, session, envelope, mechanism
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=known, auth_data=data)


def _login(data: object) -> bytes:
    return data.login if isinstance(data, LoginPassword) else b""


async def _ended(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0.05)  # connections that were just cut say so to their transports


@contextmanager
def misbehaving(serve: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """Serve every connection with `serve` until the end of the block; give the port."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)

    def accept() -> None:
        while not over.is_set():
            with suppress(TimeoutError, OSError):
                live, _ = listener.accept()
                with live, suppress(OSError):
                    serve(live, over)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        thread.join(10)
        listener.close()


def silent(live: socket.socket, over: threading.Event) -> None:
    del live
    over.wait(30)


def one_byte_at_a_time(live: socket.socket, over: threading.Event) -> None:
    """Answer for ever, a byte now and then and never a line: each wait is short, the whole has no end."""
    live.sendall(b"220 ")
    while not over.wait(0.1):
        live.sendall(b"x")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _certificate(name: str, key: ec.EllipticCurvePrivateKey, *, issuer: x509.Name) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

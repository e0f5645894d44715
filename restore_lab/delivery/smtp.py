"""One connection to the operator's mail server; the only module that speaks SMTP.

Never in clear but to this very machine: a server that offers no TLS, or shows a certificate of another name or of an
authority we do not know, gets neither password nor mail. Every wait has a limit, and so has the whole connection: a
server that sends one byte now and then would outlive any limit on one wait.

Sources: RFC 5321 (SMTP), RFC 3207 (STARTTLS), RFC 8314 (implicit TLS), RFC 4954 (AUTH), RFC 1870 (SIZE).
"""

from __future__ import annotations

import ipaddress
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from restore_lab.errors import ConfigurationError, NotDelivered, UsageError
from restore_lab.findings import safe_text
from restore_lab.lab import Mail

_TAKEN = (250, 251)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How long one answer, and the whole connection, may take."""

    answer_seconds: float = 30.0
    connection_seconds: float = 180.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """What the server took on: the addresses it accepted, those it refused with its code, its last reply's code."""

    reached: tuple[str, ...]
    refused: tuple[tuple[str, int], ...]
    reply_code: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """A live connection, logged in; made by `connected`."""

    client: smtplib.SMTP
    settings: Mail

    def send(self, message: bytes, recipients: Sequence[str]) -> Accepted:
        """Hand over one mail to the recipients the server accepts; it stays usable after a refusal.

        Raises:
            NotDelivered: nobody gets it. When the server fell silent after the last byte it may have taken it.
        """
        with _ours(self.settings):
            try:
                return self._sent(message, recipients)
            except (NotDelivered, smtplib.SMTPResponseException):
                with suppress(OSError, smtplib.SMTPException):
                    self.client.rset()
                raise

    def _sent(self, message: bytes, recipients: Sequence[str]) -> Accepted:
        options = [f"size={len(message)}"] if self.client.has_extn("size") else []
        code, reply = self.client.mail(self.settings.sender, options)
        if code not in _TAKEN:
            raise _refused(f"the sender {self.settings.sender}", code, reply)
        answers = [(address, *self.client.rcpt(address)) for address in recipients]
        reached = tuple(address for address, code, _ in answers if code in _TAKEN)
        if not reached:
            _, code, reply = answers[0]
            raise _refused("every recipient", code, reply)
        try:
            code, reply = self.client.data(message)
        except (TimeoutError, smtplib.SMTPServerDisconnected) as error:
            self.client.close()
            raise NotDelivered(
                f"the mail server {self.settings.host} fell silent while it took the mail: it may have arrived",
                hint="the next attempt may bring it a second time",
            ) from error
        if code not in _TAKEN:
            raise _refused("the message", code, reply)
        refused = tuple((address, code) for address, code, _ in answers if code not in _TAKEN)
        return Accepted(reached=reached, refused=refused, reply_code=code)


@contextmanager
def connected(settings: Mail, limits: Limits) -> Iterator[Connection]:
    """Connect, secure, log in; at the end say goodbye.

    Raises:
        NotDelivered: no connection that may be used.
    """
    with _ours(settings):
        client = _Unhurried(settings, limits)
    with _cut_after(client, limits.connection_seconds):
        try:
            with _ours(settings):
                client.open()
                if password := password_of(settings):
                    client.login(settings.user, password)
            yield Connection(client=client, settings=settings)
            with suppress(OSError, smtplib.SMTPException):
                client.quit()
        finally:
            client.close()


def trusted(settings: Mail) -> ssl.SSLContext:
    """Give the authorities a certificate may come from: those of this host, or that of `ca_file` alone.

    Raises:
        ConfigurationError: `ca_file` holds none.
    """
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:  # ssl.SSLError among them
        raise ConfigurationError(
            f"ca_file {settings.ca_file} holds no certificate that can be read", hint="a PEM file of the authority"
        ) from error


def password_of(settings: Mail) -> str:
    """Fetch the password; empty when no login is set.

    Raises:
        ConfigurationError: it is not there, others could read it, or no server could be told it.
    """
    try:
        password = settings.password.reveal("password for the mail server").decode("ascii") if settings.password else ""
    except UnicodeError as error:
        raise ConfigurationError("the mail password is not plain ASCII", hint="servers take no other") from error
    if settings.password and not password:
        raise ConfigurationError("the mail password is empty", hint="write it where `password` in lab.toml points")
    return password


class _Unhurried(smtplib.SMTP):
    """smtplib's client, connected in a step of its own, so that the limit on the whole holds from its first byte."""

    def __init__(self, settings: Mail, limits: Limits) -> None:
        # the name we greet with: else smtplib asks the resolver, and tells the server this host's name
        super().__init__(local_hostname=settings.sender.partition("@")[2], timeout=limits.answer_seconds)
        self.settings = settings
        self.trust = trusted(settings)

    def open(self) -> None:
        """Connect and secure the connection as the settings say."""
        self._host = self.settings.host  # what `starttls` compares the certificate with
        code, reply = self.connect(self.settings.host, self.settings.server_port)
        if code != 220:
            raise _refused("the connection", code, reply)
        self.ehlo_or_helo_if_needed()
        if self.settings.security == "starttls":
            if not self.has_extn("starttls"):
                raise NotDelivered(
                    f"the mail server {self.settings.host} offers no STARTTLS, so it gets nothing",
                    hint='set security = "tls" in lab.toml, or name another server',
                )
            self.starttls(context=self.trust)
            self.ehlo_or_helo_if_needed()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect (smtplib's own hook); in clear only when whoever answers is this machine."""
        raw = socket.create_connection((host, port), timeout)
        self.sock = raw  # from here on the limit on the whole reaches it
        if self.settings.security == "tls":
            return self.trust.wrap_socket(raw, server_hostname=host)
        peer = ipaddress.ip_address(raw.getpeername()[0].partition("%")[0])
        if self.settings.security == "none" and not peer.is_loopback:
            raw.close()
            raise NotDelivered(f"{host} is not this machine, so it gets nothing in clear", hint='use "starttls"')
        return raw


@contextmanager
def _cut_after(client: smtplib.SMTP, seconds: float) -> Iterator[None]:
    """Cut a connection that outlives its limit: whoever waits on it then reads its end."""
    done = threading.Event()

    def watch() -> None:
        if done.wait(seconds):
            return
        while not done.is_set():
            if client.sock is not None:
                with suppress(OSError):  # the plain method: that of a TLS socket drops what its reader stands on
                    socket.socket.shutdown(client.sock, socket.SHUT_RDWR)
            done.wait(0.2)  # the connection may be between two of its sockets, as in STARTTLS

    watcher = threading.Thread(target=watch, name="mail limit", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


@contextmanager
def _ours(settings: Mail) -> Iterator[None]:
    """Turn what sockets, TLS and smtplib raise into one sentence, with what to do."""
    try:
        yield
    except (OSError, UsageError) as error:  # smtplib's and ssl's are OSErrors
        raise _as_ours(error, settings) from error


def _as_ours(error: OSError | UsageError, settings: Mail) -> NotDelivered:
    server = f"the mail server {settings.host}:{settings.server_port}"
    match error:
        case UsageError():
            return NotDelivered(error.message, hint=error.hint)
        case ssl.SSLError():
            return _tls_fault(error, server)
        case TimeoutError() | smtplib.SMTPServerDisconnected():
            return NotDelivered(f"{server} did not answer in time, or hung up", hint="see whether it is up")
        case smtplib.SMTPException():
            return _protocol_fault(error, server)
        case socket.gaierror():
            return NotDelivered(f"there is no host {settings.host}", hint="correct `host` in lab.toml")
        case _:
            said = error.strerror or type(error).__name__
            return NotDelivered(f"{server} could not be reached: {said}", hint="see whether it is up")


def _tls_fault(error: ssl.SSLError, server: str) -> NotDelivered:
    if isinstance(error, ssl.SSLCertVerificationError):
        return NotDelivered(
            f"{server} showed a certificate that is not accepted: {safe_text(error.verify_message, 120)}",
            hint="correct `host` in lab.toml, or name the authority of your own server as `ca_file`",
        )
    return NotDelivered(
        f"no secured connection to {server}: {safe_text(str(error.reason or 'it ended'), 120)}",
        hint="`port` and `security` in lab.toml go together: 587 starttls, 465 tls",
    )


def _protocol_fault(error: smtplib.SMTPException, server: str) -> NotDelivered:
    match error:
        case smtplib.SMTPAuthenticationError():
            return NotDelivered(
                f"{server} refused user and password ({error.smtp_code})",
                hint="correct `user` or `password` under [mail] in lab.toml",
            )
        case smtplib.SMTPNotSupportedError():
            return NotDelivered(f"{server} takes no login", hint="take `user` and `password` out of lab.toml")
        case smtplib.SMTPResponseException():
            return _refused("the mail", error.smtp_code, error.smtp_error)
        case _:
            return NotDelivered(
                f"{server} cannot be spoken to: {safe_text(str(error), 120)}", hint="ask whoever runs the server"
            )


def _refused(what: str, code: int, reply: bytes | str) -> NotDelivered:
    text = reply if isinstance(reply, str) else reply.decode("utf-8", "replace")
    return NotDelivered(
        f"the mail server refused {what}: {code} {safe_text(' '.join(text.split()), 120)}".rstrip(),
        hint="correct [mail] in lab.toml, or ask whoever runs the server",
    )

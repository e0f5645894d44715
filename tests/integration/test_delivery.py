"""Mails handed to a real server: what it takes, what it refuses, and what the register then says.

Mails that wait, and go later or again: `test_delivery_waiting.py`.
"""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import Stand
from integration.delivering import (
    CONTRACTOR,
    DOCTOR,
    digest,
    lab_with,
    receipts,
    run,
    send,
    starttls,
    waiting,
    with_a_login,
)
from mail_server import USER, Authority, MailServer, free_port, make_authority, misbehaving, one_byte_at_a_time, silent

from restore_lab import drill as drills
from restore_lab.delivery.deliver import MAIL_NAME, Delivery, deliver_again, deliver_waiting
from restore_lab.delivery.mail import message_id
from restore_lab.delivery.smtp import Limits
from restore_lab.errors import ExitCode, UsageError
from restore_lab.evidence import Verdict
from restore_lab.history import drill_folder
from restore_lab.lab import Mail
from restore_lab.register import Register
from restore_lab.secret import Secret


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def settings(authority: Authority, tmp_path: Path) -> Mail:
    return with_a_login(authority, tmp_path)


@pytest.fixture
def server(authority: Authority, tmp_path: Path) -> MailServer:
    return starttls(authority, tmp_path)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_goes_over_tls_after_a_login_and_leaves_a_signed_receipt(
    stand: Stand, settings: Mail, authority: Authority, tmp_path: Path, security: str
) -> None:
    context = authority.server_context(tmp_path, "127.0.0.1")
    server = MailServer(security="tls" if security == "tls" else "starttls", context=context)
    with server.running():
        mail = replace(settings, security=security, port=server.port)  # type: ignore[arg-type]
        outcome = run(stand, mail)
        assert (outcome.exit_code, outcome.mail_fault, server.received) == (ExitCode.PASSED, "", [])
        drill = outcome.evidence.drill_id
        assert waiting(stand) == [f"{drill}.eml"]

        told = send(stand, mail)

    assert told == (Delivery(drill=drill, recipients=2),)
    (taken,) = server.received
    assert (taken.sender, taken.recipients, taken.login, taken.tls) == (USER, (DOCTOR, CONTRACTOR), USER.encode(), True)
    assert taken.message["Subject"].startswith("Réussi")
    assert outcome.recorded.head in taken.message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    (attached,) = taken.message.iter_attachments()
    assert outcome.recorded.report is not None
    assert attached.get_content() == outcome.recorded.report.read_bytes()
    (receipt,) = receipts(stand)
    kept = drill_folder(stand.lab.reports, drill) / MAIL_NAME
    assert dict(receipt.fields) == {
        "drill": drill,
        "message_id": message_id(drill, mail),
        "message_sha256": hashlib.sha256(kept.read_bytes()).hexdigest(),
        "recipients": 2,
        "recipients_sha256": [digest(DOCTOR), digest(CONTRACTOR)],
        "reply_code": 250,
    }
    assert taken.content == kept.read_bytes().removesuffix(b"\r\n") or taken.content == kept.read_bytes()
    assert (waiting(stand), kept.stat().st_mode & 0o777) == ([], 0o600)
    for name in ("register.jsonl", "register.head"):
        assert b"@example.org" not in (stand.lab.reports / name).read_bytes().replace(
            message_id(drill, mail).encode(), b""
        )


def test_the_receipt_verifies_and_a_changed_one_does_not(stand: Stand, settings: Mail, server: MailServer) -> None:
    with server.running():
        mail = replace(settings, port=server.port)
        run(stand, mail)
        send(stand, mail)
    assert len(receipts(stand)) == 1
    path = stand.lab.reports / "register.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)

    path.write_bytes(b"".join(lines[:-1]))

    register = Register(folder=stand.lab.reports, certificate=drills.open_key(stand.lab).certificate)
    assert any("the end is missing" in fault for fault in register.verify().faults)


def test_without_mail_nothing_happens(stand: Stand) -> None:
    outcome = run(stand, None)

    lab = lab_with(stand, None)
    assert deliver_waiting(lab, drills.open_key(lab), respect_back_off=True) == ()
    assert (outcome.mail_fault, (stand.lab.reports / "outbox").exists()) == ("", False)
    with pytest.raises(UsageError, match=r"no \[mail\]"):
        deliver_again(lab, drills.open_key(lab), outcome.evidence.drill_id)


def test_a_failed_drill_is_mailed_as_a_failure(stand: Stand, settings: Mail, server: MailServer) -> None:
    stand.engine.tables = {}
    with server.running():
        mail = replace(settings, port=server.port)
        outcome = run(stand, mail)
        send(stand, mail)

    assert outcome.evidence.verdict is not Verdict.PASSED
    assert server.received[0].message["Subject"].split(" – ")[0] in {"ÉCHEC", "NON ABOUTI"}


def test_a_certificate_of_another_authority_is_refused(
    stand: Stand, settings: Mail, server: MailServer, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    for ca_file in (make_authority(tmp_path / "other").ca_file, None):  # another one, and those of this host
        with server.running():
            mail = replace(settings, port=server.port, ca_file=ca_file)
            run(stand, mail)
            told = send(stand, mail)
        assert "a certificate that is not accepted" in told[0].fault
    assert (server.received, receipts(stand)) == ([], [])


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_of_another_name_is_refused(
    stand: Stand, settings: Mail, authority: Authority, tmp_path: Path, security: str
) -> None:
    context = authority.server_context(tmp_path, "smtp.example.org")
    server = MailServer(security="tls" if security == "tls" else "starttls", context=context)
    with server.running():
        mail = replace(settings, security=security, port=server.port)  # type: ignore[arg-type]
        run(stand, mail)
        (told,) = send(stand, mail)

    assert "not valid for '127.0.0.1'" in told.fault
    assert (server.received, len(waiting(stand))) == ([], 2)


def test_a_server_without_starttls_gets_neither_password_nor_mail(stand: Stand, settings: Mail) -> None:
    server = MailServer(security="none", login=False)
    with server.running():
        mail = replace(settings, port=server.port)
        run(stand, mail)
        (told,) = send(stand, mail)

    assert ("offers no STARTTLS" in told.fault, server.received) == (True, [])


def test_in_clear_to_this_machine_only(stand: Stand, settings: Mail) -> None:
    server = MailServer(security="none", login=False)
    with server.running():
        mail = replace(settings, port=server.port, security="none", user="", password=None, ca_file=None)
        run(stand, mail)
        (told,) = send(stand, mail)

    assert (told.fault, len(server.received), server.received[0].tls) == ("", 1, False)


def test_a_wrong_password_is_said_and_shown_nowhere(
    stand: Stand, settings: Mail, server: MailServer, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("a-wrong-password", "utf-8")
    wrong.chmod(0o600)
    with server.running():
        mail = replace(settings, port=server.port, password=Secret(file=wrong))
        run(stand, mail)
        (told,) = send(stand, mail)

    assert "refused user and password (535)" in told.fault
    assert "`password`" in told.hint
    assert server.received == []
    for path in stand.lab.reports.rglob("*"):
        assert not path.is_file() or b"a-wrong-password" not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("a-password", 0o644, "readable by others"),
        ("mot-de-passé", 0o600, "not plain ASCII"),
        ("", 0o600, "is empty"),
        (None, 0o600, "secret file"),
    ],
)
def test_a_password_that_cannot_be_used_leaves_the_mail_waiting(
    stand: Stand, settings: Mail, server: MailServer, tmp_path: Path, content: str | None, mode: int, said: str
) -> None:
    path = tmp_path / "other-password"
    if content is not None:
        path.write_text(content, "utf-8")
        path.chmod(mode)
    with server.running():
        mail = replace(settings, port=server.port, password=Secret(file=path))
        run(stand, mail)
        (told,) = send(stand, mail)

    assert (said in told.fault, len(waiting(stand))) == (True, 2)


def test_a_ca_file_that_is_none_leaves_the_mail_waiting(stand: Stand, settings: Mail, tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("nothing", "utf-8")
    for name in ("no.pem", "absent.pem"):
        mail = replace(settings, port=free_port(), ca_file=tmp_path / name)
        run(stand, mail)
        assert all("holds no certificate" in told.fault for told in send(stand, mail))


@pytest.mark.parametrize("serve", [silent, one_byte_at_a_time])
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_that_hangs_is_left_within_the_limit(
    stand: Stand, settings: Mail, serve: object, security: str
) -> None:
    with misbehaving(serve) as port:  # type: ignore[arg-type]
        mail = replace(settings, port=port, security=security)  # type: ignore[arg-type]
        run(stand, mail)
        began = time.monotonic()
        (told,) = send(stand, mail, limits=Limits(answer_seconds=1, connection_seconds=1.5))
        took = time.monotonic() - began

    assert took < 8
    assert told.fault
    assert len(waiting(stand)) == 2


def test_a_server_that_hangs_inside_tls_is_left_within_the_limit(
    stand: Stand, settings: Mail, authority: Authority, tmp_path: Path
) -> None:
    context = authority.server_context(tmp_path, "127.0.0.1")

    def slowly(live: socket.socket, over: threading.Event) -> None:
        with context.wrap_socket(live, server_side=True) as secured:
            one_byte_at_a_time(secured, over)

    with misbehaving(slowly) as port:
        mail = replace(settings, port=port, security="tls")
        run(stand, mail)
        began = time.monotonic()
        (told,) = send(stand, mail, limits=Limits(answer_seconds=1, connection_seconds=1.5))

    assert time.monotonic() - began < 8
    assert "did not answer in time" in told.fault


def test_a_server_that_falls_silent_over_the_mail_may_have_taken_it_and_that_is_said(
    stand: Stand, settings: Mail
) -> None:
    def swallow(live: socket.socket, over: threading.Event) -> None:
        del over
        live.sendall(b"220 here\r\n")
        stream = live.makefile("rb")
        for line in stream:
            if line.upper().startswith(b"DATA"):
                live.sendall(b"354 go on\r\n")
                while stream.readline() not in {b".\r\n", b""}:
                    pass
                return  # taken, or not: who knows
            live.sendall(b"250 fine\r\n")

    with misbehaving(swallow) as port:
        mail = replace(settings, port=port, security="none", user="", password=None, ca_file=None)
        run(stand, mail)
        (told,) = send(stand, mail)

    assert "it may have arrived" in told.fault
    assert (len(waiting(stand)), receipts(stand)) == (2, [])

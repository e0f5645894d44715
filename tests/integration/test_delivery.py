"""Mails handed to a real server: what it takes, what it refuses, what the register then says, and what waits."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import Stand
from mail_server import (
    PASSWORD,
    USER,
    Authority,
    MailServer,
    free_port,
    make_authority,
    misbehaving,
    one_byte_at_a_time,
    silent,
)

from restore_lab import drill as drills
from restore_lab.delivery.deliver import MAIL_NAME, Delivery, deliver_again, deliver_waiting
from restore_lab.delivery.mail import message_id
from restore_lab.delivery.smtp import Limits
from restore_lab.drill import Outcome
from restore_lab.errors import ExitCode, UsageError
from restore_lab.evidence import Verdict
from restore_lab.history import drill_folder
from restore_lab.lab import Lab, Mail
from restore_lab.register import Entry, EntryType, Register
from restore_lab.secret import Secret

QUICK = Limits(answer_seconds=2, connection_seconds=3)
DOCTOR, CONTRACTOR = "cabinet@example.org", "prestataire@example.org"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def settings(authority: Authority, tmp_path: Path) -> Mail:
    """Mail with a login, by STARTTLS; the port is to be set."""
    password = tmp_path / "mail-password"
    password.write_text(PASSWORD + "\n", "utf-8")
    password.chmod(0o600)
    return Mail(
        host="127.0.0.1",
        sender=USER,
        to=DOCTOR,
        copy_to=CONTRACTOR,
        user=USER,
        password=Secret(file=password),
        ca_file=authority.ca_file,
    )


@pytest.fixture
def server(authority: Authority, tmp_path: Path) -> MailServer:
    return MailServer(security="starttls", context=authority.server_context(tmp_path, "127.0.0.1"))


def lab_with(stand: Stand, mail: Mail | None) -> Lab:
    return replace(stand.lab, settings=replace(stand.lab.settings, mail=mail))


def run(stand: Stand, mail: Mail | None) -> Outcome:
    return drills.run(lab_with(stand, mail), stand.scenario, asked_for="latest", listen=lambda _event: None)


def send(stand: Stand, mail: Mail, *, respect_back_off: bool = False, limits: Limits = QUICK) -> tuple[Delivery, ...]:
    lab = lab_with(stand, mail)
    return deliver_waiting(lab, drills.open_key(lab), respect_back_off=respect_back_off, limits=limits)


def again(stand: Stand, mail: Mail, drill: str) -> tuple[Delivery, ...]:
    lab = lab_with(stand, mail)
    return deliver_again(lab, drills.open_key(lab), drill, limits=QUICK)


def receipts(stand: Stand) -> list[Entry]:
    """Every receipt, of a register that verifies."""
    register = Register(folder=stand.lab.reports, certificate=drills.open_key(stand.lab).certificate)
    checked = register.verify()
    assert checked.faults == ()
    return [entry for entry in checked.entries if entry.kind is EntryType.DELIVERED]


def waiting(stand: Stand) -> list[str]:
    return sorted(path.name for path in (stand.lab.reports / "outbox").glob("[!.]*"))


def digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


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


def test_a_mail_waits_while_the_server_is_down_and_goes_when_it_is_up(
    stand: Stand, settings: Mail, server: MailServer
) -> None:
    server.port = free_port()
    mail = replace(settings, port=server.port)
    outcome = run(stand, mail)
    drill = outcome.evidence.drill_id

    (told,) = send(stand, mail, respect_back_off=True)

    assert "could not be reached: Connection refused" in told.fault
    assert waiting(stand) == [f"{drill}.eml", f"{drill}.json"]
    notes = json.loads((stand.lab.reports / "outbox" / f"{drill}.json").read_text("utf-8"))
    assert [one["fault"] for one in notes["attempts"]] == [told.fault]
    with server.running():
        assert send(stand, mail, respect_back_off=True) == ()  # not yet: five minutes
        assert server.received == []
        assert send(stand, mail) == (Delivery(drill=drill, recipients=2),)
        assert send(stand, mail) == ()
    assert (len(server.received), len(receipts(stand)), waiting(stand)) == (1, 1, [])


def test_a_later_drill_takes_along_what_is_due(stand: Stand, settings: Mail, server: MailServer) -> None:
    server.port = free_port()
    mail = replace(settings, port=server.port)
    first = run(stand, mail).evidence.drill_id
    send(stand, mail)
    path = stand.lab.reports / "outbox" / f"{first}.json"
    path.write_text(path.read_text("utf-8").replace('"at": "2', '"at": "1'), "utf-8")  # long ago
    second = run(stand, mail).evidence.drill_id
    with server.running():
        told = send(stand, mail, respect_back_off=True)

    assert [one.drill for one in told] == sorted([first, second])
    assert len(receipts(stand)) == 2


def test_a_refused_recipient_keeps_the_mail_waiting_for_them_alone(
    stand: Stand, settings: Mail, server: MailServer
) -> None:
    server.refuses = {DOCTOR: "550 5.1.1 nobody of that name"}
    with server.running():
        mail = replace(settings, port=server.port)
        drill = run(stand, mail).evidence.drill_id
        (told,) = send(stand, mail)
        assert (told.recipients, "refused 1 of 2 recipients (550)" in told.fault) == (1, True)
        assert receipts(stand)[0].fields["recipients_sha256"] == [digest(CONTRACTOR)]
        server.refuses = {}

        assert send(stand, mail) == (Delivery(drill=drill, recipients=1),)

    assert [one.recipients for one in server.received] == [(CONTRACTOR,), (DOCTOR,)]
    assert waiting(stand) == []


def test_a_corrected_address_gets_the_mail_and_nobody_gets_it_twice(
    stand: Stand, settings: Mail, server: MailServer
) -> None:
    server.refuses = {"cabiet@example.org": "550 nobody of that name"}
    with server.running():
        mail = replace(settings, port=server.port, to="cabiet@example.org")
        run(stand, mail)
        send(stand, mail)

        send(stand, replace(mail, to=DOCTOR))

    assert [one.recipients for one in server.received] == [(CONTRACTOR,), (DOCTOR,)]
    assert str(server.received[1].message["To"]) == DOCTOR
    assert server.received[0].message["Message-ID"] == server.received[1].message["Message-ID"]


@pytest.mark.parametrize(
    ("reply", "said"),
    [("552 too large", "552 too large"), ("451 later", "451 later"), ("554 5.7.1 \x1b[31mspam\x07", "554 5.7.1")],
)
def test_a_refused_mail_waits_with_the_server_s_own_words_made_safe(
    stand: Stand, settings: Mail, server: MailServer, reply: str, said: str
) -> None:
    server.data_reply = reply
    with server.running():
        mail = replace(settings, port=server.port)
        run(stand, mail)
        (told,) = send(stand, mail)

    assert said in told.fault
    assert told.fault.isprintable()
    assert (receipts(stand), len(waiting(stand))) == ([], 2)


def test_all_recipients_refused_is_no_delivery_and_the_next_mail_is_still_tried(
    stand: Stand, settings: Mail, server: MailServer
) -> None:
    server.refuses = {DOCTOR: "550 no", CONTRACTOR: "550 no"}
    with server.running():
        mail = replace(settings, port=server.port)
        run(stand, mail)
        run(stand, mail)
        told = send(stand, mail)

    assert [one.recipients for one in told] == [0, 0]
    assert all("refused every recipient: 550 no" in one.fault for one in told)


def test_a_mail_is_sent_again_only_when_asked_for_and_leaves_another_receipt(
    stand: Stand, settings: Mail, server: MailServer
) -> None:
    with server.running():
        mail = replace(settings, port=server.port)
        drill = run(stand, mail).evidence.drill_id
        send(stand, mail)
        assert send(stand, mail) == ()

        assert again(stand, mail, drill) == (Delivery(drill=drill, recipients=2),)

    first, second = server.received
    assert first.content == second.content
    one, other = receipts(stand)
    assert one.fields == other.fields
    assert waiting(stand) == []


def test_a_drill_of_before_the_mail_was_set_can_be_mailed(stand: Stand, settings: Mail, server: MailServer) -> None:
    outcome = run(stand, None)
    with server.running():
        mail = replace(settings, port=server.port)
        assert send(stand, mail) == ()

        (told,) = again(stand, mail, outcome.evidence.drill_id)

    assert told.recipients == 2
    assert outcome.recorded.head in server.received[0].message.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_a_drill_that_nobody_closed_is_not_mailed(stand: Stand, settings: Mail) -> None:
    run(stand, settings)

    for name in ("20200101T000000Z-annual-0000", "../../../etc/passwd"):
        with pytest.raises(UsageError, match="is closed in the register"):
            again(stand, settings, name)


def test_a_mail_whose_receipt_was_written_before_the_end_came_is_filed_and_not_sent(
    stand: Stand, settings: Mail, server: MailServer
) -> None:
    """Killed after the receipt, before the mail left the outbox."""
    with server.running():
        mail = replace(settings, port=server.port)
        drill = run(stand, mail).evidence.drill_id
        send(stand, mail)
        kept = drill_folder(stand.lab.reports, drill) / MAIL_NAME
        kept.rename(stand.lab.reports / "outbox" / f"{drill}.eml")

        assert send(stand, mail) == ()

    assert (len(server.received), len(receipts(stand)), waiting(stand), kept.is_file()) == (1, 1, [], True)


def test_an_interrupt_while_the_server_takes_the_mail_leaves_it_waiting(
    stand: Stand, settings: Mail, server: MailServer
) -> None:
    """No receipt, so the next attempt sends it once more: twice is better than never."""
    with server.running():
        mail = replace(settings, port=server.port)
        drill = run(stand, mail).evidence.drill_id
        server.when_taken = lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            send(stand, mail)
        assert (receipts(stand), waiting(stand)) == ([], [f"{drill}.eml"])
        server.when_taken = lambda: None

        assert send(stand, mail) == (Delivery(drill=drill, recipients=2),)

    assert (len(server.received), len(receipts(stand)), waiting(stand)) == (2, 1, [])
    assert len({one.message["Message-ID"] for one in server.received}) == 1


def test_a_mail_that_cannot_be_kept_exits_4_and_the_drill_is_recorded(stand: Stand, settings: Mail) -> None:
    stand.lab.reports.mkdir(parents=True)
    (stand.lab.reports / "outbox").write_bytes(b"a file stands in the way")

    outcome = run(stand, settings)

    assert (outcome.exit_code, "cannot be used" in outcome.mail_fault) == (ExitCode.NOT_DELIVERED, True)
    register = Register(folder=stand.lab.reports, certificate=drills.open_key(stand.lab).certificate)
    assert register.verify().entries[-1].kind is EntryType.CLOSED

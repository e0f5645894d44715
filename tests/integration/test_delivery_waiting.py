"""Mails that wait for their server, go later, in part, or again, each once. See `test_delivery.py`."""

from __future__ import annotations

import json
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import Stand
from integration.delivering import (
    CONTRACTOR,
    DOCTOR,
    again,
    digest,
    receipts,
    run,
    send,
    starttls,
    waiting,
    with_a_login,
)
from mail_server import Authority, MailServer, free_port, make_authority

from restore_lab import drill as drills
from restore_lab.delivery.deliver import MAIL_NAME, Delivery
from restore_lab.errors import ExitCode, UsageError
from restore_lab.history import drill_folder
from restore_lab.lab import Mail
from restore_lab.register import EntryType, Register


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def settings(authority: Authority, tmp_path: Path) -> Mail:
    return with_a_login(authority, tmp_path)


@pytest.fixture
def server(authority: Authority, tmp_path: Path) -> MailServer:
    return starttls(authority, tmp_path)


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

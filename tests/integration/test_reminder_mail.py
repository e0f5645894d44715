"""The mail that reminds of a test: what it says in each of its three kinds, and that somebody gets it once."""

from __future__ import annotations

import email
from dataclasses import replace
from datetime import UTC, date, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
from fakes import Stand
from mail_server import Authority, MailServer, make_authority

from restore_lab.cli.reminding import mail_reminder
from restore_lab.delivery.reminder import compose_reminder
from restore_lab.due import Past, Standing
from restore_lab.evidence import People
from restore_lab.lab import Lab, Mail
from restore_lab.reminders import Reminder, Reminding, reminder_due
from restore_lab.report.wording import wording_for

DOCTOR = "cabinet@example.org"
PEOPLE = People(
    practice="Cabinet de l'Essai",
    doctor="Dr Essai",
    contractor="Prestataire d'essai",
    contractor_phone="01 99 00 11 22",
)
AT = datetime(2026, 11, 22, 8, tzinfo=UTC)


def standing(*, due_on: date | None, drilled_on: date | None = date(2025, 12, 3)) -> Standing:
    return Standing(
        scenario="annual",
        title="Test annuel",
        past=Past(),
        today=date(2026, 11, 22),
        drilled_on=drilled_on if due_on else None,
        due_on=due_on,
        fresh_until=due_on,
        clock_is_behind=False,
    )


KINDS = {
    "coming": standing(due_on=date(2026, 12, 3)),
    "overdue": standing(due_on=date(2026, 11, 12)),
    "never": standing(due_on=None),
}


def reminder(name: str) -> Reminder:
    due = reminder_due(KINDS[name], {})
    assert due is not None
    return due


def mail(port: int = 25, **more: object) -> Mail:
    return replace(Mail(host="127.0.0.1", port=port, security="none", sender="lab@example.org", to=DOCTOR), **more)  # type: ignore[arg-type]


def composed(name: str, *, language: str = "fr", people: People = PEOPLE) -> EmailMessage:
    data = compose_reminder(reminder(name), people, mail(), wording_for(language, "Europe/Paris"), at=AT)
    message = email.message_from_bytes(data, policy=SMTP)
    assert isinstance(message, EmailMessage)
    return message


def words(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return " ".join(str(part.get_content()).replace("\N{NO-BREAK SPACE}", " ").replace("\u202f", " ").split())


@pytest.mark.parametrize(
    ("name", "subject", "says"),
    [
        ("coming", "À venir", "est prévu le jeudi 3 décembre 2026"),
        ("overdue", "EN RETARD", "était prévu le jeudi 12 novembre 2026 : il n’a pas été fait"),
        ("never", "JAMAIS TESTÉ", "n’a jamais été testée"),
    ],
)
def test_each_kind_says_what_it_is_in_both_parts(name: str, subject: str, says: str) -> None:
    message = composed(name)

    assert str(message["Subject"]).startswith(subject)
    for part in ("plain", "html"):
        said = words(message, part).replace("&#39;", "’").replace("'", "’")
        assert says in said
        assert "01 99 00 11 22" in said
    assert message["Auto-Submitted"] == "auto-generated"


def test_it_is_said_in_english_too() -> None:
    assert str(composed("overdue", language="en")["Subject"]).startswith("OVERDUE")


def test_a_name_adds_neither_header_nor_markup() -> None:
    hostile = replace(PEOPLE, practice="X\r\nBcc: a@b.example <script>", contractor="Y\r\nTo: z@b.example")

    message = composed("overdue", people=hostile)

    assert (message["Bcc"], str(message["To"])) == (None, DOCTOR)
    assert "<script>" not in words(message, "html")


def test_the_same_values_give_the_same_bytes() -> None:
    assert composed("coming").as_bytes() == composed("coming").as_bytes()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(authority: Authority, tmp_path: Path) -> MailServer:
    return MailServer(security="starttls", context=authority.server_context(tmp_path, "127.0.0.1"))


def lab_with(stand: Stand, settings: Mail | None) -> Lab:
    return replace(stand.lab, settings=replace(stand.lab.settings, mail=settings))


def test_it_reaches_whoever_gets_the_reports(stand: Stand, server: MailServer, authority: Authority) -> None:
    server.login = False
    with server.running():
        settings = mail(server.port, security="starttls", ca_file=authority.ca_file, copy_to="prestataire@example.org")

        assert mail_reminder(lab_with(stand, settings), reminder("overdue")) is True

    (taken,) = server.received
    assert taken.recipients == (DOCTOR, "prestataire@example.org")
    assert taken.tls


def test_a_server_that_is_down_leaves_it_to_the_next_day(stand: Stand, capsys: pytest.CaptureFixture[str]) -> None:
    assert mail_reminder(lab_with(stand, mail(9)), reminder("coming")) is False
    assert "was not delivered" in capsys.readouterr().err


def test_without_mail_the_log_has_it(stand: Stand, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        mail_reminder(lab_with(stand, None), Reminder(kind=Reminding.OVERDUE, about="", standing=KINDS["overdue"]))
        is False
    )
    assert "reminder: Test annuel" in capsys.readouterr().err

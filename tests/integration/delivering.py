"""What is handed to a real mail server after a drill on fakes, and what the register says of it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from fakes import Stand
from mail_server import PASSWORD, USER, Authority, MailServer

from restore_lab import drill as drills
from restore_lab.delivery.deliver import Delivery, deliver_again, deliver_waiting
from restore_lab.delivery.smtp import Limits
from restore_lab.drill import Outcome
from restore_lab.lab import Lab, Mail
from restore_lab.register import Entry, EntryType, Register
from restore_lab.secret import Secret

QUICK = Limits(answer_seconds=2, connection_seconds=3)
DOCTOR, CONTRACTOR = "cabinet@example.org", "prestataire@example.org"


def with_a_login(authority: Authority, folder: Path) -> Mail:
    """Mail with a login, by STARTTLS; the port is to be set."""
    password = folder / "mail-password"
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


def starttls(authority: Authority, folder: Path) -> MailServer:
    return MailServer(security="starttls", context=authority.server_context(folder, "127.0.0.1"))


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

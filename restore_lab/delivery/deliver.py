"""From a closed drill to a receipt: `post` puts its mail in the outbox, `deliver_waiting` sends what lies there.

A receipt is a signed `delivered` entry of the register, and it alone says who got a mail: nobody whom a receipt names
is sent that mail again. A process killed after the server took a mail and before the receipt was written leaves it in
the outbox: the next attempt sends it once more, under the same Message-ID. Twice is better than never.

No lock of the register is held while the server is spoken to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from email.policy import SMTP
from typing import Final

from restore_lab.delivery.mail import Enclosed, compose, message_id
from restore_lab.delivery.outbox import FOLDER, Attempt, Outbox
from restore_lab.delivery.smtp import Accepted, Connection, Limits, connected
from restore_lab.durable import undisturbed
from restore_lab.errors import NotDelivered, RestoreLabError, UsageError
from restore_lab.evidence import Evidence
from restore_lab.history import drill_folder, registered_evidence
from restore_lab.lab import Lab, Mail
from restore_lab.recording import REPORT_NAME, Recorded
from restore_lab.register import Entry, EntryType, Register
from restore_lab.signature.keys import SigningKey

#: The mail as it was sent, in the drill's own folder.
MAIL_NAME: Final = "mail.eml"


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """What became of one mail in one pass: how many got it now, and why not everybody, if not."""

    drill: str
    recipients: int
    fault: str = ""
    hint: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Errand:
    """One mail, and who is still to get it."""

    drill: str
    message: bytes
    recipients: tuple[str, ...]


def post(lab: Lab, evidence: Evidence, recorded: Recorded) -> str:
    """Compose a closed drill's mail and put it in the outbox, before anything is tried; say why not, if not.

    Without `[mail]` nothing happens. Never raises: the drill is recorded, whatever becomes of its mail.
    """
    if lab.settings.mail is None:
        return ""
    try:
        message = _composed(lab, lab.settings.mail, evidence, head=recorded.head)
        Outbox(lab.reports / FOLDER).put(evidence.drill_id, message)
    except Exception as error:  # noqa: BLE001 - as for the report: whatever broke, the drill stays recorded
        return error.message if isinstance(error, RestoreLabError) else type(error).__name__
    return ""


def deliver_waiting(
    lab: Lab, key: SigningKey, *, respect_back_off: bool, limits: Limits | None = None
) -> tuple[Delivery, ...]:
    """Send every mail that waits (and is due, if asked), and register a receipt for each.

    Raises:
        RestoreLabError: outbox or register could not be read or written.
    """
    outbox = Outbox(lab.reports / FOLDER)
    if lab.settings.mail is None or not outbox.waiting():
        return ()
    with outbox.locked():
        now = datetime.now(UTC)
        waiting = [one for one in outbox.waiting() if not respect_back_off or one.due(now)]
        round_ = _Round(lab=lab, settings=lab.settings.mail, key=key, outbox=outbox)
        errands = [
            errand for one in waiting if (errand := round_.owed(one.drill, round_.current(one.drill, one.message)))
        ]
        return tuple(round_.carry(errands, limits or Limits()))


def deliver_again(lab: Lab, key: SigningKey, drill: str, *, limits: Limits | None = None) -> tuple[Delivery, ...]:
    """Send one drill's mail to everybody, also when they got it already; a further receipt says so.

    Raises:
        UsageError: there is no `[mail]`, no such drill, or none that left evidence.
        RestoreLabError: outbox or register could not be read or written.
    """
    if lab.settings.mail is None:
        raise no_mail()
    outbox = Outbox(lab.reports / FOLDER)
    round_ = _Round(lab=lab, settings=lab.settings.mail, key=key, outbox=outbox)
    if drill not in round_.closed:
        raise UsageError(f"no drill {drill!a} is closed in the register", hint="`restore-lab register list`")
    with outbox.locked():
        lying = [one.message for one in outbox.waiting() if one.drill == drill]
        message = round_.current(drill, lying[0] if lying else round_.sent_before(drill))
        outbox.put(drill, message)
        errand = _Errand(drill=drill, message=message, recipients=lab.settings.mail.everybody)
        return tuple(round_.carry([errand], limits or Limits()))


def no_mail() -> UsageError:
    """Say that nothing can be sent."""
    return UsageError("lab.toml has no [mail]", hint="`restore-lab init` writes one to copy from, with comments")


def waiting_mails(lab: Lab) -> int:
    """Count the mails that wait."""
    return len(Outbox(lab.reports / FOLDER).waiting())


@dataclass(kw_only=True, slots=True)
class _Round:
    """One pass over the outbox, on the register as it was found."""

    lab: Lab
    settings: Mail
    key: SigningKey
    outbox: Outbox
    register: Register = field(init=False)
    closed: dict[str, Entry] = field(init=False)
    receipts: tuple[Entry, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Read the register once."""
        self.register = Register(folder=self.lab.reports, certificate=self.key.certificate)
        entries = self.register.verify().entries
        self.closed = {str(one.fields.get("drill")): one for one in entries if one.kind is EntryType.CLOSED}
        self.receipts = tuple(one for one in entries if one.kind is EntryType.DELIVERED)

    def owed(self, drill: str, message: bytes) -> _Errand | None:
        """Give what is still to be sent; a mail for which every receipt is there is filed, not sent."""
        told = {
            digest
            for one in self.receipts
            if one.fields.get("drill") == drill
            for digest in one.fields.get("recipients_sha256", ())
        }
        recipients = tuple(address for address in self.settings.everybody if _digest(address) not in told)
        if recipients:
            return _Errand(drill=drill, message=message, recipients=recipients)
        self._file(drill)
        return None

    def current(self, drill: str, stored: bytes | None) -> bytes:
        """Give a drill's mail: as it was stored while lab.toml names the same people, else composed anew.

        Raises:
            UsageError: the drill left no evidence to compose from.
        """
        named = dict.fromkeys((self.settings.sender, *self.settings.everybody))
        if stored is not None and _addresses(stored) == tuple(named):
            return stored
        closed = self.closed.get(drill)
        evidence = registered_evidence(self.register, closed) if closed else None
        if closed is None or evidence is None:
            if stored is not None:
                return stored
            raise UsageError(f"{drill} left no evidence, so there is no mail", hint="`restore-lab register list`")
        message = _composed(self.lab, self.settings, evidence, head=closed.head)
        if stored is not None:
            self.outbox.put(drill, message)
        return message

    def sent_before(self, drill: str) -> bytes | None:
        """Give the mail as it was sent earlier; None when it is not there."""
        try:
            return (drill_folder(self.lab.reports, drill) / MAIL_NAME).read_bytes()
        except OSError:
            return None

    def carry(self, errands: list[_Errand], limits: Limits) -> Iterator[Delivery]:
        """Send over one connection; when there is none, that is each mail's attempt."""
        with ExitStack() as stack:
            connection: Connection | None = None
            refusal: NotDelivered | None = None
            if errands:
                try:
                    connection = stack.enter_context(connected(self.settings, limits))
                except NotDelivered as error:
                    refusal = error
            for errand in errands:
                try:
                    if connection is None:
                        raise refusal or NotDelivered("no connection")
                    yield self._told(errand, connection.send(errand.message, errand.recipients))
                except NotDelivered as error:
                    yield self._missed(errand, error)

    def _told(self, errand: _Errand, accepted: Accepted) -> Delivery:
        """Register the receipt first of all; then file the mail, or note who did not get it."""
        fields = {
            "drill": errand.drill,
            "message_id": message_id(errand.drill, self.settings),
            "message_sha256": hashlib.sha256(errand.message).hexdigest(),
            "recipients": len(accepted.reached),
            "recipients_sha256": [_digest(address) for address in accepted.reached],
            "reply_code": accepted.reply_code,
        }
        with undisturbed():
            with self.register.locked():
                self.register.append(EntryType.DELIVERED, fields, key=self.key, at=datetime.now(UTC))
            if not accepted.refused:
                self._file(errand.drill)
                return Delivery(drill=errand.drill, recipients=len(accepted.reached))
        codes = ", ".join(str(code) for _, code in accepted.refused)
        error = NotDelivered(
            f"the mail server refused {len(accepted.refused)} of {len(errand.recipients)} recipients ({codes})",
            hint="correct `to` or `copy_to` under [mail] in lab.toml",
        )
        return self._missed(errand, error, reached=len(accepted.reached))

    def _missed(self, errand: _Errand, error: NotDelivered, *, reached: int = 0) -> Delivery:
        self.outbox.note(errand.drill, Attempt(at=datetime.now(UTC), fault=error.message))
        return Delivery(drill=errand.drill, recipients=reached, fault=error.message, hint=error.hint)

    def _file(self, drill: str) -> None:
        folder = drill_folder(self.lab.reports, drill)
        if drill in self.closed and folder.is_dir():
            self.outbox.move_out(drill, folder / MAIL_NAME)


def _composed(lab: Lab, settings: Mail, evidence: Evidence, *, head: str) -> bytes:
    path = drill_folder(lab.reports, evidence.drill_id) / REPORT_NAME
    report = path.read_bytes() if path.is_file() else None
    enclosed = Enclosed(head=head, report=report, at=datetime.now(UTC).replace(microsecond=0))
    return compose(evidence, enclosed, settings, language=lab.settings.report.language)


def _addresses(message: bytes) -> tuple[str, ...]:
    """Read sender and recipients out of a stored mail."""
    headers = BytesHeaderParser(policy=SMTP).parsebytes(message)
    named = (headers[name].addresses if headers[name] else () for name in ("from", "to", "cc"))
    return tuple(dict.fromkeys(address.addr_spec for addresses in named for address in addresses))


def _digest(address: str) -> str:
    return hashlib.sha256(address.lower().encode("ascii")).hexdigest()

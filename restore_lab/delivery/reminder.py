"""The mail that reminds of a restore test: one that comes, one that is overdue, one that never was.

Sent at once or not at all: whoever runs the schedule asks again the next day, so no outbox and no receipt is kept.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from restore_lab.delivery.mail import Envelope, boundaries_fixed, message_id, subject_line, written
from restore_lab.delivery.smtp import Limits, connected
from restore_lab.evidence import People
from restore_lab.lab import Lab, Mail
from restore_lab.reminders import Reminder, Reminding
from restore_lab.report.advice import NAME_LENGTH, caller
from restore_lab.report.glyphs import printable
from restore_lab.report.wording import Wording, wording_for

if TYPE_CHECKING:
    from collections.abc import Iterator


def send_reminder(lab: Lab, settings: Mail, reminder: Reminder, *, limits: Limits | None = None) -> None:
    """Send a reminder to everybody who gets the reports.

    Raises:
        NotDelivered: nobody got it.
    """
    wording = wording_for(lab.settings.report.language, lab.settings.practice.timezone)
    message = compose_reminder(reminder, lab.people, settings, wording, at=datetime.now(UTC).replace(microsecond=0))
    with connected(settings, limits or Limits()) as connection:
        connection.send(message, settings.everybody)


def compose_reminder(reminder: Reminder, people: People, settings: Mail, wording: Wording, *, at: datetime) -> bytes:
    """Write a reminder as it goes over the wire; the same values give the same bytes."""
    subject, headline = _said(reminder, people, wording)
    letter = {
        "language": wording.language,
        "subject": subject,
        "practice": printable(people.practice, NAME_LENGTH),
        "headline": headline,
        "lines": tuple(_lines(reminder, people, wording)),
        "late": reminder.kind is Reminding.OVERDUE,
    }
    name = f"reminder-{reminder.standing.scenario}-{reminder.kind}-{reminder.about}"
    envelope = Envelope(
        contractor=people.contractor,
        subject=subject,
        at=at,
        message_id=message_id(f"{name}-{hashlib.sha256(people.practice.encode()).hexdigest()[:8]}", settings),
        language=wording.language,
    )
    return boundaries_fixed(written("reminder", envelope, settings, letter=letter), name).as_bytes()


def _said(reminder: Reminder, people: People, wording: Wording) -> tuple[str, str]:
    """Give subject and headline, of which one cannot be taken for another."""
    practice, due = printable(people.practice, NAME_LENGTH), reminder.standing.due_on
    text = wording.text
    if due is None:
        subject = text("NEVER TESTED – restore test of the backup – {practice}", practice=practice)
        headline = text("The backup of your practice was never tested.")
    elif reminder.kind is Reminding.OVERDUE:
        day = wording.day(due)
        subject = text("OVERDUE – restore test due on {day} – {practice}", day=day, practice=practice)
        headline = text("The restore test of your backup was due on {day}: it has not been done.", day=day)
    else:
        day = wording.day(due)
        subject = text("Coming – restore test before {day} – {practice}", day=day, practice=practice)
        headline = text("The next restore test of your backup is due on {day}.", day=day)
    return subject_line(subject), headline


def _lines(reminder: Reminder, people: People, wording: Wording) -> Iterator[str]:
    tested = reminder.standing.drilled_on
    yield (
        wording.text("Last test: {day}.", day=wording.day(tested)) if tested else wording.text("No test is on record.")
    )
    who = caller(people, wording)
    if reminder.kind is Reminding.OVERDUE:
        yield wording.text("Until a test has been done, nothing shows that your backup can be read back.")
        yield wording.text("To do: call {who}, so that the test is done this week.", who=who)
    else:
        yield wording.text(
            "You have nothing to do: {who} carries the test out and you get its result by mail.", who=who
        )
        yield wording.text("Should no result have come by that day, call.")

"""`run --when-due`: whether a drill is to be run now, and the reminders that go with the answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from restore_lab.cli.status import said_of, standings
from restore_lab.due import Standing
from restore_lab.errors import ExitCode, RestoreLabError, UsageError
from restore_lab.lab import Lab
from restore_lab.reminders import Reminder, note_given, read_given, reminder_due
from restore_lab.scenario import Scenario


def not_due(lab: Lab, scenario: Scenario) -> ExitCode | None:
    """Say in one line that no drill is due, and give the exit code; None when one is to be run now."""
    checked, (one,) = standings(lab, [scenario], now=datetime.now(UTC))
    if one.past.running:
        click.echo(f"{one.scenario}: {one.past.running} is under way")
    elif one.is_due:
        return None
    else:
        click.echo(f"{one.scenario}: nothing to do, {said_of(one)}")
        _remind(lab, one)
    for fault in checked.faults:
        click.echo(f"FAULT {fault}", err=True)
    return ExitCode.SEAL_BROKEN if checked.faults else ExitCode.PASSED


@contextmanager
def reminding(lab: Lab, scenario: Scenario) -> Iterator[None]:
    """Remind of a drill that is overdue and could not even begin; one that began tells of itself."""
    try:
        yield
    except UsageError:
        _remind(lab, standings(lab, [scenario], now=datetime.now(UTC))[1][0])
        raise


def _remind(lab: Lab, one: Standing) -> None:
    reminder = reminder_due(one, read_given(lab.reports))
    if reminder is not None and mail_reminder(lab, reminder):
        note_given(lab.reports, reminder)


def mail_reminder(lab: Lab, reminder: Reminder) -> bool:
    """Give a reminder, and say whether somebody was reached; until then it is said again every day."""
    click.echo(f"reminder: {reminder.standing.title}: {said_of(reminder.standing)}", err=True)
    if lab.settings.mail is None:
        return False
    from restore_lab.delivery.reminder import send_reminder  # noqa: PLC0415 - quick --help

    try:
        send_reminder(lab, lab.settings.mail, reminder)
    except RestoreLabError as error:
        click.echo(f"restore-lab: the reminder was not delivered: {error.message}", err=True)
        return False
    return True

"""Reminders that a drill is coming or overdue: which one is due is pure; that it was given is kept, once a due date."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from restore_lab.due import Standing
from restore_lab.durable import replace_durably
from restore_lab.errors import RestoreLabError

FILE_NAME = "reminders.json"
#: A reminder comes this long before the day, but never sooner than in the last quarter of the wait.
_DAYS_BEFORE = 30
#: Stands for the due date of a scenario that was never tested.
_NEVER = "never tested"


class Reminding(StrEnum):
    """What a reminder says."""

    UPCOMING = "upcoming"
    OVERDUE = "overdue"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reminder:
    """One thing to be said, once: `about` is the due date it concerns, as text."""

    kind: Reminding
    about: str
    standing: Standing


#: For each scenario and kind, the due date the last reminder was about.
Given = Mapping[str, Mapping[str, str]]


def reminder_due(standing: Standing, given: Given) -> Reminder | None:
    """Say which reminder is to be given today, if any; none while the drill is under way."""
    kind = _kind(standing)
    if kind is None or standing.past.running:
        return None
    about = standing.due_on.isoformat() if standing.due_on else _NEVER
    if given.get(standing.scenario, {}).get(kind.value) == about:
        return None
    return Reminder(kind=kind, about=about, standing=standing)


def _kind(standing: Standing) -> Reminding | None:
    if standing.is_overdue:
        return Reminding.OVERDUE
    if standing.due_on is None or standing.drilled_on is None or standing.is_due:
        return None
    wait_days = (standing.due_on - standing.drilled_on).days
    left_days = (standing.due_on - standing.today).days
    return Reminding.UPCOMING if left_days <= min(_DAYS_BEFORE, wait_days // 4) else None


def read_given(reports: Path) -> dict[str, dict[str, str]]:
    """Read what was given before; a file that cannot be read counts as nothing, and a reminder comes twice."""
    try:
        plain = json.loads((reports / FILE_NAME).read_text("utf-8"))
        return {
            str(scenario): {str(kind): str(about) for kind, about in kinds.items()} for scenario, kinds in plain.items()
        }
    except (OSError, ValueError, AttributeError):
        return {}


def note_given(reports: Path, reminder: Reminder) -> None:
    """Keep, durably, that a reminder was given; of two at the same moment one may be forgotten, and comes twice.

    Raises:
        RestoreLabError: the disk did not take it.
    """
    given = read_given(reports)
    given.setdefault(reminder.standing.scenario, {})[reminder.kind.value] = reminder.about
    try:
        reports.mkdir(parents=True, exist_ok=True)
        replace_durably(reports / FILE_NAME, (json.dumps(given, indent=2, sort_keys=True) + "\n").encode())
    except OSError as error:
        raise RestoreLabError(f"{reports / FILE_NAME} could not be written: {error.strerror}") from error

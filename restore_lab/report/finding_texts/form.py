"""The form of one finding's wording."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Actor(Enum):
    """Who is asked to act on a finding."""

    CONTRACTOR = "contractor"
    DOCTOR = "doctor"


@dataclass(frozen=True, kw_only=True, slots=True)
class FindingText:
    """What was seen, in plain words and exactly, and what to do about it; the messages are English msgids.

    `plain` is a sentence for the doctor, `exact` a phrase for the auditor, `action` an infinitive without full stop.
    """

    plain: str
    exact: str
    action: str
    by: Actor = Actor.CONTRACTOR

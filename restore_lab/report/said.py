"""One finding, said: its parameters written by locale and set into its sentences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from restore_lab.report.finding_texts import FINDING_TEXTS

if TYPE_CHECKING:
    from restore_lab.findings import Finding, Param
    from restore_lab.report.finding_texts.form import Actor
    from restore_lab.report.wording import Wording

_DATES: Final = frozenset({"newest", "taken"})
_DURATIONS: Final = frozenset({"seconds", "objective"})
_SIZES: Final = frozenset({"limit"})
_PLAIN_NUMBERS: Final = frozenset({"line", "code", "wanted", "used"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A finding in one language: `plain` for the doctor, `exact` for the auditor, `action` and who is to act."""

    plain: str
    exact: str
    action: str
    by: Actor


def say(finding: Finding, wording: Wording) -> Said:
    """Word a finding; a parameter its sentence needs and it lacks reads « ? », one too many is left out."""
    text = FINDING_TEXTS[finding.code]
    params = {name: _shown(name, value, wording) for name, value in finding.params}
    return Said(
        plain=wording.text(text.plain, **params),
        exact=wording.text(text.exact, **params),
        action=wording.text(text.action, **params),
        by=text.by,
    )


def _shown(name: str, value: Param, wording: Wording) -> str:
    if name in _DATES and isinstance(value, str):
        return _day(value, wording)
    if isinstance(value, str) or name in _PLAIN_NUMBERS:
        return str(value)
    if name in _DURATIONS:
        return wording.duration(value)
    return wording.size(value) if name in _SIZES else wording.figure(value)


def _day(written: str, wording: Wording) -> str:
    try:
        return wording.day(date.fromisoformat(written))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return written
    return wording.day(moment if moment.tzinfo else moment.date())

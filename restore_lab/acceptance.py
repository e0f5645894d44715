"""Accepting a finding for a time: with a reason, by a person, until a day; its weight falls one step, never to nothing.

What failed becomes a reservation, a reservation becomes a note. What says that nothing is known, that a backup is
empty, ruined or another's, or that evidence or the copy are in doubt, cannot be accepted; but for a clock behind the
register, once somebody has compared it: one entry of a wrong day would else outlive every right clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from restore_lab.evidence import Acceptance, GradedFinding
from restore_lab.findings import Code, Finding, Severity, finding
from restore_lab.settings import STRICT

ACCEPTABLE: Final = frozenset(
    {
        Code.BACKUP_OVERDUE,
        Code.BACKUP_DATED_IN_FUTURE,
        Code.CLOCK_BEHIND_REGISTER,
        Code.ISOLATION_PARTIAL,
        Code.ISOLATION_NONE,
        Code.SERVER_OF_ANOTHER_SERIES,
        Code.ROLES_NOT_IN_BACKUP,
        Code.KEYS_ABSENT,
        Code.VALUES_CHANGED,
        Code.DEFINERS_ABSENT,
        Code.NOT_TRANSACTIONAL,
        Code.TEXT_DOUBLY_ENCODED,
        Code.TEXT_NOT_UTF8,
        Code.SETTING_NEEDED,
        Code.TOOL_MESSAGES_IN_BACKUP,
        Code.END_MARK_ABSENT,
        Code.RESTORE_TIME_OVER_OBJECTIVE,
        Code.ROWS_BELOW_MINIMUM,
        Code.ROWS_BELOW_PREVIOUS,
        Code.OBJECTS_BELOW_MINIMUM,
        Code.OBJECTS_BELOW_PREVIOUS,
        Code.ORPHAN_ROWS,
        Code.ORPHAN_ROWS_GROWN,
        Code.ROWS_BELOW_LIVE,
        Code.ROWS_FEWER_THAN_LIVE,
        Code.ORPHAN_ROWS_ABOVE_LIVE,
        Code.SEQUENCE_BEHIND,
        Code.VIEW_UNUSABLE,
        Code.TABLES_LEFT_OUT,
        Code.VIEWS_LEFT_OUT,
        Code.MONTH_SHRUNK,
        Code.MONTH_EMPTY,
        Code.MONTH_GAP,
        Code.DATA_STALE,
        Code.SQL_EXPECTATION_UNMET,
        Code.PYTEST_FAILED,
        Code.PAGE_NOT_AS_EXPECTED,
        Code.DOCUMENTS_UNREADABLE,
        Code.DOCUMENTS_MISSING,
        Code.DOCUMENTS_BELOW_PREVIOUS,
    }
)
#: What can be settled: a figure that fell below that of an earlier drill.
_LOSSES: Final = frozenset(
    {
        Code.ROWS_BELOW_PREVIOUS,
        Code.OBJECTS_BELOW_PREVIOUS,
        Code.ORPHAN_ROWS_GROWN,
        Code.MONTH_SHRUNK,
        Code.MONTH_EMPTY,
        Code.SQL_EXPECTATION_UNMET,
        Code.DOCUMENTS_BELOW_PREVIOUS,
    }
)
_ONE_STEP_DOWN: Final = {Severity.FAILED: Severity.RESERVATION, Severity.RESERVATION: Severity.NOTE}
#: Where nothing is known until somebody has looked, and then is.
_LOOKED_AT: Final = {Code.CLOCK_BEHIND_REGISTER: Severity.RESERVATION}


@dataclass(frozen=True, kw_only=True, slots=True)
class Accept:
    """One finding accepted: `about` is the table, key or question it names, where it is not to hold for all of them.

    `settled` says that a loss is none (a table purged, a view dropped by an update): once a drill passed with it, the
    lower figure is what the next ones are held to.
    """

    __pydantic_config__ = STRICT

    code: Code
    reason: str
    person: str
    until: date
    about: str = ""
    settled: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be accepted, and an acceptance without a reason or a person."""
        if self.code not in ACCEPTABLE:
            raise ValueError(f"{self.code} cannot be accepted")
        if not self.reason.strip() or not self.person.strip():
            raise ValueError("an acceptance needs a reason and a person")
        if self.settled and self.code not in _LOSSES:
            raise ValueError(f"{self.code} compares with no earlier drill: it cannot be settled")

    def covers(self, one: Finding) -> bool:
        """Tell whether this is the finding meant."""
        return one.code is self.code and (not self.about or self.about in {str(value) for _, value in one.params})


def weighed(
    graded: Iterable[GradedFinding], accepts: Sequence[Accept], *, today: date
) -> tuple[tuple[GradedFinding, ...], tuple[Finding, ...]]:
    """Lower what is accepted today, and say which acceptances of something found have expired."""
    findings = tuple(_lowered(one, accepts, today) for one in graded)
    expired = (
        finding(Code.ACCEPTANCE_EXPIRED, code=accept.code.value, until=accept.until.isoformat())
        for accept in accepts
        if accept.until < today and any(accept.covers(one.finding) for one in findings)
    )
    return findings, tuple(dict.fromkeys(expired))


def _lowered(graded: GradedFinding, accepts: Sequence[Accept], today: date) -> GradedFinding:
    lower = _LOOKED_AT.get(graded.finding.code) or _ONE_STEP_DOWN.get(graded.severity)
    for accept in accepts:
        if lower and today <= accept.until and accept.covers(graded.finding):
            record = Acceptance(reason=accept.reason, person=accept.person, until=accept.until, settled=accept.settled)
            return replace(graded, severity=lower, accepted=record)
    return graded

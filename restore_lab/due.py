"""When a scenario's next drill is due, and how old its proof is: from signed entries and evidence that verifies.

Days are those of the practice's own calendar, so that a drill at five in the morning of the day it is due is not an
hour too early. Nothing here reads a clock or a file's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from restore_lab.evidence import Evidence, Verdict
from restore_lab.findings import Severity
from restore_lab.history import PASSED, alive, is_of_the_latest, registered_evidence
from restore_lab.register import Checked, Entry, EntryType, Register
from restore_lab.scenario import Scenario

#: After a test that did not pass, the next one is due this soon.
_SOON = timedelta(days=30)
#: An entry further ahead of the clock than this was written under a wrong one; it delays and proves nothing.
_CLOCK_SLACK = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Drilled:
    """One drill of the past: how it ended, what stayed open, and when it said that the next one is due."""

    drill_id: str
    finished_at: datetime
    verdict: str
    proven: bool
    open_findings: tuple[str, ...]
    promised_on: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """What the register tells of one scenario; `running` is a drill that is under way on this host, or ""."""

    last: Drilled | None = None
    last_passed: Drilled | None = None
    running: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a scenario stands on one day; without a drill it is due, and no day says since when.

    `clock_is_behind`: the last drill lies ahead of the clock, so that no day told here can be believed.
    """

    scenario: str
    title: str
    past: Past
    today: date
    drilled_on: date | None
    due_on: date | None
    fresh_until: date | None
    clock_is_behind: bool

    @property
    def is_due(self) -> bool:
        """Whether a drill should be run today."""
        return self.due_on is None or self.due_on <= self.today

    @property
    def overdue_days(self) -> int:
        """For how many days the drill has been due; 0 also when it was never run."""
        return max(0, (self.today - self.due_on).days) if self.due_on else 0

    @property
    def is_overdue(self) -> bool:
        """Whether the day is past, or there never was a drill."""
        return self.due_on is None or self.due_on < self.today

    @property
    def is_well(self) -> bool:
        """Whether nothing is due and the last drill passed."""
        return not self.is_due and self.past.last is not None and self.past.last.verdict in PASSED


def next_due_on(finished_at: datetime, *, every_days: int, passed: bool) -> datetime:
    """Give when the next drill is due: after the scenario's own interval, sooner when this one did not pass."""
    interval = timedelta(days=every_days)
    return finished_at + (interval if passed else min(interval, _SOON))


def standing(scenario: Scenario, past: Past, *, now: datetime, zone: ZoneInfo) -> Standing:
    """Judge a scenario's past on the day that `now` is in the practice's time zone.

    The next drill is due when the last one said so, or earlier if the scenario was made more frequent since.
    """
    every_days = scenario.settings.every_days
    today, last, passed = now.astimezone(zone).date(), past.last, past.last_passed
    if passed is not None and passed.finished_at > now + _CLOCK_SLACK:
        passed = None
    due_on, clock_is_behind = None, last is not None and last.finished_at > now + _CLOCK_SLACK
    if last is not None:
        ours = next_due_on(last.finished_at, every_days=every_days, passed=last.proven)
        due_on = today if clock_is_behind else min(_day(last.promised_on or ours, zone), _day(ours, zone))
    return Standing(
        scenario=scenario.name,
        title=scenario.settings.title,
        past=past,
        today=today,
        drilled_on=_day(last.finished_at, zone) if last else None,
        due_on=due_on,
        fresh_until=_day(passed.finished_at + timedelta(days=every_days), zone) if passed else None,
        clock_is_behind=clock_is_behind,
    )


def past_of(register: Register, checked: Checked, scenario: str) -> Past:
    """Read what the register tells of a scenario; drills of another backup than the latest do not count."""
    last: Drilled | None = None
    for entry in reversed(checked.entries):
        if entry.kind is not EntryType.CLOSED or entry.fields.get("scenario") != scenario:
            continue
        evidence = registered_evidence(register, entry)
        if evidence is not None and not is_of_the_latest(evidence):
            continue
        drilled = _drilled(entry, evidence)
        last = last or drilled
        if drilled.proven:
            return Past(last=last, last_passed=drilled, running=_running(checked, scenario))
    return Past(last=last, running=_running(checked, scenario))


def _drilled(entry: Entry, evidence: Evidence | None) -> Drilled:
    """Read one closed drill; a pass whose evidence is not there proves nothing."""
    drill_id, verdict = str(entry.fields.get("drill")), str(entry.fields.get("verdict"))
    if evidence is None:
        reasons = tuple(str(one) for one in entry.fields.get("reasons", ()))
        ended = Verdict.INCONCLUSIVE.value if verdict in PASSED else verdict
        return Drilled(drill_id=drill_id, finished_at=entry.at, verdict=ended, proven=False, open_findings=reasons)
    weighing = [one.finding.code.value for one in evidence.findings if one.severity is not Severity.NOTE]
    return Drilled(
        drill_id=drill_id,
        finished_at=evidence.finished_at,
        verdict=evidence.verdict.value,
        proven=evidence.verdict.value in PASSED,
        open_findings=tuple(dict.fromkeys(weighing)),
        promised_on=evidence.next_due_on,
    )


def _running(checked: Checked, scenario: str) -> str:
    """Name the drill of the scenario that is under way in a process of this host."""
    under_way = (entry for entry in checked.unanswered if entry.fields.get("scenario") == scenario and alive(entry))
    return next((str(entry.fields.get("drill")) for entry in under_way), "")


def _day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()

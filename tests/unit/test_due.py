"""When the next drill is due and how old the proof is, under clocks that move; from the register, never from names."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from fakes import Stand

from restore_lab.drill import open_key
from restore_lab.due import Standing, next_due_on, past_of, standing
from restore_lab.evidence import Evidence, Verdict, to_json
from restore_lab.findings import Code
from restore_lab.history import ENVELOPE_NAME, drill_folder, identity
from restore_lab.register import EntryType, Register
from restore_lab.reminders import Reminding, note_given, read_given, reminder_due
from restore_lab.restored import RecoveryPointRecord
from restore_lab.signature import dsse

NOON = datetime(2026, 11, 10, 11, 0, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


@dataclass(frozen=True)
class History:
    """A register whose drills were on days of our choosing."""

    stand: Stand
    evidence: Evidence

    @property
    def register(self) -> Register:
        return Register(folder=self.stand.lab.reports, certificate=open_key(self.stand.lab).certificate)

    def drilled(self, at: datetime, verdict: Verdict = Verdict.PASSED, *, asked_for: str = "latest") -> Evidence:
        """Record a drill as `drill.run` would: opened, its evidence beside, closed."""
        key, drill_id = open_key(self.stand.lab), f"{at:%Y%m%dT%H%M%SZ}-annual-0000"
        passed = verdict in {Verdict.PASSED, Verdict.PASSED_WITH_RESERVATIONS}
        tried = RecoveryPointRecord(
            source="s", point="p", taken_at=at, dated_by="name", size_bytes=1, candidates=1, asked_for=asked_for
        )
        evidence = replace(
            self.evidence,
            drill_id=drill_id,
            scenario="annual",
            restores=(replace(self.evidence.restores[0], recovery_point=tried),),
            finished_at=at,
            verdict=verdict,
            next_due_on=next_due_on(at, every_days=365, passed=passed),
        )
        evidence_json = to_json(evidence)
        envelope = dsse.sign(dsse.PAYLOAD_TYPE, dsse.statement(evidence_json, {"scenario:annual": "0" * 64}), key)
        with self.register.locked():
            about = {"drill": drill_id, "scenario": "annual"}
            self.register.append(EntryType.OPENED, {**about, **identity(), "host": "elsewhere"}, key=key, at=at)
            folder = drill_folder(self.stand.lab.reports, drill_id)
            folder.mkdir(parents=True)
            (folder / ENVELOPE_NAME).write_bytes(envelope)
            closed = {
                "verdict": verdict.value,
                "reasons": list(evidence.reasons),
                "evidence_sha256": hashlib.sha256(evidence_json).hexdigest(),
                "dsse_sha256": hashlib.sha256(envelope).hexdigest(),
            }
            self.register.append(EntryType.CLOSED, {**about, **closed}, key=key, at=at)
        return evidence

    def on(self, now: datetime, *, every_days: int = 365, zone: ZoneInfo = PARIS) -> Standing:
        scenario = self.stand.scenario
        scenario = replace(scenario, settings=replace(scenario.settings, every_days=every_days))
        register = self.register
        return standing(scenario, past_of(register, register.verify(), "annual"), now=now, zone=zone)


@pytest.fixture
def history(stand: Stand, passed: Evidence) -> History:
    return History(stand=stand, evidence=passed)


def test_a_scenario_never_run_is_due_and_overdue_since_no_day(history: History) -> None:
    seen = history.on(NOON)

    assert (seen.is_due, seen.is_overdue, seen.overdue_days, seen.due_on, seen.fresh_until) == (
        True,
        True,
        0,
        None,
        None,
    )
    assert not seen.is_well


def test_a_passed_drill_is_due_again_after_the_interval_and_not_a_day_before(history: History) -> None:
    history.drilled(NOON)

    assert history.on(NOON).is_well
    assert history.on(NOON + timedelta(days=364)).is_well
    due = history.on(NOON + timedelta(days=365))
    assert (due.is_due, due.is_overdue, due.due_on) == (True, False, date(2027, 11, 10))
    assert due.fresh_until == date(2027, 11, 10)


def test_on_the_day_it_is_due_the_hour_does_not_matter(history: History) -> None:
    history.drilled(datetime(2026, 11, 10, 17, 0, tzinfo=UTC))

    assert history.on(datetime(2027, 11, 10, 4, 30, tzinfo=UTC)).is_due


def test_a_machine_asleep_on_the_day_finds_it_overdue_when_it_wakes(history: History) -> None:
    history.drilled(NOON)

    woken = history.on(NOON + timedelta(days=365 + 23))
    assert (woken.is_due, woken.overdue_days) == (True, 23)
    history.drilled(NOON + timedelta(days=365 + 23))
    assert history.on(NOON + timedelta(days=365 + 24)).due_on == date(2028, 12, 2)


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.INCONCLUSIVE])
def test_what_did_not_pass_is_repeated_after_30_days_and_is_not_well_before(history: History, verdict: Verdict) -> None:
    history.drilled(NOON - timedelta(days=100))
    history.drilled(NOON, verdict)

    before, on_the_day = history.on(NOON + timedelta(days=29)), history.on(NOON + timedelta(days=30))
    assert (before.is_due, before.is_well) == (False, False)
    assert (on_the_day.is_due, on_the_day.due_on) == (True, date(2026, 12, 10))
    assert before.fresh_until == date(2027, 8, 2)  # the pass before it still proves what it proved


def test_a_weekly_scenario_that_failed_is_not_put_off_to_30_days(history: History) -> None:
    history.drilled(NOON, Verdict.FAILED)

    assert history.on(NOON, every_days=7).due_on == date(2026, 11, 17)


def test_a_scenario_made_more_frequent_is_due_earlier_one_made_rarer_not_later_than_reported(history: History) -> None:
    history.drilled(NOON)

    assert history.on(NOON, every_days=30).due_on == date(2026, 12, 10)
    assert history.on(NOON, every_days=1000).due_on == date(2027, 11, 10)


def test_a_year_with_a_29th_of_february_has_its_day(history: History) -> None:
    history.drilled(datetime(2028, 2, 29, 11, 0, tzinfo=UTC))

    assert history.on(datetime(2029, 2, 27, 11, 0, tzinfo=UTC)).is_well
    assert history.on(datetime(2029, 2, 28, 11, 0, tzinfo=UTC)).is_due


def test_days_are_those_of_the_practice(history: History) -> None:
    history.drilled(datetime(2026, 11, 10, 23, 30, tzinfo=UTC))  # the 11th in Paris, still the 10th in Cayenne

    evening = datetime(2027, 11, 10, 22, 30, tzinfo=UTC)
    assert not history.on(evening).is_due
    assert history.on(evening, zone=ZoneInfo("America/Cayenne")).is_due
    assert history.on(evening + timedelta(hours=1)).is_due


def test_an_hour_lost_to_summer_time_does_not_lose_the_day(history: History) -> None:
    history.drilled(datetime(2026, 9, 29, 22, 30, tzinfo=UTC), Verdict.FAILED)  # the 30th, half past midnight, summer

    assert history.on(NOON).due_on == date(2026, 10, 29)  # 23:30 in winter time: a day early rather than late


def test_a_drill_dated_in_the_future_delays_nothing_and_proves_nothing(history: History) -> None:
    history.drilled(NOON + timedelta(days=1500))

    seen = history.on(NOON)
    assert (seen.is_due, seen.due_on, seen.fresh_until) == (True, date(2026, 11, 10), None)
    history.drilled(NOON)
    assert history.on(NOON + timedelta(days=1)).is_well


@pytest.mark.parametrize("asked_for", ["oldest", "random", "fake_1.dump"])
def test_a_drill_of_another_backup_than_the_latest_does_not_count(history: History, asked_for: str) -> None:
    history.drilled(NOON - timedelta(days=300))
    history.drilled(NOON, asked_for=asked_for)

    assert history.on(NOON).due_on == (NOON + timedelta(days=65)).date()


def test_a_drill_that_was_abandoned_leaves_its_reason_open(history: History) -> None:
    key, about = open_key(history.stand.lab), {"drill": "20261110T110000Z-annual-ffff", "scenario": "annual"}
    with history.register.locked():
        closed = {"verdict": "INCONCLUSIVE", "reasons": [Code.ABANDONED.value]}
        history.register.append(EntryType.OPENED, about, key=key, at=NOON)
        history.register.append(EntryType.CLOSED, {**about, **closed}, key=key, at=NOON)

    seen = history.on(NOON)
    assert seen.past.last is not None
    assert (seen.past.last.verdict, seen.past.last.open_findings) == ("INCONCLUSIVE", ("ABANDONED",))
    assert (seen.due_on, seen.fresh_until) == (date(2026, 12, 10), None)


def test_a_pass_whose_evidence_is_gone_or_another_drills_proves_nothing(history: History) -> None:
    first = history.drilled(NOON - timedelta(days=200))
    second = history.drilled(NOON)
    folder = drill_folder(history.stand.lab.reports, second.drill_id)

    (folder / ENVELOPE_NAME).unlink()
    gone = history.on(NOON)
    shutil.copy(drill_folder(history.stand.lab.reports, first.drill_id) / ENVELOPE_NAME, folder / ENVELOPE_NAME)
    swapped = history.on(NOON)

    for seen in (gone, swapped):
        assert seen.past.last is not None
        assert (seen.past.last.verdict, seen.is_well) == ("INCONCLUSIVE", False)
        assert seen.fresh_until == (NOON + timedelta(days=165)).date()


def test_folders_and_file_names_say_nothing(history: History) -> None:
    history.drilled(NOON)
    foreign = history.stand.lab.reports / "2027" / "20271109T110000Z-annual-abcd"
    foreign.mkdir(parents=True)

    assert history.on(NOON + timedelta(days=365)).is_due


def test_behind_a_break_in_the_register_only_what_still_holds_counts(history: History) -> None:
    history.drilled(NOON - timedelta(days=300))
    history.drilled(NOON)
    path = history.stand.lab.reports / "register.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], lines[3][:40] + b"\n", *lines[4:]]))

    assert history.register.verify().faults
    assert history.on(NOON).due_on == (NOON + timedelta(days=65)).date()
    history.drilled(NOON + timedelta(days=66))  # goes to a new segment, and counts there
    assert history.on(NOON + timedelta(days=67)).is_well


def test_a_drill_under_way_is_named_and_one_of_a_dead_process_is_not(history: History) -> None:
    key, about = open_key(history.stand.lab), {"drill": "20261110T110000Z-annual-aaaa", "scenario": "annual"}
    with history.register.locked():
        history.register.append(EntryType.OPENED, {**about, **identity(), "pid_started": "1"}, key=key, at=NOON)
    assert history.on(NOON).past.running == ""
    with history.register.locked():
        history.register.append(EntryType.OPENED, {**about, "drill": "b", **identity()}, key=key, at=NOON)
    assert history.on(NOON).past.running == "b"


def reminded(history: History, now: datetime) -> Reminding | None:
    """Ask for today's reminder and take note of it, as the daily run does."""
    reports = history.stand.lab.reports
    reminder = reminder_due(history.on(now), read_given(reports))
    if reminder is not None:
        note_given(reports, reminder)
    return reminder.kind if reminder else None


def test_a_reminder_comes_30_days_before_once_and_again_for_the_next_date(history: History) -> None:
    history.drilled(NOON)

    assert reminded(history, NOON + timedelta(days=334)) is None
    assert reminded(history, NOON + timedelta(days=335)) is Reminding.UPCOMING
    assert reminded(history, NOON + timedelta(days=336)) is None
    assert reminded(history, NOON + timedelta(days=365)) is None  # the day itself is the drill's
    assert reminded(history, NOON + timedelta(days=366)) is Reminding.OVERDUE
    assert reminded(history, NOON + timedelta(days=400)) is None
    history.drilled(NOON + timedelta(days=401))
    assert reminded(history, NOON + timedelta(days=402)) is None
    assert reminded(history, NOON + timedelta(days=401 + 340)) is Reminding.UPCOMING


def test_a_machine_asleep_through_the_reminder_gets_it_when_it_wakes(history: History) -> None:
    history.drilled(NOON)

    assert reminded(history, NOON + timedelta(days=360)) is Reminding.UPCOMING


def test_after_a_failure_the_reminder_does_not_follow_on_its_heels(history: History) -> None:
    history.drilled(NOON, Verdict.FAILED)

    assert reminded(history, NOON + timedelta(days=1)) is None
    assert reminded(history, NOON + timedelta(days=22)) is None
    assert reminded(history, NOON + timedelta(days=23)) is Reminding.UPCOMING


def test_what_was_never_tested_is_said_once(history: History) -> None:
    assert reminded(history, NOON) is Reminding.OVERDUE
    assert reminded(history, NOON + timedelta(days=50)) is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"annual": 3}', "\udcff"])
def test_a_note_of_reminders_that_cannot_be_read_reminds_again(history: History, text: str) -> None:
    history.drilled(NOON)
    path = history.stand.lab.reports / "reminders.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))

    assert reminded(history, NOON + timedelta(days=340)) is Reminding.UPCOMING
    assert reminded(history, NOON + timedelta(days=341)) is None


def test_nobody_is_reminded_while_the_drill_is_under_way(history: History) -> None:
    seen = history.on(NOON)

    assert reminder_due(replace(seen, past=replace(seen.past, running="x")), {}) is None


def test_the_register_of_these_tests_verifies(history: History) -> None:
    history.drilled(NOON)

    assert history.register.verify().faults == ()

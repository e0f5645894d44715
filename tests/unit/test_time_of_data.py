"""Are the data recent? Naive and aware dates, days of 23 and 25 hours, closures, what lay ahead of the backup."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from fake_engine import FakeEngine
from fakes import PARIS, Stand, restored

from restore_lab import drill as drills
from restore_lab.checks.base import Answer
from restore_lab.checks.freshness import Freshness
from restore_lab.errors import ExitCode, SourceNotPluggedIn
from restore_lab.evidence import Verdict
from restore_lab.findings import Code
from restore_lab.opening import Days

NEWEST = "SELECT at FROM visit WHERE at IS NOT NULL ORDER BY at DESC LIMIT 5000"
WEEK = Days(zone=PARIS, weekdays=frozenset(range(5)))


def asked(
    *values: str, taken_at: datetime, now: datetime | None = None, days: Days = WEEK, open_days: int = 0
) -> Answer:
    made = FakeEngine()
    made.answers = {NEWEST: [(value,) for value in values]}
    seen = replace(restored(made, now=now or taken_at, taken_at=taken_at), days=days)
    return Freshness(table="visit", column="at", open_days=open_days).ask(seen)


def codes(answer: Answer) -> list[Code]:
    return [one.code for one in answer.findings]


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-11-20 18:00", "2026-11-20T17:00"),  # winter: one hour ahead of UTC
        ("2026-07-20 18:00", "2026-07-20T16:00"),  # summer: two
        ("2026-11-20 18:00:00+00", "2026-11-20T18:00"),
        ("2026-11-20T18:00:00+05:00", "2026-11-20T13:00"),
        ("2026-11-20T18:00:00Z", "2026-11-20T18:00"),
        ("2026-10-25 02:30", "2026-10-25T00:30"),  # comes twice: the first of them
        ("2026-03-29 02:30", "2026-03-29T01:30"),  # never comes: by the clock before it
        ("2026-11-20", "2026-11-19T23:00"),
    ],
)
def test_naive_dates_are_read_in_the_practices_zone_and_aware_ones_as_they_are(value: str, at: str) -> None:
    seen = asked(value, taken_at=datetime(2026, 11, 21, tzinfo=UTC))

    assert seen.newest_entry_at == datetime.fromisoformat(f"{at}+00:00")


@pytest.mark.parametrize("first", [date(2026, 3, 27), date(2026, 10, 23)])
def test_a_weekend_on_which_the_clock_changes_is_a_weekend(first: date) -> None:
    """Friday evening to Monday morning: no opening day was missed, though the days have 23 or 25 hours."""
    monday = datetime.combine(first + timedelta(days=3), datetime.min.time(), PARIS).replace(hour=3)

    assert codes(asked(f"{first} 18:45", taken_at=monday.astimezone(UTC))) == []
    assert codes(asked(f"{first} 18:45", taken_at=(monday + timedelta(days=1)).astimezone(UTC))) == [Code.DATA_STALE]


@pytest.mark.parametrize(("taken", "code"), [("22:59:00", []), ("23:01:00", [Code.DATA_STALE])])
def test_an_opening_day_ends_at_midnight_of_the_practice(taken: str, code: list[Code]) -> None:
    """Thursday has no entry; it was missed when Friday had begun in Paris, which is at 23 h of Thursday by UTC."""
    taken_at = datetime.fromisoformat(f"2026-11-19T{taken}+00:00")

    assert codes(asked("2026-11-18 18:00", taken_at=taken_at)) == code


def test_stale_data_inside_a_declared_closure_are_a_note_and_past_it_a_failure() -> None:
    august = replace(WEEK, closures=((date(2026, 8, 3), date(2026, 8, 21)),))
    during, after = datetime(2026, 8, 20, 2, tzinfo=UTC), datetime(2026, 8, 26, 2, tzinfo=UTC)

    assert codes(asked("2026-07-31 18:00", taken_at=during, days=august, open_days=1)) == [Code.DATA_STALE_CLOSED]
    assert codes(asked("2026-07-31 18:00", taken_at=after, days=august, open_days=1)) == [Code.DATA_STALE]
    assert codes(asked("2026-08-24 18:00", taken_at=after, days=august, open_days=1)) == []


def test_appointments_that_lay_ahead_of_an_older_backup_do_not_make_its_data_recent() -> None:
    """Taken on 1 October, tested on 20 November: an appointment of 5 November is past by now, and was no entry."""
    values = ("2026-11-05 09:00", "2026-10-02", "2026-09-11 18:00")
    seen = asked(*values, taken_at=datetime(2026, 10, 1, 2, tzinfo=UTC), now=datetime(2026, 11, 20, tzinfo=UTC))

    assert codes(seen) == [Code.DATES_IN_FUTURE, Code.DATA_STALE]
    assert dict(seen.findings[0].params)["rows"] == 2
    assert seen.newest_entry_at == datetime(2026, 9, 11, 16, tzinfo=UTC)


def test_entries_of_the_day_of_a_backup_whose_name_has_no_hour_are_past() -> None:
    midnight = datetime(2026, 11, 18, 23, tzinfo=UTC)  # `cabinet_2026-11-19`, in Paris

    seen = asked("2026-11-19 18:30", taken_at=midnight, now=datetime(2026, 11, 25, tzinfo=UTC))

    assert codes(seen) == []
    assert seen.newest_entry_at == datetime(2026, 11, 19, 17, 30, tzinfo=UTC)


def test_a_backup_dated_at_the_end_of_time_is_still_asked() -> None:
    seen = asked("2026-11-19", taken_at=datetime(9999, 12, 31, 12, tzinfo=UTC), now=datetime(2026, 11, 20, tzinfo=UTC))

    assert seen.newest_entry_at == datetime(2026, 11, 18, 23, tzinfo=UTC)


def test_a_rotated_disk_that_is_absent_is_to_be_plugged_in_and_no_failure(stand: Stand) -> None:
    stand.source.faults = {"candidates": SourceNotPluggedIn("the disk is not there")}

    seen = drills.run(stand.lab, stand.scenario, asked_for="latest", listen=lambda _event: None)

    assert (seen.evidence.verdict, seen.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert seen.evidence.reasons == ("SOURCE_NOT_PLUGGED_IN",)

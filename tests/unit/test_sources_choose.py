"""Which backup is the latest: by date alone, whatever its content, and what is said of the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from fake_source import candidate

from restore_lab.errors import UsageError
from restore_lab.findings import Code
from restore_lab.sources.base import Candidate, Choice, Standing, choose

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def choice(*candidates: Candidate, asked_for: str = "latest") -> Choice:
    return choose(candidates, asked_for=asked_for, now=NOW)


def chosen(seen: Choice) -> str | None:
    return seen.point.point_id if seen.point else None


def codes(seen: Choice) -> list[Code]:
    return [found.code for found in seen.findings]


OLD = candidate("old", taken_at=NOW - 3 * DAY)
NEW = candidate("new", taken_at=NOW - HOUR)


@pytest.mark.parametrize("order", [(OLD, NEW), (NEW, OLD)])
def test_the_latest_is_the_one_with_the_latest_date(order: tuple[Candidate, ...]) -> None:
    assert (chosen(choice(*order)), codes(choice(*order))) == ("new", [])


def test_a_newer_change_of_an_older_backup_does_not_make_it_the_latest() -> None:
    touched = candidate("old", taken_at=NOW - 3 * DAY, changed_at=NOW - timedelta(minutes=1))

    assert chosen(choice(touched, NEW)) == "new"


def test_of_equal_dates_the_last_written_is_taken_and_said() -> None:
    first = candidate("z", taken_at=NOW - DAY, changed_at=NOW - DAY)
    second = candidate("a", taken_at=NOW - DAY, changed_at=NOW - DAY + HOUR)

    seen = choice(first, second)

    assert (chosen(seen), codes(seen)) == ("a", [Code.BACKUPS_SAME_DATE])
    assert dict(seen.findings[0].params) == {"count": 2}


def test_of_equal_dates_and_changes_the_choice_is_always_the_same() -> None:
    twins = [candidate(name, taken_at=NOW - DAY) for name in "abc"]

    assert {chosen(choice(*order)) for order in (twins, twins[::-1])} == {"c"}


@pytest.mark.parametrize("standing", [Standing.UNFINISHED, Standing.GROWING])
def test_a_newer_unfinished_backup_is_passed_over_with_a_note(standing: Standing) -> None:
    unfinished = candidate("newest", taken_at=NOW, standing=standing)

    seen = choice(unfinished, NEW)

    assert (chosen(seen), codes(seen)) == ("new", [Code.BACKUP_IN_PROGRESS])


@pytest.mark.parametrize(("hours", "code"), [(23, Code.BACKUP_IN_PROGRESS), (25, Code.BACKUP_NEVER_FINISHED)])
def test_an_unfinished_backup_that_does_not_change_for_a_day_never_will(hours: int, code: Code) -> None:
    dead = candidate("x.partial", taken_at=NOW - HOUR * hours, standing=Standing.UNFINISHED)

    assert codes(choice(dead, OLD)) == [code]


def test_an_unfinished_backup_that_a_newer_one_followed_is_not_worth_a_word() -> None:
    dead = candidate("x.partial", taken_at=NOW - 2 * DAY, standing=Standing.UNFINISHED)

    assert (chosen(choice(dead, NEW)), codes(choice(dead, NEW))) == ("new", [])


def test_nothing_to_choose_from_is_no_backup_and_what_is_unfinished_is_said() -> None:
    dead = candidate("x.partial", taken_at=NOW - 2 * DAY, standing=Standing.UNFINISHED)

    assert (chosen(choice()), codes(choice())) == (None, [Code.NO_BACKUP_FOUND])
    assert codes(choice(dead)) == [Code.NO_BACKUP_FOUND, Code.BACKUP_NEVER_FINISHED]


def test_a_date_in_the_future_is_still_the_latest_and_is_said() -> None:
    ahead = candidate("ahead", taken_at=NOW + DAY)
    slightly = candidate("slightly", taken_at=NOW + timedelta(minutes=4))

    assert (chosen(choice(ahead, NEW)), codes(choice(ahead, NEW))) == ("ahead", [Code.BACKUP_DATED_IN_FUTURE])
    assert codes(choice(slightly, NEW)) == []


def test_the_oldest_or_a_random_one_can_be_asked_for_and_is_said_not_to_be_the_latest() -> None:
    assert chosen(choice(OLD, NEW, asked_for="oldest")) == "old"
    assert codes(choice(OLD, NEW, asked_for="oldest")) == [Code.NOT_THE_LATEST]
    assert {chosen(choice(OLD, NEW, asked_for="random")) for _ in range(100)} == {"old", "new"}
    assert codes(choice(NEW, asked_for="random")) == []


def test_a_backup_can_be_asked_for_by_its_id() -> None:
    assert (chosen(choice(OLD, NEW, asked_for="new")), codes(choice(OLD, NEW, asked_for="new"))) == ("new", [])
    assert codes(choice(OLD, NEW, asked_for="old")) == [Code.NOT_THE_LATEST]


@pytest.mark.parametrize("asked_for", ["absent", "x.partial", ""])
def test_an_id_that_may_not_be_chosen_is_refused(asked_for: str) -> None:
    dead = candidate("x.partial", taken_at=NOW, standing=Standing.UNFINISHED)

    with pytest.raises(UsageError, match="no recovery point"):
        choice(OLD, dead, asked_for=asked_for)

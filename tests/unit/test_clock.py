"""A clock that is read once a drill."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from restore_lab.clock import Clock


def test_it_goes_on_from_what_was_read() -> None:
    read_at = datetime(2026, 11, 22, 9, 15, tzinfo=UTC)
    clock = Clock(read_at=read_at)

    first, second = clock.now(), clock.now()

    assert read_at <= first <= second < read_at + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("apart", "jumped"),
    [
        (timedelta(), False),
        (timedelta(minutes=4), False),
        (timedelta(minutes=-4), False),
        (timedelta(minutes=6), True),
        (timedelta(minutes=-6), True),
    ],
)
def test_a_wall_clock_that_was_put_is_told_from_one_that_was_mended_a_little(apart: timedelta, *, jumped: bool) -> None:
    assert Clock(read_at=datetime.now(UTC) - apart).has_jumped is jumped

"""A copy that is held when its drill is killed is told by the next, and removed. See `test_death_and_repair.py`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from faults.aftermath import command, left
from integration.dying import drilled, hold_fast, holding, samples_in, swept_after, told

from restore_lab.errors import ExitCode


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return samples_in(tmp_path_factory)


@pytest.fixture
def lab(samples: Callable[[str], Path], tmp_path: Path) -> Path:
    """A lab of its own, with SQLite on a local machine."""
    return Path(shutil.copytree(samples("sqlite"), tmp_path / "lab", copy_function=shutil.copy2))


def test_a_hold_that_was_killed_is_told_by_the_next_drill_which_removes_its_copy(lab: Path) -> None:
    with holding(lab, "5m") as (child, held):
        child.kill()
        child.communicate()
    assert left(lab)

    after = command(lab, "run", "--scenario", "annual")

    assert (after.returncode, left(lab)) == (ExitCode.PASSED, [])
    assert re.search(rf"{held}, begun on \S+, left its copy\n.*was looked for, and is gone", after.stdout)
    assert swept_after(lab) == [([held], True)]
    assert told(drilled(lab)) == set()
    assert swept_after(lab) == [([held], True)]


def test_a_killed_holds_copy_that_cannot_be_removed_is_said_until_it_is_gone(lab: Path) -> None:
    with holding(lab, "5m") as (child, held):
        child.kill()
        child.communicate()
    (copy,) = (Path(one) for one in left(lab) if one.startswith("/dev/shm/"))  # noqa: S108 - where machines live

    with ExitStack() as fast:
        hold_fast(copy, fast)
        seen = [drilled(lab), drilled(lab)]
    assert [(told(one), one.exit_code) for one in seen] == [
        ({("EARLIER_COPY_NOT_SHOWN_GONE", held)}, ExitCode.NOT_GONE)
    ] * 2

    assert told(drilled(lab)) == {("EARLIER_COPY_GONE", held)}
    assert (told(drilled(lab)), left(lab)) == (set(), [])
    assert swept_after(lab) == [([held], False), ([held], False), ([held], True)]


def test_a_hold_that_lives_or_ended_by_itself_is_not_told(lab: Path) -> None:
    with holding(lab, "3s") as (child, _):
        assert told(drilled(lab)) == set()
        child.communicate(timeout=30)
        assert child.returncode == ExitCode.NOT_GONE
    assert left(lab) == []

    assert told(drilled(lab)) == set()
    assert swept_after(lab) == []

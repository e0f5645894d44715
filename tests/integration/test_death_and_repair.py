"""Whatever dies in the middle of a drill: the right exit code, a register that verifies, nothing left, a next drill.

Each fault at each stage, by the installed command: `tests/faults`. Here is what strikes between two stages, or in the
middle of one. Copies that are held: `test_holds_killed.py`. Servers, machines, engines: `test_machines_killed.py`. Full
disks, backups that change, keys: `test_disks_and_keys.py`. Kills of a drill that loads:
`tests/hostile/test_server_leaks.py`. Mail that is not delivered: `tests/e2e/test_deliver.py`,
`tests/integration/test_delivery_waiting.py`.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from faults.aftermath import assert_swept, closed, command, entries, left, processes_of, wait_until
from integration.dying import SCENARIO, child, drilled, hold_fast, samples_in, told

from restore_lab.errors import ExitCode
from restore_lab.evidence import Verdict
from restore_lab.register import EntryType

_OWN_TEST = """
[[restore.check]]
kind = "pytest"
title = "own"
path = "checks/test_own.py"
"""
#: Keeps what it was answered where pytest says that a test may, and is then at it for a long time.
_OWN_TEST_FILE = """
import time

def test_own(database, tmp_path):
    (tmp_path / "a-row").write_text(str(database.query("SELECT 1")))
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return samples_in(tmp_path_factory)


@pytest.fixture
def lab(samples: Callable[[str], Path], tmp_path: Path) -> Path:
    """A lab of its own, with SQLite on a local machine."""
    return Path(shutil.copytree(samples("sqlite"), tmp_path / "lab", copy_function=shutil.copy2))


# ---- the drill itself is killed


@pytest.mark.parametrize(
    "where",
    [
        "-annual-",  # opened, and no folder yet
        "find",
        "start+",
        "load+",
        "count+",
        "ask+",
        "spoilt+",
        "destroy",
        "cut+",
        "seal",
        "evidence.dsse.json.new",
        "report.pdf.new",
        "register.jsonl after seal",
    ],
)
def test_a_drill_killed_anywhere_is_closed_as_abandoned_by_the_next_and_swept(lab: Path, where: str) -> None:
    with child(lab, "die", where) as killed:
        out, err = killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL, (out, err)
    last = entries(lab)[-1]
    assert last.kind is EntryType.OPENED
    wait_until(lambda: not processes_of(str(last.fields["drill"])))
    assert bool(left(lab)) == where.endswith(("+", "destroy"))

    after = drilled(lab)

    assert after.exit_code is ExitCode.PASSED
    assert told(after) == {("EARLIER_DRILL_DIED", last.fields["drill"])}
    assert left(lab) == []
    assert closed(lab) == [("INCONCLUSIVE", ["ABANDONED"]), (after.evidence.verdict.value, [])]
    assert told(drilled(lab)) == set()
    assert_swept(lab)


def test_what_a_dead_drill_left_and_cannot_be_removed_is_said_until_it_is_gone(lab: Path) -> None:
    with child(lab, "die", "ask+") as killed:
        killed.communicate(timeout=60)
    dead = str(entries(lab)[-1].fields["drill"])
    wait_until(lambda: not processes_of(dead))
    (copy,) = (Path(one) for one in left(lab) if one.startswith("/dev/shm/"))  # noqa: S108 - where machines live
    both = {("EARLIER_DRILL_DIED", dead), ("EARLIER_COPY_NOT_SHOWN_GONE", dead)}

    with ExitStack() as held:
        hold_fast(copy, held)
        seen = [drilled(lab), drilled(lab)]
        assert [(told(one), one.exit_code) for one in seen] == [(both, ExitCode.NOT_GONE)] * 2
        assert {one.evidence.verdict for one in seen} == {Verdict.PASSED_WITH_RESERVATIONS}
        assert copy.exists()
        shown = command(lab, "run", "--scenario", "annual")
    assert shown.returncode == ExitCode.NOT_GONE
    assert f"{dead}, begun on" in shown.stdout
    assert "its copy may still be there: `restore-lab sweep` looks for it" in shown.stdout

    after = command(lab, "run", "--scenario", "annual")
    assert (after.returncode, copy.exists()) == (ExitCode.PASSED, False)
    assert f"{dead}, begun on" in after.stdout
    assert "what it may have left was looked for, and is gone" in after.stdout
    assert told(drilled(lab)) == set()


def test_a_sweep_by_hand_leaves_the_next_drill_to_tell_of_the_dead_one_and_no_copy(lab: Path) -> None:
    with child(lab, "die", "load+") as killed:
        killed.communicate(timeout=60)
    dead = str(entries(lab)[-1].fields["drill"])
    wait_until(lambda: not processes_of(dead))
    assert_swept(lab)

    assert told(drilled(lab)) == {("EARLIER_DRILL_DIED", dead)}
    assert told(drilled(lab)) == set()


def test_a_test_of_the_operator_dies_with_its_drill_and_its_files_are_swept(lab: Path) -> None:
    scenario = lab / "scenarios" / "annual"
    (scenario / "scenario.toml").write_text(SCENARIO % "local" + _OWN_TEST, "utf-8")
    (scenario / "checks" / "test_own.py").write_text(_OWN_TEST_FILE, "utf-8")

    def of_the_test() -> list[str]:
        return [words for words in processes_of(str(lab)) if "pytest_plugin" in words]

    def kept() -> list[Path]:
        folders = (Path(one) for one in left(lab) if "-pytest-" in one)
        return [path for folder in folders for path in folder.glob("base/test_own0/a-row")]

    with child(lab, "wait", "nowhere"):
        wait_until(kept)
        (row,) = kept()
        assert of_the_test()

    wait_until(lambda: not of_the_test(), 5)
    assert row.exists()
    assert_swept(lab)
    assert not row.exists()
    assert closed(lab) == [("INCONCLUSIVE", ["ABANDONED"])]


def test_a_drill_killed_after_its_last_entry_is_closed_and_not_abandoned(lab: Path) -> None:
    with child(lab, "die", ".register.head.new after seal") as killed:
        killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert (lab / "reports" / "register.head").read_text("ascii").strip() != entries(lab)[-1].head

    assert closed(lab) == [("PASSED", [])]
    assert_swept(lab)
    after = drilled(lab)
    assert (after.exit_code, told(after)) == (ExitCode.PASSED, set())
    assert closed(lab) == [("PASSED", []), ("PASSED", [])]


# ---- two drills of one lab at once


def test_two_drills_of_one_lab_at_once_let_each_other_live(lab: Path) -> None:
    with ExitStack() as ending:
        both = [ending.enter_context(child(lab, "wait", "patients")) for _ in range(2)]
        for one in both:
            assert one.stdout is not None
            assert one.stdout.readline() == "ask\n"
        assert len(left(lab)) == 2

        assert command(lab, "sweep").stdout == "nothing was left behind that can be seen from here\n"
        assert len(left(lab)) == 2
        assert [one.kind for one in entries(lab)].count(EntryType.CLOSED) == 0
        ended = [one.communicate("go\n", timeout=60) for one in both]

    assert [one.returncode for one in both] == [ExitCode.PASSED, ExitCode.PASSED], ended
    assert closed(lab) == [("PASSED", []), ("PASSED", [])]
    assert len(list((lab / "reports").glob(f"{datetime.now(UTC):%Y}/*/report.pdf"))) == 2
    assert_swept(lab)

"""What is wrong with the lab itself: copied with its register, a clock set back."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Final

import pytest
from hostile.cases import Case, Rows
from hostile.escapes import Canaries
from integration.damaged_practice import DAY
from stems import command

from restore_lab import drill
from restore_lab.clock import Clock
from restore_lab.drill import Outcome, open_key
from restore_lab.errors import ExitCode
from restore_lab.evidence import Evidence
from restore_lab.findings import Code
from restore_lab.lab import load_lab
from restore_lab.register import Register
from restore_lab.scenario import load_scenario

#: By the clock of the earlier drill the backup is so many days old: long overdue.
DAYS_LATER: Final = 40
_LAB: Final = Rows(engine="sqlite", prefix="lab-", tool=("backup",))


def head_of(root: Path) -> str:
    """Head of a lab's register."""
    lab = load_lab(root)
    return Register(folder=lab.reports, certificate=open_key(lab).certificate).head


def drilled(root: Path) -> Outcome:
    """Run a drill of a lab that nobody watches."""
    lab = load_lab(root)
    return drill.run(lab, load_scenario(lab, "annual"), asked_for="latest", listen=lambda _event: None)


def _refuses(root: Path, head: str) -> int:
    return command(root, "--lab", str(root), "register", "verify", "--head", head).returncode


def _copy(root: Path) -> Path:
    return root.with_name(f"{root.name}-copy")


@contextmanager
def _copied(_set_out: Canaries, root: Path) -> Iterator[None]:
    """Drill, copy the lab with its register, drill in the copy too."""
    assert drilled(root).exit_code == ExitCode.PASSED
    assert drilled(Path(shutil.copytree(root, _copy(root)))).exit_code == ExitCode.PASSED
    yield


def _told_apart(root: Path, _evidence: Evidence) -> Iterable[str]:
    held = head_of(root)
    verified = (_refuses(root, held), _refuses(_copy(root), held))
    if verified != (ExitCode.PASSED, ExitCode.SEAL_BROKEN):
        yield f"the head of the one verifies with {verified} in the two"
    if load_lab(root).lab_id == load_lab(_copy(root)).lab_id:
        yield "a sweep of the one removes what the other made"


@contextmanager
def clock_of(days_later: int) -> Iterator[None]:
    """Let drills read a wall clock that stands so many days after the backup."""
    clock = Clock(read_at=datetime.combine(DAY, time(12), UTC) + timedelta(days=days_later))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(drill, "Clock", lambda: clock)
        yield


@contextmanager
def clock_set_back(_set_out: Canaries, root: Path) -> Iterator[None]:
    """Drill when the backup is long overdue; then set the clock back to its day, and write the head down."""
    text = (root / "lab.toml").read_text("utf-8")
    (root / "lab.toml").write_text(re.sub("backup_every_days = [0-9_]+", "backup_every_days = 10", text), "utf-8")
    with clock_of(DAYS_LATER):
        first = drilled(root)
    codes = {one.finding.code for one in first.evidence.findings}
    assert (Code.BACKUP_OVERDUE in codes, first.exit_code) == (True, ExitCode.FAILED)
    root.with_name("head").write_text(head_of(root), "ascii")
    with clock_of(0):
        yield


def _still_verifies(root: Path, _evidence: Evidence) -> Iterable[str]:
    if code := _refuses(root, root.with_name("head").read_text("ascii")):
        yield f"what was recorded before does not verify: {code}"


CASES: Final[tuple[Case, ...]] = (
    _LAB.passes(
        "copied",
        "the lab is copied with its register, and each goes its own way",
        "",
        f"a head that others hold tells them apart: `register verify --head` of it ends with"
        f" {int(ExitCode.SEAL_BROKEN)} in the copy",
        surroundings=_copied,
        looking=_told_apart,
        daily=True,
    ),
    _LAB.unknown(
        "clock-set-back",
        f"the clock is set back by {DAYS_LATER} days, so that an overdue backup looks like one of today",
        "",
        Code.CLOCK_BEHIND_REGISTER,
        Code.CLOCK_JUMPED,  # it is set back for the drill alone: the host's own stays ahead of it
        surroundings=clock_set_back,
        looking=_still_verifies,
        daily=True,
    ),
)

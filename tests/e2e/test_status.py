"""`status` and `run --when-due` as installed: what they print, and how they end."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("restore-lab")


def restore_lab(lab: Path, *arguments: str) -> tuple[int, str, str]:
    words = [str(COMMAND), "--lab", str(lab), *arguments]
    environment = {name: value for name, value in os.environ.items() if name not in {"RESTORE_LAB", "NO_COLOR"}}
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, env=environment)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample lab with one passed drill."""
    lab = tmp_path_factory.mktemp("status") / "lab"
    subprocess.run([COMMAND, "demo", "--engine", "sqlite", str(lab)], capture_output=True, timeout=120, check=True)
    return lab


@pytest.fixture
def lab(drilled: Path, tmp_path: Path) -> Path:
    """The sample lab, to be changed."""
    return Path(shutil.copytree(drilled, tmp_path / "lab", copy_function=shutil.copy2))


def test_a_fresh_pass_is_well_and_nothing_is_due(lab: Path) -> None:
    code, out, err = restore_lab(lab, "status")
    assert (code, err) == (0, "")
    assert re.fullmatch(
        r"annual  due \d{4}-\d\d-\d\d  PASSED( WITH RESERVATIONS)?  proof until \d{4}-\d\d-\d\d.*\n", out
    )

    code, out, err = restore_lab(lab, "run", "--scenario", "annual", "--when-due")
    assert (code, err) == (0, "")
    assert re.fullmatch(r"annual: nothing to do, due \d{4}-\d\d-\d\d\n", out)


def test_json_says_all_that_is_known(lab: Path) -> None:
    code, out, _ = restore_lab(lab, "status", "--json")

    (one,) = json.loads(out)["scenarios"]
    assert code == 0
    assert (lab / "reports" / one["last_drill"][:4] / one["last_drill"]).is_dir()
    assert one["fresh_until"] == one["next_due_on"]
    assert (one["due"], one["overdue"], one["overdue_days"], one["running"]) == (False, False, 0, None)


def test_a_lab_never_tested_is_due_even_without_a_key(lab: Path) -> None:
    shutil.rmtree(lab / "reports")
    shutil.rmtree(lab / "keys")

    code, out, _ = restore_lab(lab, "status")
    assert (code, out) == (1, "annual  never tested  -  proof none\n")
    code, out, err = restore_lab(lab, "run", "--scenario", "annual", "--when-due")
    assert (code, out) == (2, "")
    assert "reminder: Test annuel de restauration: never tested" in err


def test_a_scenario_whose_day_has_come_is_run_once(lab: Path) -> None:
    shutil.rmtree(lab / "reports")

    code, out, _ = restore_lab(lab, "run", "--scenario", "annual", "--when-due")
    assert code == 0
    assert "PASSED" in out
    assert "nothing to do" in restore_lab(lab, "run", "--scenario", "annual", "--when-due")[1]


def test_a_register_that_does_not_verify_ends_with_5(lab: Path) -> None:
    next(lab.glob("reports/*/*/evidence.dsse.json")).unlink()

    code, out, _ = restore_lab(lab, "status")
    assert code == 5
    assert "FAULT" in out
    assert "proof none" in out

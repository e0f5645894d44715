"""`status` and `run --when-due` as installed: what they print, and how they end."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restore_lab.drill import open_key
from restore_lab.due import next_due_on
from restore_lab.evidence import from_json, to_json
from restore_lab.history import drill_folder
from restore_lab.lab import load_lab
from restore_lab.register import EntryType, Register
from restore_lab.signature import dsse

#: How a terminal is told to write in green, and in bold red.
GREEN, RED = "\x1b[32m", "\x1b[1;31m"
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


def on_a_terminal(lab: Path, *arguments: str) -> tuple[int, str]:
    """Run the command on a terminal of its own, wide enough for one line each, and give what it shows."""
    words = [str(COMMAND), "--lab", str(lab), *arguments]
    plain = {name: value for name, value in os.environ.items() if name not in {"RESTORE_LAB", "NO_COLOR"}}
    environment = {**plain, "TERM": "xterm-256color", "COLUMNS": "200", "COLORTERM": ""}
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        with os.fdopen(theirs, "wb") as inside:
            running = subprocess.Popen(words, stdin=inside, stdout=inside, stderr=inside, env=environment)
        shown = bytearray()
        with suppress(OSError):  # how a terminal ends whose last program has gone
            while piece := screen.read(4096):
                shown += piece
        return running.wait(timeout=120), shown.decode()


def drilled_days_ago(lab: Path, days: int) -> str:
    """Let the lab's only drill have been so long ago: its evidence, dated then, signed and registered by its key."""
    opened = load_lab(lab)
    key = open_key(opened)
    register = Register(folder=opened.reports, certificate=key.certificate)
    (path,) = lab.glob("reports/*/*/evidence.dsse.json")
    payload = dsse.open_envelope(
        path.read_bytes(),
        payload_type=dsse.PAYLOAD_TYPE,
        public_key=Register(folder=lab, certificate=key.certificate).public_key,
    )
    evidence = from_json(dsse.read_statement(payload).evidence_json)
    at = datetime.now(UTC) - timedelta(days=days)
    drill_id = f"{at:%Y%m%dT%H%M%SZ}-annual-0000"
    old = replace(
        evidence,
        drill_id=drill_id,
        started_at=at,
        finished_at=at,
        next_due_on=next_due_on(at, every_days=365, passed=True),
    )
    shutil.rmtree(opened.reports)
    evidence_json = to_json(old)
    envelope = dsse.sign(dsse.PAYLOAD_TYPE, dsse.statement(evidence_json, {"scenario:annual": "0" * 64}), key)
    folder = drill_folder(opened.reports, drill_id)
    folder.mkdir(parents=True)
    (folder / "evidence.dsse.json").write_bytes(envelope)
    about = {"drill": drill_id, "scenario": "annual"}
    closed = {
        "verdict": old.verdict.value,
        "reasons": list(old.reasons),
        "evidence_sha256": hashlib.sha256(evidence_json).hexdigest(),
        "dsse_sha256": hashlib.sha256(envelope).hexdigest(),
    }
    with register.locked():
        register.append(EntryType.OPENED, about, key=key, at=at)
        register.append(EntryType.CLOSED, {**about, **closed}, key=key, at=at)
    return drill_id


def test_status_is_green_while_all_is_well_and_red_when_a_drill_is_overdue(lab: Path) -> None:
    code, shown = on_a_terminal(lab, "status")
    assert (code, GREEN in shown, RED in shown) == (0, True, False)
    drill_id = drilled_days_ago(lab, 364)
    code, shown = on_a_terminal(lab, "status")
    assert (code, drill_id in shown, RED in shown) == (0, True, False)

    drill_id = drilled_days_ago(lab, 400)

    code, shown = on_a_terminal(lab, "status")
    assert (code, GREEN in shown) == (1, False)
    red = "".join(re.findall(rf"{re.escape(RED)}(.*?)\x1b\[0m", shown))
    assert "overdue by 35 days" in red
    assert "stale since" in red
    code, out, _ = restore_lab(lab, "status")
    assert (code, "\x1b" in out) == (1, False)
    assert re.match(r"annual  overdue by 35 days, due \d{4}-\d\d-\d\d  PASSED", out)
    code, out, _ = restore_lab(lab, "status", "--json")
    (one,) = json.loads(out)["scenarios"]
    assert (code, one["due"], one["overdue"], one["overdue_days"]) == (1, True, True, 35)


def test_a_register_that_does_not_verify_ends_with_5(lab: Path) -> None:
    next(lab.glob("reports/*/*/evidence.dsse.json")).unlink()

    code, out, _ = restore_lab(lab, "status")
    assert code == 5
    assert "FAULT" in out
    assert "proof none" in out

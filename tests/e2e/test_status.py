"""`status` and `run --when-due` as installed: what they print, and how they end."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from faults.false_clock import false_clock
from mail_server import MailServer

#: How a terminal is told to write in green, and in bold red.
GREEN, RED = "\x1b[32m", "\x1b[1;31m"
#: The zone of the sample lab.
PARIS = ZoneInfo("Europe/Paris")
COMMAND = Path(sys.executable).with_name("restore-lab")


def restore_lab(lab: Path, *arguments: str, **more: str) -> tuple[int, str, str]:
    words = [str(COMMAND), "--lab", str(lab), *arguments]
    plain = {name: value for name, value in os.environ.items() if name not in {"RESTORE_LAB", "NO_COLOR"}}
    environment = {**plain, **more}
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


def on_a_terminal(lab: Path, *arguments: str, **more: str) -> tuple[int, str]:
    """Run the command on a terminal of its own, wide enough for one line each, and give what it shows."""
    words = [str(COMMAND), "--lab", str(lab), *arguments]
    plain = {name: value for name, value in os.environ.items() if name not in {"RESTORE_LAB", "NO_COLOR"}}
    environment = {**plain, "TERM": "xterm-256color", "COLUMNS": "200", "COLORTERM": "", **more}
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        with os.fdopen(theirs, "wb") as inside:
            running = subprocess.Popen(words, stdin=inside, stdout=inside, stderr=inside, env=environment)
        shown = bytearray()
        with suppress(OSError):  # how a terminal ends whose last program has gone
            while piece := screen.read(4096):
                shown += piece
        return running.wait(timeout=120), shown.decode()


@pytest.fixture
def in_days(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Callable[[int], dict[str, str]]:
    """The environment of a command for which so many days have passed, and it is noon."""
    library = tmp_path_factory.getbasetemp() / "clock.so"

    def environment(days: int) -> dict[str, str]:
        now = datetime.now(PARIS)
        then = datetime.combine(now.date() + timedelta(days=days), time(12), PARIS)
        return false_clock(library, tmp_path / "clock", then.astimezone(UTC) - now.astimezone(UTC))

    return environment


def test_status_is_green_while_all_is_well_and_red_when_a_drill_is_overdue(
    lab: Path, in_days: Callable[[int], dict[str, str]]
) -> None:
    code, shown = on_a_terminal(lab, "status")
    assert (code, GREEN in shown, RED in shown) == (0, True, False)
    code, shown = on_a_terminal(lab, "status", **in_days(364))
    assert (code, RED in shown) == (0, False)

    overdue = in_days(400)

    code, shown = on_a_terminal(lab, "status", **overdue)
    assert (code, GREEN in shown) == (1, False)
    red = "".join(re.findall(rf"{re.escape(RED)}(.*?)\x1b\[0m", shown))
    assert "overdue by 35 days" in red
    assert "stale since" in red
    code, out, _ = restore_lab(lab, "status", **overdue)
    assert (code, "\x1b" in out) == (1, False)
    assert re.match(r"annual  overdue by 35 days, due \d{4}-\d\d-\d\d  PASSED", out)
    code, out, _ = restore_lab(lab, "status", "--json", **overdue)
    (one,) = json.loads(out)["scenarios"]
    assert (code, one["due"], one["overdue"], one["overdue_days"]) == (1, True, True, 35)


def test_status_says_that_the_clock_is_behind_the_last_drill(
    lab: Path, in_days: Callable[[int], dict[str, str]]
) -> None:
    (now,) = json.loads(restore_lab(lab, "status", "--json")[1])["scenarios"]
    assert now["clock_is_behind"] is False

    code, out, _ = restore_lab(lab, "status", **in_days(-10))
    assert (code, f"clock is behind the last drill, of {now['last_drill_on']}" in out) == (1, True)
    (then,) = json.loads(restore_lab(lab, "status", "--json", **in_days(-10))[1])["scenarios"]
    assert (then["clock_is_behind"], then["due"], then["fresh_until"]) == (True, True, None)


def test_a_reminder_is_mailed_once_before_a_drill_is_due_and_once_when_none_could_begin(
    lab: Path, in_days: Callable[[int], dict[str, str]]
) -> None:
    run = ("run", "--scenario", "annual", "--when-due")
    with MailServer(security="none", login=False).running() as server:
        with (lab / "lab.toml").open("a", encoding="utf-8") as settings:
            settings.write(
                f'\n[mail]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n'
                'sender = "lab@example.org"\nto = "cabinet@example.org"\n'
            )
        seen = [restore_lab(lab, *run, **in_days(days)) for days in (300, 350, 351)]
        assert [code for code, _, _ in seen] == [0, 0, 0]
        assert ["reminder: " in err for _, _, err in seen] == [False, True, False]
        (coming,) = server.received
        assert coming.message["Subject"].startswith("À venir")

        (lab / "keys" / "signing-key.pem").unlink()
        seen = [restore_lab(lab, *run, **in_days(days)) for days in (400, 401)]
        assert [(code, out) for code, out, _ in seen] == [(2, "")] * 2
        assert ["reminder: " in err for _, _, err in seen] == [True, False]
    _, overdue = server.received
    assert overdue.message["Subject"].startswith("EN RETARD")
    assert {taken.recipients for taken in server.received} == {("cabinet@example.org",)}


def test_a_register_that_does_not_verify_ends_with_5(lab: Path) -> None:
    next(lab.glob("reports/*/*/evidence.dsse.json")).unlink()

    code, out, _ = restore_lab(lab, "status")
    assert code == 5
    assert "FAULT" in out
    assert "proof none" in out

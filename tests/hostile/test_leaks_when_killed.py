"""No byte of a patient's data where a drill was killed, at any stage. See `test_leaks_everywhere.py`."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile.everywhere import SLOW_QUESTION, ask, assert_none_in_mails, mails_of, plain_dump, set_mail
from mail_server import misbehaving, silent
from stems import assert_no_leak, assert_nothing_left, command, killed_when, left, replace_backup

_LOCAL_FOLDERS = ("/dev/shm", "/var/tmp")  # noqa: S108 - where local machines keep their folder


def entered(stage: str) -> Callable[[Path], bool]:
    def reached(folder: Path) -> bool:
        log = folder / "drill.log"
        return log.exists() and f'"stage": "{stage}"' in log.read_text("ascii")

    return reached


def sealed(folder: Path) -> bool:
    return (folder / "evidence.dsse.json").exists()


def slow(dump: str) -> str:
    """A dump that takes its time, also when its first part is loaded once more."""
    return f"{dump}\nCREATE TABLE slow(a TEXT);\n" + "INSERT INTO slow SELECT hex(zeroblob(2000000));\n" * 50


_SLOW_TEST = """
import time


def test_slow(database, tmp_path_factory):
    rows = database.query("SELECT nom FROM patient")
    print(rows)
    time.sleep(8)
    assert not rows
"""


@pytest.mark.parametrize(
    ("stage", "number"),
    [
        ("start", signal.SIGKILL),
        ("load", signal.SIGINT),
        ("load", signal.SIGQUIT),
        ("count", signal.SIGKILL),
        ("ask", signal.SIGKILL),
        ("ask", signal.SIGTERM),
        ("ask by pytest", signal.SIGKILL),
        ("control", signal.SIGKILL),
        ("destroy", signal.SIGKILL),
        ("seal", signal.SIGKILL),
        ("seal", signal.SIGTERM),
    ],
)
def test_a_drill_killed_at_any_stage_leaves_no_name_and_no_core(lab: Path, stage: str, number: signal.Signals) -> None:
    if stage in {"load", "control"}:
        replace_backup(lab, slow(plain_dump(lab)).encode(), "sql")
    if stage == "ask":
        ask(lab, f'kind = "sql"\ntitle = "q"\nsql = "{SLOW_QUESTION}"\nequals = "x"')
    elif stage == "ask by pytest":
        path = lab / "scenarios" / "annual" / "checks" / "test_slow.py"
        path.parent.mkdir()
        path.write_text(_SLOW_TEST, "utf-8")
        ask(lab, 'kind = "pytest"\npath = "checks/test_slow.py"')
    cwd = lab.parent / "cwd"
    cwd.mkdir()

    reached = sealed if stage == "seal" else entered(stage.partition(" ")[0])
    folder, code, out, err = killed_when(lab, number, reached, cwd=cwd)

    assert code in {-number, 0} if number in {signal.SIGKILL, signal.SIGQUIT} else code in {0, 130, -number}, err
    assert [path.name for path in (*cwd.iterdir(), *left(lab)) if "core" in path.name] == []
    swept = command(lab, "--lab", str(lab), "sweep")
    assert swept.returncode == 0, swept.stderr
    assert [path for parent in _LOCAL_FOLDERS for path in Path(parent).glob(f"*{folder.name}*")] == []
    assert_nothing_left(lab, out, err, swept.stdout, swept.stderr)
    verified = command(lab, "--lab", str(lab), "register", "verify")
    assert verified.returncode == 0, verified.stdout


def test_a_drill_killed_while_it_delivers_leaves_a_mail_that_waits_and_holds_no_name(lab: Path) -> None:
    delivering = threading.Event()

    def hang(live: socket.socket, over: threading.Event) -> None:
        delivering.set()
        silent(live, over)

    with misbehaving(hang) as port:
        set_mail(lab, port)
        _, code, out, err = killed_when(lab, signal.SIGKILL, lambda _folder: delivering.is_set())

    assert code == -signal.SIGKILL
    assert_none_in_mails(*mails_of(lab))
    assert_no_leak(lab, out, err)


def test_a_core_would_have_been_found(tmp_path: Path) -> None:
    words = ["prlimit", "--core=unlimited", sys.executable, "-c", "import os; os.abort()"]
    subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    pattern = Path("/proc/sys/kernel/core_pattern").read_text("ascii")
    if pattern.startswith(("|", "/")):
        pytest.skip(f"here cores go elsewhere: {pattern}")

    assert [path.name for path in tmp_path.iterdir() if "core" in path.name]

"""Whole drills on an emulated arm64 machine of 1 GB: a restore, a power cut in the middle of one, a lost link."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from node.lab import drilled, lab_node
from node.virtual_machine import VirtualNode, arm64_vm

from restore_lab.demo import Sample, make_demo
from restore_lab.errors import ExitCode
from restore_lab.events import Entered, Event, Stage
from restore_lab.evidence import Isolation, Verdict
from restore_lab.findings import Severity
from restore_lab.sandboxes.raspberry_pi.node import MARKER

COMMAND = Path(sys.executable).with_name("restore-lab")
MACHINE = 'machine = { kind = "raspberry-pi", node = "pi", allow_card = true }'
#: What is asked of the restored data; each question is some commands, and a command takes a second there.
SCENARIO = f"""
title = "Essai sur arm64"
[[restore]]
place = "dossiers"
{MACHINE}
[[restore.check]]
kind = "integrity"
[[restore.check]]
kind = "counts"
main = ["patient", "consultation"]
"""


@pytest.fixture(scope="module")
def node() -> Iterator[VirtualNode]:
    with arm64_vm() as made:
        made.sudo(f"touch {MARKER}")
        yield made


@pytest.fixture
def lab(node: VirtualNode, tmp_path: Path) -> Path:
    root = tmp_path / "lab"
    make_demo(root, Sample(engine="mariadb", day=datetime.now(UTC).date()))
    (root / "scenarios" / "annual" / "scenario.toml").write_text(SCENARIO, "utf-8")
    lab_node(root, node)
    return root


def left_on(node: VirtualNode) -> list[str]:
    listed = node.ssh("ls /dev/shm /var/tmp", timeout=180)  # a machine that has just booted may be busy
    return re.findall(r"restore-lab-\S+", listed.stdout)


def at(stage: Stage, act: Callable[[], object]) -> Callable[[Event], None]:
    """Do something beside the drill, some seconds into a stage."""

    def listen(event: Event) -> None:
        if isinstance(event, Entered) and event.stage is stage:
            threading.Timer(2.0, act).start()

    return listen


def test_a_backup_is_restored_on_arm64(lab: Path, node: VirtualNode) -> None:
    outcome = drilled(lab)

    assert outcome.evidence.verdict in {Verdict.PASSED, Verdict.PASSED_WITH_RESERVATIONS}, outcome.evidence.findings
    (restore,) = outcome.evidence.restores
    assert restore.conditions is not None
    assert (restore.conditions.sandbox, restore.conditions.isolation) == ("raspberry-pi", Isolation.SEALED)
    assert "arm64" in str(restore.conditions.hardware)
    assert {table.name: table.rows for table in restore.tables}["patient"] == 150
    assert all(one.gone for one in restore.removals)
    assert left_on(node) == []


def test_a_power_cut_while_it_loads_is_inconclusive_and_what_lay_on_the_card_is_swept(
    lab: Path, node: VirtualNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies() -> None:
        node.freeze()
        monkeypatch.setattr("restore_lab.sandboxes.raspberry_pi.lease._ANSWER_SECONDS", 5.0)
        monkeypatch.setattr("restore_lab.ssh.connection._CONNECT_SECONDS", 4.0)

    node.sudo("mount -o remount,size=64m /dev/shm")
    outcome = drilled(lab, at(Stage.LOAD, dies))
    monkeypatch.undo()
    node.power_cut()  # only now: else the drill itself comes back and removes the copy
    node.wait()

    (left,) = left_on(node)
    assert node.sudo(f"test -d /var/tmp/{left}/data && wc -l </var/tmp/{left}/label").strip() == "1"
    assert (outcome.evidence.verdict, outcome.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.NOT_GONE)
    assert not [one for one in outcome.evidence.findings if one.severity is Severity.FAILED]
    swept = subprocess.run((str(COMMAND), "--lab", str(lab), "sweep"), capture_output=True, check=False, timeout=120)
    assert swept.returncode == ExitCode.PASSED, swept.stderr
    assert f"folder {left}: gone" in swept.stdout.decode()
    assert left_on(node) == []


def test_a_link_that_is_lost_is_inconclusive_and_the_node_wipes_the_copy(lab: Path, node: VirtualNode) -> None:
    outcome = drilled(lab, at(Stage.LOAD, node.link_down))
    node.link_up()

    assert outcome.evidence.verdict is Verdict.INCONCLUSIVE
    assert not [one for one in outcome.evidence.findings if one.severity is Severity.FAILED]
    node.ssh("while ls /dev/shm /var/tmp | grep -q restore-lab-; do sleep 1; done", timeout=120)
    assert left_on(node) == []

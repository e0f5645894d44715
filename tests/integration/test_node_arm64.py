"""Whole drills on an emulated arm64 machine of 1 GB: a restore, a power cut in the middle of one, a lost link."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from needs import server_of
from node.lab import PASSED, auditors_pages, drilled, lab_node, restore_of
from node.virtual_machine import VirtualNode, arm64_vm

from restore_lab.demo import Sample, make_demo
from restore_lab.drill import Outcome
from restore_lab.errors import ExitCode
from restore_lab.events import Entered, Event, Stage
from restore_lab.evidence import Isolation, Verdict
from restore_lab.findings import Severity
from restore_lab.sandboxes.raspberry_pi.node import MARKER

COMMAND = Path(sys.executable).with_name("restore-lab")
ON_THE_NODE = '{ kind = "raspberry-pi", node = "pi", allow_card = true }'
#: What each kind of machine is called in a report.
KINDS = {"raspberry-pi": "Raspberry Pi", "local": "processus local cloisonné", "container": "conteneur jetable"}
PATIENTS = 25
#: What is asked of the restored data; each question is some commands, and a command takes a second there.
SCENARIO = """
title = "Essai sur arm64"
[[restore]]
place = "dossiers"
machine = MACHINE
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


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab whose backup is of MariaDB, made once; copy it, do not change it."""
    server_of("mariadb")
    root = tmp_path_factory.mktemp("sample") / "lab"
    make_demo(root, Sample(engine="mariadb", day=datetime.now(UTC).date(), patients=PATIENTS))
    return root


@pytest.fixture
def lab(sample: Path, tmp_path: Path, node: VirtualNode) -> Path:
    root = Path(shutil.copytree(sample, tmp_path / "lab", copy_function=shutil.copy2))
    on_machine(root, ON_THE_NODE)
    lab_node(root, node)
    return root


def on_machine(root: Path, machine: str) -> None:
    path = root / "scenarios" / "annual" / "scenario.toml"
    path.write_text(SCENARIO.replace("MACHINE", machine), "utf-8")


def left_on(node: VirtualNode) -> list[str]:
    listed = node.ssh("ls /dev/shm /var/tmp", timeout=180)  # a machine that has just booted may be busy
    return re.findall(r"restore-lab-\S+", listed.stdout)


def at(stage: Stage, act: Callable[[], object]) -> Callable[[Event], None]:
    """Do something beside the drill, some seconds into a stage."""

    def listen(event: Event) -> None:
        if isinstance(event, Entered) and event.stage is stage:
            threading.Timer(2.0, act).start()

    return listen


@pytest.mark.docker
def test_the_same_scenario_passes_on_each_kind_of_machine_and_the_report_tells_them_apart(
    lab: Path, node: VirtualNode
) -> None:
    seen: dict[str, Outcome] = {}
    for kind, name in KINDS.items():
        on_machine(lab, ON_THE_NODE if kind == "raspberry-pi" else f'{{ kind = "{kind}" }}')
        outcome = seen[kind] = drilled(lab)

        assert outcome.evidence.verdict in PASSED, outcome.evidence.findings
        conditions, removals = restore_of(outcome).conditions, restore_of(outcome).removals
        assert conditions is not None
        assert (conditions.sandbox, conditions.isolation) == (kind, Isolation.SEALED)
        assert removals
        assert all(one.gone for one in removals)
        said = auditors_pages(outcome)
        assert [one for one in KINDS.values() if one in said] == [name]

    assert {restore_of(one).tables for one in seen.values()} == {restore_of(seen["local"]).tables}
    assert {table.name: table.rows for table in restore_of(seen["raspberry-pi"]).tables}["patient"] == PATIENTS
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

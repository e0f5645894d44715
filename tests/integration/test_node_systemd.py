"""Drills on a node where systemd runs: one slice holds all of a machine, and evidence says which limits were proved."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from node.container import ContainerNode, sshd_node
from node.lab import MEMORY_FOLDER_BYTES, drilled, swollen

from restore_lab.demo import Sample, make_demo
from restore_lab.errors import ExitCode
from restore_lab.events import Entered, Event, Stage
from restore_lab.evidence import Conditions, Isolation, Verdict
from restore_lab.findings import Code, Severity
from restore_lab.sandboxes.raspberry_pi.preparing import ACCOUNT

pytestmark = pytest.mark.docker
COMMAND = Path(sys.executable).with_name("restore-lab")
SCENARIO = """
title = "Essai sous systemd"
[[restore]]
place = "dossiers"
machine = { kind = "raspberry-pi", node = "pi" }
[[restore.check]]
kind = "integrity"
[[restore.check]]
kind = "counts"
main = ["patient", "consultation"]
"""
#: A test of a scenario whose command holds more memory than the whole machine has, for a while.
HUNGRY = """
def test_is_hungry(host):
    assert host.run("head -c 850M /dev/zero | tail -c 850M | sleep 60").succeeded
"""
#: As the kernel does it where memory is short: no trap is run.
KILL_LEASES = r"""
for entry in /proc/[0-9]*; do
  if tr '\0' '\n' 2>/dev/null <"$entry/cmdline" | grep -qx lease; then kill -KILL "${entry#/proc/}"; fi
done
"""
PASSED = {Verdict.PASSED, Verdict.PASSED_WITH_RESERVATIONS}


@dataclass(frozen=True)
class Prepared:
    """A node, a lab whose node it is, and what `node prepare` said it did."""

    node: ContainerNode
    lab: Path
    did: tuple[str, ...]

    @property
    def manager(self) -> str:
        """The cgroup of the account's own systemd, below that of all users."""
        uid = self.node.root(f"id -u {ACCOUNT}").strip()
        return f"user.slice/user-{uid}.slice/user@{uid}.service"

    @property
    def delegated(self) -> set[str]:
        """What this kernel lets that systemd limit, in the kernel's own words; none where cgroups are of version 1."""
        return set(self.node.root(f"cat /sys/fs/cgroup/{self.manager}/cgroup.controllers 2>/dev/null || :").split())

    def held(self) -> list[str]:
        """Names of the programs that run in a slice of ours."""
        inside = "find /sys/fs/cgroup -path '*restorelab_*' -name cgroup.procs -exec cat {} +"
        return self.node.root(
            f"{inside} | sort -u | while read -r pid; do cat /proc/$pid/comm || :; done 2>/dev/null"
        ).split()

    def left(self) -> str:
        """Whatever of a machine is still there: cgroups, files of units, folders, servers."""
        return self.node.root(
            "find /sys/fs/cgroup /run/user -name 'restorelab_*' -o -name 'run-r*.scope';"
            "ls -d /dev/shm/restore-lab-* /var/tmp/restore-lab-* 2>/dev/null || :;"
            "grep -lx mariadbd /proc/[0-9]*/comm || :"
        )

    def gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.left() and time.monotonic() < deadline:
            time.sleep(0.5)
        return not self.left()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    lab = tmp_path_factory.mktemp("lab") / "lab"
    make_demo(lab, Sample(engine="mariadb", day=datetime.now(UTC).date()))
    (lab / "scenarios" / "annual" / "scenario.toml").write_text(SCENARIO, "utf-8")
    with sshd_node(systemd=True, account=None, sizes={"/dev/shm": MEMORY_FOLDER_BYTES}) as node:  # noqa: S108
        node.root("chmod 1777 /dev/shm")
        did = tuple(line for line in node_prepare(lab, node) if line.startswith("did"))
        yield Prepared(node, lab, did)


def node_prepare(lab: Path, node: ContainerNode) -> list[str]:
    said = subprocess.run(
        ("ssh-keygen", "-lf", "-"), input=node.host_key_line, capture_output=True, text=True, check=True, timeout=30
    )
    done = subprocess.run(
        (
            *(str(COMMAND), "--lab", str(lab), "node", "prepare", node.host, "--port", str(node.port)),
            *("--identity", str(node.client_key), "--host-key", said.stdout.split()[1]),
        ),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == ExitCode.PASSED, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def lab(prepared: Prepared, tmp_path: Path) -> Path:
    return Path(shutil.copytree(prepared.lab, tmp_path / "lab", copy_function=shutil.copy2))


def how(conditions: Conditions) -> dict[str, str]:
    return {limit.name: limit.how for limit in conditions.limits}


class Seen:
    """Looks at the node while a stage of a drill begins."""

    def __init__(self, stage: Stage, look: Callable[[], list[str]]) -> None:
        self.stage, self.look = stage, look
        self.there: list[str] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, Entered) and event.stage is self.stage:
            self.there += self.look()


def test_prepare_lets_the_accounts_systemd_run_and_does_so_once(prepared: Prepared) -> None:
    assert [line.split()[1] for line in prepared.did][-4:] == ["account", "key", "lingering", "marker"]
    assert not [line for line in node_prepare(prepared.lab, prepared.node) if line.startswith("did")]
    asked = (str(COMMAND), "--lab", str(prepared.lab), "node", "check", "--json")
    looks = json.loads(subprocess.run(asked, capture_output=True, check=True, timeout=60).stdout)
    assert {"state": "ok", "what": "systemd holds the whole of a restore"} in [
        {key: one[key] for key in ("state", "what")} for one in looks
    ]
    assert prepared.node.root(f"id -nG {ACCOUNT}").split() == [ACCOUNT]


def test_a_slice_holds_all_of_a_machine_and_what_is_said_of_its_limits_is_true(prepared: Prepared, lab: Path) -> None:
    seen = Seen(Stage.ASK, prepared.held)

    evidence = drilled(lab, seen).evidence

    assert evidence.verdict in PASSED, evidence.findings
    (restore,) = evidence.restores
    assert restore.conditions is not None
    assert (restore.conditions.mechanism, restore.conditions.isolation) == ("systemd, bubblewrap", Isolation.SEALED)
    assert "mariadbd" in seen.there
    said = how(restore.conditions)
    assert said["memory_bytes"] == ("enforced" if "memory" in prepared.delegated else "watched")
    assert said.get("processes") == ("enforced" if "pids" in prepared.delegated else None)
    assert said["seconds"] == "enforced"
    assert {one.kind for one in restore.removals} == {"folder", "slice"}
    assert all(one.gone for one in restore.removals)
    assert prepared.left() == ""
    written = prepared.node.root("journalctl --no-pager")
    assert "restore-lab" in written
    assert not {"bwrap", "mariadbd", "SELECT", "/machine"} & set(written.replace("=", " ").split())


def test_more_memory_than_there_is_ends_the_machine_and_never_fails_the_backup(prepared: Prepared, lab: Path) -> None:
    swollen(lab)

    outcome = drilled(lab)

    assert outcome.exit_code == ExitCode.INCONCLUSIVE
    assert Code.MACHINE_OUT_OF_MEMORY in {one.finding.code for one in outcome.evidence.findings}
    assert not [one for one in outcome.evidence.findings if one.severity is Severity.FAILED]
    assert prepared.left() == ""


def test_a_test_of_the_scenario_that_outgrows_the_machine_has_failed_nothing(prepared: Prepared, lab: Path) -> None:
    scenario = lab / "scenarios" / "annual"
    told = SCENARIO + '[[restore.check]]\nkind = "pytest"\npath = "checks/test_hungry.py"\n'
    (scenario / "scenario.toml").write_text(told, "utf-8")
    (scenario / "checks" / "test_hungry.py").write_text(HUNGRY, "utf-8")

    outcome = drilled(lab)

    assert outcome.exit_code == ExitCode.INCONCLUSIVE, outcome.evidence.findings
    assert not [one for one in outcome.evidence.findings if one.severity is Severity.FAILED]
    assert Code.CHECK_BROKEN in {one.finding.code for one in outcome.evidence.findings}
    assert prepared.left() == ""


@contextmanager
def restoring(prepared: Prepared, lab: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a drill of its own process, and wait until its server runs on the node; it is killed at the end."""
    run = (str(COMMAND), "--lab", str(lab), "run", "--scenario", "annual")
    with subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while "mariadbd" not in prepared.held() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert "mariadbd" in prepared.held()
        yield process
        process.send_signal(signal.SIGKILL)


def test_a_client_that_is_killed_leaves_no_slice(prepared: Prepared, lab: Path) -> None:
    with restoring(prepared, lab):
        pass

    assert prepared.gone_within(30)


def test_a_slice_whose_lease_died_with_its_client_is_swept(prepared: Prepared, lab: Path) -> None:
    with restoring(prepared, lab) as process:
        process.send_signal(signal.SIGSTOP)
        prepared.node.root(KILL_LEASES)
    (name,) = set(re.findall(r"restorelab_\w+\.slice", prepared.left()))
    enter = f"systemd-run --user --scope --quiet --slice={name} sleep 600"
    as_account = f"XDG_RUNTIME_DIR=/run/user/$(id -u {ACCOUNT}) setpriv --reuid={ACCOUNT} --clear-groups"
    prepared.node.root(f"{as_account} {enter} </dev/null >/dev/null 2>&1 & sleep 2")
    assert "sleep" in prepared.held()

    swept = subprocess.run((str(COMMAND), "--lab", str(lab), "sweep"), capture_output=True, check=False, timeout=120)

    assert swept.returncode == ExitCode.PASSED, swept.stderr
    assert prepared.held() == []
    assert prepared.left() == ""


def test_without_bubblewrap_the_slice_holds_namespaces(prepared: Prepared, lab: Path) -> None:
    prepared.node.root("mv /usr/bin/bwrap /root/")
    try:
        evidence = drilled(lab).evidence
    finally:
        prepared.node.root("mv /root/bwrap /usr/bin/")
    conditions = evidence.restores[0].conditions
    assert conditions is not None
    assert (evidence.verdict in PASSED, conditions.mechanism, conditions.isolation) == (
        True,
        "systemd, namespaces",
        Isolation.SEALED,
    )


def test_a_node_whose_systemd_is_not_there_for_the_account_is_held_as_before(prepared: Prepared, lab: Path) -> None:
    uid = prepared.node.root(f"id -u {ACCOUNT}").strip()
    prepared.node.root(f"systemctl mask --runtime --now user@{uid}.service")
    try:
        evidence = drilled(lab).evidence
    finally:
        prepared.node.root(f"systemctl unmask --runtime user@{uid}.service; systemctl start user@{uid}.service")
    conditions = evidence.restores[0].conditions
    assert conditions is not None
    assert (evidence.verdict in PASSED, conditions.mechanism) == (True, "bubblewrap")
    assert how(conditions)["memory_bytes"] == "watched"

"""Whole drills on a test node over SSH: what passes there, what a broken link costs, and what is left afterwards.

Nodes that lack something, or are let in otherwise: `test_node_conditions.py`.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from integration.node_drills import COMMAND, ON_A_NODE, Make, codes, labs_of, left_on, samples_in, verifies
from node.container import ContainerNode
from node.fault_proxy import Direction, Ending, FaultProxy, fault_proxy
from node.lab import PASSED, auditors_pages, drilled, lab_node, prepared, small_node

from restore_lab.errors import ExitCode
from restore_lab.events import Entered, Event, Stage
from restore_lab.evidence import Isolation, Verdict
from restore_lab.findings import Code, Severity
from restore_lab.lab import load_lab
from restore_lab.sandboxes.raspberry_pi.lease import SILENCE_SECONDS
from restore_lab.ssh.connection import DEAD_AFTER_SECONDS, Account, connected
from restore_lab.ssh.link import LinkLost

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def node() -> Iterator[ContainerNode]:
    with small_node() as made:
        yield made


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return samples_in(tmp_path_factory)


@pytest.fixture
def lab(samples: Callable[[str], Path], tmp_path: Path) -> Make:
    return labs_of(samples, tmp_path)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mariadb"])
def test_the_same_scenario_passes_on_each_kind_of_machine_and_the_report_tells_them_apart(
    lab: Make, node: ContainerNode, engine: str
) -> None:
    kinds = {"raspberry-pi": "Raspberry Pi", "local": "processus local cloisonné", "container": "conteneur jetable"}
    if engine == "sqlite":  # no image is made for it
        del kinds["container"]
    seen = {}
    for kind, name in kinds.items():
        root = lab(engine, ON_A_NODE if kind == "raspberry-pi" else f'machine = {{ kind = "{kind}" }}')
        if kind == "raspberry-pi":
            lab_node(root, node)
        outcome = seen[kind] = drilled(root)

        assert outcome.evidence.verdict in PASSED, outcome.evidence.findings
        (restore,) = outcome.evidence.restores
        assert restore.conditions is not None
        assert (restore.conditions.sandbox, restore.conditions.isolation) == (kind, Isolation.SEALED)
        assert restore.removals
        assert all(one.gone for one in restore.removals)
        said = auditors_pages(outcome)
        assert [one for one in kinds.values() if one in said] == [name]
        verifies(root)

    (away,) = seen["raspberry-pi"].evidence.restores
    assert {one.evidence.restores[0].tables for one in seen.values()} == {away.tables}
    far = away.conditions
    assert far is not None
    assert (far.node, far.mechanism, far.storage, far.unproved) == ("pi", "bubblewrap", "tmpfs", ())
    assert far.hardware is not None
    assert far.hardware.endswith(" MiB")
    graded = {limit.name: limit.how for limit in far.limits}
    assert graded["data_bytes_per_process"] == graded["bytes_per_file"] == "enforced"
    assert graded["memory_bytes"] == graded["disk_bytes"] == "watched"
    assert left_on(node) == []


class Faulty:
    """Does something to the link when a stage begins."""

    def __init__(self, stage: Stage, act: Callable[[], object]) -> None:
        self.stage, self.act, self.done = stage, act, False

    def __call__(self, event: Event) -> None:
        if isinstance(event, Entered) and event.stage is self.stage and not self.done:
            self.done = True
            self.act()


@pytest.mark.parametrize("fault", ["cut", "reset", "flip"])
@pytest.mark.parametrize("stage", [Stage.LOAD, Stage.COUNT, Stage.ASK])
def test_a_link_that_breaks_is_inconclusive_and_the_copy_is_gone(
    lab: Make, node: ContainerNode, stage: Stage, fault: str
) -> None:
    root = lab("postgresql", ON_A_NODE)
    with fault_proxy(node) as proxy:
        lab_node(root, proxy.node)
        outcome = drilled(root, Faulty(stage, lambda: break_link(proxy, fault)))

    assert outcome.evidence.verdict is Verdict.INCONCLUSIVE
    assert outcome.exit_code == ExitCode.INCONCLUSIVE
    assert not [one for one in outcome.evidence.findings if one.severity is Severity.FAILED]
    assert left_on(node) == []
    verifies(root)


def break_link(proxy: FaultProxy, fault: str) -> None:
    if fault == "flip":
        proxy.faults.flip_at[Direction.DOWN] = proxy.passed[Direction.DOWN] + 100
    else:
        proxy.end(Ending(fault))


def test_a_link_that_falls_silent_ends_in_time_and_the_node_wipes_the_copy_by_itself(
    lab: Make, node: ContainerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in {"lease.SILENCE_SECONDS": 8, "lease._ANSWER_SECONDS": 5.0}.items():
        monkeypatch.setattr(f"restore_lab.sandboxes.raspberry_pi.{name}", seconds)
    monkeypatch.setattr("restore_lab.ssh.connection._CONNECT_SECONDS", 4.0)
    monkeypatch.setattr("restore_lab.ssh.link._ANSWER_SECONDS", 4.0)
    root = lab("postgresql", ON_A_NODE)
    with fault_proxy(node) as proxy:
        lab_node(root, proxy.node)
        began = time.monotonic()
        outcome = drilled(root, Faulty(Stage.ASK, lambda: setattr(proxy.faults, "stalled", True)))
        took = time.monotonic() - began

    assert outcome.evidence.verdict is Verdict.INCONCLUSIVE
    assert outcome.exit_code == ExitCode.NOT_GONE  # nobody could look
    assert Code.COPY_NOT_SHOWN_GONE in codes(outcome)
    assert took < 100
    assert gone_within(node, 2 * SILENCE_SECONDS)
    verifies(root)


def gone_within(node: ContainerNode, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while left_on(node) and time.monotonic() < deadline:
        time.sleep(0.5)
    return not left_on(node)


def test_a_link_that_died_below_the_connection_is_noticed_while_something_is_sent() -> None:
    """By way of the container's own address: at a port of this host the engine stands between, and takes all bytes."""
    with small_node() as cut, tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "known_hosts"
        known.write_text(f"{cut.address} {cut.host_key_line.partition(' ')[2]}\n", "ascii")
        account = Account(host=cut.address, user=str(cut.user), key=cut.client_key, known_hosts=known)
        with connected(account) as link:
            assert link.run(("echo", "there"), timeout_seconds=30).stdout == b"there\n"
            threading.Timer(1.0, cut.unplug).start()
            began = time.monotonic()
            with pytest.raises(LinkLost):
                link.run(("cat",), timeout_seconds=60, stdin=trickle())
            took = time.monotonic() - began

    assert DEAD_AFTER_SECONDS - 1 < took < DEAD_AFTER_SECONDS + 6


def trickle() -> Iterator[bytes]:
    """Some bytes now and then, without end."""
    while True:
        yield b"x"
        time.sleep(0.2)


def test_a_client_that_is_killed_leaves_nothing_on_the_node(lab: Make, node: ContainerNode) -> None:
    root = lab("mariadb", ON_A_NODE)
    lab_node(root, node)
    run = (str(COMMAND), "--lab", str(root), "run", "--scenario", "annual")
    with subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not left_on(node) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert left_on(node)
        time.sleep(1)
        process.send_signal(signal.SIGKILL)

    assert gone_within(node, 2 * SILENCE_SECONDS)
    assert "mariadbd" not in node.root("cat /proc/[0-9]*/comm")
    swept = subprocess.run((str(COMMAND), "--lab", str(root), "sweep"), capture_output=True, check=False, timeout=120)
    assert swept.returncode == ExitCode.PASSED, swept.stderr
    assert drilled(root).evidence.verdict in PASSED
    verifies(root)


def test_what_a_dead_lease_left_is_found_by_its_label_and_swept(lab: Make, node: ContainerNode) -> None:
    root = lab("sqlite", ON_A_NODE)
    lab_node(root, node)
    loaded = load_lab(root)
    names = {"ours": loaded.lab_id, "another's": "another-lab"}
    for lab_id in names.values():
        folder = f"/var/tmp/restore-lab-left-{lab_id}"  # noqa: S108
        node.root(f"mkdir {folder}; echo '{lab_id} 9999999999 d r' >{folder}/label; chown -R restorelab: {folder}")

    done = subprocess.run((str(COMMAND), "--lab", str(root), "sweep"), capture_output=True, check=False, timeout=120)

    assert done.returncode == ExitCode.PASSED, done.stderr
    assert left_on(node) == ["restore-lab-left-another-lab"]
    node.root("rm -r /var/tmp/restore-lab-left-another-lab")
    verifies(root)


def test_a_copy_on_the_card_whose_label_a_power_cut_took_is_swept_as_its_drills_and_anothers_is_said(
    lab: Make, node: ContainerNode
) -> None:
    """As after a power cut: no lease lives, and the label is an empty file. What has no data yet may be being made."""
    root = lab("sqlite", ON_A_NODE)
    shutil.rmtree(lab_node(root, node))  # no machine can be had: the drill ends at once
    run = (str(COMMAND), "--lab", str(root), "run", "--scenario", "annual")
    assert subprocess.run(run, capture_output=True, check=False, timeout=120).returncode == ExitCode.INCONCLUSIVE
    (drill,) = (path.name for path in (root / "reports").glob("*/*-annual-*"))
    ours, anothers = f"restore-lab-{drill}-1-main-0123456789abcdef", "restore-lab-x-annual-1-main-0123456789abcdef"
    begun = {name: f"{name[:-1]}0" for name in (ours, anothers)}
    for name, data in {ours: "data", anothers: "data", **dict.fromkeys(begun.values(), "root")}.items():
        node.root(f"mkdir -p /var/tmp/{name}/{data}; : >/var/tmp/{name}/label; chown -R restorelab: /var/tmp/{name}")
    lab_node(root, node)

    done = subprocess.run((str(COMMAND), "--lab", str(root), "sweep"), capture_output=True, check=False, timeout=120)

    said = done.stdout.decode()
    assert done.returncode == ExitCode.NOT_GONE, said
    assert f"folder {ours}: gone" in said
    assert f"folder {begun[ours]}: gone" in said
    assert f"not everything could be looked at: /var/tmp/{anothers} on the node pi: its label cannot be read" in said
    assert left_on(node) == [begun[anothers], anothers]
    node.root("rm -r /var/tmp/restore-lab-*")
    verifies(root)


def test_a_fresh_machine_is_prepared_once_and_then_passes_the_shipped_scenario(lab: Make) -> None:
    root = lab("mariadb", ON_A_NODE)
    scenario = root / "scenarios" / "raspberry-pi" / "scenario.toml"
    scenario.parent.mkdir()
    shipped = Path(__file__).parents[2] / "scenarios" / "raspberry-pi" / "scenario.toml"
    scenario.write_text(shipped.read_text("utf-8").replace("# main = ", "main = "), "utf-8")
    with small_node(fresh=True, account=None) as fresh:
        fresh.root("rm -f /etc/restore-lab-node")
        before = set(fresh.root("find / -xdev -newer /etc/hostname -type f").split())
        first = prepared(root, fresh)
        assert first.returncode == ExitCode.PASSED, first.stdout + first.stderr
        again = prepared(root, fresh)
        assert again.returncode == ExitCode.PASSED, again.stderr
        did = [line for line in first.stdout.splitlines() if line.startswith("did")]
        assert [line.split()[1] for line in did] == ["no-cluster", "packages", "account", "key", "marker"]
        assert "did" not in again.stdout
        asked = (str(COMMAND), "--lab", str(root), "node", "check", "pi", "--json")
        looks = json.loads(subprocess.run(asked, capture_output=True, check=True, timeout=60).stdout)
        assert {one["state"] for one in looks} <= {"ok", "warn"}
        assert "postgres" not in fresh.root("cat /proc/[0-9]*/comm").split()
        outside = touched(fresh, before)
        assert outside == set(), outside
        assert drilled(root, scenario="raspberry-pi").evidence.verdict in PASSED
        assert fresh.root("id -nG restore-lab").split() == ["restore-lab"]


def touched(node: ContainerNode, before: set[str]) -> set[str]:
    """What was changed that belongs neither to a package, nor to us."""
    now = set(node.root("find / -xdev -newer /etc/hostname -type f").split()) - before
    owned = set(node.root("cat /var/lib/dpkg/info/*.list").split())
    ours = ("/var/lib/restore-lab/", "/etc/restore-lab-node", "/etc/postgresql-common/", "/var/lib/dpkg/")
    accounts = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid")
    kept = (*ours, *accounts, "/var/cache/", "/var/lib/", "/var/log/", "/tmp/", "/run/", "/dev/", "/etc/ld.so.cache")  # noqa: S108
    made_by_packages = ("/etc/ssl/", "/etc/python3/", "/etc/networks", "/etc/apt/apt.conf.d/02autoremove-postgresql")
    return {
        path
        for path in now - owned
        if not path.startswith((*kept, *made_by_packages)) and not path.endswith((".pyc", "~"))
    }

"""Whole drills on a test node over SSH: what passes there, what a broken link costs, and what is left afterwards."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from node.access import known_host
from node.container import ContainerNode
from node.fault_proxy import Direction, Ending, FaultProxy, fault_proxy
from node.lab import PASSED, auditors_pages, drilled, fingerprint, lab_node, prepared, small_node

from restore_lab.demo import Sample, make_demo
from restore_lab.drill import Outcome
from restore_lab.engines.postgresql.engine import Postgresql
from restore_lab.errors import ExitCode
from restore_lab.events import Entered, Event, Stage
from restore_lab.evidence import Isolation, Verdict
from restore_lab.findings import Code, Severity
from restore_lab.lab import load_lab
from restore_lab.sandboxes.raspberry_pi.lease import SILENCE_SECONDS
from restore_lab.sandboxes.raspberry_pi.node import MARKER
from restore_lab.ssh.connection import DEAD_AFTER_SECONDS, Account, connected
from restore_lab.ssh.link import LinkLost

pytestmark = pytest.mark.docker
COMMAND = Path(sys.executable).with_name("restore-lab")
ON_A_NODE = 'machine = { kind = "raspberry-pi", node = "pi" }'
POSTGRESQL_15 = tuple(server for server in Postgresql().offered() if server.series == "15")


@pytest.fixture(scope="module")
def node() -> Iterator[ContainerNode]:
    with small_node() as made:
        yield made


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A lab of each engine, made once; copy it, do not change it."""
    made: dict[str, Path] = {}

    def sample(engine: str) -> Path:
        if engine not in made:
            made[engine] = tmp_path_factory.mktemp("samples") / engine
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Postgresql, "offered", lambda _self: POSTGRESQL_15)  # what a node of Debian 12 has
                make_demo(made[engine], Sample(engine=engine, day=datetime.now(UTC).date()))
        return made[engine]

    return sample


Make = Callable[..., Path]


@pytest.fixture
def lab(samples: Callable[[str], Path], tmp_path: Path) -> Make:
    """A lab of its own, whose scenario asks for one kind of machine."""

    def make(engine: str, machine: str) -> Path:
        root = Path(shutil.copytree(samples(engine), tmp_path / f"{engine}-{len(machine)}", copy_function=shutil.copy2))
        on_machine(root, machine)
        return root

    return make


def on_machine(root: Path, machine: str) -> None:
    path = root / "scenarios" / "annual" / "scenario.toml"
    text = path.read_text("utf-8")
    path.write_text(re.sub(r"^machine = .*$", machine, text, flags=re.MULTILINE), "utf-8")


def left_on(node: ContainerNode) -> list[str]:
    return [name for name in node.root("ls /dev/shm /var/tmp").split() if name.startswith("restore-lab-")]


def codes(outcome: Outcome) -> set[Code]:
    return {one.finding.code for one in outcome.evidence.findings}


def verifies(root: Path) -> None:
    done = subprocess.run(
        (str(COMMAND), "--lab", str(root), "register", "verify"), capture_output=True, check=False, timeout=60
    )
    assert done.returncode == ExitCode.PASSED, done.stdout


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
    """As after a power cut: no lease lives, and the label is an empty file."""
    root = lab("sqlite", ON_A_NODE)
    shutil.rmtree(lab_node(root, node))  # no machine can be had: the drill ends at once
    run = (str(COMMAND), "--lab", str(root), "run", "--scenario", "annual")
    assert subprocess.run(run, capture_output=True, check=False, timeout=120).returncode == ExitCode.INCONCLUSIVE
    (drill,) = (path.name for path in (root / "reports").glob("*/*-annual-*"))
    ours, anothers = f"restore-lab-{drill}-1-main-0123456789abcdef", "restore-lab-x-annual-1-main-0123456789abcdef"
    for name, data in {ours: "data", anothers: "data", f"{ours[:-1]}0": "passwd"}.items():
        node.root(f"mkdir -p /var/tmp/{name}/{data}; : >/var/tmp/{name}/label; chown -R restorelab: /var/tmp/{name}")
    lab_node(root, node)

    done = subprocess.run((str(COMMAND), "--lab", str(root), "sweep"), capture_output=True, check=False, timeout=120)

    said = done.stdout.decode()
    assert done.returncode == ExitCode.NOT_GONE, said
    assert f"folder {ours}: gone" in said
    assert f"not everything could be looked at: /var/tmp/{anothers} on the node pi: its label cannot be read" in said
    assert left_on(node) == [f"{ours[:-1]}0", anothers]
    node.root("rm -r /var/tmp/restore-lab-*")
    verifies(root)


def test_another_host_key_is_refused_before_anything_is_sent(lab: Make) -> None:
    root = lab("sqlite", ON_A_NODE)
    with small_node(wrong_host_key=True) as stranger:
        lab_node(root, stranger)
        outcome = drilled(root)

        assert (outcome.evidence.verdict, outcome.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
        (told,) = (one.finding for one in outcome.evidence.findings if one.finding.code is Code.NO_MACHINE)
        assert "another host key" in str(dict(told.params)["reason"])
        assert left_on(stranger) == []


def test_a_node_without_bubblewrap_holds_by_namespaces_and_without_either_not_at_all(lab: Make) -> None:
    root = lab("sqlite", ON_A_NODE)
    with small_node(without=("bubblewrap",)) as bare:
        folder = lab_node(root, bare)
        evidence = drilled(root).evidence
        conditions = evidence.restores[0].conditions
        assert conditions is not None
        assert (evidence.verdict in PASSED, conditions.mechanism, conditions.isolation) == (
            True,
            "namespaces",
            Isolation.SEALED,
        )
    shutil.rmtree(folder)
    with small_node(without=("bubblewrap",), user_namespaces=False) as bare:
        lab_node(root, bare)
        assert drilled(root).evidence.verdict is Verdict.INCONCLUSIVE
        path = root / "scenarios" / "annual" / "scenario.toml"
        path.write_text(path.read_text("utf-8").replace('"pi" }', '"pi", unsafe_bare_process = true }'))
        told = drilled(root)
        assert codes(told) >= {Code.ISOLATION_NONE, Code.PYTEST_FAILED}  # the sample's own test looks for a network


def test_a_copy_that_does_not_fit_memory_lies_on_the_card_only_when_allowed(lab: Make) -> None:
    root = lab("sqlite", ON_A_NODE)
    with small_node(memory_bytes=160 << 20) as tiny:
        lab_node(root, tiny)
        assert drilled(root).evidence.verdict is Verdict.INCONCLUSIVE
        path = root / "scenarios" / "annual" / "scenario.toml"
        path.write_text(path.read_text("utf-8").replace('"pi" }', '"pi", allow_card = true }'))
        evidence = drilled(root).evidence
        conditions = evidence.restores[0].conditions
        assert conditions is not None
        assert (evidence.verdict in PASSED, conditions.storage) == (True, "directory")
        assert left_on(tiny) == []


def test_a_node_that_could_swap_a_copy_to_its_card_is_refused_unless_that_is_allowed(lab: Make) -> None:
    root = lab("sqlite", ON_A_NODE)
    path = root / "scenarios" / "annual" / "scenario.toml"
    with small_node() as swapping:
        lab_node(root, swapping)
        swap_on(swapping, "/var/swap")
        refused = drilled(root)
        assert refused.exit_code == ExitCode.INCONCLUSIVE
        reasons = {str(dict(one.finding.params).get("reason")) for one in refused.evidence.findings}
        assert "the node pi may swap a part of the copy to /var/swap" in reasons
        assert left_on(swapping) == []

        swap_on(swapping, "/dev/zram0")  # which is memory too
        assert drilled(root).evidence.verdict in PASSED

        swap_on(swapping, "/var/swap")
        path.write_text(path.read_text("utf-8").replace('"pi" }', '"pi", allow_card = true }'))
        assert drilled(root).evidence.verdict in PASSED


def swap_on(node: ContainerNode, place: str) -> None:
    """Have the node's kernel say that it swaps to a place."""
    node.root(
        "umount /proc/swaps 2>/dev/null || :; cd /run/node;"
        "said=$(sed 's/^SwapTotal: .*/SwapTotal: 102396 kB/' meminfo); echo \"$said\" >meminfo;"
        f"printf 'Filename Type Size Used Priority\n{place} file 102396 0 -2\n' >swaps; mount --bind swaps /proc/swaps"
    )


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


def test_a_node_serves_two_labs_and_lets_both_in(lab: Make, samples: Callable[[str], Path], tmp_path: Path) -> None:
    roots = [lab("sqlite", ON_A_NODE), Path(shutil.copytree(samples("sqlite"), tmp_path / "another"))]
    with small_node(account=None) as shared:
        for root in (*roots, roots[0]):
            done = prepared(root, shared)
            assert done.returncode == ExitCode.PASSED, done.stdout + done.stderr
            if root == roots[0]:  # as edited by hand: no end of line
                shared.root('cd ~restore-lab/.ssh; keys=$(cat authorized_keys); printf %s "$keys" >authorized_keys')
        assert "did" not in done.stdout
        keys = shared.root("cat ~restore-lab/.ssh/authorized_keys").splitlines()
        assert len(keys) == len(set(keys)) == 2
        for root in roots:
            asked = (str(COMMAND), "--lab", str(root), "node", "check", "pi")
            assert subprocess.run(asked, capture_output=True, check=False, timeout=60).returncode == ExitCode.PASSED


def test_a_link_in_place_of_its_keys_leads_the_account_nowhere_it_may_not_write(lab: Make) -> None:
    root = lab("sqlite", ON_A_NODE)
    with small_node(account=None) as lured:
        assert prepared(root, lured).returncode == ExitCode.PASSED
        lured.root("cd ~restore-lab/.ssh; echo kept >/root/precious; ln -sf /root/precious authorized_keys")

        assert prepared(root, lured).returncode == ExitCode.INCONCLUSIVE
        assert lured.root("stat -c '%U %a' /root/precious; cat /root/precious").split() == ["root", "644", "kept"]


def test_a_changed_host_key_is_pinned_only_once_the_new_one_was_compared(lab: Make) -> None:
    root = lab("sqlite", ON_A_NODE)
    with small_node(account=None) as anew:
        assert prepared(root, anew).returncode == ExitCode.PASSED
        pinned = root / "nodes" / "pi" / "known_hosts"
        old, known = fingerprint(anew), pinned.read_text("ascii")
        anew.root("ssh-keygen -q -t ed25519 -N '' -f /run/new; cat /run/new >/etc/node/host_key; kill -HUP 1")
        public = anew.root("cut -d ' ' -f 1,2 /run/new.pub").strip()
        again = replace(anew, host_key_line=known_host(anew.port, public))
        new = fingerprint(again)

        check = subprocess.run((str(COMMAND), "--lab", str(root), "node", "check"), capture_output=True, check=False)
        assert (check.returncode, b"another host key" in check.stderr) == (ExitCode.INCONCLUSIVE, True)
        for named, said in ((old, ""), ("", "n\n")):
            refused = prepared(root, again, host_key=named, said=said)
            assert refused.returncode == ExitCode.USAGE, refused.stderr
            assert f"had the host key {old}" in refused.stdout
            assert new in refused.stdout + refused.stderr
            assert pinned.read_text("ascii") == known

        assert prepared(root, again, said="y\n").returncode == ExitCode.PASSED
        assert pinned.read_text("ascii") == again.host_key_line + "\n"
        pinned.write_text(known, "ascii")
        assert prepared(root, again).returncode == ExitCode.PASSED
        assert pinned.read_text("ascii") == again.host_key_line + "\n"


def test_a_machine_that_cannot_be_a_node_is_left_as_it_was(lab: Make) -> None:
    root = lab("sqlite", ON_A_NODE)
    with small_node(
        fresh=True, account=None, machine="i686", architecture="i386", memory_bytes=256 << 20, clock="-400d"
    ) as poor:
        poor.root(f"rm {MARKER}")
        state = (
            "find /etc /usr /var/lib -xdev ! -name '*.pyc' -newer /etc/node/host_key -type f; cat /etc/passwd; dpkg -l"
        )
        before = poor.root(state)
        done = prepared(root, poor)
        after = poor.root(state)

    assert done.returncode == ExitCode.USAGE, done.stderr
    assert "cannot be a node; nothing was changed there" in done.stdout
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("no ")] == [
        *("architecture", "256", "clock")
    ]
    assert after == before
    assert not list(root.glob("nodes/*/node.toml"))


def test_check_says_all_that_a_node_lacks(lab: Make) -> None:
    """A 32-bit system of half a gigabyte, its clock off, starved of power, with nothing that holds a process."""
    root = lab("sqlite", ON_A_NODE)
    poor = {"machine": "aarch64", "architecture": "armhf", "memory_bytes": 512 << 20, "clock": "-400d"}
    with small_node(**poor, without=("bubblewrap",), user_namespaces=False, sizes={"/var/tmp": 8 << 20}) as node:  # noqa: S108
        lab_node(root, node)
        node.root(f"chmod 1777 /var/tmp; rm {MARKER}")
        node.root("printf '#!/bin/sh\necho throttled=0x50005\n' >/usr/bin/vcgencmd; chmod 755 /usr/bin/vcgencmd")
        asked = (str(COMMAND), "--lab", str(root), "node", "check", "pi", "--json")
        done = subprocess.run(asked, capture_output=True, check=False, timeout=60)
        assert done.returncode == ExitCode.USAGE, done.stderr
        said = {one["what"]: one["state"] for one in json.loads(done.stdout)}

    assert said["architecture armhf"] == "ok"
    assert said["512 MiB of memory"] == "no"
    assert said["8 MiB free on the card"] == "warn"
    assert [state for what, state in said.items() if re.fullmatch(r"clock 34\d{6} s off", what)] == ["no"]
    assert said["slowed down (throttled=0x50005)"] == "warn"
    assert said["systemd does not hold the whole of a restore"] == "warn"
    assert said["held by nothing"] == "no"
    assert said[f"marker {MARKER}"] == "no"
    assert said["MariaDB"] == "ok"


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

"""Test nodes that lack something, would swap, serve two labs or have another key, each a machine of its own.

See `test_node.py`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from integration.node_drills import COMMAND, ON_A_NODE, Make, codes, labs_of, left_on, samples_in
from node.access import known_host
from node.container import ContainerNode
from node.lab import PASSED, drilled, fingerprint, lab_node, prepared, small_node

from restore_lab.errors import ExitCode
from restore_lab.evidence import Isolation, Verdict
from restore_lab.findings import Code
from restore_lab.sandboxes.raspberry_pi.node import MARKER

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return samples_in(tmp_path_factory)


@pytest.fixture
def lab(samples: Callable[[str], Path], tmp_path: Path) -> Make:
    return labs_of(samples, tmp_path)


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

"""Whole drills on emulated Raspberry Pis of other kinds: 32-bit programs, a systemd, a kernel that counts no memory.

Each has a sister in the daily run (test_node_arm64.py, test_node_systemd.py), on a machine that is up sooner.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from node.access import ACCOUNT
from node.guest_image import Userland
from node.lab import drilled, lab_node, prepared, swollen
from node.virtual_machine import VirtualNode, arm64_vm

from restore_lab.demo import Sample, make_demo
from restore_lab.engines.postgresql.engine import Postgresql
from restore_lab.errors import ExitCode
from restore_lab.evidence import Conditions, Evidence, Isolation, Verdict
from restore_lab.findings import Code, Severity
from restore_lab.sandboxes.raspberry_pi.node import MARKER

SCENARIO = """
title = "Essai sur un autre Pi"
[[restore]]
place = "dossiers"
machine = { kind = "raspberry-pi", node = "pi", allow_card = true }
[[restore.check]]
kind = "integrity"
[[restore.check]]
kind = "counts"
main = ["patient", "consultation"]
"""
WHOLE = Userland(systemd=True, postgresql=True)
SERVERS_OF_BOOKWORM = tuple(server for server in Postgresql().offered() if server.series == "15")


def lab_of(folder: Path, engine: str, node: VirtualNode) -> Path:
    root = folder / engine
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Postgresql, "offered", lambda _self: SERVERS_OF_BOOKWORM)
        make_demo(root, Sample(engine=engine, day=datetime.now(UTC).date()))
    (root / "scenarios" / "annual" / "scenario.toml").write_text(SCENARIO, "utf-8")
    lab_node(root, node)
    return root


def passed(evidence: Evidence) -> Conditions:
    """Give the conditions of a drill that passed and left nothing."""
    assert evidence.verdict in {Verdict.PASSED, Verdict.PASSED_WITH_RESERVATIONS}, evidence.findings
    (restore,) = evidence.restores
    assert restore.conditions is not None
    assert restore.conditions.isolation is Isolation.SEALED
    assert {table.name.rpartition(".")[2]: table.rows for table in restore.tables}["patient"] == 150
    assert all(one.gone for one in restore.removals)
    return restore.conditions


def limits(conditions: Conditions) -> dict[str, str]:
    return {limit.name: limit.how for limit in conditions.limits}


def left_on(node: VirtualNode) -> str:
    places = "/dev/shm /var/tmp /run /sys/fs/cgroup"  # noqa: S108 - where a machine leaves anything
    found = f"find {places} -name 'restore-lab-*' -o -name 'restorelab_*'"
    return node.sudo(f"{found}; grep -lxE 'mariadbd|postgres' /proc/[0-9]*/comm || :")


def lingering(node: VirtualNode) -> None:
    """Prepare the node as `node prepare` does, whose packages this image has from the start."""
    node.sudo(f"touch {MARKER}; loginctl enable-linger {ACCOUNT}", timeout=120)
    node.sudo(f"until [ -S /run/user/$(id -u {ACCOUNT})/systemd/private ]; do sleep 1; done", timeout=120)


@pytest.fixture(scope="module")
def with_systemd() -> Iterator[VirtualNode]:
    with arm64_vm(WHOLE) as node:
        lingering(node)
        yield node


@pytest.fixture(scope="module")
def without_memory_counted() -> Iterator[VirtualNode]:
    with arm64_vm(WHOLE, kernel_line="cgroup_disable=memory") as node:
        lingering(node)
        yield node


def test_a_backup_is_restored_by_32_bit_programs(tmp_path: Path) -> None:
    with arm64_vm(Userland(architecture="armhf")) as node:
        node.sudo(f"touch {MARKER}")
        conditions = passed(drilled(lab_of(tmp_path, "mariadb", node)).evidence)

        assert "armhf" in str(conditions.hardware)
        assert conditions.mechanism == "bubblewrap"
        assert limits(conditions)["memory_bytes"] == "watched"
        assert left_on(node) == ""


def test_a_fresh_machine_is_prepared_by_the_command_once_and_passes(tmp_path: Path) -> None:
    """But for PostgreSQL's libraries, which are there from the start: emulated, their installation takes minutes."""
    with arm64_vm(WHOLE, fresh=True, account=None) as node:
        root = lab_of(tmp_path, "mariadb", node)
        shutil.rmtree(root / "nodes")
        for expected in (["no-cluster", "packages", "account", "key", "lingering", "marker"], []):
            done = prepared(root, node)
            assert done.returncode == ExitCode.PASSED, done.stdout + done.stderr
            assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("did")] == expected

        conditions = passed(drilled(root).evidence)
        assert "arm64" in str(conditions.hardware)
        assert conditions.mechanism == "systemd, bubblewrap"
        assert left_on(node) == ""


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_systemd_enforces_what_it_is_said_to(tmp_path: Path, with_systemd: VirtualNode, engine: str) -> None:
    conditions = passed(drilled(lab_of(tmp_path, engine, with_systemd)).evidence)

    assert conditions.mechanism == "systemd, bubblewrap"
    said = limits(conditions)
    assert (said["memory_bytes"], said["processes"], said["seconds"]) == ("enforced", "enforced", "enforced")
    assert left_on(with_systemd) == ""


def test_systemd_on_a_kernel_that_counts_no_memory_is_said_to_watch_it(
    tmp_path: Path, without_memory_counted: VirtualNode
) -> None:
    conditions = passed(drilled(lab_of(tmp_path, "postgresql", without_memory_counted)).evidence)

    assert conditions.mechanism == "systemd, bubblewrap"
    said = limits(conditions)
    assert (said["memory_bytes"], said["processes"], said["seconds"]) == ("watched", "enforced", "enforced")
    assert left_on(without_memory_counted) == ""


@pytest.mark.parametrize("where", ["with_systemd", "without_memory_counted"])
def test_more_memory_than_there_is_ends_the_machine_and_never_fails_the_backup(
    tmp_path: Path, request: pytest.FixtureRequest, where: str
) -> None:
    node: VirtualNode = request.getfixturevalue(where)
    root = lab_of(tmp_path, "mariadb", node)
    swollen(root)

    outcome = drilled(root)

    assert outcome.exit_code == ExitCode.INCONCLUSIVE, outcome.evidence.findings
    assert Code.MACHINE_OUT_OF_MEMORY in {one.finding.code for one in outcome.evidence.findings}
    assert not [one for one in outcome.evidence.findings if one.severity is Severity.FAILED]
    assert left_on(node) == ""

"""A node as a lab knows it: its folder `nodes/NAME`, a container that stands in for a Pi of 1 GB, and its drill."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from needs import program
from node.access import Node
from node.container import ContainerNode, sshd_node
from stems import COMMAND

from restore_lab import drill
from restore_lab.drill import Outcome
from restore_lab.events import Event
from restore_lab.evidence import RestoreRecord, Verdict
from restore_lab.lab import load_lab
from restore_lab.sandboxes.raspberry_pi.node import MARKER
from restore_lab.scenario import load_scenario

PASSED = {Verdict.PASSED, Verdict.PASSED_WITH_RESERVATIONS}
#: Half of its memory as a folder in memory, as a Pi of 1 GB has it.
MEMORY_FOLDER_BYTES = 480 << 20
#: A table that a MariaDB server keeps in memory: 2.4 GB, more than any node of ours has.
_IN_MEMORY = b"""
SET max_heap_table_size = 4000000000;
CREATE TABLE fugace (t VARCHAR(60000)) ENGINE=MEMORY CHARSET=latin1;
INSERT INTO fugace SELECT 'x' FROM seq_1_to_40000;
"""


def lab_node(lab: Path, node: Node, *, name: str = "pi") -> Path:
    """Write the folder of a node into a lab, as `node prepare` does."""
    folder = lab / "nodes" / name
    folder.mkdir(parents=True)
    said = {"host": node.host, "port": node.port, "user": node.user, "owner": "Cabinet de l'Essai"}
    (folder / "node.toml").write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items()), "utf-8")
    shutil.copy(node.client_key, folder / "key")
    (folder / "known_hosts").write_text(node.host_key_line + "\n", "ascii")
    return folder


def prepared(root: Path, node: Node, *, host_key: str = "", said: str = "") -> subprocess.CompletedProcess[str]:
    """Run `node prepare`, with the node's own host key unless another is named or something is said to the question."""
    argv = (
        *(str(COMMAND), "--lab", str(root), "node", "prepare", node.host, "--port", str(node.port)),
        *("--admin", node.admin_user, "--identity", str(node.client_key)),
        *(() if said else ("--host-key", host_key or fingerprint(node))),
    )
    return subprocess.run(argv, input=said, capture_output=True, text=True, check=False, timeout=900)


def fingerprint(node: Node) -> str:
    """The node's own host key, as `ssh-keygen` prints it."""
    argv = (program("ssh-keygen"), "-lf", "-")
    done = subprocess.run(argv, input=node.host_key_line, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.split()[1]


@contextmanager
def small_node(*, sizes: Mapping[str, int] | None = None, **options: object) -> Iterator[ContainerNode]:
    """A container with sshd that was prepared, half of its memory as a folder in memory, as a Pi of 1 GB has it."""
    sizes = {"/dev/shm": MEMORY_FOLDER_BYTES, **(sizes or {})}  # noqa: S108
    with sshd_node(sizes=sizes, **options) as node:  # type: ignore[arg-type]
        node.root(f"chmod 1777 /dev/shm; touch {MARKER}")
        yield node


def drilled(
    root: Path, listen: Callable[[Event], object] = lambda _event: None, *, scenario: str = "annual"
) -> Outcome:
    """Run one of the lab's drills, the annual one unless another is named, on its latest backup."""
    lab = load_lab(root)
    return drill.run(lab, load_scenario(lab, scenario), asked_for="latest", listen=listen)


def restore_of(outcome: Outcome) -> RestoreRecord:
    """The one restore of a drill."""
    (restore,) = outcome.evidence.restores
    return restore


def auditors_pages(outcome: Outcome) -> str:
    """The auditor's pages of a report, as text without line breaks."""
    report = outcome.recorded.report
    assert report is not None
    argv = (program("pdftotext"), "-f", "2", str(report), "-")
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    return " ".join(done.stdout.split())


def swollen(root: Path) -> None:
    """Have the one backup of a lab, a plain dump of MariaDB, ask for more memory than there is; its date stays."""
    (backup,) = (path for path in (root / "backups").iterdir() if path.is_file())
    before = backup.stat()
    backup.write_bytes(backup.read_bytes() + _IN_MEMORY)
    os.utime(backup, ns=(before.st_atime_ns, before.st_mtime_ns))

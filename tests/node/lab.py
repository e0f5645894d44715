"""A node as a lab knows it: its folder `nodes/NAME`, and a container that stands in for a Pi of 1 GB."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.access import Node
from node.container import ContainerNode, sshd_node

from restore_lab.sandboxes.raspberry_pi.node import MARKER

_MEMORY_FOLDER_BYTES = 480 << 20


def lab_node(lab: Path, node: Node, *, name: str = "pi") -> Path:
    """Write the folder of a node into a lab, as `node prepare` does."""
    folder = lab / "nodes" / name
    folder.mkdir(parents=True)
    said = {"host": node.host, "port": node.port, "user": node.user, "owner": "Cabinet de l'Essai"}
    (folder / "node.toml").write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items()), "utf-8")
    shutil.copy(node.client_key, folder / "key")
    (folder / "known_hosts").write_text(node.host_key_line + "\n", "ascii")
    return folder


@contextmanager
def small_node(**options: object) -> Iterator[ContainerNode]:
    """A container with sshd that was prepared, half of its memory as a folder in memory, as a Pi of 1 GB has it."""
    with sshd_node(sizes={"/dev/shm": _MEMORY_FOLDER_BYTES}, **options) as node:  # type: ignore[arg-type]  # noqa: S108
        node.root(f"chmod 1777 /dev/shm; touch {MARKER}")
        yield node

"""How machines on a test node are lent, found again and swept, over SSH.

Apart from `driver.py`, whose settings every scenario is read with: paramiko takes a tenth of a second to be read.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path

from restore_lab.errors import MachineFailed
from restore_lab.evidence import Removal
from restore_lab.sandboxes.base import Handle, Machine, Need, Server, lent
from restore_lab.sandboxes.local.folder import sorted_out, tell_unknown
from restore_lab.sandboxes.local.machine import SYSTEM_FOLDERS
from restore_lab.sandboxes.raspberry_pi.machine import MARGIN_BYTES, PREFIX, NodeMachine, attached
from restore_lab.sandboxes.raspberry_pi.node import Facts, Node, ask, read_node
from restore_lab.sandboxes.raspberry_pi.remains import remains, remove
from restore_lab.ssh.connection import HostKeyChanged, connect, connected


def lacks(folder: Path, server: Server) -> str | None:
    """See `Sandbox.lacks`; touches nothing on the node."""
    name = folder.name
    try:
        facts = _facts(read_node(folder))
    except HostKeyChanged:
        return f"the node {name} has another host key than the one that was pinned"
    except MachineFailed:
        return f"the node {name} does not answer (`restore-lab node check`)"
    if not facts.prepared:
        return f"the node {name} was not prepared (`restore-lab node prepare`)"
    for program in server.programs:
        if not facts.has(program, (*server.folders, *SYSTEM_FOLDERS)):
            return f"the program {program} is not on the node {name}"
    return None


@contextmanager
def machine(folder: Path, need: Need, *, allow_card: bool, unsafe_bare_process: bool) -> Iterator[Machine]:
    """See `Sandbox.machine`."""
    node = read_node(folder)
    with connected(node.account) as link:
        facts = ask(link)
        on_card = _on_card(need, node, facts, allow_card=allow_card)
        live = NodeMachine.prepare(need, node, link, facts, on_card=on_card)
        create = partial(live.create, need, facts, unsafe_bare_process=unsafe_bare_process, allow_card=allow_card)
        with lent(live, create, need) as machine:
            yield machine


def attach(handle: Handle) -> Machine:
    """Find a live machine again over a connection of its own, which lasts as long as this process."""
    node = read_node(Path(json.loads(handle.machine_id)["node"]))
    return attached(handle, connect(node.account), node)


def sweep(folder: Path, *, now: datetime, lab_id: str, ended: Collection[str]) -> Iterator[Removal]:
    """Remove the folders of this lab on the node whose drill is dead or expired.

    Raises:
        MachineFailed: the node did not say what there is, or of a folder not whose it is.
    """
    with connected(read_node(folder).account) as link:
        left = remains(link, prefix=PREFIX, lab_id=lab_id, epoch=round(now.timestamp()))
        ours, unknown = sorted_out(map(Path, left.unlabelled), map(Path, left.begun), ended)
        for one in (*map(Path, left.dead), *ours):
            yield Removal(
                kind="folder",
                name=one.name,
                created_at=now,
                removed_at=datetime.now(UTC),
                gone=remove(link, str(one)),
            )
    tell_unknown(unknown, f"the node {folder.name}")


def _on_card(need: Need, node: Node, facts: Facts, *, allow_card: bool) -> bool:
    """Decide where the copy lies: in memory when three times the dump fits in half of what is free."""
    wanted = 3 * need.backup_bytes + MARGIN_BYTES
    if wanted <= min(facts.available_bytes // 2 + MARGIN_BYTES // 2, facts.memory_folder_bytes):
        return False
    if not allow_card:
        raise MachineFailed(
            f"the copy does not fit the memory of the node {node.name}",
            hint="`allow_card = true` lets it lie on the card while the drill lasts",
        )
    if wanted > facts.card_bytes:
        raise MachineFailed(f"the copy fits neither the memory nor the card of the node {node.name}")
    return True


@lru_cache(maxsize=8)
def _facts(node: Node) -> Facts:
    with connected(node.account) as link:
        return ask(link)

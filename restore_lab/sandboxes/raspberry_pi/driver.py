"""A disposable machine on a test node over SSH: the practice's own small computer, and its own time."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal

from restore_lab.errors import MachineFailed
from restore_lab.evidence import Removal
from restore_lab.sandboxes.base import Handle, Machine, Need, Server, lent
from restore_lab.sandboxes.local.folder import sorted_out, tell_unknown
from restore_lab.sandboxes.local.machine import SYSTEM_FOLDERS
from restore_lab.sandboxes.raspberry_pi.machine import MARGIN_BYTES, PREFIX, NodeMachine, attached
from restore_lab.sandboxes.raspberry_pi.node import FILE_NAME, Facts, Node, ask, read_node
from restore_lab.sandboxes.raspberry_pi.remains import remains, remove
from restore_lab.settings import NodeFolder
from restore_lab.ssh.connection import HostKeyChanged, connect, connected


@dataclass(frozen=True, kw_only=True, slots=True)
class RaspberryPi:
    """The `raspberry-pi` sandbox: `node` is the name it was given by `restore-lab node prepare`.

    `allow_card` lets a copy that does not fit the node's memory lie on its card for as long as the drill lasts, and
    one in memory reach a swap that is not in memory itself.
    `unsafe_bare_process` allows a restore that nothing holds, and is reported as such.
    """

    node: NodeFolder
    kind: Literal["raspberry-pi"] = "raspberry-pi"
    allow_card: bool = False
    unsafe_bare_process: bool = False

    def lacks(self, server: Server) -> str | None:
        """Say in one line why the node cannot run `server`, or None when it can. Touches nothing there."""
        name = self.node.name
        try:
            facts = _facts(read_node(self.node))
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
    def machine(self, need: Need) -> Iterator[Machine]:
        """Lend a machine; see `Sandbox.machine`."""
        node = read_node(self.node)
        with connected(node.account) as link:
            facts = ask(link)
            on_card = self._on_card(need, node, facts)
            live = NodeMachine.prepare(need, node, link, facts, on_card=on_card)
            bare, card = self.unsafe_bare_process, self.allow_card
            create = partial(live.create, need, facts, unsafe_bare_process=bare, allow_card=card)
            with lent(live, create, need) as machine:
                yield machine

    @staticmethod
    def attach(handle: Handle) -> Machine:
        """Find a live machine again over a connection of its own, which lasts as long as this process."""
        node = read_node(Path(json.loads(handle.machine_id)["node"]))
        return attached(handle, connect(node.account), node)

    def sweep(self, *, now: datetime, lab_id: str, ended: Collection[str]) -> Iterator[Removal]:
        """Remove the folders of this lab on the node whose drill is dead or expired.

        Raises:
            MachineFailed: the node did not say what there is, or of a folder not whose it is.
        """
        with connected(read_node(self.node).account) as link:
            left = remains(link, prefix=PREFIX, lab_id=lab_id, epoch=round(now.timestamp()))
            ours, unknown = sorted_out(map(Path, left.unlabelled), ended)
            for folder in (*map(Path, left.dead), *ours):
                yield Removal(
                    kind="folder",
                    name=folder.name,
                    created_at=now,
                    removed_at=datetime.now(UTC),
                    gone=remove(link, str(folder)),
                )
        tell_unknown(unknown, f"the node {self.node.name}")

    def _on_card(self, need: Need, node: Node, facts: Facts) -> bool:
        """Decide where the copy lies: in memory when three times the dump fits in half of what is free."""
        wanted = 3 * need.backup_bytes + MARGIN_BYTES
        if wanted <= min(facts.available_bytes // 2 + MARGIN_BYTES // 2, facts.memory_folder_bytes):
            return False
        if not self.allow_card:
            raise MachineFailed(
                f"the copy does not fit the memory of the node {node.name}",
                hint="`allow_card = true` lets it lie on the card while the drill lasts",
            )
        if wanted > facts.card_bytes:
            raise MachineFailed(f"the copy fits neither the memory nor the card of the node {node.name}")
        return True


def nodes_of(root: Path) -> tuple[RaspberryPi, ...]:
    """Every node that was prepared for a lab."""
    return tuple(RaspberryPi(node=path.parent) for path in sorted(root.glob(f"nodes/*/{FILE_NAME}")))


@lru_cache(maxsize=8)
def _facts(node: Node) -> Facts:
    with connected(node.account) as link:
        return ask(link)

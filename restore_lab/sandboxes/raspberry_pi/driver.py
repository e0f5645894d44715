"""A disposable machine on a test node over SSH: the practice's own small computer, and its own time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from restore_lab.evidence import Removal
from restore_lab.sandboxes.base import Handle, Machine, Need, Server
from restore_lab.settings import NODE_FILE, NodeFolder


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
        from restore_lab.sandboxes.raspberry_pi import lending  # noqa: PLC0415 - SSH only where a node is reached

        return lending.lacks(self.node, server)

    def machine(self, need: Need) -> AbstractContextManager[Machine]:
        """Lend a machine; see `Sandbox.machine`."""
        from restore_lab.sandboxes.raspberry_pi import lending  # noqa: PLC0415 - SSH only where a node is reached

        bare, card = self.unsafe_bare_process, self.allow_card
        return lending.machine(self.node, need, unsafe_bare_process=bare, allow_card=card)

    @staticmethod
    def attach(handle: Handle) -> Machine:
        """Find a live machine again over a connection of its own, which lasts as long as this process."""
        from restore_lab.sandboxes.raspberry_pi import lending  # noqa: PLC0415 - SSH only where a node is reached

        return lending.attach(handle)

    def sweep(self, *, now: datetime, lab_id: str, ended: Collection[str]) -> Iterator[Removal]:
        """Remove the folders of this lab on the node whose drill is dead or expired.

        Raises:
            MachineFailed: the node did not say what there is, or of a folder not whose it is.
        """
        from restore_lab.sandboxes.raspberry_pi import lending  # noqa: PLC0415 - SSH only where a node is reached

        return lending.sweep(self.node, now=now, lab_id=lab_id, ended=ended)


def nodes_of(root: Path) -> tuple[RaspberryPi, ...]:
    """Every node that was prepared for a lab."""
    return tuple(RaspberryPi(node=path.parent) for path in sorted(root.glob(f"nodes/*/{NODE_FILE}")))

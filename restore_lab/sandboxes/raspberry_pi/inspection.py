"""What is found out about a machine on a node before any byte of a backup arrives there, as evidence has it."""

from __future__ import annotations

from typing import Final

from restore_lab.errors import MachineFailed
from restore_lab.evidence import Conditions, Isolation, Limit
from restore_lab.process import Completed
from restore_lab.sandboxes import proof
from restore_lab.sandboxes.local.seal import Mechanism
from restore_lab.sandboxes.raspberry_pi.hold import Hold
from restore_lab.sandboxes.raspberry_pi.node import MEMORY_FOLDER, Facts, Node
from restore_lab.sandboxes.raspberry_pi.slice import Proof
from restore_lab.ssh.link import Link

KIND: Final = "raspberry-pi"
#: Where SSH is answered on a node itself, however it is reached.
_SSHD_PORT: Final = 22


def proof_of(hold: Hold, link: Link, *, memory_bytes: int) -> Proof:
    """Find by trying which limits of the whole machine bite; its memory is watched where there is no slice.

    Raises:
        LinkLost: the connection broke.
    """
    if hold.slice is None:
        return Proof(limits=(Limit(name="memory_bytes", value=memory_bytes, how="watched"),))
    return hold.slice.prove(link)


def refuse_swap(node: Node, facts: Facts, proved: Proof) -> None:
    """Refuse a machine whose memory may be written to where nobody allowed it.

    Raises:
        MachineFailed: it may.
    """
    if facts.swaps and not proved.swapless:
        raise MachineFailed(
            f"the node {node.name} may swap a part of the copy to {facts.swaps[0]}",
            hint="turn its swap off, have its kernel count memory, or allow it: `allow_card = true`",
        )


def question(hold: Hold) -> tuple[str, ...]:
    """Give the command that tries from inside what can be reached: the node's own SSH server, beyond it, its files."""
    return proof.argv(str(hold.seal.folder / "label"), port=_SSHD_PORT, data_bytes=hold.seal.memory_bytes)


def conditions(node: Node, facts: Facts, hold: Hold, proved: Proof, answer: Completed) -> Conditions:
    """Put together what was asked for, what was seen from inside, and what was seen to bite.

    Raises:
        MachineFailed: the question was not answered to its end.
    """
    seal = hold.seal
    memory, file = seal.memory_bytes, seal.file_bytes
    seen = proof.read(answer)
    return Conditions(
        sandbox=KIND,
        isolation=Isolation.NONE if seal.mechanism is Mechanism.BARE else seen.isolation,
        mechanism=hold.mechanism,
        storage="tmpfs" if str(seal.folder.parent) == MEMORY_FOLDER else "directory",
        limits=(
            Limit(name="data_bytes_per_process", value=memory, how=seen.of_process("data", memory)),
            Limit(name="bytes_per_file", value=file, how=seen.of_process("file", file)),
            Limit(name="disk_bytes", value=file, how="watched"),
            *proved.limits,
        ),
        unproved=seen.unproved,
        node=node.name,
        hardware=f"{facts.hardware}, {facts.architecture}, {facts.memory_bytes // 1024**2} MiB",
    )

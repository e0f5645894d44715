"""Drills on what is no test node: each server of `servers.py` as the one node of a lab."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hostile.cases import Case, Rows
from hostile.escapes import Canaries
from hostile.servers import hostile_server, node_folder, short_limits

from restore_lab.evidence import Evidence
from restore_lab.findings import Code

#: Each server, and what it does to whoever takes it for a node.
SERVERS: Final = {
    "silent": "takes the connection and never says a word",
    "babbling": "says lines without end before its banner (slow-loris)",
    "dripping": "says its banner letter by letter, without end (slow-loris)",
    "greeting": "greets, and never agrees on keys",
    "auth": "never says whether our key is right",
    "channel": "lets us in, and never opens a channel",
    "exec": "opens a channel, and never takes a command",
    "started": "takes a command, and never says that it ended",
    "flood": "takes a command, and answers with zeros without end",
    "wrong-key": "has another host key than the node that was prepared",
}
_DAILY: Final = frozenset({"silent", "exec", "wrong-key"})
#: What the finding says of each; of the wrong key it must be another thing than of a node that is only away.
_AWAY: Final = "does not answer"
_STRANGER: Final = "has another host key than the one that was pinned"
#: Limits are a second or two: a drill that takes so long waited for more than one of them.
_MOST_SECONDS: Final = 60
_NODE: Final = Rows(engine="sqlite", prefix="node-", tool=("backup",))


def _standing_for_a_node(name: str) -> Callable[[Canaries, Path], Iterator[None]]:
    def surround(_set_out: Canaries, root: Path) -> Iterator[None]:
        with short_limits(), hostile_server(name) as server:
            node_folder(root, server)
            yield

    return surround


def _said(what: str) -> Callable[[Path, Evidence], Iterable[str]]:
    """Look for what the finding says of the node."""

    def look(_root: Path, evidence: Evidence) -> Iterable[str]:
        reasons = [dict(one.finding.params).get("reason") for one in evidence.findings]
        if f"the node pi {what}" not in {str(reason).partition(" (`")[0] for reason in reasons}:
            yield f"the finding gives other reasons: {reasons}"

    return look


CASES: Final[tuple[Case, ...]] = tuple(
    _NODE.unknown(
        name,
        f"the node {does}",
        "",
        Code.NO_MACHINE,
        machine="raspberry-pi",
        limits=', node = "pi"',
        surroundings=contextmanager(_standing_for_a_node(name)),
        looking=_said(_STRANGER if name == "wrong-key" else _AWAY),
        most_seconds=_MOST_SECONDS,
        daily=name in _DAILY,
    )
    for name, does in SERVERS.items()
)

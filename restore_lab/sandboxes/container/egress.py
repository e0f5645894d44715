"""Shows from inside that machines which share a loopback have no way out: connections are tried, and must fail at once.

Source: proc(5), `fib_trie` and `if_inet6`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from restore_lab.errors import MachineFailed
from restore_lab.sandboxes.base import Machine
from restore_lab.sandboxes.proof import PORT, WAYS_OUT

_TRY_SECONDS = 120.0
#: More addresses of a host tell nothing more.
_MOST = 24


def host_addresses() -> tuple[str, ...]:
    """Give the addresses of this host that a machine with any network could reach: no loopback, none of one link."""
    fourth = re.findall(r"\|-- (\S+)\n\s+/32 host LOCAL", _read("/proc/net/fib_trie"))
    sixth = [str(IPv6Address(int(line.split()[0], 16))) for line in _read("/proc/net/if_inet6").splitlines()]
    found = (address for address in dict.fromkeys((*fourth, *sixth)))
    return tuple(
        address for address in found if not (ip_address(address).is_loopback or ip_address(address).is_link_local)
    )[:_MOST]


def tried(machine: Machine, addresses: Sequence[str]) -> tuple[int, int]:
    """Try to reach each address from inside, by TCP and UDP; give how many tries there were, and how many were open.

    Raises:
        MachineFailed: the machine did not say.
    """
    argv = ("perl", "-e", WAYS_OUT, *(f"{address},{PORT}" for address in addresses))
    said = machine.run(argv, timeout_seconds=_TRY_SECONDS).stdout.decode("ascii", "replace")
    counted = re.match(r"tried ([0-9]+)\n", said)
    if counted is None or int(counted[1]) != 2 * len(addresses):
        raise MachineFailed("the machine did not say whether there is a way out of it")
    return int(counted[1]), said.count("\nopen ")


def _read(path: str) -> str:
    try:
        return Path(path).read_text("ascii")
    except OSError:
        return ""

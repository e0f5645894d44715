"""A prepared test node: how it is reached, and what it says of itself.

A node is a folder in the lab, `nodes/NAME`, that `restore-lab node prepare` writes: `node.toml`, the key of its one
account, and the one host key it may have. Sources: proc(5), systemd's cgroup documentation, deb-architecture(7).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from restore_lab.errors import MachineFailed
from restore_lab.sandboxes.local.seal import SYSTEM
from restore_lab.settings import NODE_FILE
from restore_lab.ssh.connection import Account
from restore_lab.ssh.link import Link

KEY_NAME, KNOWN_HOSTS_NAME = "key", "known_hosts"
#: What `node prepare` leaves on a node, and without which no drill runs there: a host nobody prepared is not one.
MARKER = "/etc/restore-lab-node"
#: Where a node keeps copies: in memory, else on its card.
MEMORY_FOLDER, CARD_FOLDER = "/dev/shm", "/var/tmp"  # noqa: S108 - folders in them are 0700 with unguessable names
_ASK_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One node: its account, whose machine it is (DESIGN rule: data stay where the practice authorised)."""

    name: str
    account: Account
    owner: str


def read_node(folder: Path) -> Node:
    """Read the folder of a node.

    Raises:
        MachineFailed: no node was prepared there, or its file cannot be read.
    """
    try:
        said = tomllib.loads((folder / NODE_FILE).read_text("utf-8"))
        account = Account(
            host=str(said["host"]),
            port=int(said["port"]),
            user=str(said["user"]),
            key=folder / KEY_NAME,
            known_hosts=folder / KNOWN_HOSTS_NAME,
        )
        return Node(name=folder.name, account=account, owner=str(said["owner"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MachineFailed(
            f"{folder} is not the folder of a prepared node", hint="run `restore-lab node prepare HOST`"
        ) from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What a node is and has; sizes in bytes, `epoch` its clock in seconds of Unix time.

    `uid` is its account's, `systemd` the version of that, 0 where there is none; `mechanisms` are those that worked;
    `swaps` is where its kernel may put what lies in memory, on a card for instance.
    """

    architecture: str
    hardware: str
    memory_bytes: int
    available_bytes: int
    memory_folder_bytes: int
    card_bytes: int
    epoch: int
    uid: int
    systemd: int
    throttled: str
    controllers: frozenset[str]
    mechanisms: frozenset[str]
    prepared: bool
    swaps: tuple[str, ...]
    system: tuple[tuple[str, str], ...]
    programs: frozenset[str]

    def has(self, program: str, folders: tuple[str, ...]) -> bool:
        """Whether one of these folders has the program; a whole path is looked for as it is."""
        return any(str(Path(folder, program)) in self.programs for folder in folders)

    @property
    def counts_memory(self) -> bool:
        """Whether its kernel can limit the memory of a group; the stock Raspberry Pi OS leaves that out."""
        return "memory" in self.controllers


#: Prints `key value` lines; every command in it is of an essential package of Debian, or asked for first.
_QUESTIONS = r"""
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
echo "architecture $(dpkg --print-architecture 2>/dev/null)"
echo "hardware $(tr -d '\000' 2>/dev/null </proc/device-tree/model || uname -m)"
awk '/^MemTotal:/ { print "memory", $2 } /^MemAvailable:/ { print "available", $2 }' /proc/meminfo
awk '/^SwapTotal:/ && $2 > 0 { exit 1 }' /proc/meminfo ||
  awk 'NR > 1 && $1 !~ /^\/dev\/zram/ { print "swap", $1 }' /proc/swaps # compressed memory is memory
echo "memory-folder $(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')"
echo "card $(df -Pk /var/tmp | awk 'NR == 2 { print $4 }')"
echo "epoch $(date +%s)"
echo "uid $(id -u)"
echo "systemd $(systemd-run --version 2>/dev/null | awk 'NR == 1 { print $2 }')"
echo "throttled $(vcgencmd get_throttled 2>/dev/null)"
controllers=$(cat /sys/fs/cgroup/cgroup.controllers 2>/dev/null) ||
  controllers=$(awk '$4 == 1 { print $1 }' /proc/cgroups | tr '\n' ' ')
echo "controllers $controllers"
XDG_RUNTIME_DIR=/run/user/$(id -u) timeout 10 \
  systemd-run --user --scope --quiet --collect --description=restore-lab true 2>/dev/null && echo mechanism systemd
command -v bwrap >/dev/null && echo mechanism bwrap
unshare --user --map-current-user --keep-caps --net --ipc --uts --pid --fork --kill-child --mount true 2>/dev/null \
  && echo mechanism unshare
[ -e "$1" ] && echo prepared yes
shift
for part; do
  if [ -L "$part" ]; then echo "system $part $(readlink "$part")"; elif [ -d "$part" ]; then echo "system $part"; fi
done
whole=$(python3 -I -c 'import json, sqlite3, zipfile; print("yes")' 2>/dev/null) # the minimal Python has none of them
for program in /usr/local/sbin/* /usr/local/bin/* /usr/sbin/* /usr/bin/* /usr/lib/postgresql/*/bin/*; do
  [ "$whole" ] || [ "$program" != /usr/bin/python3 ] || continue
  [ -x "$program" ] && echo "program $program"
done
echo end
"""


def ask(link: Link) -> Facts:
    """Ask a node what it is and has; touches nothing.

    Raises:
        MachineFailed: the link broke, or the answer makes no sense.
    """
    argv = ("/bin/sh", "-c", _QUESTIONS, "facts", MARKER, *SYSTEM)
    try:
        done = link.run(argv, timeout_seconds=_ASK_SECONDS)
        return _facts(done.stdout.decode("utf-8", "replace"))
    except (ValueError, KeyError, TimeoutError) as error:
        raise MachineFailed(f"{link.host} did not say what it is") from error


def _facts(said: str) -> Facts:
    lines = [line.partition(" ")[::2] for line in said.splitlines()]
    if ("end", "") not in lines:
        raise ValueError(said)
    one: Mapping[str, str] = dict(lines)
    return Facts(
        architecture=one["architecture"],
        hardware=one["hardware"],
        memory_bytes=int(one["memory"]) * 1024,
        available_bytes=int(one["available"]) * 1024,
        memory_folder_bytes=int(one["memory-folder"] or 0) * 1024,
        card_bytes=int(one["card"]) * 1024,
        epoch=int(one["epoch"]),
        uid=int(one["uid"]),
        systemd=int(one["systemd"] or 0),
        throttled=one["throttled"],
        controllers=frozenset(one["controllers"].split()),
        mechanisms=frozenset(value for key, value in lines if key == "mechanism"),
        prepared="prepared" in one,
        swaps=tuple(value for key, value in lines if key == "swap"),
        system=tuple(_link(value) for key, value in lines if key == "system"),
        programs=frozenset(value for key, value in lines if key == "program"),
    )


def _link(value: str) -> tuple[str, str]:
    part, _, target = value.partition(" ")
    return part, target

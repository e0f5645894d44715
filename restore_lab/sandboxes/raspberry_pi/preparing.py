"""What makes a Debian machine a test node, and what one that is not ready lacks.

Everything it changes: packages from the machine's own Debian mirror, one account without rights, whose systemd may run
while nobody is logged in (lingering), one marker, and one line that keeps Debian from making and starting a PostgreSQL
cluster of its own. Run twice, it changes nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from restore_lab.errors import MachineFailed
from restore_lab.sandboxes.local.machine import SYSTEM_FOLDERS
from restore_lab.sandboxes.raspberry_pi.node import MARKER, Facts
from restore_lab.ssh.link import Link

ACCOUNT: Final = "restore-lab"
_ARCHITECTURES: Final = ("armhf", "arm64", "amd64")
_LEAST_MEMORY_BYTES: Final = 700 * 1024**2
_LEAST_CARD_BYTES: Final = 2 * 1024**3
_MOST_CLOCK_SECONDS: Final = 120
_PREPARE_SECONDS: Final = 1800.0
#: What `vcgencmd get_throttled` says while nothing is wrong. Source: Raspberry Pi documentation, "get_throttled".
_NOT_THROTTLED: Final = ("", "throttled=0x0")

#: Arguments: account, its public key, marker. Prints `did WHAT` for each thing it changed.
_PREPARE: Final = r"""
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH DEBIAN_FRONTEND=noninteractive
account=$1 public=$2 marker=$3
if [ -e /etc/postgresql-common/createcluster.d/restore-lab.conf ]; then :; else
  mkdir -p /etc/postgresql-common/createcluster.d
  echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/restore-lab.conf
  echo 'did no-cluster'
fi
missing=
for package in bubblewrap python3 mariadb-server-core mariadb-client-core postgresql; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
if [ "$missing" ]; then
  apt-get update -qq >&2 || :
  apt-get install -y -qq --no-install-recommends $missing >&2
  echo "did packages$missing"
fi
if ! id "$account" >/dev/null 2>&1; then
  useradd --system --user-group --create-home --home-dir "/var/lib/$account" --shell /bin/sh "$account"
  usermod --password '*' "$account" # no password, but not locked: sshd without PAM refuses a locked account
  echo "did account $account"
fi
home=$(getent passwd "$account" | cut -d: -f6)
# by the account itself, whose folder this is: root would follow a link that lies there
runuser -u "$account" -- /bin/sh -c '
  set -eu
  umask 077
  line=$1 keys=$2/.ssh/authorized_keys # of every lab that uses this node
  if grep -qxF "$line" "$keys" 2>/dev/null; then exit 0; fi
  mkdir -p "$2/.ssh"
  if [ -s "$keys" ] && [ "$(tail -c 1 "$keys" | od -An -c | tr -d " ")" != "\n" ]; then echo >>"$keys"; fi
  printf "%s\n" "$line" >>"$keys"
  chmod 700 "$2/.ssh"
  chmod 600 "$keys"
  echo "did key"
' key "restrict $public" "$home"
if [ -d /run/systemd/system ] && ! [ -e "/var/lib/systemd/linger/$account" ]; then
  if loginctl enable-linger "$account" >&2; then
    echo 'did lingering'
    for each in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
      if [ -S "/run/user/$(id -u "$account")/systemd/private" ]; then break; fi
      sleep 0.5
    done
  fi
fi
if ! [ -e "$marker" ]; then
  echo 'prepared for restore tests; this machine may be given copies of a backup' >"$marker"
  echo "did marker $marker"
fi
echo prepared
"""


@dataclass(frozen=True, slots=True)
class Looked:
    """One thing that a node was asked for, and what to do where it is not `ok`."""

    state: Literal["ok", "warn", "no"]
    what: str
    remedy: str = ""


def prepare(link: Link, *, public_key: str, superuser: bool) -> tuple[str, ...]:
    """Make a machine a node, over a connection that may become root; give what was changed, nothing when all was there.

    Raises:
        MachineFailed: it may not become root, or a step failed.
    """
    become = () if superuser else ("sudo", "-n")
    argv = (*become, "/bin/sh", "-c", _PREPARE, "prepare", ACCOUNT, public_key, MARKER)
    try:
        done = link.run(argv, timeout_seconds=_PREPARE_SECONDS)
    except TimeoutError as error:
        raise MachineFailed(f"{link.host} was not prepared within {_PREPARE_SECONDS / 60:.0f} minutes") from error
    said = done.stdout.decode("utf-8", "replace").splitlines()
    if done.exit_code != 0 or "prepared" not in said:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise MachineFailed(
            f"{link.host} was not prepared: {last or f'exit {done.exit_code}'}",
            hint="the account needs sudo without a password, and the machine its Debian mirror",
        )
    return tuple(line.removeprefix("did ") for line in said if line.startswith("did "))


def look(facts: Facts, *, now: datetime) -> tuple[Looked, ...]:
    """Judge what a node said of itself."""
    return tuple(_looks(facts, now))


def unsuitable(facts: Facts, *, now: datetime) -> tuple[Looked, ...]:
    """Give what keeps a machine from becoming a node, whatever `prepare` installs; nothing where it may be prepared."""
    return tuple(one for one in _as_it_is(facts, now) if one.state == "no")


def _as_it_is(facts: Facts, now: datetime) -> Iterator[Looked]:
    known = facts.architecture in _ARCHITECTURES
    yield Looked("ok" if known else "no", f"architecture {facts.architecture or 'unknown'}", "install Debian 12 on it")
    mebibytes = facts.memory_bytes // 1024**2
    roomy = facts.memory_bytes >= _LEAST_MEMORY_BYTES
    yield Looked("ok" if roomy else "no", f"{mebibytes} MiB of memory", "a server and a copy need 1 GB")
    free = facts.card_bytes // 1024**2
    yield Looked("ok" if facts.card_bytes >= _LEAST_CARD_BYTES else "warn", f"{free} MiB free on the card", "make room")
    late = round(abs(facts.epoch - now.timestamp()))
    right = late <= _MOST_CLOCK_SECONDS
    yield Looked("ok" if right else "no", f"clock {late} s off", "set its clock: a Pi without a network has none")


def _looks(facts: Facts, now: datetime) -> Iterator[Looked]:
    yield from _as_it_is(facts, now)
    if facts.throttled not in _NOT_THROTTLED:
        yield Looked("warn", f"slowed down ({facts.throttled})", "a better power supply, or cooling")
    yield Looked(
        "ok" if facts.counts_memory else "warn",
        "memory is counted by the kernel" if facts.counts_memory else "memory is not counted by the kernel",
        "add `cgroup_enable=memory` to /boot/firmware/cmdline.txt; without it the drill watches",
    )
    if facts.swaps:
        yield Looked(
            "warn",
            f"swap on {', '.join(facts.swaps)}",
            "a copy may reach it: turn it off, have memory counted, or allow it (`allow_card = true`)",
        )
    whole = "systemd" in facts.mechanisms
    yield Looked(
        "ok" if whole else "warn",
        "systemd holds the whole of a restore" if whole else "systemd does not hold the whole of a restore",
        "`node prepare` lets the account's own systemd run; without it the drill watches",
    )
    held = ", ".join(sorted(facts.mechanisms - {"systemd"}))
    yield Looked("ok" if held else "no", f"held by {held or 'nothing'}", "`node prepare` installs bubblewrap")
    yield Looked("ok" if facts.prepared else "no", f"marker {MARKER}", "run `restore-lab node prepare`")
    for name, program, folders in _SERVERS:
        there = facts.has(program, folders)
        yield Looked("ok" if there else "warn", name, "`node prepare` installs it")


_POSTGRESQL_FOLDERS: Final = tuple(f"/usr/lib/postgresql/{series}/bin" for series in range(13, 19))
_SERVERS: Final = (
    ("MariaDB", "mariadbd", SYSTEM_FOLDERS),
    ("PostgreSQL", "postgres", _POSTGRESQL_FOLDERS),
    ("SQLite", "python3", SYSTEM_FOLDERS),
)

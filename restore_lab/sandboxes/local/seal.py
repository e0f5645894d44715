"""Two ways to hold a process on this host without a container engine, as command prefixes; starts nothing itself.

Both give the same view: system programs read-only, the machine's folder at `/machine`, private /tmp, /dev, /proc, no
network, no capability, a user that owns nothing else. Sources: bwrap(1), unshare(1), setpriv(1), prlimit(1).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

SCRATCH = "/machine"
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
#: What programs need to find their libraries, and nothing that says anything about this host.
_ETC = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/etc/locale.alias")
#: What a private /tmp may hold; it lies in memory, where nothing else bounds it.
_TMP_BYTES = 256 * 1024 * 1024
#: How many processes the user of a machine may have.
PROCESSES = 512
#: What setpriv needs to become the unprivileged user, and drops by doing so.
_PRIVILEGES_TO_DROP = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")


#: Whoever starts it being killed ends it too: a drill that died leaves no server. Another user forgets it, so it is
#: said on both sides of unshare (prctl(2), PR_SET_PDEATHSIG).
_DIES_WITH_US = ("/usr/bin/setpriv", "--pdeathsig", "KILL")


class Mechanism(StrEnum):
    """What holds a local machine."""

    BUBBLEWRAP = "bubblewrap"
    NAMESPACES = "namespaces"
    BARE = "bare process"


@dataclass(frozen=True, kw_only=True, slots=True)
class Seal:
    """How commands of one machine are wrapped.

    `folder` is the machine's folder on the host (holding `data`, `passwd`, `group`), `uid` who the commands run as,
    `visible` the further host folders they may read, `as_root` whether we hold root and must drop it, `system` the
    host's own folders of programs, each with what it is a link to or "".
    """

    mechanism: Mechanism
    folder: Path
    uid: int
    visible: tuple[str, ...]
    as_root: bool
    memory_bytes: int
    file_bytes: int
    system: tuple[tuple[str, str], ...]

    @property
    def scratch(self) -> str:
        """Where the commands see their writable folder."""
        return str(self.folder / "data") if self.mechanism is Mechanism.BARE else SCRATCH

    def wrap(self, argv: Sequence[str]) -> tuple[str, ...]:
        """Give the command that runs `argv` held."""
        held = (*self._limits(), *self._unprivileged(), "/usr/bin/env", f"--chdir={self.scratch}", *argv)
        match self.mechanism:
            case Mechanism.BUBBLEWRAP:
                return (*self._bubblewrap(), *held)
            case Mechanism.NAMESPACES:
                return (*self._namespaces(), *held)
            case Mechanism.BARE:
                return held

    def _limits(self) -> tuple[str, ...]:
        processes = (f"--nproc={PROCESSES}",) if self.as_root else ()
        return ("/usr/bin/prlimit", "--core=0", f"--data={self.memory_bytes}", f"--fsize={self.file_bytes}", *processes)

    def _unprivileged(self) -> tuple[str, ...]:
        if not self.as_root:
            return (*_DIES_WITH_US, "--no-new-privs", "--inh-caps=-all")
        identity = (f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups")
        return (*_DIES_WITH_US, *identity, "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")

    def _bubblewrap(self) -> tuple[str, ...]:
        words = ["bwrap", "--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent"]
        words += ["--unshare-cgroup-try", "--hostname", "restore-lab", "--cap-drop", "ALL"]
        if self.as_root:
            words += [word for capability in _PRIVILEGES_TO_DROP for word in ("--cap-add", capability)]
        for part, target in self.system:
            words += ["--symlink", target, part] if target else ["--ro-bind", part, part]
        words += ["--perms", "0755", "--dir", "/etc"]
        for part in _ETC:
            words += ["--ro-bind-try", part, part]
        words += ["--size", str(_TMP_BYTES), "--perms", "1777", "--tmpfs", "/tmp"]  # noqa: S108 - before what is shown, which may lie in it
        for part in self.visible:
            for parent in reversed(Path(part).parents[:-1]):
                words += ["--perms", "0755", "--dir", str(parent)]
            words += ["--ro-bind", part, part]
        words += ["--ro-bind", str(self.folder / "passwd"), "/etc/passwd"]
        words += ["--ro-bind", str(self.folder / "group"), "/etc/group"]
        words += ["--bind", str(self.folder / "data"), SCRATCH, "--proc", "/proc", "--dev", "/dev"]
        words += ["--remount-ro", "/", "--"]
        return tuple(words)

    def _namespaces(self) -> tuple[str, ...]:
        user = () if self.as_root else ("--user", "--map-current-user", "--keep-caps")
        apart = ("--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child", "--mount")
        return (
            *_DIES_WITH_US,
            *("/usr/bin/unshare", *user, *apart, "/bin/sh", "-c", _NEW_ROOT, "seal"),
            *(str(self.folder), *self.visible, "--"),
        )


def system_here() -> tuple[tuple[str, str], ...]:
    """Look which folders of programs this host has, and what they are links to."""
    there = (part for part in SYSTEM if Path(part).is_dir())
    return tuple((part, os.readlink(part) if Path(part).is_symlink() else "") for part in there)  # noqa: PTH115 - its text


#: Builds a root of its own in a fresh mount namespace and moves into it; the words after `--` are then run there.
_NEW_ROOT = r"""
set -eu
path=$PATH
PATH=/usr/sbin:/usr/bin:/sbin:/bin
folder=$1; shift
new=$folder/root
mount --make-rprivate /
mount -t tmpfs -o mode=0755 seal "$new"
cd "$new"
mkdir -p etc proc dev/shm tmp old machine
mount -t tmpfs -o mode=1777,size=256m tmp tmp
show() { mount --rbind "$1" ".$1"; mount -o remount,bind,ro ".$1" 2>/dev/null || :; }
for part in /usr /bin /sbin /lib /lib32 /lib64 /libx32; do
  if [ -L "$part" ]; then ln -s "$(readlink "$part")" ".$part"
  elif [ -d "$part" ]; then mkdir ".$part"; show "$part"; fi
done
for part in /etc/ld.so.cache /etc/alternatives /etc/localtime /etc/locale.alias; do
  if [ -e "$part" ]; then cp -RL "$part" ".$part" 2>/dev/null || :; fi
done
cp "$folder/passwd" "$folder/group" etc/
while [ "$1" != -- ]; do mkdir -p ".$1"; show "$1"; shift; done
shift
mount --bind "$folder/data" machine
mount -t proc proc proc
for node in null zero full random urandom; do : > "dev/$node"; mount --bind "/dev/$node" "dev/$node"; done
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777,size=256m shm dev/shm
pivot_root . old
cd /
umount -n -l /old
mount -o remount,ro / 2>/dev/null || :
PATH=$path
# Not exec: the first process of a namespace cannot be killed from within, and has orphans to bury.
"$@"
exit $?
"""

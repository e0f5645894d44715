"""A slice of the node account's own systemd, which holds all that runs in one machine: its limits, shown to bite.

Each command enters it as a transient scope of its own. Whether the kernel enforces what the slice was given differs
from node to node (a stock Raspberry Pi OS counts no memory, and systemd then says nothing), so it is tried: what must
be killed is killed under a small limit, and ends well under the real one. Sources: systemd-run(1),
systemd.resource-control(5), systemd.scope(5), the kernel's cgroup-v2 documentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from restore_lab.errors import MachineFailed
from restore_lab.evidence import Limit
from restore_lab.sandboxes.raspberry_pi.node import Facts
from restore_lab.ssh.link import Link

#: How many processes and threads a whole machine may have.
MOST_TASKS = 512
#: From here on systemd-run reads `$` in a command, or warns that it soon will, unless told not to.
_READS_DOLLARS = 254
_PROOF_SECONDS = 120.0

#: `slice_of FOLDER` gives a machine's slice by the word that ends the name of its folder; `units` asks the account's
#: own systemd, by its private socket: a bus of the user's is not on every node; `group_of` finds the slice's cgroup;
#: `stop FOLDER` ends the slice and all that runs in it, and is false while it is still there.
ASKING = r"""
export XDG_RUNTIME_DIR=/run/user/$(id -u)
slice_of() { slice=restorelab_${1##*-}.slice; }
units() { [ -S "$XDG_RUNTIME_DIR/systemd/private" ] && timeout 10 systemctl --user "$@" >/dev/null 2>&1; }
limit() { units set-property --runtime "$slice" "MemoryMax=$1" MemorySwapMax=0 "TasksMax=$2"; }
group_of() {
  group=
  for place in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
    place=$place/user.slice/user-$(id -u).slice/user@$(id -u).service/$slice
    [ -d "$place" ] && group=$place && return 0
  done
  return 1
}
stop() {
  slice_of "$1"
  for try in 1 2 3 4 5 6 7 8 9 10; do
    group_of || break
    [ "$try" -gt 3 ] || { units kill --signal=KILL "$slice"; units stop "$slice"; }
    sleep 0.1
  done
  rm -rf -- "$XDG_RUNTIME_DIR/systemd/user.control/$slice.d" 2>/dev/null
  ! group_of
}
"""

#: Arguments: folder, most bytes of memory, most tasks, options of systemd-run. Prints one word for each limit that
#: was seen to bite, then `asked`. Only essential packages of Debian are needed; a shell that cannot fork says no more.
_PROOF = (
    ASKING
    + r"""
slice_of "$1"; memory=$2 tasks=$3; shift 3
inside() { systemd-run --user --scope --quiet --collect --description=restore-lab --slice="$slice" "$@" 2>/dev/null; }
takes='echo began; head -c 64M /dev/zero | tail -c 64M >/dev/null; echo "ended $?"'
forks='echo began; all=; trap "kill \$all" EXIT
  for each in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do sleep 60 >/dev/null & all="$all $!"; done; echo forked'
lasts='echo began; sleep 30; echo lasted'
limit 16M 8
taken=$(inside "$@" /bin/sh -c "$takes")
forked=$(inside "$@" /bin/sh -c "$forks")
limit "$memory" "$tasks"
exec 3< <(inside -p RuntimeMaxSec=1 "$@" /bin/sh -c "$lasts") # meanwhile, what may be taken is
well=$(inside "$@" /bin/sh -c "$takes; $forks")
lasted=$(cat <&3)
group_of
[ "$well" = "$(printf 'began\nended 0\nbegan\nforked')" ] && [ "$group" ] && {
  case $taken in
    began | $'began\nended '[1-9]*)
      [ "$(cat "$group/memory.max")" = "$memory" ] && echo memory && [ "$(cat "$group/memory.swap.max")" = 0 ] &&
        echo swapless ;;
  esac
  [ "$forked" = began ] && [ "$(cat "$group/pids.max")" = "$tasks" ] && echo tasks
  [ "$lasted" = began ] && echo seconds
} 2>/dev/null
echo asked
"""
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """Which limits of a machine bite; `swapless` says that nothing of it can leave memory for a swap."""

    limits: tuple[Limit, ...]
    counts_memory: bool = False
    swapless: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """The slice of one machine: `folder` names it, `uid` and `version` are the account's and its systemd's.

    `memory_bytes` and `tasks` bound the whole; each command ends after `seconds`, whoever may have forgotten it.
    """

    folder: str
    uid: int
    version: int
    memory_bytes: int
    seconds: int
    tasks: int = MOST_TASKS

    @classmethod
    def of(cls, folder: Path, facts: Facts, *, memory_bytes: int, seconds: float) -> Slice:
        """Give the slice of a machine on a node that said so much of itself."""
        return cls(
            folder=str(folder),
            uid=facts.uid,
            version=facts.systemd,
            memory_bytes=memory_bytes,
            seconds=max(1, round(seconds)),
        )

    @property
    def name(self) -> str:
        """The name of the unit; `ASKING` has it in the shell's words."""
        return f"restorelab_{self.folder.rpartition('-')[2]}.slice"

    def wrap(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """Give the command that runs `argv` in the slice; nothing of it stands in the node's journal."""
        return (
            *("/usr/bin/env", f"XDG_RUNTIME_DIR=/run/user/{self.uid}"),
            *("systemd-run", "--user", "--scope", "--quiet", "--collect", "--description=restore-lab"),
            *(f"--slice={self.name}", "-p", f"RuntimeMaxSec={self.seconds}", *self._literally(), "--"),
            *("/usr/bin/env", "-u", "XDG_RUNTIME_DIR", "-u", "INVOCATION_ID", *argv),
        )

    def prove(self, link: Link) -> Proof:
        """Find by trying which limits the node's kernel enforces; the memory of the whole is said either way.

        Raises:
            MachineFailed: it was not tried to the end, so that the small limits may still be those in force.
        """
        argv = ("/bin/bash", "-c", _PROOF, "proof", self.folder, str(self.memory_bytes), str(self.tasks))
        try:
            done = link.run((*argv, *self._literally(), "--"), timeout_seconds=_PROOF_SECONDS)
        except TimeoutError as error:
            raise MachineFailed(f"{link.host} did not try its limits within {_PROOF_SECONDS:.0f} s") from error
        proved = set(done.stdout.decode("ascii", "replace").split())
        if "asked" not in proved:
            raise MachineFailed(f"{link.host} did not try its limits to the end")
        return Proof(
            limits=(
                Limit(
                    name="memory_bytes", value=self.memory_bytes, how="enforced" if "memory" in proved else "watched"
                ),
                *((Limit(name="processes", value=self.tasks, how="enforced"),) if "tasks" in proved else ()),
                *((Limit(name="seconds", value=self.seconds, how="enforced"),) if "seconds" in proved else ()),
            ),
            counts_memory="memory" in proved,
            swapless="swapless" in proved,
        )

    def _literally(self) -> tuple[str, ...]:
        return ("--expand-environment=no",) if self.version >= _READS_DOLLARS else ()

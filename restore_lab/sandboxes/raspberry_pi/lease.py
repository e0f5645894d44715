"""The lease of a machine on a node: whoever holds it must be heard from, else the copy is killed and wiped there.

Nothing on a node dies because its client did: sshd leaves what it started alone. So one shell on the node makes the
folder of a machine and its slice, ends what outgrows its limits, and removes all of it at a word, at the end of its
input, or after silence.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from restore_lab.errors import MachineFailed
from restore_lab.sandboxes.raspberry_pi.remains import WIPE_SECONDS, WIPING
from restore_lab.sandboxes.raspberry_pi.slice import MOST_TASKS
from restore_lab.ssh.link import Link, LinkLost, Running

#: Without a word for so long, a node takes its client for dead.
SILENCE_SECONDS = 40
_BEAT_SECONDS = 2.0
_ANSWER_SECONDS = 30.0

#: Arguments: folder, seconds of silence, most KiB on disk, most bytes of memory, most tasks, label. Memory is watched
#: until the slice's limit was shown to bite (`counts`); what a folder in memory holds is memory. Killed by the kernel
#: for want of it is what the slice then counts, and before what the node does: asked once a command `failed`. The
#: kernel's own count is not a container's: one that plays a node has its cgroup's.
_LEASE = (
    WIPING
    + r"""
umask 077
folder=$1 silence=$2 most_disk=$3 most_memory=$4 most_tasks=$5
trap '' PIPE
trap 'exit 1' HUP INT TERM
mkdir -- "$folder" 2>/dev/null || { echo refused; exit 73; }
trap 'wipe "$folder" >/dev/null' EXIT
printf '%s\n' "$6" >"$folder/label" && mkdir "$folder/data" && mkdir -m 755 "$folder/root" &&
printf 'restorelab:x:%s:%s::/machine:/bin/false\n' "$(id -u)" "$(id -g)" >"$folder/passwd" &&
printf 'restorelab:x:%s:\n' "$(id -g)" >"$folder/group" &&
sync -- "$folder/label" "$folder" "${folder%/*}" || { echo refused; exit 73; } # else a power cut leaves it empty
slice_of "$folder"
command -v systemd-run >/dev/null && limit "$most_memory" "$most_tasks" && units start "$slice" && group_of &&
  held=' slice'
echo "ready$held"

kills() { awk '/^oom_kill / { print $2 }' "$counter" 2>/dev/null; }
held_by_all() {
  cat /proc/[0-9]*/status 2>/dev/null |
    awk -v me="$(id -u)" '/^Uid:/ { mine = $2 == me } /^RssAnon:/ && mine { sum += $2 } END { print sum + 0 }'
}
look() {
  disk=$(du -sk "$folder/data" 2>/dev/null | cut -f1) memory=0
  if [ "$watched" ]; then
    memory=$(held_by_all)
    [ "${folder#/dev/shm/}" = "$folder" ] || memory=$((memory + ${disk:-0}))
  fi
  if [ "${disk:-0}" -gt "$most_disk" ]; then over=disk
  elif [ "$memory" -gt $((most_memory / 1024)) ]; then over=memory
  elif [ "$1" = failed ] || [ -z "$watched" ]; then
    now=$(kills)
    [ -z "$now" ] || [ "$now" = "$killed" ] || over=memory
  fi
  [ -z "$over" ] || quit "$folder"
}
counter=/proc/vmstat watched=yes over=
if [ -e /.dockerenv ] || [ -e /run/.containerenv ]; then
  counter=/sys/fs/cgroup/memory.events
  [ -e "$counter" ] || counter=/sys/fs/cgroup/memory/memory.oom_control
fi
killed=$(kills)
while IFS= read -r -t "$silence" word; do
  case $word in
    end) break ;;
    counts) counter=$group/memory.events watched= killed=$(kills) ;;
    *) [ "$over" ] || look "$word" ;;
  esac
  echo "${over:-held}"
done
trap - EXIT
wipe "$folder"
"""
)


@dataclass(kw_only=True, slots=True)
class Lease:
    """One lease; `exceeded` says which limit of the machine was passed (`disk`, `memory`), `lost` that it ended.

    `sliced` says that the node made a slice for the machine; whether its limits bite is another question.
    """

    link: Link
    sliced: bool = False
    exceeded: str = ""
    lost: bool = False
    _running: Running
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @classmethod
    def take(cls, link: Link, folder: str, *, disk_bytes: int, memory_bytes: int, label: str) -> Lease:
        """Have the node make the folder, and keep it alive from a thread.

        Raises:
            MachineFailed: it cannot be made there.
        """
        limits = (str(SILENCE_SECONDS), str(disk_bytes // 1024), str(memory_bytes), str(MOST_TASKS))
        running = link.begin(("/bin/bash", "-c", _LEASE, "lease", folder, *limits, label))
        said = running.hear(timeout_seconds=_ANSWER_SECONDS).split()
        if said[:1] != ["ready"]:
            running.close()
            raise MachineFailed(f"{link.host} could not make a folder for the machine")
        lease = cls(link=link, sliced="slice" in said, _running=running)
        lease._thread = threading.Thread(target=lease._beat, name="node-lease", daemon=True)
        lease._thread.start()
        return lease

    def count(self) -> None:
        """Have what the kernel kills in the slice counted from now on."""
        self._ask("counts")

    def look(self) -> None:
        """Have the node look at once, since a command has failed there; `exceeded` and `lost` then tell."""
        if not self._over.is_set():
            self._ask("failed")

    def end(self) -> bool:
        """Give the copy up; True when the node said that all is gone."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        if self.lost:
            return False
        try:
            self._running.say(b"end\n")
            return self._running.hear(timeout_seconds=WIPE_SECONDS) == "gone"
        except LinkLost:
            return False
        finally:
            self._running.close()

    def _beat(self) -> None:
        while not (self.lost or self._over.wait(_BEAT_SECONDS)):
            self._ask("beat")

    def _ask(self, word: str) -> None:
        with self._turn:
            if self.lost:
                return
            try:
                self._running.say(f"{word}\n".encode())
                said = self._running.hear(timeout_seconds=_ANSWER_SECONDS)
            except LinkLost:
                self.lost = True
                self.link.close()  # so that no command waits for an answer that will not come
                return
            if said in {"disk", "memory"}:
                self.exceeded = self.exceeded or said

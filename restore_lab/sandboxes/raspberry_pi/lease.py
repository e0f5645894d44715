"""The lease of a machine on a node: whoever holds it must be heard from, else the copy is killed and wiped there.

Nothing on a node dies because its client did: sshd leaves what it started alone. So one shell on the node makes the
folder of a machine, and removes it at a word, at the end of its input, or after silence.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from restore_lab.errors import MachineFailed
from restore_lab.ssh import Link, LinkLost, Running

#: Without a word for so long, a node takes its client for dead.
SILENCE_SECONDS = 40
_BEAT_SECONDS = 2.0
_ANSWER_SECONDS = 30.0
#: A folder of some hundred megabytes on a slow card.
_WIPE_SECONDS = 90.0

#: `end WORD` kills whatever has the word in its command line, but for itself and what it was called by; `wipe FOLDER`
#: ends what names the folder, which every command of the machine does, and removes it.
_WIPE = r"""
end() {
  mine=" $$ " at=$PPID
  while [ "${at:-0}" -gt 1 ]; do
    mine="$mine$at "
    at=$(awk '/^PPid:/ { print $2 }' "/proc/$at/status" 2>/dev/null)
  done
  for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    found=
    for entry in /proc/[0-9]*; do
      pid=${entry#/proc/}
      [[ "$mine" == *" $pid "* ]] && continue
      mapfile -d '' -t words 2>/dev/null <"$entry/cmdline" || continue
      if [[ "${words[*]}" == *"$1"* ]]; then kill -KILL "$pid" 2>/dev/null && found=yes; fi
    done
    [ "$found" ] || return 0
    sleep 0.1
  done
}
wipe() {
  end "$1"
  rm -rf -- "$1" 2>/dev/null
}
"""
#: Arguments: folder, seconds of silence, most KiB on disk, most KiB of memory, name of the account, label.
_LEASE = (
    _WIPE
    + r"""
umask 077
folder=$1 silence=$2 most_disk=$3 most_memory=$4
trap '' PIPE
trap 'exit 1' HUP INT TERM
mkdir -- "$folder" 2>/dev/null || { echo refused; exit 73; }
trap 'wipe "$folder"' EXIT
printf '%s\n' "$5" >"$folder/label" && mkdir "$folder/data" && mkdir -m 755 "$folder/root" &&
printf 'restorelab:x:%s:%s::/machine:/bin/false\n' "$(id -u)" "$(id -g)" >"$folder/passwd" &&
printf 'restorelab:x:%s:\n' "$(id -g)" >"$folder/group" || { echo refused; exit 73; }
echo ready
while IFS= read -r -t "$silence" word; do
  case $word in
    end) break ;;
    *)
      disk=$(du -sk "$folder/data" 2>/dev/null | cut -f1)
      memory=$(cat /proc/[0-9]*/status 2>/dev/null |
        awk -v me="$(id -u)" '/^Uid:/ { mine = $2 == me } /^RssAnon:/ && mine { sum += $2 } END { print sum + 0 }')
      if [ "${disk:-0}" -gt "$most_disk" ]; then echo disk
      elif [ "${memory:-0}" -gt "$most_memory" ]; then echo memory
      else echo held; fi ;;
  esac
done
trap - EXIT
wipe "$folder"
if [ -e "$folder" ]; then echo left; else echo gone; fi
"""
)
#: Arguments: folder. For what a lost lease may have left.
_REMOVE = _WIPE + '\nwipe "$1"\nif [ -e "$1" ]; then echo left; else echo gone; fi\n'


@dataclass(kw_only=True, slots=True)
class Lease:
    """One lease; `exceeded` says which limit of the machine was passed (`disk`, `memory`), `lost` that it ended."""

    link: Link
    exceeded: str = ""
    lost: bool = False
    _running: Running
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @classmethod
    def take(cls, link: Link, folder: str, *, disk_bytes: int, memory_bytes: int, label: str) -> Lease:
        """Have the node make the folder, and keep it alive from a thread.

        Raises:
            MachineFailed: it cannot be made there.
        """
        limits = (str(SILENCE_SECONDS), str(disk_bytes // 1024), str(memory_bytes // 1024))
        running = link.begin(("/bin/bash", "-c", _LEASE, "lease", folder, *limits, label))
        if running.hear(timeout_seconds=_ANSWER_SECONDS) != "ready":
            running.close()
            raise MachineFailed(f"{link.host} could not make a folder for the machine")
        lease = cls(link=link, _running=running)
        lease._thread = threading.Thread(target=lease._beat, name="node-lease", daemon=True)
        lease._thread.start()
        return lease

    def end(self) -> bool:
        """Give the copy up; True when the node said that the folder is gone."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        if self.lost:
            return False
        try:
            self._running.say(b"end\n")
            return self._running.hear(timeout_seconds=_WIPE_SECONDS) == "gone"
        except LinkLost:
            return False
        finally:
            self._running.close()

    def _beat(self) -> None:
        while not self._over.wait(_BEAT_SECONDS):
            try:
                self._running.say(b"beat\n")
                said = self._running.hear(timeout_seconds=_ANSWER_SECONDS)
            except LinkLost:
                self.lost = True
                self.link.close()  # so that no command waits for an answer that will not come
                return
            if said in {"disk", "memory"}:
                self.exceeded = self.exceeded or said


def remove(link: Link, folder: str) -> bool:
    """Kill and remove what a lost lease may have left; True when it was looked up and is gone.

    Raises:
        LinkLost: the connection broke.
    """
    argv = ("/bin/bash", "-c", _REMOVE, "remove", folder)
    try:
        return link.run(argv, timeout_seconds=_WIPE_SECONDS).stdout.strip() == b"gone"
    except TimeoutError:
        return False


def end(link: Link, word: str) -> None:
    """Kill what has the word in its command line.

    Raises:
        LinkLost: the connection broke.
    """
    with suppress(TimeoutError):
        link.run(("/bin/bash", "-c", f'{_WIPE}\nend "$1"', "end", word), timeout_seconds=_ANSWER_SECONDS)


#: Arguments: prefix of the folders, lab, now in seconds of Unix time. Prints one line for each that is dead.
_DEAD = r"""
for folder in /dev/shm/"$1"* /var/tmp/"$1"*; do
  [ -f "$folder/label" ] || continue
  read -r lab expires _ <"$folder/label"
  [ "$lab" = "$2" ] || continue
  alive=
  for entry in /proc/[0-9]*; do
    mapfile -d '' -t words 2>/dev/null <"$entry/cmdline" || continue
    if [ "${words[3]}" = lease ] && [ "${words[4]}" = "$folder" ]; then alive=yes; fi
  done
  if [ -z "$alive" ] || [ "$expires" -lt "$3" ]; then printf '%s\n' "$folder"; fi
done
"""


def dead(link: Link, *, prefix: str, lab_id: str, epoch: int) -> Sequence[str]:
    """Find the folders of this lab on a node whose lease has ended, or has expired.

    Raises:
        MachineFailed: the node did not say.
    """
    argv = ("/bin/bash", "-c", _DEAD, "dead", prefix, lab_id, str(epoch))
    try:
        done = link.run(argv, timeout_seconds=_ANSWER_SECONDS)
    except TimeoutError as error:
        raise MachineFailed(f"{link.host} did not say what is left on it") from error
    return done.stdout.decode("utf-8", "replace").splitlines()

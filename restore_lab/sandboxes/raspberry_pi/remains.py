"""What a machine leaves on a node: its slice, its processes, its folder; ended, wiped, and found by its label.

All of it is scripts for the node's own bash: they are run by the lease that dies, and by whoever comes after it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from restore_lab.errors import MachineFailed
from restore_lab.sandboxes.raspberry_pi.slice import ASKING
from restore_lab.ssh.link import Link

#: A folder of some hundred megabytes on a slow card.
WIPE_SECONDS = 120.0
_ANSWER_SECONDS = 30.0

#: `end WORD` kills whatever has the word in its command line, but for itself and what it was called by; `quit FOLDER`
#: ends all that runs in a machine: its slice, and what names the folder, which every command of the machine does;
#: `wipe FOLDER` removes the folder as well, and says whether all of it is gone: a slice that would not end keeps its
#: folder, without the copy, for a sweep to find.
WIPING = (
    ASKING
    + r"""
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
quit() {
  slice_of "$1"
  units kill --signal=KILL "$slice"
  end "$1"
}
wipe() {
  quit "$1"
  stop "$1"
  stopped=$?
  rm -rf -- "$1/data" 2>/dev/null # first: what is left of a removal cut short still has its label
  [ "$stopped" = 0 ] && rm -rf -- "$1" 2>/dev/null
  if [ -e "$1" ]; then echo left; else echo gone; fi
}
"""
)
#: Arguments: prefix of the folders, lab, now in seconds of Unix time. Prints `dead FOLDER` for what the lab left, and
#: `unlabelled FOLDER` for what nobody holds and whose label a power cut took. Without data it is no copy, or not yet:
#: `begun FOLDER`.
_DEAD = r"""
for folder in /dev/shm/"$1"* /var/tmp/"$1"*; do
  [ -d "$folder" ] || continue
  held= alive= # what has data has a lease, which goes after them: looked for in that order
  [ -d "$folder/data" ] && held=yes
  for entry in /proc/[0-9]*; do
    mapfile -d '' -t words 2>/dev/null <"$entry/cmdline" || continue
    if [ "${words[3]}" = lease ] && [ "${words[4]}" = "$folder" ]; then alive=yes; fi
  done
  if { read -r lab expires drill restore <"$folder/label"; } 2>/dev/null && [ "$restore" ] &&
    [[ $expires =~ ^[0-9]+$ ]]; then
    [ "$lab" = "$2" ] || continue
    if [ -z "$alive" ] || [ "$expires" -lt "$3" ]; then printf 'dead %s\n' "$folder"; fi
  elif [ -z "$alive" ] && [ -O "$folder" ] && ! [ -e "$folder/label.json" ]; then # else a local machine's
    if [ "$held" ] && [ -d "$folder/data" ]; then
      printf 'unlabelled %s\n' "$folder"
    elif [ -z "$held" ] && ! [ -e "$folder/data" ]; then
      printf 'begun %s\n' "$folder"
    fi
  fi
done
echo end
"""


def remove(link: Link, folder: str) -> bool:
    """Kill and remove what a lost lease may have left; True when it was looked up and is gone.

    Raises:
        LinkLost: the connection broke.
    """
    argv = ("/bin/bash", "-c", f'{WIPING}\nwipe "$1"', "remove", folder)
    try:
        return link.run(argv, timeout_seconds=WIPE_SECONDS).stdout.strip() == b"gone"
    except TimeoutError:
        return False


def end(link: Link, word: str) -> None:
    """Kill what has the word in its command line.

    Raises:
        LinkLost: the connection broke.
    """
    with suppress(TimeoutError):
        link.run(("/bin/bash", "-c", f'{WIPING}\nend "$1"', "end", word), timeout_seconds=_ANSWER_SECONDS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Remains:
    """Folders found on a node: this lab's `dead` ones; of any lab, those that no lease holds and that say no lab.

    Of these, the `begun` hold nothing yet: who makes one may live.
    """

    dead: tuple[str, ...]
    unlabelled: tuple[str, ...]
    begun: tuple[str, ...]


def remains(link: Link, *, prefix: str, lab_id: str, epoch: int) -> Remains:
    """Find the folders of this lab on a node whose lease has ended, or has expired, and those without a whole label.

    Raises:
        MachineFailed: the node did not say.
    """
    argv = ("/bin/bash", "-c", _DEAD, "dead", prefix, lab_id, str(epoch))
    try:
        done = link.run(argv, timeout_seconds=_ANSWER_SECONDS)
    except TimeoutError as error:
        raise MachineFailed(f"{link.host} did not say what is left on it") from error
    lines = [line.partition(" ")[::2] for line in done.stdout.decode("utf-8", "replace").splitlines()]
    if done.exit_code != 0 or ("end", "") not in lines:
        raise MachineFailed(f"{link.host} did not say what is left on it")
    dead, unlabelled, begun = (
        tuple(folder for what, folder in lines if what == kind) for kind in ("dead", "unlabelled", "begun")
    )
    return Remains(dead=dead, unlabelled=unlabelled, begun=begun)

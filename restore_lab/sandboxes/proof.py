"""Ask a machine, from inside, what holds it, by acting: a connection, a file outside, memory past its limit.

Needed are /bin/sh, coreutils and, for connections, perl, which every Debian has: without it nothing is claimed of them.
Sources: RFC 5737 and RFC 3849 (addresses kept for documentation), proc(5), getrlimit(2).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from restore_lab.errors import MachineFailed
from restore_lab.evidence import Isolation
from restore_lab.process import Completed

#: Takes "address,port" as arguments; prints `tried N`, and `open ADDRESS` for each way that may lead out.
WAYS_OUT: Final = Path(__file__).with_name("ways_out.pl").read_text("utf-8")
#: Nobody's addresses: where there is no way to them, there is none to anybody's.
DOCUMENTATION: Final = ("198.51.100.1", "203.0.113.1", "2001:db8::1")
#: A port that a name server would answer at.
PORT: Final = 53
_TRIED: Final = (DOCUMENTATION[0], DOCUMENTATION[2])
#: How much more than it may a process asks for: more than any rounding, less than a host would miss.
_PAST_BYTES: Final = 16 * 1024 * 1024

#: Prints one word a line for each door that is open, and `name=value` for what the kernel says of limits.
QUESTION = r"""
marker=$1 ways_out=$2 data=$3 further=$4; shift 4
for interface in $(sed -n 's/^ *\([^ :]*\):.*/\1/p' /proc/net/dev); do
  [ "$interface" = lo ] || echo network
done
case "$(perl -e "$ways_out" "$@" 2>/dev/null)" in
  *open*) echo network ;;
  "tried TRIES") echo ways-out-tried ;;
esac
[ "$(id -u)" = 0 ] && echo superuser
grep -q '^CapEff:[[:space:]]*0*$' /proc/self/status || echo capabilities
( : > /restore-lab-proof ) 2>/dev/null && { echo root-writable; rm -f /restore-lab-proof; }
{ [ -e "$marker" ] || head -c 1 "$marker" >/dev/null 2>&1; } && echo host-files
for limit in data:data file:file processes:processes; do
  sed -n "s/^Max ${limit#*:}[a-z ]* *[^ ]* *\([0-9][0-9]*\) .*/${limit%:*}=\1/p" /proc/self/limits
done
if [ "$data" ]; then
  echo memory-asked
  asked() { dd if=/dev/null of=/dev/null bs="$1" count=1 2>/dev/null; }
  asked $((data / 2)) && if asked $((data + PAST)); then echo memory-granted; else echo memory-refused; fi
fi
eval "$further"
echo asked
""".replace("PAST", str(_PAST_BYTES)).replace("TRIES", str(1 + 2 * len(_TRIED)))


#: What is open beside a network and privileges; a machine's further questions answer by the same words.
_DOORS: Final = frozenset({"capabilities", "root-writable", "host-files", "new-privileges", "system-calls"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What was seen from inside a machine; `unproved` names what could not be tried.

    `readings` are what the kernel says of limits, by name; `words` all that was answered.
    """

    isolation: Isolation
    unproved: tuple[str, ...]
    readings: Mapping[str, int]
    words: frozenset[str]

    def of_process(self, name: Literal["data", "file", "processes"], most: int) -> Literal["enforced", "not enforced"]:
        """Grade a limit of each process: set, and not seen to give more than it may."""
        is_set = self.readings.get(name, most + 1) <= most
        gave_way = name == "data" and "memory-granted" in self.words
        return "enforced" if is_set and not gave_way else "not enforced"


def argv(marker: str, *, port: int = PORT, data_bytes: int | None = None, further: str = "") -> tuple[str, ...]:
    """Command that asks the question; `marker` is a path that exists on the host and must not be seen.

    `port` is one of the host's loopback at which somebody listens, `data_bytes` what a process may hold at most: more
    is then asked for. `further` is put to the machine's shell besides.
    """
    targets = (f"loopback,{port}", *(f"{address},{PORT}" for address in _TRIED))
    return ("/bin/sh", "-c", QUESTION, "proof", marker, WAYS_OUT, str(data_bytes or ""), further, *targets)


def isolation(answer: Completed) -> Isolation:
    """Read the answer: no open door is `sealed`, an open network or superuser is `none`.

    Where connections could not be tried, no more than `partial` may be claimed.

    Raises:
        MachineFailed: the question was not answered to its end, so nothing may be claimed.
    """
    return read(answer).isolation


def read(answer: Completed) -> Seen:
    """Read all of the answer; see `isolation`."""
    words = frozenset(answer.stdout.decode("ascii", "replace").split())
    if "asked" not in words:
        raise MachineFailed(
            f"the machine did not answer what holds it (exit {answer.exit_code})",
            hint="`restore-lab doctor` says what this host lacks",
        )
    pairs = (word.partition("=")[::2] for word in words if "=" in word)
    return Seen(
        isolation=_grade(words),
        unproved=tuple(_unproved(words)),
        readings={name: int(value) for name, value in pairs if value.isdecimal()},
        words=words,
    )


def look(
    run: Callable[[tuple[str, ...]], Completed], marker: str, *, data_bytes: int | None = None, further: str = ""
) -> Seen:
    """Ask through `run`, with somebody listening on this host's loopback, who must hear nothing; see `argv`."""
    with _listener() as listener:
        port = listener.getsockname()[1]
        seen = read(run(argv(marker, port=port, data_bytes=data_bytes, further=further)))
        with suppress(BlockingIOError):
            listener.accept()[0].close()
            return replace(seen, isolation=Isolation.NONE)
    return seen


@contextmanager
def _listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def _unproved(words: frozenset[str]) -> Iterator[str]:
    if not {"ways-out-tried", "network"} & words:
        yield "network"
    if "memory-asked" in words and not {"memory-refused", "memory-granted"} & words:
        yield "memory"


def _grade(words: frozenset[str]) -> Isolation:
    if words & {"network", "superuser"}:
        return Isolation.NONE
    tried = "ways-out-tried" in words
    return Isolation.SEALED if tried and not words & _DOORS else Isolation.PARTIAL

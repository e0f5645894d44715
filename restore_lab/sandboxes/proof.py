"""Ask a machine, from inside, what holds it: what it can reach decides what may be claimed."""

from __future__ import annotations

from restore_lab.errors import MachineFailed
from restore_lab.evidence import Isolation
from restore_lab.process import Completed

#: Prints one word a line for each door that is open. Only /bin/sh and coreutils are needed.
QUESTION = r"""
for interface in $(sed -n 's/^ *\([^ :]*\):.*/\1/p' /proc/net/dev); do
  [ "$interface" = lo ] || echo network
done
[ "$(id -u)" = 0 ] && echo superuser
grep -q '^CapEff:[[:space:]]*0*$' /proc/self/status || echo capabilities
( : > /restore-lab-proof ) 2>/dev/null && echo root-writable
[ -e "$1" ] && echo host-files
echo asked
"""


def argv(marker: str) -> tuple[str, ...]:
    """Command that asks the question; `marker` is a path that exists on the host and must not be seen."""
    return ("/bin/sh", "-c", QUESTION, "proof", marker)


def isolation(answer: Completed) -> Isolation:
    """Read the answer: no open door is `sealed`, an open network or superuser is `none`.

    Raises:
        MachineFailed: the question was not answered to its end, so nothing may be claimed.
    """
    words = set(answer.stdout.decode("ascii", "replace").split())
    if "asked" not in words:
        raise MachineFailed(
            f"the machine did not answer what holds it (exit {answer.exit_code})",
            hint="`restore-lab doctor` says what this host lacks",
        )
    if words & {"network", "superuser"}:
        return Isolation.NONE
    return Isolation.PARTIAL if words - {"asked"} else Isolation.SEALED

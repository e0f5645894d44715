"""What holds the processes of one machine on a node: a slice where the node's systemd lends one, a view in any case.

Which of the ways works is found by trying, the best first; a handle carries it to another process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from restore_lab.errors import MachineFailed
from restore_lab.sandboxes.local.machine import SYSTEM_FOLDERS
from restore_lab.sandboxes.local.seal import Mechanism, Seal
from restore_lab.sandboxes.raspberry_pi.slice import Slice
from restore_lab.ssh.link import Link

_TRIAL_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """A view (`seal`) that a command gets, inside of a `slice` or, where there is none, as a process like any other."""

    seal: Seal
    slice: Slice | None = None

    @property
    def mechanism(self) -> str:
        """The name that evidence has for it."""
        view = self.seal.mechanism.value
        return f"systemd, {view}" if self.slice is not None else view

    def wrap(self, argv: Sequence[str]) -> tuple[str, ...]:
        """Give the command that runs `argv` held."""
        seen = self.seal.wrap(argv)
        return self.slice.wrap(seen) if self.slice is not None else seen

    def written(self) -> dict[str, Any]:
        """Give what `read` makes this of again, for JSON."""
        return {
            "seal": asdict(self.seal) | {"folder": str(self.seal.folder)},
            "slice": asdict(self.slice) if self.slice is not None else None,
        }


def read(written: Mapping[str, Any]) -> Hold:
    """Make a hold of what was written."""
    said = written["seal"]
    told = {
        "mechanism": Mechanism(said["mechanism"]),
        "folder": Path(said["folder"]),
        "visible": tuple(said["visible"]),
        "system": tuple((part, target) for part, target in said["system"]),
    }
    group = written["slice"]
    return Hold(seal=Seal(**{**said, **told}), slice=Slice(**group) if group is not None else None)


def find(link: Link, seal: Seal, offered: Sequence[Slice], *, unsafe_bare_process: bool) -> Hold:
    """Find by trying what holds a process on a node; the first that works. A bare process only when it is allowed.

    Raises:
        MachineFailed: nothing does.
    """
    views = tuple(replace(seal, mechanism=one) for one in (Mechanism.BUBBLEWRAP, Mechanism.NAMESPACES))
    ways = [Hold(seal=view, slice=one) for one in offered for view in views]
    ways += [Hold(seal=view) for view in views]
    if unsafe_bare_process:
        ways.append(Hold(seal=replace(seal, mechanism=Mechanism.BARE)))
    environment = ("/usr/bin/env", "-i", f"PATH={':'.join(SYSTEM_FOLDERS)}")
    for way in ways:
        try:
            done = link.run((*environment, *way.wrap(("/bin/true",))), timeout_seconds=_TRIAL_SECONDS)
        except TimeoutError:
            continue
        if done.exit_code == 0:
            return way
    raise MachineFailed(
        f"nothing on the node {link.host} can hold a restore: bubblewrap and user namespaces both failed",
        hint="run `restore-lab node check` for it",
    )

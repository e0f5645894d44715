"""The label of a copy on a node is on its disk before the copy begins: else a power cut leaves a folder of nobody's.

The command that a lease sends to its node is run here, by the shell it is sent to, with a `sync` that tells.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from restore_lab.errors import MachineFailed
from restore_lab.sandboxes.raspberry_pi.lease import Lease
from restore_lab.ssh.link import Link

LABEL = "lab 1999999999 drill main"
#: Tells that it was called before anything else is said, and what it found where; then ends as it is told to.
SYNC = """#!/bin/sh
echo synced
for one; do echo "$one"; done >"$TOLD"
cat "$2" >>"$TOLD"
exit "$SYNCED"
"""


@dataclass(kw_only=True)
class Recording:
    """A link that only notes what is begun over it."""

    host: str = "node"
    begun: list[tuple[str, ...]] = field(default_factory=list)

    def begin(self, argv: Sequence[str]) -> None:
        self.begun.append(tuple(argv))
        raise MachineFailed("there is no node")


def sent(folder: Path) -> tuple[str, ...]:
    """What a lease of that folder sends."""
    link = Recording()
    with pytest.raises(MachineFailed):
        Lease.take(cast("Link", link), str(folder), disk_bytes=2**20, memory_bytes=2**30, label=LABEL)
    (argv,) = link.begun
    return argv


def taken(tmp_path: Path, folder: Path, *, synced: int) -> tuple[int, list[str], list[str]]:
    """Take and end the lease: how its shell ended, what it said, what `sync` was given."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (("sync", SYNC), ("systemctl", "#!/bin/sh\nexit 1\n")):
        (programs / name).write_text(text, "ascii")
        (programs / name).chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "TOLD": str(tmp_path / "told"), "SYNCED": str(synced)}
    done = subprocess.run(sent(folder), input=b"end\n", capture_output=True, timeout=60, check=False, env=environment)
    return done.returncode, done.stdout.decode().splitlines(), (tmp_path / "told").read_text("ascii").splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / f"restore-lab-drill-main-{secrets.token_hex(8)}"


def test_the_label_and_its_folder_are_on_the_disk_before_the_copy_may_begin(tmp_path: Path, folder: Path) -> None:
    code, said, given = taken(tmp_path, folder, synced=0)

    assert (code, said) == (0, ["synced", "ready", "gone"])
    assert given == ["--", str(folder / "label"), str(folder), str(folder.parent), LABEL]
    assert not folder.exists()


def test_no_copy_begins_where_the_label_does_not_reach_the_disk(tmp_path: Path, folder: Path) -> None:
    code, said, _ = taken(tmp_path, folder, synced=1)

    assert (code, said) == (73, ["synced", "refused"])
    assert not folder.exists()

"""A local machine of a user who is nobody in particular: without root, and without bubblewrap."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from needs import program

from restore_lab.sandboxes.local.seal import Mechanism, Seal, system_here

NOBODY = 65534
#: What the drill itself asks of a held process: who it is, which interfaces it sees, what lies in its root.
ASKED = ("/bin/sh", "-c", "id -u; ls /sys/class/net 2>/dev/null; ls /; ls -A /old 2>/dev/null; touch written && ls")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A machine's folder of the user's own, outside of pytest's, which only root may enter."""
    path = Path(tempfile.mkdtemp(prefix="restore-lab-test-"))
    for name in ("data", "root"):
        (path / name).mkdir()
    for name in ("passwd", "group"):
        (path / name).touch()
    for part in (path, *path.iterdir()):
        os.chown(part, NOBODY, NOBODY)
    yield path
    shutil.rmtree(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root; as a user every other test does this")
@pytest.mark.parametrize("mechanism", [Mechanism.NAMESPACES, Mechanism.BUBBLEWRAP])
def test_a_user_without_root_gets_a_sealed_machine(folder: Path, mechanism: Mechanism) -> None:
    if mechanism is Mechanism.BUBBLEWRAP:
        program("bwrap")
    seal = Seal(
        mechanism=mechanism,
        folder=folder,
        uid=NOBODY,
        visible=(),
        as_root=False,
        memory_bytes=2**30,
        file_bytes=2**30,
        system=system_here(),
    )
    become = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")

    done = subprocess.run(
        [*become, *seal.wrap(ASKED)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd="/",
        env={"PATH": os.environ["PATH"]},
    )

    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.split()
    assert said[0] == str(NOBODY)
    assert "machine" in said
    assert not {"home", "root", "var", "srv"} & set(said)
    assert (folder / "data" / "written").stat().st_uid == NOBODY

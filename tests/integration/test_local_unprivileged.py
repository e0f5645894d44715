"""A local machine of a user who is nobody in particular: without root, and without bubblewrap."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import open_doors
import pytest
from needs import program

from restore_lab.sandboxes.base import Need, Server
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


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root; as a user every other test does this")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # threads about do not matter to it
@pytest.mark.parametrize("mechanism", [Mechanism.NAMESPACES, Mechanism.BUBBLEWRAP])
def test_limits_that_nobody_holds_are_graded_so(mechanism: Mechanism) -> None:
    """Only root can tell a machine's processes from others, and limit how many a user has."""
    if mechanism is Mechanism.BUBBLEWRAP and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not on this host")

    seen = as_nobody(lambda: graded(mechanism))

    assert seen == {
        "isolation": "sealed",
        "data_bytes_per_process": "enforced",
        "bytes_per_file": "enforced",
        "disk_bytes": "watched",
        "processes": "not enforced",
        "memory_bytes": "not enforced",
    }


def graded(mechanism: Mechanism) -> dict[str, str]:
    need = Need(
        lab_id=f"nobody-{os.getpid()}",
        drill_id="drill",
        restore_id="main",
        server=Server(engine="any", series="1", own_series=True, image="", folders=(), programs=()),
        backup_bytes=1024,
        memory_bytes=2**28,
        expires_at=datetime.now(UTC) + timedelta(minutes=5),
    )
    with open_doors.local(need, mechanism) as machine:
        conditions = machine.conditions
    assert all(each.gone for each in machine.removals())
    return {"isolation": conditions.isolation, **{limit.name: limit.how for limit in conditions.limits}}


def as_nobody(asked: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Ask in a child that has become another user: Python itself may lie where that user cannot read it."""
    asked()  # all that it imports is there afterwards
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            os.write(theirs, json.dumps(asked()).encode())
        except BaseException as error:  # noqa: BLE001 - there is nobody else to say it
            os.write(theirs, json.dumps({"error": repr(error)}).encode())
        finally:
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as answer:
        said = answer.read()
    os.waitpid(child, 0)
    found: dict[str, str] = json.loads(said)
    return found

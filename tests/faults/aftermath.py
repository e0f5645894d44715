"""What a drill that something died under leaves: entries of its register, folders, containers, volumes, processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from needs import absent

from restore_lab.errors import ExitCode
from restore_lab.evidence import Evidence
from restore_lab.history import registered_evidence
from restore_lab.lab import lab_id_of
from restore_lab.register import Entry, EntryType, Register
from restore_lab.signature.keys import load_certificate

COMMAND: Final = Path(sys.executable).with_name("restore-lab")
_MACHINES: Final = (Path("/dev/shm"), Path("/var/tmp"))  # noqa: S108 - where local machines live


def rest(backup: Path) -> None:
    """Let a backup look as if it had been written half an hour ago."""
    past = time.time() - 1800
    os.utime(backup, (past, past))


def temporary_of(lab: Path) -> Path:
    """Where a command leaves what it may forget: beside the lab."""
    folder = lab.parent / "tmp"
    folder.mkdir(exist_ok=True)
    return folder


def command(lab: Path, *words: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the real command; files it may forget lie beside the lab."""
    return subprocess.run(
        [str(COMMAND), "--lab", str(lab), *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "TMPDIR": str(temporary_of(lab)), **(environment or {})},
    )


def register_of(lab: Path) -> Register:
    certificate = load_certificate((lab / "keys" / "signing-cert.pem").read_bytes())
    return Register(folder=lab / "reports", certificate=certificate)


def entries(lab: Path) -> list[Entry]:
    """The register's entries, which verifies; nothing of it is damaged, missing or half-written."""
    checked = register_of(lab).verify()
    assert checked.faults == ()
    return list(checked.entries)


def closed(lab: Path) -> list[tuple[object, object]]:
    """Verdict and reasons of every closed drill, in the order of their opening; none may be open."""
    seen = entries(lab)
    ended = {one.fields["drill"]: one for one in seen if one.kind is EntryType.CLOSED}
    opened = [one.fields["drill"] for one in seen if one.kind is EntryType.OPENED]
    assert sorted(ended) == sorted(opened)
    return [(ended[one].fields["verdict"], ended[one].fields["reasons"]) for one in opened]


def evidence_of(lab: Path) -> list[Evidence]:
    """The evidence of every closed drill that has some, in the order of their ends."""
    register = register_of(lab)
    read = (registered_evidence(register, one) for one in entries(lab) if one.kind is EntryType.CLOSED)
    return [one for one in read if one is not None]


def left_by_kind(lab: Path) -> dict[str, list[str]]:
    """Folders, containers and volumes of a lab on this host, and files it forgot; looked up without our own code."""
    lab_id = lab_id_of(lab)
    labels = (path for parent in _MACHINES for path in parent.glob("restore-lab-*/label.json"))
    found = {
        "folder": [str(path.parent) for path in labels if _lab_of(path) == lab_id],
        "file": [str(path) for path in (lab.parent / "tmp").glob("*")],
    }
    if shutil.which("docker") is not None:
        mine = ["--quiet", "--filter", f"label=restore-lab.lab={lab_id}"]
        for kind, words in (("container", ["docker", "ps", "--all"]), ("volume", ["docker", "volume", "ls"])):
            done = subprocess.run([*words, *mine], capture_output=True, text=True, check=False)
            found[kind] = done.stdout.split()
    return found


def _lab_of(label: Path) -> str | None:
    """Whose a folder is; None when it has gone meanwhile, with its own lab's drill."""
    try:
        return str(json.loads(label.read_text("utf-8"))["lab"])
    except (OSError, ValueError):
        return None


def left(lab: Path) -> list[str]:
    """All of that in one list."""
    return [name for names in left_by_kind(lab).values() for name in names]


def assert_swept(lab: Path) -> None:
    """Sweep; nothing is left then, and a second sweep has nothing to do."""
    swept = command(lab, "sweep")
    assert (swept.returncode, swept.stderr) == (ExitCode.PASSED, "")
    assert left(lab) == []
    assert entries(lab)


def processes_of(drill_id: str) -> list[str]:
    """Command lines of this host in which a drill is named."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_bytes()
            if drill_id.encode() in words:
                found.append(words.decode("utf-8", "replace"))
    return found


def wait_until(what: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


@contextmanager
def mounted(device: str, at: Path, *options: str) -> Iterator[None]:
    """Mount for as long as the block lasts; only root can."""
    done = subprocess.run(["mount", *options, device, str(at)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        absent(f"nothing can be mounted here: {done.stderr.strip() or 'not root'}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True, capture_output=True)


def fill(folder: Path) -> Path:
    """Leave no byte of room on a folder's disk; what fills it."""
    filling = folder / "filling"
    with filling.open("ab", buffering=0) as stream, suppress(OSError):
        while stream.write(bytes(4096)):
            pass
    return filling

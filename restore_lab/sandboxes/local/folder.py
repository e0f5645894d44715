"""The folder of a local machine: where it lies, what it is labelled with, when it belongs to the dead, its removal."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from restore_lab import process
from restore_lab.evidence import Removal
from restore_lab.sandboxes.base import Need
from restore_lab.sandboxes.local.seal import Seal

PREFIX = "restore-lab-"
MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - the machine's folder in it is made 0700 with an unguessable name
DISK_FOLDER = Path("/var/tmp")  # noqa: S108 - as above
_LABEL = "label.json"
#: What a machine takes beside the copy itself.
DISK_MARGIN_BYTES = 512 * 1024 * 1024
#: How long a folder beside a machine may be of use.
_FOLDER_LIFE = timedelta(hours=12)


def fits_memory(backup_bytes: int) -> bool:
    """Three times the dump in half of the memory that is free."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
        room = shutil.disk_usage(MEMORY_FOLDER).free
    except (OSError, StopIteration, ValueError):
        return False
    return 3 * backup_bytes + DISK_MARGIN_BYTES <= min(available // 2, room)


@contextmanager
def labelled_folder(lab_id: str, *, purpose: str) -> Iterator[Path]:
    """Lend a folder, in memory where there is one, that holds no machine; one that outlives us is swept as one."""
    parent = MEMORY_FOLDER if os.access(MEMORY_FOLDER, os.W_OK) else DISK_FOLDER
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{purpose}-", dir=parent) as name:
        expires_at = (datetime.now(UTC) + _FOLDER_LIFE).isoformat()
        label = {"lab": lab_id, "expires_at": expires_at, **_ours()}
        (Path(name) / _LABEL).write_text(json.dumps(label), "utf-8")
        yield Path(name)


def _ours() -> dict[str, object]:
    return {"pid": os.getpid(), "pid_started": process.started(os.getpid())}


def label_of(need: Need, seal: Seal, path: str) -> dict[str, object]:
    """Give what the folder says of itself: whose it is, until when, and how commands in it are held."""
    return {
        "lab": need.lab_id,
        "drill": need.drill_id,
        "restore": need.restore_id,
        "expires_at": need.expires_at.isoformat(),
        **_ours(),
        "mechanism": seal.mechanism.value,
        "uid": seal.uid,
        "visible": list(seal.visible),
        "memory_bytes": seal.memory_bytes,
        "file_bytes": seal.file_bytes,
        "path": path,
    }


def is_dead(folder: Path, *, now: datetime, lab_id: str) -> bool:
    """Tell whether a folder is of this lab, and its drill is expired or its process gone."""
    try:
        label = json.loads((folder / _LABEL).read_text("utf-8"))
        expired = datetime.fromisoformat(label["expires_at"]) < now
        alive = process.started(label["pid"]) == label["pid_started"] != ""
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return label["lab"] == lab_id and (expired or not alive)


def remove_folder(folder: Path, *, found_at: datetime) -> Removal:
    """Remove a folder and look it up again; however deep a backup nested its folders, and whatever it forbade.

    Its label goes last: what cannot be removed now is found again by the next sweep.
    """
    _remove_flat(folder)
    with suppress(OSError):
        if {path.name for path in folder.iterdir()} <= {_LABEL}:
            shutil.rmtree(folder, ignore_errors=True)
    return Removal(
        kind="folder",
        name=folder.name,
        created_at=found_at,
        removed_at=datetime.now(UTC),
        gone=not os.path.lexists(folder),
    )


def _remove_flat(folder: Path) -> None:
    """Empty a folder, every folder within it moved to the top first: there is no depth that `rmtree` can take.

    No link is followed. What cannot be removed stays, for whoever looks it up.
    """
    waiting = [folder]
    for number in count():
        if not waiting:
            return
        one = waiting.pop()
        with suppress(OSError):
            one.chmod(0o700)
            for place, entry in enumerate(list(os.scandir(one))):
                with suppress(OSError):
                    if one == folder and entry.name == _LABEL:
                        continue
                    if not entry.is_dir(follow_symlinks=False):
                        os.unlink(entry.path)  # noqa: PTH108 - not the target of a link
                        continue
                    moved = folder / f"{PREFIX}removed-{number}-{place}"
                    os.chmod(entry.path, 0o700)  # noqa: PTH101 - else it cannot be moved by who is not root
                    os.rename(entry.path, moved)  # noqa: PTH104 - as above
                    waiting.append(moved)
        if one != folder:
            with suppress(OSError):
                one.rmdir()

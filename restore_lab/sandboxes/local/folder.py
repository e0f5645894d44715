"""The folder of a local machine: where it lies, what it is labelled with, when it belongs to the dead, its removal."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from restore_lab import process
from restore_lab.durable import replace_durably, sync_folder
from restore_lab.errors import MachineFailed
from restore_lab.evidence import Removal
from restore_lab.sandboxes.base import Need
from restore_lab.sandboxes.local.seal import Seal

PREFIX = "restore-lab-"
MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - the machine's folder in it is made 0700 with an unguessable name
DISK_FOLDER = Path("/var/tmp")  # noqa: S108 - as above
_LABEL = "label.json"
#: What a folder holds whose label is being written.
_OF_LABEL = frozenset({_LABEL, f".{_LABEL}.new"})
#: The label that a node writes.
_OF_NODE = "label"
#: What the folder of a machine is called, here and on a node: by its drill, its restore, and a word of its own.
_MACHINE = re.compile(rf"{PREFIX}.+-[0-9a-f]{{16}}")
#: What the folder of a trial is called: by the process that made it.
_TRIAL = re.compile(rf"{PREFIX}trial-([0-9]{{1,9}})-([0-9]+)-")
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


def named_folder(parent: Path, drill_id: str, purpose: str) -> Path:
    """Name a folder by what it is for, and by a word nobody guesses: its drill is known before it has a label."""
    return parent / f"{PREFIX}{drill_id}-{purpose}-{secrets.token_hex(8)}"


def _usual_parent() -> Path:
    return MEMORY_FOLDER if os.access(MEMORY_FOLDER, os.W_OK) else DISK_FOLDER


@contextmanager
def labelled_folder(lab_id: str, drill_id: str, *, purpose: str) -> Iterator[Path]:
    """Lend a folder, in memory where there is one, that holds no machine; one that outlives us is swept as one."""
    folder = named_folder(_usual_parent(), drill_id, purpose)
    folder.mkdir(mode=0o700)
    try:
        expires_at = (datetime.now(UTC) + _FOLDER_LIFE).isoformat()
        write_label(folder, {"lab": lab_id, "expires_at": expires_at, **_ours()})
        yield folder
    finally:
        remove_folder(folder, found_at=datetime.now(UTC))


@contextmanager
def trial_folder() -> Iterator[Path]:
    """Lend a folder to try a mechanism in, before there is a drill; by its name it is known whose process made it."""
    prefix = f"{PREFIX}trial-{os.getpid()}-{process.started(os.getpid())}-"
    with TemporaryDirectory(prefix=prefix, dir=_usual_parent()) as name:
        yield Path(name)


def is_dead_trial(folder: Path) -> bool:
    """Tell whether a folder is a trial of this very user's whose process is gone."""
    named = _TRIAL.match(folder.name)
    if named is None or process.started(int(named[1])) == named[2]:
        return False
    with suppress(OSError):
        return folder.lstat().st_uid == os.geteuid()
    return False


def write_label(folder: Path, label: Mapping[str, object]) -> None:
    """Label a folder before anything else lies in it, so that it still says whose it is after a power cut."""
    replace_durably(folder / _LABEL, json.dumps(label).encode())
    sync_folder(folder.parent)


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
    label = _read(folder)
    return label is not None and label.lab == lab_id and (label.expires_at < now or not label.alive)


def is_unlabelled(folder: Path) -> bool:
    """Tell whether a folder is a local machine's that holds something and does not say whose.

    What another user has is that user's, and what a node labelled is the node's to sweep.
    """
    # the label comes before all else and goes after it: what is there before and after a look had one meanwhile
    return _has_content(folder) and _is_nameless(folder) and _has_content(folder)


def is_begun(folder: Path) -> bool:
    """Tell whether a folder is a local machine's that holds nothing yet, not even a label: its maker may have died."""
    return _names_in(folder) <= _OF_LABEL and _is_nameless(folder)


def _is_nameless(folder: Path) -> bool:
    return bool(_MACHINE.fullmatch(folder.name)) and not folder.is_symlink() and _read(folder) is None


def _has_content(folder: Path) -> bool:
    names = _names_in(folder)
    return not names <= _OF_LABEL and _OF_NODE not in names


def _names_in(folder: Path) -> set[str]:
    """Name what is in a folder; of one that is not ours to look into, the label of a node."""
    try:
        return {path.name for path in folder.iterdir()}
    except OSError:
        return {_OF_NODE}


def sorted_out(
    unlabelled: Iterable[Path], begun: Iterable[Path], ended: Collection[str]
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Tell folders by their names: those of drills that have ended, and unlabelled ones of nobody known."""
    found = [path for path in unlabelled if _MACHINE.fullmatch(path.name)]
    starts = tuple(f"{PREFIX}{drill}-" for drill in ended)
    ours = tuple(path for path in (*found, *begun) if path.name.startswith(starts))
    return ours, tuple(path for path in found if path not in ours)


def tell_unknown(unknown: Collection[Path], place: str) -> None:
    """Say that folders were left alone, since nobody knows whose they are.

    Raises:
        MachineFailed: there is one.
    """
    if unknown:
        names = ", ".join(map(str, unknown))
        raise MachineFailed(
            f"{names} on {place}: its label cannot be read, so that nobody knows whose copy it is;"
            " if no drill runs there, remove it by hand"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Label:
    lab: str
    expires_at: datetime
    alive: bool


def _read(folder: Path) -> _Label | None:
    try:
        label = json.loads((folder / _LABEL).read_text("utf-8"))
        return _Label(
            lab=label["lab"],
            expires_at=datetime.fromisoformat(label["expires_at"]),
            alive=process.started(label["pid"]) == label["pid_started"] != "",
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


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

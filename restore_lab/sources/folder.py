"""A folder that is the backup itself: a mirror of documents. Read-only; given as a tar, made while it is read.

Source: POSIX.1-2017 pax (tar).
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, cast
from zoneinfo import ZoneInfo

from restore_lab.errors import SourceNotPluggedIn, SourceUnreachable
from restore_lab.settings import STRICT, LabPath
from restore_lab.sources.base import Candidate, RecoveryPoint, Standing, last_change

_PIECE_BYTES = 1024 * 1024
_BLOCK_BYTES = 512
_DIGEST_LENGTH = 64
_READ_ONLY = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True, kw_only=True, slots=True)
class Folder:
    """The folder `path` as it is, with all below it: one recovery point, as old as the last change of anything in it.

    `mount` says that `path` is a mount point, so that an unplugged disk is never taken for an empty folder.
    """

    __pydantic_config__ = STRICT

    kind: Literal["folder"] = "folder"
    path: LabPath
    mount: bool = False

    @property
    def label(self) -> str:
        """`folder` and its own name."""
        return f"folder {self.path.name}"

    def candidates(self, *, now: datetime, zone: ZoneInfo) -> tuple[Candidate, ...]:
        """Give the folder itself; see `Source.candidates`."""
        del zone
        if self.mount and not self.path.is_mount():
            raise SourceNotPluggedIn(f"{self.path} is not mounted", hint="plug the disk in, or mount the share")
        point = self._point(now)
        if not point.size_bytes:
            raise SourceNotPluggedIn(
                f"{self.path} is empty: an unplugged disk looks the same as no backup",
                hint="plug the disk in; if it is, the backup job writes elsewhere",
            )
        return (Candidate(point=point, standing=Standing.ELIGIBLE),)

    @contextmanager
    def open(self, point: RecoveryPoint) -> Iterator[BinaryIO]:
        """Give a tar of the folder, its members in the order of their names; links stay links."""
        manifest: list[bytes] = []
        with closing(_tarred(self.path, point.point_id, manifest)) as pieces:
            yield cast("BinaryIO", _Tar(pieces, manifest))

    def unchanged(self, point: RecoveryPoint) -> bool:
        """Compare size and time of last change with what was listed."""
        try:
            again = self._point(datetime.now(UTC))
        except SourceUnreachable:
            return False
        return (again.size_bytes, again.changed_at) == (point.size_bytes, point.changed_at)

    def _point(self, now: datetime) -> RecoveryPoint:
        """Look at everything; `size_bytes` is about that of the tar. A camera whose clock is ahead dates no backup."""
        size, times = 0, list[datetime]()
        for one in _entries(self.path):
            times.append(last_change(one.status))
            if not stat.S_ISDIR(one.status.st_mode):
                size += _BLOCK_BYTES + (one.status.st_size if stat.S_ISREG(one.status.st_mode) else 0)
        changed = max(times)
        taken = max((moment for moment in times if moment <= now), default=changed)
        return RecoveryPoint(
            point_id=self.path.name, taken_at=taken, dated_by="mtime", changed_at=changed, size_bytes=size
        )


@dataclass(slots=True)
class _Tar:
    """Pieces of a tar, read as a file; `manifest` has a line for each file that passed."""

    pieces: Iterator[bytes]
    manifest: list[bytes]
    _left: bytes = field(default=b"")

    def manifest_sha256(self) -> str:
        """See `SetOfFiles`."""
        lines = sorted(self.manifest, key=lambda line: line[_DIGEST_LENGTH:])
        return hashlib.sha256(b"".join(lines)).hexdigest()

    def read(self, size: int = -1) -> bytes:
        while not self._left:
            if (piece := next(self.pieces, None)) is None:
                return b""
            self._left = piece
        size = size if size >= 0 else _PIECE_BYTES
        given, self._left = self._left[:size], self._left[size:]
        return given


class _Entry(NamedTuple):
    """One thing below a folder: `folder` is the descriptor of the one it lies in, open until the next is asked for."""

    path: str
    name: str
    folder: int
    status: os.stat_result


def _entries(root: Path) -> Iterator[_Entry]:
    """Walk through a folder in the order of names.

    Each folder is reached through the descriptor of the one above it: a link put in its place leads nowhere.
    """
    try:
        for path, folders, files, descriptor in os.fwalk(root, onerror=_raise):
            folders.sort()
            within = os.path.relpath(path, root)
            yield _Entry(within, ".", descriptor, os.fstat(descriptor))
            for name in sorted((*folders, *files)):
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if not stat.S_ISDIR(status.st_mode):
                    yield _Entry(os.path.normpath(f"{within}/{name}"), name, descriptor, status)
    except FileNotFoundError as error:
        if not root.exists():
            raise SourceNotPluggedIn(f"{root} does not exist", hint="plug the disk in, or correct `path`") from error
        raise SourceUnreachable(f"{root.name} changed while it was read") from error
    except OSError as error:
        raise SourceUnreachable(f"{root.name} could not be read: {error.strerror}") from error


def _raise(error: OSError) -> None:
    raise error


def _tarred(root: Path, name: str, manifest: list[bytes]) -> Generator[bytes]:
    """Write the members; what is neither file nor link has no place in a backup of documents."""
    for one in _entries(root):
        member = tarfile.TarInfo(f"{name}/{one.path}")
        member.mtime = int(one.status.st_mtime)
        if stat.S_ISLNK(one.status.st_mode):
            member.type, member.linkname = tarfile.SYMTYPE, os.readlink(one.name, dir_fd=one.folder)
            yield _header(member)
        elif stat.S_ISREG(one.status.st_mode):
            member.size = one.status.st_size
            yield _header(member)
            digest = hashlib.sha256()
            for piece in _content(one):
                digest.update(piece)
                yield piece
            yield bytes(-member.size % _BLOCK_BYTES)
            manifest.append(f"{digest.hexdigest()}  {one.path}\n".encode("utf-8", "surrogateescape"))
    yield bytes(2 * _BLOCK_BYTES)


def _header(member: tarfile.TarInfo) -> bytes:
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _content(one: _Entry) -> Iterator[bytes]:
    """Give as many bytes as the header says; a file that shrank is filled up, and `unchanged` will tell."""
    left = one.status.st_size
    descriptor = os.open(one.name, _READ_ONLY, dir_fd=one.folder)
    try:
        while left and (piece := os.read(descriptor, min(_PIECE_BYTES, left))):
            left -= len(piece)
            yield piece
    finally:
        os.close(descriptor)
    while left:
        piece = bytes(min(_PIECE_BYTES, left))
        left -= len(piece)
        yield piece

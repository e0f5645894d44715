"""Backups as files in a folder: a disk, a USB key, a mounted share. Read-only, one level deep."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Literal, cast
from zoneinfo import ZoneInfo

from restore_lab.errors import SourceNotPluggedIn, SourceUnreachable
from restore_lab.findings import Code
from restore_lab.settings import STRICT, LabPath
from restore_lab.sources.base import Candidate, RecoveryPoint, Standing, last_change
from restore_lab.unpack import UnpackFault
from restore_lab.unpack.foreign import kind_among

DatedBy = Literal["name", "name and mtime", "mtime"]
#: Endings under which tools write a backup that is not finished yet.
UNFINISHED_ENDINGS = (
    ".partial", ".part", ".tmp", ".temp", ".untested", ".incomplete", ".inprogress", ".filepart", ".crdownload", "~",
)  # fmt: skip
#: What a folder holds that is itself one backup: of mydumper, pg_dump --format=directory, MySQL Shell, mariadb-backup
#: and pg_basebackup. No engine here takes one, and none of its files alone is the backup.
_PIECE = re.compile(r".+-schema-create\.sql(\.\w+)?|toc\.dat|@\.json|(xtra|mariadb_)backup_checkpoints|backup_manifest")
#: What the folders of restic and borg hold beside their data.
_REPOSITORIES = (frozenset({"config", "keys", "snapshots", "data"}), frozenset({"config", "README", "data"}))
#: A file written to more recently than this is watched for a moment before it is believed whole.
_RECENT = timedelta(minutes=15)
#: So far beyond the day in its name a backup may have been written last, and still be of an hour of that day.
_NEAR = timedelta(hours=12)
_PIECE_BYTES = 1024 * 1024
_FIELDS = {"Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{2}", "d": r"\d{2}", "H": r"\d{2}", "M": r"\d{2}", "S": r"\d{2}"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Directory:
    """Files of `path` whose name fits `pattern`: `*` and `?` as in a shell, %Y %m %d %H %M %S as in strftime(3).

    A pattern with a day dates each backup by its name; without one, by its last change. `mount` says that `path` is a
    mount point, so that an unplugged disk is never taken for an empty one.
    """

    __pydantic_config__ = STRICT

    kind: Literal["directory"] = "directory"
    path: LabPath
    pattern: str = "*"
    mount: bool = False
    settle_seconds: float = 2.0

    def __post_init__(self) -> None:
        """Refuse a pattern that cannot be read as one."""
        _name_matcher(self.pattern)

    @property
    def label(self) -> str:
        """`directory` and the folder's own name."""
        return f"directory {self.path.name}"

    def candidates(self, *, now: datetime, zone: ZoneInfo) -> tuple[Candidate, ...]:
        """List the files; see `Source.candidates`."""
        matcher = _name_matcher(self.pattern)
        seen = [
            _candidate(name, status, taken_at, now=now)
            for name, status in self._files()
            if (taken_at := _taken_at(matcher, name, status, zone)) is not None
        ]
        recent = [one for one in seen if one.standing is Standing.GROWING]
        if recent:
            time.sleep(self.settle_seconds)
        settled = [self._settled(one) if one.standing is Standing.GROWING else one for one in seen]
        return tuple(sorted(settled, key=lambda one: (one.point.taken_at, one.point.changed_at), reverse=True))

    @contextmanager
    def open(self, point: RecoveryPoint) -> Iterator[BinaryIO]:
        """Open the file read-only, following no symbolic link.

        Raises:
            UnpackFault: the backup is a folder of files, or the file is one of such a folder.
        """
        chosen = self.path / point.point_id
        if kind := _kind_of_files(chosen):
            raise UnpackFault(Code.BACKUP_OF_ANOTHER_KIND, kind, f"{point.point_id} holds the files of {kind}")
        if _in_pieces(chosen) or _in_pieces(self.path):
            raise UnpackFault(Code.ARCHIVE_HOLDS_SEVERAL, "folder", f"{point.point_id} is not a backup in one file")
        try:
            descriptor = os.open(chosen, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise SourceUnreachable(f"{point.point_id} could not be opened: {error.strerror}") from error
        try:
            yield cast("BinaryIO", _Readable(descriptor, name=point.point_id))
        finally:
            os.close(descriptor)

    def unchanged(self, point: RecoveryPoint) -> bool:
        """Compare size and time of last change with what was listed."""
        try:
            status = (self.path / point.point_id).lstat()
        except OSError:
            return False
        return (status.st_size, last_change(status)) == (point.size_bytes, point.changed_at)

    def _files(self) -> list[tuple[str, os.stat_result]]:
        try:
            if self.mount and not self.path.is_mount():
                raise SourceNotPluggedIn(f"{self.path} is not mounted", hint="plug the disk in, or mount the share")
            with os.scandir(self.path) as entries:
                files = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
        except FileNotFoundError as error:
            raise SourceNotPluggedIn(
                f"{self.path} does not exist", hint="plug the disk in, or correct `path`"
            ) from error
        except OSError as error:
            raise SourceUnreachable(f"{self.path} could not be listed: {error.strerror}") from error
        if not files:
            raise SourceNotPluggedIn(
                f"{self.path} is empty: an unplugged disk looks the same as no backup",
                hint="plug the disk in; if it is, the backup job writes elsewhere",
            )
        return [(name, seen) for name, seen in files if stat.S_ISREG(seen.st_mode) or self._in_pieces(name, seen)]

    def _in_pieces(self, name: str, status: os.stat_result) -> bool:
        folder = self.path / name
        return stat.S_ISDIR(status.st_mode) and (_in_pieces(folder) or bool(_kind_of_files(folder)))

    def _settled(self, candidate: Candidate) -> Candidate:
        still = self.unchanged(candidate.point)
        return Candidate(point=candidate.point, standing=Standing.ELIGIBLE if still else Standing.GROWING)


@dataclass(slots=True)
class _Readable:
    """An open file whose failures to give bytes are the source's, whatever layer asks for them."""

    descriptor: int
    name: str

    def read(self, size: int = -1) -> bytes:
        try:
            return os.read(self.descriptor, size if size >= 0 else _PIECE_BYTES)
        except OSError as error:
            raise SourceUnreachable(f"{self.name} could not be read: {error.strerror}") from error


def _in_pieces(folder: Path) -> bool:
    """Tell by names alone whether this is a folder that is one backup; what is no folder is none."""
    names = _names_in(folder)
    return any(_PIECE.fullmatch(name) for name in names) or any(repository <= names for repository in _REPOSITORIES)


def _kind_of_files(folder: Path) -> str:
    """Name what the files of this folder are of, where nothing here restores it; "" of any other, and of a file."""
    return next((kind for name in sorted(_names_in(folder)) if (kind := kind_among(name))), "")


def _names_in(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries}
    except OSError:
        return set()


def _candidate(name: str, status: os.stat_result, taken: tuple[datetime, DatedBy], *, now: datetime) -> Candidate:
    taken_at, dated_by = taken
    changed_at = last_change(status)
    point = RecoveryPoint(
        point_id=name,
        taken_at=taken_at,
        dated_by=dated_by,
        changed_at=changed_at,
        size_bytes=status.st_size,
    )
    if name.lower().endswith(UNFINISHED_ENDINGS) or name.startswith((".", "~")):
        return Candidate(point=point, standing=Standing.UNFINISHED)
    recent = abs(now - changed_at) < _RECENT
    return Candidate(point=point, standing=Standing.GROWING if recent else Standing.ELIGIBLE)


def _taken_at(
    matcher: re.Pattern[str], name: str, status: os.stat_result, zone: ZoneInfo
) -> tuple[datetime, DatedBy] | None:
    """When the backup was taken and where that was read; None when the name does not fit."""
    bare = name
    while bare.lower().endswith(UNFINISHED_ENDINGS):
        ending = next(end for end in UNFINISHED_ENDINGS if bare.lower().endswith(end))
        bare = bare[: -len(ending)]
    fits = matcher.fullmatch(name) or matcher.fullmatch(bare) or matcher.fullmatch(bare.lstrip(".~"))
    if fits is None:
        return None
    parts = {field: int(value) for field, value in fits.groupdict().items()}
    if not {"m", "d"} <= parts.keys() or not {"Y", "y"} & parts.keys():
        return last_change(status), "mtime"
    year = parts.get("Y", 2000 + parts.get("y", 0))
    try:
        local = datetime(
            year, parts["m"], parts["d"], parts.get("H", 0), parts.get("M", 0), parts.get("S", 0), tzinfo=zone
        )
        if "H" in parts:
            return local.astimezone(UTC), "name"
        return _within_day(local, last_change(status))
    except (ValueError, OverflowError):
        return last_change(status), "mtime"


def _within_day(day: datetime, changed_at: datetime) -> tuple[datetime, DatedBy]:
    """A name that gives only the day takes its hour from the last change, when that was on the same day or near it.

    A job that ends after midnight, or one whose clock has another zone, was at work at the end of its day nearest to
    its last change. `day` is the midnight with which it begins, in the practice's zone.
    """
    first, end = day.astimezone(UTC), (day + timedelta(days=1)).astimezone(UTC)
    nearest = min(max(changed_at, first), end - timedelta(seconds=1))
    return (nearest, "name and mtime") if abs(changed_at - nearest) <= _NEAR else (first, "name")


def _name_matcher(pattern: str) -> re.Pattern[str]:
    """Read a pattern.

    Raises:
        ValueError: an unknown or repeated % field.
    """
    if "/" in pattern:
        raise ValueError("a pattern names files of one folder: no '/'")
    text = ""
    position = 0
    while position < len(pattern):
        char = pattern[position]
        position += 1
        if char == "%" and pattern[position : position + 1] in _FIELDS:
            field = pattern[position]
            position += 1
            if f"?P<{field}>" in text:
                raise ValueError(f"%{field} stands twice in the pattern")
            text += f"(?P<{field}>{_FIELDS[field]})"
        elif char == "%":
            raise ValueError("after % only Y, y, m, d, H, M or S")
        else:
            text += {"*": ".*", "?": "."}.get(char, re.escape(char))
    return re.compile(text, re.DOTALL)

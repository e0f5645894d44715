"""Runs inside the machine: takes an archive apart into numbered files, and an index of the names they had.

Nothing is written under a name of the archive's. Only regular files come out; links, devices and names that leave the
folder are counted. Of two members of one name the later stands, as tar(1) and unzip(1) leave it.
Sources: POSIX.1-2017 pax (tar), APPNOTE.TXT 6.3 (zip), Python's tarfile and zipfile.
"""

import errno
import hashlib
import json
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Self

MOST_FILES = 1_000_000
#: Of a name as long as this its end is kept: what it ends in is all that is asked of it.
MOST_NAME = 4096
#: A name or an attribute that is larger is made to fill the memory.
MOST_BESIDE_BYTES = 1024 * 1024
#: What the holes of sparse files may add up to: they cost an archive nothing.
MOST_HOLES_BYTES = 1024**3
#: How much a zip may grow; a tar grows with its stream, which is bounded outside.
MOST_EXPANSION = 200
LEAST_EXPANDED_BYTES = 1024**3
PIECE_BYTES = 1024 * 1024
FILES_A_FOLDER = 1000
_INDEX, _FILES, _LEFT_OUT, _SPOOL = "index", "documents", "left_out", "archive.zip"
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, ArithmeticError, LookupError)


class Refused(Exception):
    """The archive cannot be taken apart; the argument is a code."""


class Cut(Exception):
    """The archive ends before its end, or a header in it is ruined."""


@dataclass(frozen=True)
class Document:
    """One file that came back: its number on disk, the name it had, its size and the digest of what was written."""

    number: int
    name: str
    size: int
    digest: str
    path: Path


class Store:
    """Numbered files below a folder, and an index: an entry whose file is gone is no document."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.left_out: dict[str, int] = {}
        self.written_bytes = 0
        self.count = 0
        self._numbers: dict[bytes, int] = {}
        (folder / _FILES).mkdir(exist_ok=True)
        self._index = (folder / _INDEX).open("w", encoding="ascii")

    def leave_out(self, kind: str) -> None:
        """Count a member that is no document."""
        self.left_out[kind] = self.left_out.get(kind, 0) + 1

    def keep(self, name: str, content: IO[bytes], size: int) -> None:
        """Write one member; what ends before its size is cut, and not kept."""
        inside = inner_name(name)
        if inside is None:
            self.leave_out("outside_path")
            return
        self.count += 1
        if self.count > MOST_FILES:
            raise Refused("TOO_LARGE")
        path = _path(self.folder, self.count)
        path.parent.mkdir(exist_ok=True)
        try:
            digest = self._write(path, content, size)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._index.write(json.dumps([self.count, inside[-MOST_NAME:], size, digest]) + "\n")
        key = hashlib.blake2b(inside.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if earlier := self._numbers.get(key):
            _path(self.folder, earlier).unlink()
        self._numbers[key] = self.count

    def close(self) -> None:
        """Finish the index, and what was counted beside it."""
        self._index.close()
        (self.folder / _LEFT_OUT).write_text(json.dumps(self.left_out), "ascii")

    def _write(self, path: Path, content: IO[bytes], size: int) -> str:
        digest, left = hashlib.blake2b(digest_size=16), size
        with path.open("wb") as target:
            while left and (piece := content.read(min(left, PIECE_BYTES))):
                target.write(piece)
                digest.update(piece)
                left -= len(piece)
            if left or content.read(1):  # the last read is when a zip's checksum is looked at
                raise Cut
        self.written_bytes += size
        return digest.hexdigest()


def documents(folder: Path) -> Iterator[Document]:
    """Every document that is there, in the order of the archive."""
    with (folder / _INDEX).open(encoding="ascii") as index:
        for line in index:
            number, name, size, digest = json.loads(line)
            path = _path(folder, number)
            if path.exists():
                yield Document(number, name, size, digest, path)


def left_out(folder: Path) -> dict[str, int]:
    """Give how many members of which kind were counted and not written."""
    counts: dict[str, int] = json.loads((folder / _LEFT_OUT).read_text("ascii"))
    return counts


def inner_name(name: str) -> str | None:
    """Give a member's name without `./`; None when it is absolute or climbs out."""
    parts = re.split(r"[/\\]", name)
    if name[:1] in {"/", "\\"} or ".." in parts or re.match(r"[A-Za-z]:", name):
        return None
    return "/".join(part for part in parts if part not in {"", "."})


def unpack(layer: str, stream: IO[bytes], folder: Path) -> dict[str, Any]:
    """Take a `tar` or a `zip` apart; `damaged` says that it is not whole, what stood before the damage is kept."""
    store = Store(folder)
    try:
        damaged = (_unzip if layer == "zip" else _untar)(stream, store)
    except _BROKEN:
        damaged = True
    except Cut:
        damaged = True
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place before the beginning, which a ruined directory may name
            raise
        damaged = True
    finally:
        store.close()
        (folder / _SPOOL).unlink(missing_ok=True)
    return {"damaged": damaged}


class _Member(tarfile.TarInfo):
    """A tar header; see `restore_lab.unpack`, whose rules these are."""

    _BESIDE: ClassVar = frozenset({b"x", b"g", b"X", b"L", b"K"})

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """Refuse what is no header and no end: the standard library takes both for an end."""
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # not in its stubs
            raise
        except tarfile.HeaderError:
            raise Cut from None

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        """Refuse a name or an attribute that would fill the memory before it is read."""
        if self.type in self._BESIDE and self.size > MOST_BESIDE_BYTES:
            raise Refused("TOO_LARGE")
        member: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]  # private, so not in its stubs
        return member


def _untar(stream: IO[bytes], store: Store) -> bool:
    holes_bytes = 0
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member) as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # a stream needs no list of what has passed
            if member.isdir():
                continue
            if not member.isreg():
                store.leave_out(_kind_left_out(member))
                continue
            if member.issparse():
                holes_bytes += member.size
                if holes_bytes > MOST_HOLES_BYTES:
                    raise Refused("TOO_LARGE")
            content = archive.extractfile(member)
            if content is not None:
                store.keep(member.name, content, member.size)
    return False


def _kind_left_out(member: tarfile.TarInfo) -> str:
    return "symbolic_link" if member.issym() else "hard_link" if member.islnk() else "special_file"


def _unzip(stream: IO[bytes], store: Store) -> bool:
    """Write the whole zip first: its directory stands at its end, and its members' sizes stand in no other place."""
    spool = store.folder / _SPOOL
    with spool.open("wb") as target:
        while piece := stream.read(PIECE_BYTES):
            target.write(piece)
    most_bytes = max(spool.stat().st_size * MOST_EXPANSION, LEAST_EXPANDED_BYTES)
    damaged = False
    with zipfile.ZipFile(spool) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            mode = member.external_attr >> 16
            if stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
                store.leave_out("symbolic_link" if stat.S_ISLNK(mode) else "special_file")
                continue
            if member.flag_bits & 1:
                raise Refused("ENCRYPTED")
            if store.written_bytes + member.file_size > most_bytes:
                raise Refused("TOO_LARGE")
            try:
                with archive.open(member) as content:
                    store.keep(member.filename, content, member.file_size)
            except NotImplementedError:
                raise Refused("FORM_UNKNOWN") from None
            except (*_BROKEN, Cut):
                damaged = True
    return damaged


def _path(folder: Path, number: int) -> Path:
    return folder / _FILES / str(number // FILES_A_FOLDER) / str(number)

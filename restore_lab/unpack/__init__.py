"""The layers around a dump, peeled one by one as the bytes pass; nothing is written, nothing is trusted.

Layers are told by their first bytes, never by a name. Sources: RFC 1952 (gzip), RFC 1951 (deflate), APPNOTE.TXT 6.3
(zip), POSIX.1-2017 pax (tar), the bzip2, xz and lzma file formats.
"""

from __future__ import annotations

import bz2
import hashlib
import lzma
import tarfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO, ClassVar, NoReturn, Protocol, Self, runtime_checkable

from restore_lab.findings import Code
from restore_lab.unpack.closed import locked_by, packed_by
from restore_lab.unpack.foreign import kind_of
from restore_lab.unpack.reading import PIECE_BYTES, Held, Reader, UnpackFault
from restore_lab.unpack.zipped import unzip

__all__ = ["MOST_LAYERS", "PIECE_BYTES", "Measured", "Peeled", "SetOfFiles", "UnpackFault", "peel"]

#: A dump inside more layers than this is not a backup anybody made.
MOST_LAYERS = 5
_XZ_MEMORY_BYTES = 128 * 1024 * 1024
#: What is said of a sound stream that may not, or cannot, be undone: a dictionary beyond that memory, a filter that is
#: not built in (the header's checksum holds, or it would be damage). Source: catch_lzma_error of CPython's _lzma.
_LZMA_LIMITS = frozenset({"Memory usage limit exceeded", "Invalid or unsupported options"})
#: What a Mac adds to a zip, and the names and attributes in a tar, are small; more of it is a bomb.
_MOST_BESIDE_BYTES = 16 * 1024 * 1024
_TAR_MAGIC_AT = 257
_LZMA_HEADER_BYTES, _LZMA_MOST_BYTES, _LZMA_NO_SIZE = 13, 1 << 38, (1 << 64) - 1
_PG_DUMP_TAR_MEMBER = b"toc.dat\0"


@runtime_checkable
class SetOfFiles(Protocol):
    """A stream that its source made of many files: what is hashed is their manifest, not how they were put together."""

    def manifest_sha256(self) -> str:
        """Give the sha256 (hex) of the lines `sha256  path`, as of sha256sum(1), in the order of the paths' bytes."""
        ...


@dataclass(slots=True)
class Measured:
    """A source's bytes on their way: hashed and counted as they pass."""

    stream: BinaryIO
    progress: Callable[[int], object]
    read_bytes: int = 0
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def __iter__(self) -> Iterator[bytes]:
        """Give what was not given yet, in pieces, to the end; may be asked again to read on after a stop."""
        while piece := self.stream.read(PIECE_BYTES):
            self._digest.update(piece)
            self.read_bytes += len(piece)
            self.progress(self.read_bytes)
            yield piece

    def finish(self) -> str:
        """Read to the end whatever nobody wanted, and give the sha256 (hex) of the whole."""
        for _ in self:
            pass
        return self.stream.manifest_sha256() if isinstance(self.stream, SetOfFiles) else self._digest.hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Peeled:
    """The innermost bytes: their first ones, all of them as an iterator, and the names of the layers taken off."""

    head: bytes
    chunks: Iterator[bytes]
    layers: tuple[str, ...]


def peel(pieces: Iterable[bytes], *, head_bytes: int, most_bytes: int, keep: Collection[str] = ()) -> Peeled:
    """Take off every layer, outermost first; each may expand to at most `most_bytes` in all.

    A layer in `keep` is left on, with all that is within it: an engine takes it as it is.

    Raises:
        UnpackFault: a layer is damaged, too large, holds several files, is encrypted or is not undone here, or the
            innermost bytes are a backup of a kind that nothing here restores. Also raised while `chunks` is read, since
            a layer is only known to be whole at its end.
    """
    layers: list[str] = []
    head, chunks = _peek(iter(pieces), head_bytes)
    while (layer := _layer(head)) and layer not in keep:
        if len(layers) == MOST_LAYERS:
            raise UnpackFault(Code.ARCHIVE_TOO_LARGE, layer, f"more than {MOST_LAYERS} layers around the dump")
        layers.append(layer)
        head, chunks = _peek(_bounded(_PEELERS[layer](chunks), most_bytes, layer), head_bytes)
    if layer is None and (locked_by(head) or packed_by(head) or kind_of(head)):
        _refuse(head, chunks)
    return Peeled(head=head, chunks=chunks, layers=tuple(layers))


def _refuse(head: bytes, chunks: Iterator[bytes]) -> NoReturn:
    """Read on to the end, since a layer around may be damaged, and say what cannot be opened."""
    for _ in chunks:
        pass
    if locked := locked_by(head):
        raise UnpackFault(Code.ARCHIVE_ENCRYPTED, locked, f"the backup is encrypted by {locked}")
    if kind := kind_of(head):
        raise UnpackFault(Code.BACKUP_OF_ANOTHER_KIND, kind, f"nothing here restores a backup of {kind}")
    packed = packed_by(head)
    raise UnpackFault(Code.ARCHIVE_FORM_UNKNOWN, packed, f"what {packed} packed is not undone here")


def _peek(pieces: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    seen: list[bytes] = []
    length = 0
    for piece in pieces:
        seen.append(piece)
        length += len(piece)
        if length >= size:
            break
    return b"".join(seen)[:size], chain(seen, pieces)


def _layer(head: bytes) -> str | None:
    for magic, layer in ((b"\x1f\x8b\x08", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"PK\x03\x04", "zip")):
        if head.startswith(magic):
            return layer
    if _is_lzma(head):
        return "lzma"
    if head[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar" and not head.startswith(_PG_DUMP_TAR_MEMBER):
        return "tar"
    return None


def _is_lzma(head: bytes) -> bool:
    """Tell the form before xz, which has no magic, as xz(1) does: by usual properties, dictionary and size."""
    dictionary, size = int.from_bytes(head[1:5], "little"), int.from_bytes(head[5:13], "little")
    usual = head[:1] == b"\x5d" and len(head) > _LZMA_HEADER_BYTES and head[_LZMA_HEADER_BYTES] == 0
    halved = dictionary.bit_count() == 2 and (dictionary & dictionary >> 1)  # 2^n and 2^(n-1): 96 MiB, say
    return usual and bool(dictionary.bit_count() == 1 or halved) and (size < _LZMA_MOST_BYTES or size == _LZMA_NO_SIZE)


def _bounded(pieces: Iterator[bytes], most_bytes: int, layer: str) -> Iterator[bytes]:
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > most_bytes:
            raise UnpackFault(Code.ARCHIVE_TOO_LARGE, layer, f"the {layer} layer expands beyond {most_bytes} bytes")
        if piece:  # an empty piece would be the end to the layer within
            yield piece


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


@dataclass(slots=True)
class _Inflate:
    """zlib's object under the names that bz2 and lzma use."""

    window: int
    _object: zlib._Decompress = field(init=False)

    def __post_init__(self) -> None:
        self._object = zlib.decompressobj(self.window)

    @property
    def eof(self) -> bool:
        return self._object.eof

    @property
    def unused_data(self) -> bytes:
        return self._object.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._object.unconsumed_tail

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._object.decompress(self._object.unconsumed_tail + data, max_length)


def _decompressed(layer: str, make: Callable[[], _Decompressor], pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress one stream after the other until the input ends; zero padding after the last is allowed."""
    current = make()
    rest = b""
    try:
        while piece := rest or next(pieces, b""):
            rest = b""
            if current.eof:
                if not piece.strip(b"\0"):
                    continue
                current = make()
            yield current.decompress(piece, PIECE_BYTES)
            while not current.eof and not current.needs_input:
                yield current.decompress(b"", PIECE_BYTES)
            rest = current.unused_data if current.eof else b""
    except lzma.LZMAError as error:
        if str(error) in _LZMA_LIMITS:
            raise UnpackFault(Code.ARCHIVE_FORM_UNKNOWN, layer, f"the {layer} layer is not undone here") from error
        raise UnpackFault(Code.ARCHIVE_DAMAGED, layer, f"the {layer} layer is damaged") from error
    except (OSError, EOFError, zlib.error) as error:
        raise UnpackFault(Code.ARCHIVE_DAMAGED, layer, f"the {layer} layer is damaged") from error
    if not current.eof:
        raise UnpackFault(Code.ARCHIVE_DAMAGED, layer, f"the {layer} layer ends before its end")


def _gunzip(pieces: Iterator[bytes]) -> Iterator[bytes]:
    return _decompressed("gzip", lambda: _Inflate(16 + zlib.MAX_WBITS), pieces)


def _bunzip2(pieces: Iterator[bytes]) -> Iterator[bytes]:
    return _decompressed("bzip2", bz2.BZ2Decompressor, pieces)


def _unxz(pieces: Iterator[bytes]) -> Iterator[bytes]:
    return _decompressed("xz", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES), pieces)


def _unlzma(pieces: Iterator[bytes]) -> Iterator[bytes]:
    return _decompressed("lzma", lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_XZ_MEMORY_BYTES), pieces)


class _Member(tarfile.TarInfo):
    """A tar header; names and attributes that would fill the memory are refused before they are read."""

    _BESIDE: ClassVar = frozenset({b"x", b"g", b"X", b"L", b"K"})

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """Refuse what is no header and no end: the standard library takes all of it, and nothing at all, for an end.

        So does GNU tar when bytes stop after a member, but a writer that died there leaves just the same. One block of
        zeros is enough, as it is for GNU tar. Source: POSIX pax, "ustar Interchange Format".
        """
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # not in its stubs
            raise
        except tarfile.HeaderError as error:
            message = "the tar ends without the mark of its end, or a header is ruined"
            raise UnpackFault(Code.ARCHIVE_DAMAGED, "tar", message) from error

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        """Refuse before the standard library reads on: the one step that every release of it takes with each header."""
        if self.type in self._BESIDE and self.size > _MOST_BESIDE_BYTES:
            raise UnpackFault(Code.ARCHIVE_TOO_LARGE, "tar", "a name or an attribute in the tar is too large")
        member: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]  # private, so not in its stubs
        return member


def _untar(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Give the one regular file of a tar; a Mac's `._` companions and folders do not count.

    Where there are several, the names of the first ones may tell what they are.
    """
    held = Held("tar")
    try:
        with tarfile.open(fileobj=Reader(pieces), mode="r|", tarinfo=_Member) as archive:
            for member in archive:
                if not member.isreg() or member.name.rpartition("/")[2].startswith("._"):
                    continue
                if not held.has(member.name):
                    continue
                content = archive.extractfile(member)
                while content is not None and (piece := content.read(PIECE_BYTES)):
                    yield piece
    except (tarfile.TarError, OSError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        raise UnpackFault(Code.ARCHIVE_DAMAGED, "tar", "the tar layer is damaged") from error
    for _ in pieces:  # the layer around is only known to be whole at its end
        pass
    held.settle()


_PEELERS: dict[str, Callable[[Iterator[bytes]], Iterator[bytes]]] = {
    "gzip": _gunzip,
    "bzip2": _bunzip2,
    "xz": _unxz,
    "lzma": _unlzma,
    "zip": unzip,
    "tar": _untar,
}

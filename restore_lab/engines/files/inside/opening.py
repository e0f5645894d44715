"""Runs inside the machine: opens one document for real, by the class its content says it is.

Only the standard library is there, on every host the same, so that the same document gives the same answer anywhere.
PDF, pictures and compound files have their own modules. The rest: every member of a zip is read and its checksum
compared (an encrypted member is only found); gzip, bzip2 and xz are read to their ends; text holds no NUL byte; XML is
parsed to its end; RTF ends with its last brace; DICOM's meta header is read; a signature (CMS) is as long as it says;
PGP armour has its end. Of recordings, 7z archives, binary PGP and age files the frame alone is looked at; of RAR
archives, databases and letters of programs older than Office 97 nothing but the first bytes.
"""

import bz2
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import IO, cast
from xml.parsers import expat

from restore_lab.engines.files.inside.compound import open_compound
from restore_lab.engines.files.inside.data import Data, Unreadable
from restore_lab.engines.files.inside.images import (
    inflated_pieces,
    open_boxes,
    open_jpeg,
    open_picture,
    open_png,
    open_tiff,
)
from restore_lab.engines.files.inside.pdf import open_pdf

_PIECE_BYTES = 1024 * 1024
#: What a parser of hostile bytes raises: the document's fault. Anything else is ours, and ends the question.
_FAULTS = (
    Unreadable, struct.error, zlib.error, lzma.LZMAError, zipfile.BadZipFile, expat.ExpatError, EOFError, OSError,
    ValueError, LookupError, ArithmeticError, RuntimeError,
)  # fmt: skip


def opens(kind: str, data: Data) -> bool:
    """Tell whether a document of that class opens; a class that is not listed has nothing to be opened."""
    try:
        if kind in _OPENERS:
            _OPENERS[kind](data)
    except _FAULTS:
        return False
    return True


def _open_zip(data: Data) -> None:
    with zipfile.ZipFile(cast("IO[bytes]", _AsFile(data))) as archive:
        for member in archive.infolist():
            if member.flag_bits & 1:
                continue
            try:
                with archive.open(member) as content:
                    while content.read(_PIECE_BYTES):
                        pass
            except NotImplementedError:  # a method of compression that Python has not
                continue


class _AsFile:
    """Bytes read as a file, without a copy of them."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._at = 0

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        at = (0, self._at, len(self._data))[whence] + offset
        if at < 0:
            raise OSError
        self._at = at
        return at

    def read(self, size: int = -1) -> bytes:
        end = len(self._data) if size < 0 else self._at + size
        piece = self._data[self._at : end]
        self._at += len(piece)
        return piece


def _open_archive(data: Data) -> None:
    head = data[:6]
    if head[:2] == b"PK":
        _open_zip(data)
    elif head[:3] == b"\x1f\x8b\x08":
        _open_gzip(data)
    elif head[:3] == b"BZh":
        _drained(bz2.BZ2Decompressor(), data)
    elif head == b"\xfd7zXZ\0":
        _drained(lzma.LZMADecompressor(memlimit=128 * 1024 * 1024), data)
    elif head == b"7z\xbc\xaf\x27\x1c":
        offset, size = struct.unpack("<QQ", data[12:28])
        if 32 + offset + size > len(data):
            raise Unreadable


def _open_gzip(data: Data) -> None:
    at = 0
    while at < len(data) and data[at : at + 2] == b"\x1f\x8b":
        inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        while not inflate.eof:
            packed = data[at : at + _PIECE_BYTES]
            if not packed:
                raise Unreadable
            for _ in inflated_pieces(inflate, packed):
                pass
            at += len(packed)
        at -= len(inflate.unused_data)


def _drained(decompressor: bz2.BZ2Decompressor | lzma.LZMADecompressor, data: Data) -> None:
    at = 0
    while not decompressor.eof:
        piece = b""
        if decompressor.needs_input:
            piece = data[at : at + _PIECE_BYTES]
            at += len(piece)
            if not piece:
                raise Unreadable
        decompressor.decompress(piece, _PIECE_BYTES)


def _open_text(data: Data) -> None:
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        data[:].decode("utf-16")
    elif data.find(b"\0") >= 0:
        raise Unreadable
    elif data[:5] == b"<?xml" or data[:8] == b"\xef\xbb\xbf<?xml":
        _open_xml(data)


def _open_xml(data: Data) -> None:
    parser = expat.ParserCreate()
    declared: list[str] = []

    def entity(name: str, *_: object) -> None:
        """A document that declares entities of its own is not expanded: a few lines of them can fill any memory."""
        declared.append(name)
        raise _Declared

    parser.EntityDeclHandler = entity
    try:
        for at in range(0, len(data), _PIECE_BYTES):
            parser.Parse(data[at : at + _PIECE_BYTES], False)
        parser.Parse(b"", True)
    except _Declared:
        return
    except expat.ExpatError as error:
        if error.code != expat.errors.codes[expat.errors.XML_ERROR_UNKNOWN_ENCODING]:
            raise


class _Declared(Exception):
    """The document declares an entity."""


def _open_rtf(data: Data) -> None:
    if data[max(0, len(data) - 4096) :].rstrip(b"\0\r\n\t \x1a")[-1:] != b"}":
        raise Unreadable


def _open_dicom(data: Data) -> None:
    """Read the group length that begins the meta header, and see that something follows it; older files have none."""
    if data[128:132] != b"DICM":
        return
    group, element, kind, length, size = struct.unpack("<HH2sHI", data[132:144])
    if (group, element, kind, length) != (2, 0, b"UL", 4) or 144 + size >= len(data):
        raise Unreadable


def _open_signed(data: Data) -> None:
    """Hold the outermost length of a DER structure against the file; PEM has its end line. Source: X.690, 8.1.3."""
    if data[:5] == b"-----":
        if data.find(b"-----END ") < 0:
            raise Unreadable
        return
    first = data[1]
    if first == 0x80:  # indefinite: ended by two zero bytes
        if data[max(0, len(data) - 64) :].rstrip(b"\r\n")[-2:] != b"\0\0":
            raise Unreadable
        return
    width = first & 0x7F if first & 0x80 else 0
    length = int.from_bytes(data[2 : 2 + width], "big") if width else first
    if 2 + width + length > len(data):
        raise Unreadable


def _open_encrypted(data: Data) -> None:
    if (data[:14] == b"-----BEGIN PGP" or data[:14] == b"-----BEGIN AGE") and data.find(b"-----END ") < 0:
        raise Unreadable


_OPENERS: dict[str, Callable[[Data], None]] = {
    "pdf": open_pdf,
    "jpeg": open_jpeg,
    "png": open_png,
    "tiff": open_tiff,
    "picture": open_picture,
    "office": _open_zip,
    "compound": open_compound,
    "rtf": _open_rtf,
    "text": _open_text,
    "dicom": _open_dicom,
    "signed": _open_signed,
    "encrypted": _open_encrypted,
    "archive": _open_archive,
    "recording": open_boxes,
}

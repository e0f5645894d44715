"""What can be put around a backup to hurt who reads it: layers, names, things that are no file, changes at a moment."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import socket
import stat
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from hostile.cases import Making, Meddling, Placing, written_on_the_day
from hostile.escapes import Canaries
from integration.damaged import name_of, put

from restore_lab.events import Entered, Event, Stage

_HEAD: Final = b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE x (t);\n"
_MEBIBYTES: Final = 1060
_LINE: Final = b"-" * 2**20


def gzip_bomb(piece: bytes) -> Making:
    """A dump of so much of that, in gzip."""

    def make(_set_out: Canaries, _content: bytes) -> bytes:
        packed = io.BytesIO()
        with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6, mtime=0) as file:
            file.write(_HEAD)
            for _ in range(_MEBIBYTES):
                file.write(piece)
        return packed.getvalue()

    return make


def xz_bomb(_set_out: Canaries, _content: bytes) -> bytes:
    packer = lzma.LZMACompressor(preset=0)
    return b"".join((packer.compress(_HEAD), *(packer.compress(_LINE) for _ in range(_MEBIBYTES)), packer.flush()))


def bzip2_bomb(_set_out: Canaries, _content: bytes) -> bytes:
    packer = bz2.BZ2Compressor()
    return b"".join((packer.compress(_HEAD), *(packer.compress(_LINE) for _ in range(_MEBIBYTES)), packer.flush()))


def zip_bomb(_set_out: Canaries, _content: bytes) -> bytes:
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("dump.sql", "w", force_zip64=True) as file,
    ):
        file.write(_HEAD)
        for _ in range(_MEBIBYTES):
            file.write(_LINE)
    return packed.getvalue()


def sixty_times_gzip(_set_out: Canaries, content: bytes) -> bytes:
    for _ in range(60):
        content = gzip.compress(content, mtime=0)
    return content


def tarred(*members: Mapping[str, str | int | bytes], name: str = "dump.sqlite") -> Making:
    """A tar of these members, and of the backup under that name; none, and the backup is not in it."""

    def make(set_out: Canaries, content: bytes) -> bytes:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for member in members:
                info = tarfile.TarInfo()
                for field, value in member.items():
                    setattr(info, field, set_out.aimed(value) if isinstance(value, str) else value)
                archive.addfile(info)
            if name:
                info = tarfile.TarInfo(set_out.aimed(name))
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return packed.getvalue()

    return make


def sparse(_set_out: Canaries, content: bytes) -> bytes:
    """A sparse file of a petabyte, in GNU's old form: one block of data, the rest a hole."""
    info = tarfile.TarInfo("dump.sqlite")
    info.type, info.size = b"S", 512
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    for place, number in ((386, 0), (398, 512), (483, 10**15)):
        header[place : place + 12] = b"\x80" + number.to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content[:512] + bytes(1024)


def zipped(name: str, *, link: str = "") -> Making:
    """A zip of the backup under that name, or of a symbolic link."""

    def make(set_out: Canaries, content: bytes) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            info = zipfile.ZipInfo(set_out.aimed(name))
            if link:
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, set_out.aimed(link).encode() if link else content)
        return packed.getvalue()

    return make


def linked(target: str) -> Placing:
    def place(set_out: Canaries, folder: Path, _content: bytes) -> None:
        (folder / name_of()).symlink_to(set_out.aimed(target))

    return place


def linked_in_a_loop(_set_out: Canaries, folder: Path, _content: bytes) -> None:
    (folder / name_of()).symlink_to(folder / name_of(1))
    (folder / name_of(1)).symlink_to(folder / name_of())


def fifo(_set_out: Canaries, folder: Path, _content: bytes) -> None:
    os.mkfifo(folder / name_of())


def a_socket(_set_out: Canaries, folder: Path, _content: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        before = Path.cwd()
        os.chdir(folder)  # the path of a socket is short
        try:
            bound.bind(name_of())
        finally:
            os.chdir(before)


def a_device(_set_out: Canaries, folder: Path, _content: bytes) -> None:
    os.mknod(folder / name_of(), stat.S_IFCHR | 0o666, os.makedev(1, 5))


def beside(other: Placing) -> Placing:
    """Put something newer beside a whole backup of the day before."""

    def place(set_out: Canaries, folder: Path, content: bytes) -> None:
        put(folder, name_of(-1), content)
        other(set_out, folder, content)

    return place


def swapped(_set_out: Canaries, folder: Path, content: bytes) -> None:
    """A file that looks as if it were being written, and is a link by the time it is looked at again."""
    path = folder / name_of()
    path.write_bytes(content)

    def swap() -> None:
        time.sleep(0.15)
        path.unlink()
        path.symlink_to("/etc/shadow")

    threading.Thread(target=swap).start()


def named(name: str) -> Placing:
    """The backup, under a name of its own."""
    return lambda set_out, folder, content: written_on_the_day(folder / set_out.aimed(name), content)


def at_the_load(change: Callable[[Path, Canaries], object]) -> Meddling:
    """Change the backup once its load begins."""

    def hear(set_out: Canaries, root: Path, event: Event) -> None:
        if isinstance(event, Entered) and event.stage is Stage.LOAD:
            change(root / "backups" / name_of(), set_out)

    return hear

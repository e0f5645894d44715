"""What lies around a backup: the layers about it, the folder it is in, the moment it is read in."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from typing import Final

from hostile import around
from hostile.cases import Case, Rows
from hostile.escapes import Canaries

from restore_lab.findings import Code

_ANY: Final = Rows(engine="sqlite", prefix="", tool=("backup",))
_DUMP: Final = Rows(engine="sqlite", prefix="")
_ONE_FILE: Final = "the archive holds one file, which is read wherever it says it belongs"
_NOT_FOLLOWED: Final = "only a file is a backup: it is passed over for the day before"
_A_NAME: Final = "a name is only shown, escaped"


def _replace(path: Path, _set_out: Canaries) -> None:
    path.unlink()
    path.symlink_to("/etc/shadow")


def _grow(path: Path, _set_out: Canaries) -> None:
    with path.open("ab") as file:
        file.write(b"x" * 10_000_000)


_BOMBS: Final = (
    _DUMP.unknown(
        "gzip-bomb",
        "1.1 GB in one line, in 1 MB of gzip",
        "",
        Code.ARCHIVE_TOO_LARGE,
        making=around.gzip_bomb(b"-" * 2**20),
    ),
    _DUMP.unknown(
        "gzip-bomb-of-rows",
        "a million rows in 3 MB of gzip",
        "",
        Code.ARCHIVE_TOO_LARGE,
        making=around.gzip_bomb((b"INSERT INTO x VALUES ('" + b"y" * 997 + b"');\n") * 1024),
    ),
    _DUMP.unknown("xz-bomb", "1.1 GB in xz", "", Code.ARCHIVE_TOO_LARGE, making=around.xz_bomb),
    _DUMP.unknown("bzip2-bomb", "1.1 GB in bzip2", "", Code.ARCHIVE_TOO_LARGE, making=around.bzip2_bomb),
    _DUMP.unknown("zip-bomb", "1.1 GB in a zip", "", Code.ARCHIVE_TOO_LARGE, making=around.zip_bomb),
    _ANY.unknown(
        "sixty-layers", "gzip sixty times", "", Code.ARCHIVE_TOO_LARGE, making=around.sixty_times_gzip, daily=True
    ),
    _ANY.unknown(
        "tar-sparse",
        "a sparse file of a petabyte in a tar",
        "",
        Code.ARCHIVE_TOO_LARGE,
        making=around.sparse,
        daily=True,
    ),
    _ANY.failed(
        "tar-huge",
        "a tar that says its file has eight terabytes",
        "",
        Code.ARCHIVE_DAMAGED,
        making=around.tarred({"name": "dump.sqlite", "size": 8 * 2**40}, name=""),
    ),
)
_ARCHIVES: Final = (
    _ANY.passes(
        "tar-climbing",
        "a path in a tar that climbs to the host's root",
        "",
        _ONE_FILE,
        making=around.tarred(name="../../../../..@FOLDER@/@TOKEN@"),
        daily=True,
    ),
    _ANY.passes(
        "tar-absolute", "an absolute path in a tar", "", _ONE_FILE, making=around.tarred(name="@FOLDER@/@TOKEN@")
    ),
    _ANY.failed(
        "tar-symlink",
        "a symbolic link in a tar, to a secret of the host",
        "",
        Code.BACKUP_EMPTY,
        making=around.tarred({"name": "d.sqlite", "type": tarfile.SYMTYPE, "linkname": "@FOLDER@/secret"}, name=""),
        daily=True,
    ),
    _ANY.passes(
        "tar-behind-symlink",
        "a file in a tar below a symbolic link to a folder of the host",
        "",
        _ONE_FILE,
        making=around.tarred({"name": "d", "type": tarfile.SYMTYPE, "linkname": "@FOLDER@"}, name="d/@TOKEN@"),
    ),
    _ANY.failed(
        "tar-hard-link",
        "a hard link in a tar, to the host's passwords",
        "",
        Code.BACKUP_EMPTY,
        making=around.tarred({"name": "d.sqlite", "type": tarfile.LNKTYPE, "linkname": "/etc/shadow"}, name=""),
    ),
    _ANY.passes(
        "tar-devices",
        "devices and a FIFO in a tar, beside the backup",
        "",
        "only the file is read",
        making=around.tarred(
            {"name": "zero", "type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5, "mode": 0o666},
            {"name": "pipe", "type": tarfile.FIFOTYPE},
            {"name": "sda", "type": tarfile.BLKTYPE, "devmajor": 8},
        ),
    ),
    _ANY.passes(
        "zip-climbing",
        "a path in a zip that climbs to the host's root",
        "",
        _ONE_FILE,
        making=around.zipped("../../../../..@FOLDER@/@TOKEN@"),
    ),
    _ANY.failed(
        "zip-symlink",
        "a symbolic link in a zip, to a secret of the host",
        "",
        Code.DUMP_NOT_RECOGNISED,
        making=around.zipped("dump.sqlite", link="@FOLDER@/secret"),
    ),
)
_FOLDER: Final = (
    _ANY.failed(
        "link-to-passwords",
        "the backup is a symbolic link to the host's passwords",
        "",
        Code.NO_BACKUP_FOUND,
        placing=around.linked("/etc/shadow"),
        daily=True,
    ),
    _ANY.passes(
        "link-beside",
        "the newest backup is a symbolic link to SQL of another folder",
        "",
        _NOT_FOLLOWED,
        placing=around.beside(around.linked("@FOLDER@/read.sql")),
    ),
    _ANY.failed(
        "link-to-zeros", "a symbolic link to a device", "", Code.NO_BACKUP_FOUND, placing=around.linked("/dev/zero")
    ),
    _ANY.failed(
        "link-loop", "two symbolic links to each other", "", Code.NO_BACKUP_FOUND, placing=around.linked_in_a_loop
    ),
    _ANY.failed(
        "fifo", "the backup is a FIFO that nobody writes to", "", Code.NO_BACKUP_FOUND, placing=around.fifo, daily=True
    ),
    _ANY.passes("fifo-beside", "the newest backup is a FIFO", "", _NOT_FOLLOWED, placing=around.beside(around.fifo)),
    _ANY.failed("socket", "the backup is a socket", "", Code.NO_BACKUP_FOUND, placing=around.a_socket),
    _ANY.failed("device", "the backup is a device", "", Code.NO_BACKUP_FOUND, placing=around.a_device, root=True),
    _ANY.failed(
        "swapped",
        "a file that becomes a link to the host's passwords while it is looked at",
        "",
        Code.NO_BACKUP_FOUND,
        placing=around.swapped,
        changes=True,
    ),
    *(
        _ANY.passes(f"name-{what}", tries, "", _A_NAME, placing=around.named(name), pattern="*", daily=daily)
        for what, tries, name, daily in (
            ("help", "a backup called `--help`", "--help", False),
            ("rf", "a backup called `-rf`", "-rf", False),
            ("shell", "a backup's name with commands in it", "$(touch @TOKEN@);`touch @TOKEN@`&.dump", False),
            ("terminal", "a backup's name that steers a terminal", "\x1b]0;@TOKEN@\x07\x1b[2J\n\u202e.dump", True),
            ("not-utf8", "a backup's name that is no UTF-8", "sauv\udce9\udcff.dump", True),
            ("markup", "a backup's name that is Typst, HTML, a header", "#panic()<b>$x$\r\nBcc: @TOKEN@.dump", True),
        )
    ),
)
_MOMENTS: Final = (
    _ANY.unknown(
        "cut-while-read",
        "the backup is cut while it is read",
        "",
        Code.BACKUP_CHANGED_WHILE_READ,
        changes=True,
        meddling=around.at_the_load(lambda path, _: os.truncate(path, 100)),
    ),
    _ANY.unknown(
        "grown-while-read",
        "10 MB more are written to the backup while it is read",
        "",
        Code.BACKUP_CHANGED_WHILE_READ,
        changes=True,
        meddling=around.at_the_load(_grow),
    ),
    _ANY.unknown(
        "replaced-while-read",
        "the backup becomes a link to the host's passwords while it is read",
        "",
        Code.BACKUP_CHANGED_WHILE_READ,
        Code.CONTROL_NOT_RUN,
        changes=True,
        meddling=around.at_the_load(_replace),
        daily=True,
    ),
    _ANY.unknown(
        "gone-while-read",
        "the backup is removed while it is read",
        "",
        Code.BACKUP_CHANGED_WHILE_READ,
        Code.CONTROL_NOT_RUN,
        changes=True,
        meddling=around.at_the_load(lambda path, _: path.unlink()),
    ),
)
CASES: Final[tuple[Case, ...]] = (*_BOMBS, *_ARCHIVES, *_FOLDER, *_MOMENTS)

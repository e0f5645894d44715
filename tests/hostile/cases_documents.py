"""Archives of documents made to hurt: they are read whole, by our own code within the machine."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from documents import LETTER
from hostile.cases import Case, Looking, Making, Rows
from hostile.escapes import Canaries

from restore_lab.engines.documents import NO_DOCUMENTS
from restore_lab.evidence import Evidence
from restore_lab.findings import Code

_LETTERS: Final = 3
_MEBIBYTES: Final = 1200
_CHECKS: Final = f"""
[[restore.check]]
kind = "integrity"
[[restore.check]]
kind = "documents"
at_least = {{ pdf = {_LETTERS} }}
"""
_FILES: Final = Rows(engine="files", prefix="documents-")
_MORE: Final = {"checks": _CHECKS, "options": 'engine = { kind = "files" }'}
_NOT_RESTORED: Final = "they are not restored, and counted in the report"
#: A header of a file: name, kind, where it leads.
Member = tuple[str, bytes, str]


def _archive(*members: Member, letters: int = _LETTERS, names: tuple[str, ...] = ()) -> Making:
    """Make a tar of sound letters, of a letter under each further name, and of members that are none."""

    def make(set_out: Canaries, _content: bytes) -> bytes:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive:
            for name in (*(f"courriers/{number}.pdf" for number in range(letters)), *map(set_out.aimed, names)):
                info = tarfile.TarInfo(name)
                info.size = len(LETTER)
                archive.addfile(info, io.BytesIO(LETTER))
            for name, kind, target in members:
                info = tarfile.TarInfo(set_out.aimed(name))
                info.type, info.linkname, info.mode = kind, set_out.aimed(target), 0o666
                info.devmajor, info.devminor = 1, 5
                archive.addfile(info)
        return packed.getvalue()

    return make


def _counted(**left_out: int) -> Looking:
    """Look for what the report counts as not restored: so many of a kind, and nothing more."""

    def look(_root: Path, evidence: Evidence) -> Iterable[str]:
        (restore,) = evidence.restores
        found = {one.kind: one.count for one in restore.objects if one.kind in NO_DOCUMENTS}
        if found != left_out:
            yield f"left out: {found}, expected {left_out}"

    return look


def _bomb(_set_out: Canaries, _content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(_LETTERS):
            archive.writestr(f"{number}.pdf", LETTER)
        with archive.open("zeros.pdf", "w", force_zip64=True) as file:
            for _ in range(_MEBIBYTES):
                file.write(bytes(2**20))
    return packed.getvalue()


def _petabyte(_set_out: Canaries, _content: bytes) -> bytes:
    """A sparse file of a petabyte that is one hole (GNU tar manual, "Storing Sparse Files", version 1.0 of pax)."""
    size, packed = 10**15, io.BytesIO()
    info = tarfile.TarInfo("GNUSparseFile.0/a.pdf")
    info.size = 512
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(size)}
    info.pax_headers["GNU.sparse.name"] = "a.pdf"
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(f"1\n{size}\n0\n".encode().ljust(512, b"\0")))
    return packed.getvalue()


CASES: Final[tuple[Case, ...]] = (
    _FILES.passes(
        "climbing",
        "paths that climb to the host's root, and absolute ones",
        "",
        _NOT_RESTORED,
        looking=_counted(outside_path=3),
        making=_archive(names=("../../../../../..@FOLDER@/@TOKEN@", "@FOLDER@/@TOKEN@", "/tmp/@TOKEN@")),  # noqa: S108 - where it may not lie
        daily=True,
        **_MORE,
    ),
    _FILES.passes(
        "links",
        "symbolic and hard links to a secret of the host, and files below such a link",
        "",
        _NOT_RESTORED,
        looking=_counted(symbolic_link=2, hard_link=1, empty=1),
        making=_archive(
            ("secret.pdf", tarfile.SYMTYPE, "@FOLDER@/secret"),
            ("hard.pdf", tarfile.LNKTYPE, "@FOLDER@/secret"),
            ("folder", tarfile.SYMTYPE, "@FOLDER@"),
            ("folder/@TOKEN@", tarfile.REGTYPE, ""),
        ),
        daily=True,
        **_MORE,
    ),
    _FILES.passes(
        "devices",
        "devices and a FIFO",
        "",
        _NOT_RESTORED,
        looking=_counted(special_file=3),
        making=_archive(*((f"device-{kind.decode()}.pdf", kind, "") for kind in (b"3", b"4", b"6"))),
        **_MORE,
    ),
    _FILES.unknown("bomb", "1.2 GB of zeros in a zip of 5 MB", "", Code.ARCHIVE_TOO_LARGE, making=_bomb, **_MORE),
    _FILES.unknown("sparse", "a sparse file of a petabyte", "", Code.ARCHIVE_TOO_LARGE, making=_petabyte, **_MORE),
    _FILES.passes(
        "names",
        "names that steer a terminal, that are markup, options, commands or no UTF-8",
        "",
        "a file lies under its number, and its name in no report and on no command line",
        making=_archive(
            names=(
                "\x1b]0;@TOKEN@\x07\x1b[2J.pdf",
                "\u202efdp.exe",
                "#panic()<b>$x$\r\nBcc: @TOKEN@.pdf",
                "--help",
                "$(touch @FOLDER@|tr a b).pdf",
                "\udcff.pdf",
                "@SECRET@.pdf",
            )
        ),
        **_MORE,
    ),
)

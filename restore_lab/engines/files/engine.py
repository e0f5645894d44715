"""Documents beside the database: a tar or a zip of a folder. It is taken apart by a child inside the machine.

Sources: POSIX.1-2017 pax (tar), APPNOTE.TXT 6.3 (zip).
"""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass
from typing import Literal

from restore_lab.engines.base import Database, Dump
from restore_lab.engines.files.database import FilesDatabase
from restore_lab.sandboxes.base import Machine, Server
from restore_lab.settings import STRICT

_TAR_MAGIC_AT = 257
_ZIP_LOCAL, _ZIP_HEADER_BYTES = b"PK\x03\x04", 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Files:
    """The `files` engine; it must be named in the scenario, since an archive may as well be one around a dump."""

    __pydantic_config__ = STRICT

    kind: Literal["files"] = "files"
    load_timeout_seconds: int = 4 * 3600
    check_timeout_seconds: int = 3600

    @property
    def archives(self) -> frozenset[str]:
        """See `Engine.archives`."""
        return frozenset({"tar", "zip"})

    def recognise(self, head: bytes) -> Dump | None:
        """See `Engine.recognise`."""
        form = "tar" if head[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar" else "zip" if _is_zip(head) else ""
        return Dump(engine=self.kind, format=form, vendor="", version="", series="", tool="") if form else None

    def servers(self, _dump: Dump) -> tuple[Server, ...]:
        """Name the one there is."""
        return self.offered()

    def offered(self) -> tuple[Server, ...]:
        """Name this interpreter, run apart; no image is made yet, so that it runs locally."""
        folder = f"{sys.base_prefix}/bin"
        return (
            Server(engine=self.kind, series="3", own_series=True, image="", folders=(folder,), programs=("python3",)),
        )

    def start(self, machine: Machine, server: Server) -> Database:
        """Send the child into the machine; there is no server to wait for."""
        return self.attach(machine, server)

    def attach(self, machine: Machine, _server: Server) -> Database:
        """See `Engine.attach`."""
        database = FilesDatabase(
            machine=machine,
            load_timeout_seconds=self.load_timeout_seconds,
            check_timeout_seconds=self.check_timeout_seconds,
        )
        database.greet()
        return database

    def own_series(self, _dump: Dump, _server_version: str) -> bool:
        """See `Engine.own_series`; an archive is of no series, and nothing of it depends on one."""
        return True


def _is_zip(head: bytes) -> bool:
    """Take a zip whose first member has a name, as every member has."""
    if not head.startswith(_ZIP_LOCAL) or len(head) < _ZIP_HEADER_BYTES:
        return False
    size = int(struct.unpack_from("<H", head, 26)[0])
    return 0 < size <= len(head) - _ZIP_HEADER_BYTES

"""Documents restored into a machine: unpacked, counted, opened; all by the child, which is sent there as a zip."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restore_lab.counted import DocumentCount, ObjectCount
from restore_lab.engines.base import MOST_ROWS, Dump, Integrity, Inventory, Load, References, Row, Spoilt, Views
from restore_lab.engines.documents import Examined
from restore_lab.errors import EngineFailed, MachineDiskFull, QueryRefused
from restore_lab.findings import Code, finding, reduce_message, safe_text
from restore_lab.process import Completed
from restore_lab.sandboxes.base import Machine
from restore_lab.unpack import UnpackFault, closed

_INSIDE = Path(__file__).parent / "inside"
_PACKAGE = "restore_lab/engines/files/inside"
#: The one module that the child shares with what peels layers here.
_SHARED = Path(closed.__file__)
#: What the child says of an archive it does not take apart.
_REFUSED = {
    "TOO_LARGE": Code.ARCHIVE_TOO_LARGE,
    "ENCRYPTED": Code.ARCHIVE_ENCRYPTED,
    "FORM_UNKNOWN": Code.ARCHIVE_FORM_UNKNOWN,
}


def _program() -> bytes:
    """Pack the child's modules under the names they have here, and what they share with us."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for parent in ("restore_lab", "restore_lab/unpack", "restore_lab/engines", "restore_lab/engines/files"):
            archive.writestr(f"{parent}/__init__.py", "")
        for module in sorted(_INSIDE.glob("*.py")):
            archive.writestr(f"{_PACKAGE}/{module.name}", module.read_bytes())
        archive.writestr(f"restore_lab/unpack/{_SHARED.name}", _SHARED.read_bytes())
        archive.writestr("__main__.py", f"from {_PACKAGE.replace('/', '.')}.child import main\n\nmain()\n")
    return held.getvalue()


@dataclass(kw_only=True, slots=True)
class FilesDatabase:
    """A folder of documents inside a machine; it has no tables, and objects are its documents by class."""

    machine: Machine
    load_timeout_seconds: int
    check_timeout_seconds: int
    server_version: str = ""

    def greet(self) -> None:
        """Send the child into the machine and have it answer, so that a later refusal is the backup's."""
        done = self.machine.run(
            ("/bin/sh", "-c", 'exec cat > "$1"', "program", self._child), timeout_seconds=60, stdin=[_program()]
        )
        if done.exit_code != 0:
            raise EngineFailed(f"the documents' child could not be put into the machine (exit {done.exit_code})")
        self.server_version = str(self._ask("greet")["version"])

    def load(self, dump: Dump, chunks: Iterable[bytes]) -> Load:
        """See `Database.load`; an archive that ends before its end leaves what stood before that.

        Raises:
            UnpackFault: the archive is encrypted, or too large to be taken apart here.
        """
        argv = self._argv("load", dump.format)
        done = self.machine.run(argv, timeout_seconds=self.load_timeout_seconds, stdin=chunks)
        answer = self._answer(done)
        if code := _REFUSED.get(str(answer.get("refused"))):
            raise UnpackFault(code, dump.format, f"the {dump.format} of documents is not taken apart")
        damaged = (finding(Code.ARCHIVE_DAMAGED, layer=dump.format),) if answer["damaged"] else ()
        return Load(seconds=done.seconds, problems=(), findings=damaged)

    def inventory(self) -> Inventory:
        """See `Database.inventory`; links and devices that were not written are counted beside the documents."""
        kinds = self._ask("inventory", timeout_seconds=self.check_timeout_seconds)["kinds"]
        objects = (ObjectCount(kind=safe_text(kind), count=count) for kind, count in sorted(kinds.items()))
        return Inventory(tables=(), objects=tuple(objects))

    def integrity(self) -> Integrity:
        """See `Database.integrity`; every file is read again and compared with what was written."""
        answer = self._ask("integrity", timeout_seconds=self.check_timeout_seconds)
        problems = (reduce_message(b"", code="CHANGED"),) * int(answer["changed"])
        return Integrity(asked=int(answer["asked"]), problems=problems)

    def references(self) -> References:
        """See `Database.references`; files declare nothing of each other."""
        return References(keys=())

    def views(self, *, timeout_seconds: float = 60.0) -> Views:
        """See `Database.views`; there are none."""
        del timeout_seconds
        return Views(asked=0)

    def query(self, sql: str, *, timeout_seconds: float = 60.0, most_rows: int = MOST_ROWS) -> Sequence[Row]:
        """See `Database.query`; documents answer no statement."""
        del sql, timeout_seconds, most_rows
        raise QueryRefused("NO_SQL")

    def spoil(self, table: str) -> Spoilt:
        """See `Database.spoil`; `table` is a class of documents, the largest one where it is none."""
        kind = str(self._ask("spoil", table, timeout_seconds=self.check_timeout_seconds)["kind"])
        return Spoilt(table=kind, index="", routine="")

    def examine(self, *, known_endings: Sequence[str], timeout_seconds: float) -> Examined:
        """See `Documents.examine`."""
        answer = self._ask("examine", json.dumps(list(known_endings)), timeout_seconds=timeout_seconds)
        kinds = (
            DocumentCount(kind=safe_text(kind), count=count, size_bytes=size, unreadable=unreadable)
            for kind, (count, size, unreadable) in sorted(answer["kinds"].items())
        )
        signs = {sign: count for sign, count in sorted(answer["signs"].items()) if count}
        return Examined(documents=tuple(kinds), signs=signs)

    def name_digests(self, key: bytes, into: Callable[[bytes], object], *, timeout_seconds: float) -> None:
        """See `Documents.name_digests`."""
        done = self.machine.run(self._argv("names"), timeout_seconds=timeout_seconds, stdin=[key], stdout=into)
        if done.exit_code != 0:
            raise EngineFailed(f"the documents' child gave no answer (exit {done.exit_code})")

    @property
    def _child(self) -> str:
        return f"{self.machine.scratch}/child.zip"

    def _argv(self, question: str, text: str = "") -> tuple[str, ...]:
        return ("python3", "-I", self._child, question, self.machine.scratch, text)

    def _ask(self, question: str, text: str = "", *, timeout_seconds: float = 600) -> dict[str, Any]:
        return self._answer(self.machine.run(self._argv(question, text), timeout_seconds=timeout_seconds))

    def _answer(self, done: Completed) -> dict[str, Any]:
        try:
            answer = json.loads(done.stdout)
        except ValueError as error:
            raise EngineFailed(f"the documents' child gave no answer (exit {done.exit_code})") from error
        if not isinstance(answer, dict):
            raise EngineFailed("the documents' child gave something else than an answer")
        if answer.get("refused") == "DISK_FULL":
            raise MachineDiskFull("the documents need more room than the machine has")
        return answer

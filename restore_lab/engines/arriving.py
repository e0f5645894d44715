"""A dump as it arrives, whatever its engine: who takes it, and what its bytes show as they pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from restore_lab.engines.base import Dump, Engine
from restore_lab.engines.encodings import Letters, ends_as_windows, in_eight_bits, sixteen_bits
from restore_lab.engines.remarks import Remarks
from restore_lab.findings import Code, Finding, finding
from restore_lab.unpack.foreign import kind_named


def recognised(head: bytes, engines: Sequence[Engine]) -> tuple[Engine, Dump] | None:
    """Give the first engine that takes a dump of this beginning; none takes one in 16-bit text."""
    if sixteen_bits(head):
        return None
    found = ((engine, engine.recognise(head)) for engine in engines)
    return next(((engine, dump) for engine, dump in found if dump is not None), None)


def unrecognised(
    head: bytes, wanted: Sequence[Engine], known: Mapping[str, Engine], *, name: str = ""
) -> Iterator[Finding]:
    """Say what a dump is that no engine `wanted` takes; of one whose bytes tell nothing its file's `name` may."""
    encoding = sixteen_bits(head)
    text = in_eight_bits(head, encoding) if encoding else head
    other = next((kind for kind, engine in known.items() if engine.recognise(text)), None)
    if encoding and other:
        yield finding(Code.DUMP_IN_UTF16, encoding=encoding)
    elif other:
        yield finding(Code.DUMP_OF_ANOTHER_ENGINE, found=other, wanted=wanted[0].kind)
    elif not encoding and b"\0" in head and (kind := kind_named(name)):
        yield finding(Code.BACKUP_OF_ANOTHER_KIND, layer=kind)
    else:
        yield finding(Code.DUMP_NOT_RECOGNISED)
        remarks = Remarks()
        remarks.look(head)
        yield from _of_remarks(remarks)


@dataclass(kw_only=True, slots=True)
class Arriving:
    """What the bytes of a dump show as they pass; `is_dump` is whether they are a tool's, `is_text` a plain dump's."""

    is_dump: bool
    is_text: bool
    passed_bytes: int = 0
    _remarks: Remarks = field(default_factory=Remarks)
    _letters: Letters = field(default_factory=Letters)
    _windows: bool = False

    def look(self, chunk: bytes) -> None:
        """Read on; what documents say is no tool's message."""
        if not self.passed_bytes:
            self._windows = self.is_text and ends_as_windows(chunk)
        self.passed_bytes += len(chunk)
        if self.is_dump:
            self._remarks.look(chunk)
        if self.is_text:
            self._letters.look(chunk)

    def findings(self) -> Iterator[Finding]:
        """Say what was seen, once all has passed; what a message of the tool cost, the load has said."""
        yield from _of_remarks(self._remarks)
        if self._windows:
            yield finding(Code.LINE_ENDS_CHANGED)
        if self._letters.doubly_encoded:
            yield finding(Code.TEXT_DOUBLY_ENCODED, count=self._letters.doubly_encoded)


def _of_remarks(remarks: Remarks) -> Iterator[Finding]:
    remarks.close()
    if remarks.count:
        yield finding(Code.TOOL_MESSAGES_IN_BACKUP, name=remarks.tool, count=remarks.count, line=remarks.line)

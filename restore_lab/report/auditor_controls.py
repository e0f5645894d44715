"""The auditor's pages: the negative controls, what each raised, and what no control can see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from restore_lab.report.blocks import Block, Note, Section, table
from restore_lab.report.names import CONTROLS, named

if TYPE_CHECKING:
    from restore_lab.evidence import ControlRecord, DumpRecord, RestoreRecord
    from restore_lab.report.wording import Wording

#: Layers and formats that carry a checksum of their content: a changed character breaks them.
_CHECKSUMMED: Final = frozenset({"gzip", "bzip2", "xz", "zip", "custom"})


def control_section(restore: RestoreRecord, wording: Wording) -> Section:
    """Say how the test was tested; empty when no control was carried out."""
    text = wording.text
    title = text("Negative controls: the test tested")
    blocks: list[Block] = []
    if restore.controls:
        columns = (text("Loss made on purpose"), text("Raised"), text("Result"), text("Time"))
        rows = [_row(control, wording) for control in restore.controls]
        blocks.append(table(title, columns, rows, "LLlr"))
        if restore.dump is not None and not _is_checksummed(restore.dump):
            blocks.append(Note(text=text("The change of a single character would not be seen in this format.")))
    return Section(title=title, level=3, blocks=tuple(blocks))


def _row(control: ControlRecord, wording: Wording) -> tuple[str, ...]:
    return (
        named(control.name, wording, CONTROLS),
        ", ".join(control.raised) or "–",
        wording.text("SILENT: not seen") if control.silent else wording.text("seen"),
        wording.duration(control.seconds),
    )


def _is_checksummed(dump: DumpRecord) -> bool:
    return bool(_CHECKSUMMED & {*dump.layers, dump.format})

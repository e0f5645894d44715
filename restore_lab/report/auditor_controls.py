"""The auditor's pages: the negative controls, what was lost in each, what it raised, and what no control can see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from restore_lab.report.blocks import Block, Note, Section, table
from restore_lab.report.names import CONTROLS, DOCUMENT_KINDS, NOT_JUDGED, named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from restore_lab.evidence import RestoreRecord
    from restore_lab.report.wording import Wording
    from restore_lab.restored import DumpRecord
    from restore_lab.tried import ControlRecord

#: Layers and formats that carry a checksum of their content: a changed character breaks them.
_CHECKSUMMED: Final = frozenset({"gzip", "bzip2", "xz", "zip"})


def control_section(restore: RestoreRecord, wording: Wording) -> Section:
    """Say how the test was tested; empty when no control was carried out."""
    text = wording.text
    title = text("Negative controls: the test tested")
    blocks: list[Block] = []
    if restore.controls:
        columns = (text("Loss made on purpose"), text("Raised"), text("Result"), text("Time"))
        rows = [_row(control, restore, wording) for control in restore.controls]
        blocks.append(table(title, columns, rows, "LLLr"))
        if restore.dump is not None and not _is_checksummed(restore.dump):
            blocks.append(Note(text=text("The change of a single character would not be seen in this format.")))
    return Section(title=title, level=3, blocks=tuple(blocks))


def _row(control: ControlRecord, restore: RestoreRecord, wording: Wording) -> tuple[str, ...]:
    lost = (*_cut(control, wording), *_spoilt(control, restore, wording))
    return (
        " ".join(lost) or named(control.name, wording, CONTROLS),
        ", ".join(control.raised) or "–",
        _result(control, wording),
        wording.duration(control.seconds) if control.seconds else "–",
    )


def _result(control: ControlRecord, wording: Wording) -> str:
    if control.not_judged:
        return named(control.not_judged, wording, NOT_JUDGED)
    return wording.text("SILENT: not seen") if control.silent else wording.text("seen")


def _cut(control: ControlRecord, wording: Wording) -> Iterator[str]:
    if control.kept_bytes is None:
        return
    size = wording.size(control.kept_bytes)
    if control.end_forged:
        yield wording.text("First part of the backup ({size}), cut between two statements, its end forged.", size=size)
    else:
        yield wording.text("First part of the backup ({size}), cut where it ends, no end forged.", size=size)
    yield wording.text("Restored on a second machine.")


def _spoilt(control: ControlRecord, restore: RestoreRecord, wording: Wording) -> Iterator[str]:
    """Name what was taken out; an engine's own way to do it takes more with it."""
    text, engine = wording.text, restore.dump.engine if restore.dump else ""
    rows = wording.count("{n} row", "{n} rows", control.emptied_rows)
    if not control.emptied:
        return
    if restore.is_of_documents:
        yield text("All documents of one class removed: {kind}.", kind=named(control.emptied, wording, DOCUMENT_KINDS))
    elif control.larger:
        yield text(
            "Table emptied: {table} ({rows}), the largest that the test counts.", table=control.emptied, rows=rows
        )
        yield text("Larger still, but not counted: {table}.", table=control.larger)
    else:
        yield text("Largest table emptied: {table} ({rows}).", table=control.emptied, rows=rows)
    if engine == "postgresql":
        yield text("Tables that refer to it emptied with it.")
    if control.index:
        yield text("Index dropped: {name}.", name=control.index)
    if control.routine and engine == "sqlite":
        yield text("Triggers dropped, among them {name}.", name=control.routine)
    elif control.routine:
        yield text("Routine dropped: {name}.", name=control.routine)


def _is_checksummed(dump: DumpRecord) -> bool:
    """Whether a changed character would break it; of an archive of pg_dump, whether its contents are packed by gzip.

    Neither none, LZ4 nor Zstandard has a checksum there; of an older release's record nothing is known.
    Source: PostgreSQL's src/bin/pg_dump/compress_*.c.
    """
    packed = dump.format == "custom" and dump.compression in {"gzip", None}
    return packed or bool(_CHECKSUMMED & {*dump.layers, dump.format})

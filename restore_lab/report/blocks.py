"""What the auditor's pages are made of: sections of facts, tables, notes and commands, laid out by `page.typ`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from restore_lab.report.glyphs import breakable, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

CELL_LENGTH = 400
FACT_LENGTH = 240
#: "sha256:" and its 64 digits fit one line unbroken, so that they can be copied.
DIGEST_LENGTH = 71


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """A label and its value; `mono` for hashes and identifiers, which are never broken."""

    label: str
    value: str
    mono: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Labels and values, two columns without rules."""

    facts: tuple[Fact, ...]
    kind: Literal["facts"] = field(default="facts", init=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A light table; `align` holds one letter a column (l, r), capital for the column that takes the room left.

    `repeat` lays that many rows side by side.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str
    repeat: int = 1
    kind: Literal["table"] = field(default="table", init=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """A paragraph."""

    text: str
    kind: Literal["note"] = field(default="note", init=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Commands:
    """Lines to type."""

    lines: tuple[str, ...]
    kind: Literal["commands"] = field(default="commands", init=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """Lines set apart in a frame, the first one as its title."""

    title: str
    lines: tuple[str, ...]
    kind: Literal["box"] = field(default="box", init=False)


Block = Facts | Table | Note | Commands | Box


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A heading and what stands under it; `level` is 2 or 3."""

    title: str
    blocks: tuple[Block, ...]
    level: int = 2


def fact(label: str, value: str | None, *, mono: bool = False, absent: str = "–") -> Fact:
    """Make a fact out of data; None reads as `absent`."""
    if not value:
        return Fact(label=label, value=absent)
    clean = printable(value, FACT_LENGTH)
    return Fact(label=label, value=clean if mono and len(clean) <= DIGEST_LENGTH else breakable(clean), mono=mono)


def cell(value: str) -> str:
    """Make a table cell out of data."""
    return breakable(printable(value, CELL_LENGTH))


def table(
    caption: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], align: str, *, repeat: int = 1
) -> Table:
    """Make a table out of data; every cell is cleaned."""
    clean = tuple(tuple(cell(value) for value in row) for row in rows)
    return Table(caption=caption, columns=columns, rows=clean, align=align, repeat=repeat)

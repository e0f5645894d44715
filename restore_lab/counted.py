"""What can be counted in a restored database, as evidence keeps it: names of the schema, and numbers; never a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class TableCount:
    """Rows of one table, counted, never estimated."""

    name: str
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectCount:
    """How many objects of one kind (`index`, `view`, `trigger`, ...) exist after the restore."""

    kind: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyCount:
    """One declared foreign key, as `table.name`, and how many rows name a row that is not there."""

    key: str
    orphans: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MonthCount:
    """Rows of one table dated, by `column`, in one month (`2026-09`) that was over when the backup was taken."""

    table: str
    month: str
    rows: int
    column: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberCount:
    """What a `SELECT count(...)` of the operator's gave; `asked` is the digest of its text: like is held to like."""

    name: str
    asked: str
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerDigest:
    """The answer to one of the operator's questions, keyed under the lab's secret; never the answer itself."""

    name: str
    hmac: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentCount:
    """Documents of one class (`pdf`, `jpeg`, ...): how many came back, their bytes, how many do not open."""

    kind: str
    count: int
    size_bytes: int
    unreadable: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ProblemCount:
    """Load errors of one kind: the engine's own code and what it is about, how often, first dump line."""

    code: str
    subject: str
    count: int
    harmful: bool
    first_line: int | None = None

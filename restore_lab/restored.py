"""What was restored, as evidence keeps it: which backup, what it says of itself, the server that took it.

Names are those of the schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class RecoveryPointRecord:
    """Which backup was restored and why that one; `dated_by` says where `taken_at` was read."""

    source: str
    point: str
    taken_at: datetime
    dated_by: Literal["name", "name and mtime", "mtime"]
    size_bytes: int
    candidates: int
    asked_for: str = "latest"


@dataclass(frozen=True, kw_only=True, slots=True)
class DumpRecord:
    """What the backup says of itself in its first bytes; `compression` is None in a record of an older release."""

    engine: str
    format: str
    vendor: str
    version: str
    tool: str
    layers: tuple[str, ...]
    compression: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerRecord:
    """The server it was restored on; `own_series` is whether that is the dump's own vendor and major series."""

    engine: str
    version: str
    own_series: bool

"""What happens during a drill, as values: the progress display and the drill's own log both listen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from restore_lab.findings import Finding


class Stage(StrEnum):
    """The stages of a drill, in their order."""

    FIND = "find"
    START = "start"
    LOAD = "load"
    COUNT = "count"
    ASK = "ask"
    CONTROL = "control"
    DESTROY = "destroy"
    SEAL = "seal"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entered:
    """A stage begins; `about` is a point, a machine or a question, in our own words."""

    stage: Stage
    about: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class BytesRead:
    """How much of the backup was read so far; `of_bytes` is its whole size."""

    done_bytes: int
    of_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A finding, as soon as it is known; its weight comes later."""

    finding: Finding


Event = Entered | BytesRead | Found
Listener = Callable[[Event], object]

"""What reading a live database promises: one state of it, read-only, nobody held up, nothing kept but counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from restore_lab.counted import KeyCount, TableCount
from restore_lab.engines.base import MOST_ROWS, Row
from restore_lab.errors import EngineFailed

#: The longest that a snapshot of a live database is held open, in seconds.
ALL_SECONDS: Final = 1800.0
#: What reaching the server may take, and waiting for a lock that the practice holds.
CONNECT_SECONDS: Final = 10
LOCK_SECONDS: Final = 2
#: What one question may take, unless the operator says otherwise.
EACH_SECONDS: Final = 60
_REFUSED: Final = "no fingerprint was taken; the account must be able to read every table"


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One statement of the operator's, and what it is called."""

    title: str
    statement: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a live database is asked: always its tables; whether its foreign `keys` too; questions."""

    keys: bool
    questions: tuple[Question, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What one state of a live database showed; names as in a restored copy. `answers` in the order of the questions.

    The answers are rows of the practice's, one more than an answer may have at most: whoever gets them keys them and
    lets them go.
    """

    vendor: str
    version: str
    server_at: datetime | None
    tables: tuple[TableCount, ...]
    keys: tuple[KeyCount, ...] | None
    answers: tuple[Sequence[Row], ...]


class LiveDatabase(Protocol):
    """Where a live database is found, and how many seconds a question may take; its frozen settings are the driver."""

    @property
    def engine(self) -> str:
        """The engine whose copies it can be compared with."""
        ...

    def read(self, asked: Asked) -> Seen:
        """Ask everything of one snapshot, in a session that can only read, within limits of ours.

        All of it or nothing: a question that is refused, or takes too long, ends it.

        Raises:
            UsageError: what names the database is not there, or others could read its password.
            EngineFailed: the server was not reached, let nobody in, or did not answer a question.
        """
        ...


def unanswered(about: str, code: str, *, each_seconds: int = EACH_SECONDS) -> EngineFailed:
    """Say which question a live database did not answer; `code` is its own, or `TIMEOUT`, `LOCKED`, `TOO MUCH`."""
    hints = {
        "TIMEOUT": f"it took more than {each_seconds} s; ask at a quiet hour, or raise --limit",
        "LOCKED": f"the practice held a lock for more than {LOCK_SECONDS} s; try again",
        "TOO MUCH": f"an answer has {MOST_ROWS} rows at most; count, or sum up",
    }
    return EngineFailed(f"the live database did not answer: {about} ({code})", hint=hints.get(code, _REFUSED))


def let_nobody_in(code: str) -> EngineFailed:
    """Say that the live server answered and refused the login."""
    return EngineFailed(
        f"the live server refused the login ({code})",
        hint="no fingerprint was taken; correct the account or the password where it is kept",
    )


def not_reached(code: str) -> EngineFailed:
    """Say that nobody answered."""
    return EngineFailed(f"the live server was not reached ({code})", hint="no fingerprint was taken")

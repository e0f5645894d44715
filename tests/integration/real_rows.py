"""A row of `docs/real-databases.md`: a set that comes back, or what does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from restore_lab.evidence import Verdict
from restore_lab.findings import Code

OTHER: Final = Code.SERVER_OF_ANOTHER_SERIES
ELSEWHERE: Final = Code.DATA_IN_ANOTHER_DATABASE
ROLES: Final = Code.ROLES_NOT_IN_BACKUP
SEVERAL: Final = Code.ARCHIVE_HOLDS_SEVERAL
RESERVED: Final = Verdict.PASSED_WITH_RESERVATIONS


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A question whose answer others know."""

    label: str
    sql: str
    answer: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """A set that comes back: on which server, with which verdict, and what of it holds.

    `files` are put end to end; `counts` begin with the main table; `truth` names a file with the rows of every table.
    """

    files: tuple[str, ...]
    server: str
    counts: dict[str, int]
    tables: int
    rows: int
    own_series: bool = False
    machine: str = "container"
    verdict: Verdict = RESERVED
    codes: tuple[Code, ...] = (OTHER,)
    objects: tuple[tuple[str, int], ...] = ()
    asked: tuple[Asked, ...] = ()
    truth: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """What does not come back: why, the verdict it must have, and the test that shows it."""

    files: tuple[str, ...]
    why: str
    holds: str
    verdict: Verdict
    codes: tuple[Code, ...]
    test: str


DDEV: Final = "ddev/mariadb"
DDEV_PG: Final = "ddev/postgres"

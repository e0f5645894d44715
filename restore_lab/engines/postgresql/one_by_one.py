"""Many statements in one session of psql, each in a transaction of its own that only reads, with a limit of its own.

One that is refused or takes too long says so and keeps no other from its answer. What belongs to which is told by lines
of psql's that nobody can foresee. Source: PostgreSQL manual, "psql" (the command `warn`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from restore_lab.engines.base import MOST_ASKED, TIMEOUT, TOO_MANY
from restore_lab.engines.postgresql.cluster import (
    MARGIN_SECONDS,
    PSQL_ASKS,
    QUERY_CANCELLED,
    REFUSAL,
    Cluster,
)
from restore_lab.errors import EngineFailed
from restore_lab.findings import Problem, reduce_message
from restore_lab.process import KEPT_OUTPUT_BYTES

#: Messages come in between answers, as they are said.
_TOGETHER: Final = 'exec "$@" 2>&1'


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One statement of ours, and the name of what it asks about."""

    about: str
    sql: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """The one value of each answer, by the statement's position; what was refused; what gave none in time, `late`."""

    values: Mapping[int, str]
    refused: tuple[Problem, ...]
    unanswered: tuple[Problem, ...]
    late: tuple[Statement, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """As whom, where and how long: `each_seconds` for a statement, `all_seconds` for all of them."""

    user: str
    database: str
    settings: Mapping[str, str]
    each_seconds: float
    all_seconds: float
    first: str = ""


def ask_each(cluster: Cluster, statements: Sequence[Statement], session: Session) -> Answers:
    """Ask them, but no more than `MOST_ASKED`.

    Raises:
        EngineFailed: the server let nobody in, or was gone before the end.
    """
    if not statements:
        return Answers(values={}, refused=(), unanswered=())
    mark, said = secrets.token_hex(16), _Said()
    try:
        done = cluster.machine.run(
            ("/bin/sh", "-c", _TOGETHER, "client", *PSQL_ASKS, "--set=ON_ERROR_STOP=0", "--file=-"),
            timeout_seconds=session.all_seconds + MARGIN_SECONDS,
            stdin=[*_script(statements[:MOST_ASKED], session, mark)],
            stdout=said.take,
            environment=cluster.environment(session.user, session.database, session.settings),
        )
    except TimeoutError:
        return _read(said.data, mark, statements)
    if done.exit_code != 0:
        raise EngineFailed(f"the server did not answer to the end ({done.exit_code})")
    return _read(said.data, mark, statements)


def _script(statements: Iterable[Statement], session: Session, mark: str) -> Iterator[bytes]:
    limit = max(1, int(session.each_seconds * 1000))
    yield f"{session.first}\n\\warn {mark}\n".encode()
    for one in statements:
        opened = f"BEGIN READ ONLY;\nSET LOCAL statement_timeout = {limit};\n"
        yield f"{opened}{one.sql}\n;\nROLLBACK;\n\\warn {mark}\n".encode()


def _read(said: bytes | bytearray, mark: str, statements: Sequence[Statement]) -> Answers:
    values, late = dict[int, str](), list[Statement]()
    refused, unanswered = list[Problem](), list[Problem]()
    parts = bytes(said).split(f"{mark}\n".encode())[1:-1]
    for position, one in enumerate(statements):
        if position >= len(parts):
            why = TOO_MANY if position >= MOST_ASKED else TIMEOUT
            unanswered.append(reduce_message(b"", code=why, subject=one.about))
            late.append(one)
        elif (found := REFUSAL.search(parts[position])) is None:
            values[position] = _last_line(parts[position])
        elif (code := found.group(1).decode("ascii")) == QUERY_CANCELLED:
            unanswered.append(reduce_message(b"", code=TIMEOUT, subject=one.about))
            late.append(one)
        else:
            refused.append(reduce_message(parts[position], code=code, subject=one.about))
    return Answers(values=values, refused=tuple(refused), unanswered=tuple(unanswered), late=tuple(late))


def _last_line(part: bytes) -> str:
    return part.decode("utf-8", "replace").rstrip("\n").rpartition("\n")[2]


@dataclass(kw_only=True, slots=True)
class _Said:
    """What came, up to what is ever kept of a client: the rest counts as not said."""

    data: bytearray = field(default_factory=bytearray)

    def take(self, piece: bytes) -> None:
        if len(self.data) < KEPT_OUTPUT_BYTES:
            self.data += piece

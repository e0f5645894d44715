"""Take a fingerprint: what the scenario asks about, asked of the live database, keyed, and let go."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from restore_lab import __version__
from restore_lab.checks.sql import digest_of_answer
from restore_lab.engines.base import MOST_ROWS
from restore_lab.errors import EngineFailed, UsageError
from restore_lab.fingerprint import Fingerprint
from restore_lab.lab import Lab
from restore_lab.live.base import ALL_SECONDS, Asked, LiveDatabase, Question, unanswered
from restore_lab.scenario import Restore, Scenario

_QUIET: Final = "no fingerprint was taken; ask at a quiet hour"


def restore_of(scenario: Scenario, place: str | None, engine: str) -> Restore:
    """Find the restore that the live database is that of: the only one of a database, or that of a `place`.

    Raises:
        UsageError: there is none, there are several, or it is of another engine.
    """
    databases = [
        one
        for one in scenario.settings.restore
        if place in {None, one.place} and not (one.engine and one.engine.archives)
    ]
    places = sorted({one.place for one in databases})
    if len(places) != 1:
        known = ", ".join(places) or "none"
        raise UsageError(f"{scenario.name} restores {len(places)} such places, expected one", hint=f"--place: {known}")
    named = databases[0].engine
    if named is not None and named.kind != engine:
        raise UsageError(f"{places[0]} is a database of {named.kind}, and this is the way to one of {engine}")
    return databases[0]


def take(lab: Lab, scenario: Scenario, restore: Restore, live: LiveDatabase, *, secret: bytes) -> Fingerprint:
    """Read the live database once; of its answers only keyed digests are left.

    Raises:
        UsageError, EngineFailed: as `LiveDatabase.read`; or it holds nothing, or a question brings no row, or too many.
    """
    questions = tuple(Question(title=one.title, statement=one.statement) for one in restore.compared)
    keys = any(check.kind == "foreign_keys" for check in restore.check)
    taken_at = datetime.now(UTC).replace(microsecond=0)
    try:
        seen = live.read(Asked(keys=keys, questions=questions))
    except TimeoutError as error:
        raise EngineFailed(f"the live database did not answer within {ALL_SECONDS:.0f} s", hint=_QUIET) from error
    if not any(table.rows for table in seen.tables):
        raise EngineFailed("the live database holds no row that can be seen", hint="does the account see the tables?")
    for question, rows in zip(questions, seen.answers, strict=True):
        if len(rows) > MOST_ROWS:
            raise unanswered(question.title, "TOO MUCH")
        if not rows:
            raise EngineFailed(f"{question.title}: the live database gave no row to compare", hint="ask another way")
    return Fingerprint(
        practice=lab.settings.practice.name,
        scenario=scenario.name,
        place=restore.place,
        engine=live.engine,
        vendor=seen.vendor,
        version=seen.version,
        taken_at=taken_at,
        server_at=seen.server_at,
        tables=seen.tables,
        keys=seen.keys,
        answers=tuple(
            digest_of_answer(secret, question.title, question.statement, rows)
            for question, rows in zip(questions, seen.answers, strict=True)
        ),
        tool_version=__version__,
    )

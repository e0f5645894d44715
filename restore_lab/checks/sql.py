"""`sql`: a question of the operator's own, asked under a role that can only read, with what its answer must be."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Literal

from restore_lab.checks.base import Answer, Live, Restored
from restore_lab.checks.keyed import is_same, keyed, of_one_scope
from restore_lab.counted import AnswerDigest, NumberCount
from restore_lab.engines.base import Row
from restore_lab.errors import QueryRefused
from restore_lab.findings import Code, finding
from restore_lab.settings import STRICT, LabPath

#: The one form whose answer is kept: a count tells how many there are, and no value of a row.
_COUNT = re.compile(r"\s*SELECT\s+count\s*\(", re.IGNORECASE)
#: More are no count of a practice's rows; they may be a number that names a person.
_FEW_DIGITS = re.compile(r"[0-9]{1,9}")
_DIGEST_LENGTH = 16
_EXPECTATIONS = (
    *("equals", "at_least", "at_most", "no_rows", "newer_than_days"),
    *("not_below_previous", "same_as_fingerprint"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sql:
    """One statement, in `sql` or in `file`, and exactly one expectation of its single value, or `no_rows`.

    `equals` compares as numbers when both are, else as text; `newer_than_days` reads the value as a date.
    `not_below_previous` compares a `SELECT count(...)` with that of the last passed drill. `same_as_fingerprint`
    compares the whole answer, rows in their order, with what the live database gave (`restore-lab fingerprint`): ask
    about what no longer changes, such as a month that is over, and say ORDER BY.
    """

    __pydantic_config__ = STRICT

    kind: Literal["sql"] = "sql"
    title: str
    sql: str | None = None
    file: LabPath | None = None
    equals: str | int | float | None = None
    at_least: float | None = None
    at_most: float | None = None
    no_rows: bool | None = None
    newer_than_days: float | None = None
    not_below_previous: bool | None = None
    same_as_fingerprint: bool | None = None

    def __post_init__(self) -> None:
        """Refuse a question without a statement or without exactly one expectation."""
        if (self.sql is None) == (self.file is None):
            raise ValueError("name exactly one of sql, file")
        if sum(getattr(self, name) is not None for name in _EXPECTATIONS) != 1:
            raise ValueError(f"name exactly one of {', '.join(_EXPECTATIONS)}")
        for name in ("not_below_previous", "same_as_fingerprint"):
            if getattr(self, name) is False:
                raise ValueError(f"{name} can only be true")
        if self.not_below_previous and self.sql is not None and not _COUNT.match(self.sql):
            raise ValueError("not_below_previous keeps the answer: the statement must begin with SELECT count(...)")
        if self.no_rows is False:
            raise ValueError("no_rows can only be true; to ask for rows, count them and use at_least")

    @property
    def statement(self) -> str:
        """What is asked, wherever it is written."""
        return (self.sql if self.file is None else self.file.read_text("utf-8")) or ""

    @property
    def proves_data(self) -> bool:
        """The operator asked about the practice's own data."""
        return True

    def ask(self, restored: Restored) -> Answer:
        """See `Check.ask`; the value is judged here and not kept, but for a count that the next drill compares with."""
        statement = self.statement
        if self.not_below_previous and not _COUNT.match(statement):
            return Answer(asked=1, findings=(finding(Code.CHECK_BROKEN, name=self.title),))
        try:
            rows = restored.database.query(statement)
        except QueryRefused as refused:
            return Answer(asked=1, findings=(finding(Code.SQL_QUESTION_REFUSED, name=self.title, code=refused.code),))
        seen = self._counted(statement, rows) if self.not_below_previous else ()
        if self.same_as_fingerprint:
            met = self._as_live(statement, rows, restored.live)
            if met is None:
                return Answer(asked=0, findings=(finding(Code.NO_FINGERPRINT, name=self.title),))
        elif self.not_below_previous:
            met = bool(seen) and seen[0].number >= _before(seen[0], restored)
        else:
            met = not rows if self.no_rows else self._met(rows, restored)
        unmet = () if met else (finding(Code.SQL_EXPECTATION_UNMET, name=self.title, expected=self._expectation()),)
        return Answer(asked=1, findings=unmet, numbers=seen)

    def _as_live(self, statement: str, rows: Sequence[Row], live: Live | None) -> bool | None:
        """Tell whether the live database gave the same answer; None when it was not asked this, or not comparably."""
        here = digest_of_answer(live.secret, self.title, statement, rows) if live else None
        for one in live.answers if live else ():
            if here and one.name == here.name and of_one_scope(one.hmac, here.hmac):
                return is_same(one.hmac, here.hmac)
        return None

    def _counted(self, statement: str, rows: Sequence[Row]) -> tuple[NumberCount, ...]:
        value = rows[0][0] if len(rows) == 1 and len(rows[0]) == 1 else None
        if value is None or not _FEW_DIGITS.fullmatch(value):
            return ()
        asked = hashlib.sha256(statement.strip().encode()).hexdigest()[:_DIGEST_LENGTH]
        return (NumberCount(name=self.title, asked=asked, number=int(value)),)

    def _met(self, rows: Sequence[Row], restored: Restored) -> bool:
        if len(rows) != 1 or len(rows[0]) != 1 or rows[0][0] is None:
            return False
        value = rows[0][0]
        if self.newer_than_days is not None:
            return _newer(value, restored.now - timedelta(days=self.newer_than_days), restored)
        if self.equals is not None:
            return value == str(self.equals) or (_number(value) is not None and _number(value) == _number(self.equals))
        number = _number(value)
        if number is None:
            return False
        low, high = _number(self.at_least), _number(self.at_most)
        return (low is None or number >= low) and (high is None or number <= high)

    def _expectation(self) -> str:
        """Say what was to come; a text is not kept: it is one that a row was to hold."""
        if self.equals is not None and _number(self.equals) is None:
            return "equals …"
        return next(f"{name} {getattr(self, name)}" for name in _EXPECTATIONS if getattr(self, name) is not None)


def digest_of_answer(secret: bytes, title: str, statement: str, rows: Sequence[Row]) -> AnswerDigest:
    """Key a whole answer, its rows in their order, under the lab's secret."""
    return AnswerDigest(name=title, hmac=keyed(secret, "fingerprint", statement, json.dumps(list(rows))))


def _before(seen: NumberCount, restored: Restored) -> int:
    """Give what the last passed drill counted with the same statement; nought when it did not ask."""
    numbers = restored.previous.numbers if restored.previous else ()
    return max((one.number for one in numbers if (one.name, one.asked) == (seen.name, seen.asked)), default=0)


def _number(value: str | float | None) -> Decimal | None:
    try:
        number = Decimal("NaN" if value is None else str(value).strip())
    except InvalidOperation:
        return None
    return None if number.is_nan() else number


def _newer(value: str, limit: datetime, restored: Restored) -> bool:
    try:
        moment = datetime.fromisoformat(value.strip())
        aware = moment if moment.tzinfo else moment.replace(tzinfo=restored.days.zone)
        return limit <= aware.astimezone(UTC) <= restored.now
    except (ValueError, OverflowError):
        return False

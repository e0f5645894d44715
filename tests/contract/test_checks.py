"""Every check has a restored thing that must raise each of its findings, and one near it that must not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from fakes import PARIS, FakeEngine, restored

from restore_lab.checks import CHECKS
from restore_lab.checks.base import Check, Previous, Restored
from restore_lab.checks.counts import Counts
from restore_lab.checks.freshness import Freshness
from restore_lab.checks.integrity import Integrity
from restore_lab.checks.objects import Objects
from restore_lab.checks.pytest_checks import PytestChecks
from restore_lab.checks.sql import Sql
from restore_lab.engines.base import Integrity as Sound
from restore_lab.evidence import ObjectCount, TableCount
from restore_lab.findings import Code, reduce_message
from restore_lab.opening import Days

#: A Monday.
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NEWEST = "SELECT at FROM visit WHERE at IS NOT NULL ORDER BY at DESC LIMIT 5000"
WEEK = Days(zone=PARIS, weekdays=frozenset(range(5)))
CLOSED = replace(WEEK, closures=((date(2026, 11, 16), date(2026, 11, 20)),))


def engine(
    *, tables: dict[str, int] | None = None, objects: dict[str, int] | None = None, sound: Sound | None = None
) -> FakeEngine:
    made = FakeEngine()
    made.tables = {"patient": 3, "visit": 7} if tables is None else tables
    made.objects = {"table": 2, "index": 1} if objects is None else objects
    made.sound = sound or made.sound
    return made


def answering(sql: str, *rows: tuple[str | None, ...]) -> FakeEngine:
    made = FakeEngine()
    made.answers = {sql: list(rows)}
    return made


def dated(*values: str | None) -> FakeEngine:
    return answering(NEWEST, *((value,) for value in values))


PREVIOUS = Previous(
    drill_id="before",
    tables=(TableCount(name="patient", rows=3), TableCount(name="visit", rows=7)),
    objects=(ObjectCount(kind="table", count=2), ObjectCount(kind="index", count=1)),
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A check, what must raise `code`, and what is near it and must not raise anything."""

    check: Check
    bad: FakeEngine
    near: FakeEngine
    previous: Previous | None = None
    bad_days: Days = WEEK
    near_days: Days = WEEK
    also: frozenset[Code] = field(default_factory=frozenset)


ONE = "SELECT count(*) FROM patient"
CASES: dict[str, tuple[Code, Case]] = {
    "integrity": (
        Code.INTEGRITY_ERRORS,
        Case(
            check=Integrity(),
            bad=engine(sound=Sound(asked=2, problems=(reduce_message(b"page 3", code="INTEGRITY"),))),
            near=engine(),
        ),
    ),
    "no tables": (
        Code.NO_TABLES,
        Case(check=Objects(), bad=engine(tables={}, objects={"view": 3}), near=engine(tables={"patient": 0})),
    ),
    "fewer objects than asked for": (
        Code.OBJECTS_BELOW_MINIMUM,
        Case(check=Objects(at_least={"index": 2}), bad=engine(), near=engine(objects={"table": 2, "index": 2})),
    ),
    "no objects of a kind": (
        Code.OBJECTS_BELOW_MINIMUM,
        Case(check=Objects(at_least={"trigger": 1}), bad=engine(), near=engine(objects={"trigger": 1})),
    ),
    "fewer objects than before": (
        Code.OBJECTS_BELOW_PREVIOUS,
        Case(check=Objects(), bad=engine(objects={"table": 2}), near=engine(), previous=PREVIOUS),
    ),
    "no rows": (
        Code.NO_ROWS,
        Case(check=Counts(), bad=engine(tables={"patient": 0, "visit": 0}), near=engine(tables={"a": 1, "b": 0})),
    ),
    "a missing table": (
        Code.TABLE_MISSING,
        Case(check=Counts(main=("visit",)), bad=engine(tables={"patient": 3, "Visit": 7}), near=engine()),
    ),
    "an empty table": (
        Code.TABLE_EMPTY,
        Case(
            check=Counts(main=("visit",)),
            bad=engine(tables={"patient": 3, "visit": 0}),
            near=engine(tables={"patient": 0, "visit": 1}),
        ),
    ),
    "an empty table with a minimum of none": (
        Code.TABLE_EMPTY,
        Case(check=Counts(at_least={"visit": 0}), bad=engine(tables={"patient": 1, "visit": 0}), near=engine()),
    ),
    "rows below the minimum": (
        Code.ROWS_BELOW_MINIMUM,
        Case(check=Counts(at_least={"visit": 8}), bad=engine(), near=engine(tables={"visit": 8})),
    ),
    "rows below the last time": (
        Code.ROWS_BELOW_PREVIOUS,
        Case(
            check=Counts(main=("patient", "visit"), may_shrink=("patient",)),
            bad=engine(tables={"patient": 1, "visit": 6}),
            near=engine(tables={"patient": 1, "visit": 7}),
            previous=PREVIOUS,
        ),
    ),
    "stale data": (
        Code.DATA_STALE,
        Case(
            check=Freshness(table="visit", column="at"),
            bad=dated("2026-11-17 17:00:00"),  # Wednesday, Thursday, Friday without an entry
            near=dated("2026-11-18 08:00:00"),  # Thursday, Friday
        ),
    ),
    "stale data in a closure": (
        Code.DATA_STALE_CLOSED,
        Case(
            check=Freshness(table="visit", column="at"),
            bad=dated("2026-11-13"),
            near=dated("2026-11-20"),
            bad_days=CLOSED,
        ),
    ),
    "stale data before a closure": (
        Code.DATA_STALE,
        Case(
            check=Freshness(table="visit", column="at"),
            bad=dated("2026-11-10"),
            near=dated("2026-11-19"),
            bad_days=CLOSED,
        ),
    ),
    "no date": (
        Code.DATA_UNDATED,
        Case(check=Freshness(table="visit", column="at"), bad=dated(), near=dated("2026-11-23T08:00:00+00:00")),
    ),
    "no date that is one": (
        Code.DATA_UNDATED,
        Case(
            check=Freshness(table="visit", column="at"),
            bad=dated("soon", None, "0000-00-00", "infinity", "0001-01-01 00:00:00"),
            near=dated("soon", "0001-01-01 00:00:00", "2026-11-23"),
        ),
    ),
    "dates in the future": (
        Code.DATES_IN_FUTURE,
        Case(
            check=Freshness(table="visit", column="at"),
            bad=dated("2027-01-01", "2026-11-23 09:00"),
            near=dated("2026-11-23 10:05", "2026-11-23 09:00"),  # in Paris: five minutes ahead
        ),
    ),
    "only dates in the future": (
        Code.DATA_UNDATED,
        Case(
            check=Freshness(table="visit", column="at"),
            bad=dated("2027-01-01", "9999-12-31 23:59:59"),
            near=dated("2026-11-22"),
            also=frozenset({Code.DATES_IN_FUTURE}),
        ),
    ),
    "another value": (
        Code.SQL_EXPECTATION_UNMET,
        Case(check=Sql(title="q", sql=ONE, equals=3), bad=answering(ONE, ("4",)), near=answering(ONE, ("3.0",))),
    ),
    "another text": (
        Code.SQL_EXPECTATION_UNMET,
        Case(check=Sql(title="q", sql=ONE, equals="ab"), bad=answering(ONE, ("aB",)), near=answering(ONE, ("ab",))),
    ),
    "too little": (
        Code.SQL_EXPECTATION_UNMET,
        Case(check=Sql(title="q", sql=ONE, at_least=3), bad=answering(ONE, ("2.9",)), near=answering(ONE, ("3",))),
    ),
    "too much": (
        Code.SQL_EXPECTATION_UNMET,
        Case(check=Sql(title="q", sql=ONE, at_most=3), bad=answering(ONE, ("3.1",)), near=answering(ONE, ("-3",))),
    ),
    "no number": (
        Code.SQL_EXPECTATION_UNMET,
        Case(check=Sql(title="q", sql=ONE, at_most=3), bad=answering(ONE, ("NaN",)), near=answering(ONE, (" 1e0 ",))),
    ),
    "nothing": (
        Code.SQL_EXPECTATION_UNMET,
        Case(check=Sql(title="q", sql=ONE, at_least=0), bad=answering(ONE), near=answering(ONE, ("0",))),
    ),
    "NULL": (
        Code.SQL_EXPECTATION_UNMET,
        Case(check=Sql(title="q", sql=ONE, at_least=0), bad=answering(ONE, (None,)), near=answering(ONE, ("0",))),
    ),
    "several": (
        Code.SQL_EXPECTATION_UNMET,
        Case(
            check=Sql(title="q", sql=ONE, equals=1),
            bad=answering(ONE, ("1",), ("1",)),
            near=answering(ONE, ("1",)),
        ),
    ),
    "rows where none may be": (
        Code.SQL_EXPECTATION_UNMET,
        Case(check=Sql(title="q", sql=ONE, no_rows=True), bad=answering(ONE, (None,)), near=answering(ONE)),
    ),
    "older than asked for": (
        Code.SQL_EXPECTATION_UNMET,
        Case(
            check=Sql(title="q", sql=ONE, newer_than_days=2),
            bad=answering(ONE, ("2026-11-21 09:59:00",)),  # in Paris, an hour ahead of UTC
            near=answering(ONE, ("2026-11-21 10:01:00",)),
        ),
    ),
    "in the future": (
        Code.SQL_EXPECTATION_UNMET,
        Case(
            check=Sql(title="q", sql=ONE, newer_than_days=2),
            bad=answering(ONE, ("2026-11-23 10:01:00",)),
            near=answering(ONE, ("2026-11-23 09:59:00",)),
        ),
    ),
    "before every clock": (
        Code.SQL_EXPECTATION_UNMET,
        Case(
            check=Sql(title="q", sql=ONE, newer_than_days=2),
            bad=answering(ONE, ("0001-01-01",)),
            near=answering(ONE, ("2026-11-23",)),
        ),
    ),
    "a refused question": (
        Code.SQL_QUESTION_REFUSED,
        Case(check=Sql(title="q", sql=ONE, no_rows=True), bad=answering("another"), near=answering(ONE)),
    ),
}


def around(case: Case, made: FakeEngine, days: Days) -> Restored:
    return replace(restored(made, now=NOW), days=days, previous=case.previous)


@pytest.mark.parametrize("name", CASES)
def test_what_is_broken_is_found(name: str) -> None:
    code, case = CASES[name]

    answer = case.check.ask(around(case, case.bad, case.bad_days))

    assert {found.code for found in answer.findings} == {code} | case.also


@pytest.mark.parametrize("name", CASES)
def test_what_is_near_it_is_not(name: str) -> None:
    _, case = CASES[name]

    answer = case.check.ask(around(case, case.near, case.near_days))

    assert answer.findings == ()


def test_every_kind_of_check_is_asked_here() -> None:
    assert {case.check.kind for _, case in CASES.values()} | {"pytest"} == set(CHECKS)


def test_only_questions_of_the_practices_own_data_prove_any(tmp_path: Path) -> None:
    proving: list[Check] = [
        Counts(main=("visit",)),
        Counts(at_least={"visit": 1}),
        Freshness(table="visit", column="at"),
        Sql(title="q", sql=ONE, equals=1),
        PytestChecks(path=tmp_path),
    ]
    assert all(check.proves_data for check in proving)
    assert not any(check.proves_data for check in (Integrity(), Objects(at_least={"table": 1}), Counts()))


def test_the_newest_past_entry_is_kept_with_its_zone() -> None:
    answer = Freshness(table="visit", column="at").ask(restored(dated("2027-01-01", "2026-11-20 18:00"), now=NOW))

    assert (answer.newest_entry_at, answer.asked) == (datetime(2026, 11, 20, 17, 0, tzinfo=UTC), 2)


def test_age_is_counted_to_the_backup_and_not_to_the_drill() -> None:
    made = dated("2026-11-09")
    check = Freshness(table="visit", column="at")

    late = check.ask(restored(made, now=NOW, taken_at=NOW - timedelta(days=13)))

    assert late.findings == ()
    assert [found.code for found in check.ask(restored(made, now=NOW)).findings] == [Code.DATA_STALE]


def test_a_value_is_judged_and_not_kept() -> None:
    answer = Sql(title="q", sql=ONE, equals="Dupont").ask(restored(answering(ONE, ("Martin",)), now=NOW))

    assert "Martin" not in repr(answer)


def test_a_question_can_lie_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "q.sql"
    path.write_text(ONE, "utf-8")

    assert Sql(title="q", file=path, equals=1).ask(restored(answering(ONE, ("1",)), now=NOW)).findings == ()


REFUSED: list[Callable[[], object]] = [
    lambda: Sql(title="q", equals=1),
    lambda: Sql(title="q", sql=ONE),
    lambda: Sql(title="q", sql=ONE, file=Path("q.sql"), equals=1),
    lambda: Sql(title="q", sql=ONE, equals=1, at_least=1),
    lambda: Sql(title="q", sql=ONE, no_rows=False),
    lambda: Freshness(table="visit; DROP TABLE visit", column="at"),
    lambda: Freshness(table="visit", column="at--"),
]


@pytest.mark.parametrize("make", REFUSED)
def test_a_question_that_asks_nothing_or_too_much_cannot_be_made(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        make()


PYTEST_CASES = {
    "def test_it():\n    assert 1 == 1": set(),
    "def test_it():\n    assert 1 == 2": {Code.PYTEST_FAILED},
    "import pytest\ndef test_it():\n    pytest.skip('x')": {Code.PYTEST_BROKEN},
    "import pytest\n@pytest.fixture\ndef a():\n    1 / 0\ndef test_it(a):\n    pass": {Code.PYTEST_BROKEN},
    "def helper():\n    pass": {Code.PYTEST_BROKEN},
    "def test_it(:\n": {Code.PYTEST_BROKEN},
    "import os\ndef test_it():\n    os._exit(0)": {Code.PYTEST_BROKEN},
    "import os\ndef test_it():\n    assert not {'HOME_OF_SECRETS', 'SECRET'} & set(os.environ)": set(),
}


@pytest.mark.parametrize("text", PYTEST_CASES)
def test_the_operators_own_tests_give_names_and_outcomes(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "not for a child")
    path = tmp_path / "test_mine.py"
    path.write_text(text, "utf-8")

    answer = PytestChecks(path=path).ask(restored(engine(), now=NOW))

    assert {found.code for found in answer.findings} == PYTEST_CASES[text]
    assert all(dict(found.params).get("name") in {"test_it", "pytest"} for found in answer.findings)


def test_the_operators_own_tests_have_a_limit(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("import time\ndef test_it():\n    time.sleep(60)\n", "utf-8")

    with pytest.raises(TimeoutError):
        PytestChecks(path=tmp_path, timeout_seconds=1).ask(restored(engine(), now=NOW))

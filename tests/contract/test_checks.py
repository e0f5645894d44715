"""Every check has a restored thing that must raise each of its findings, and one near it that must not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from fakes import PARIS, FakeEngine, FakeMachine, FakeSandbox, restored

from restore_lab.checks import CHECKS, months
from restore_lab.checks.base import Check, Previous, Restored, RunningApplication
from restore_lab.checks.counts import Counts
from restore_lab.checks.crossing import Crossing
from restore_lab.checks.document_names import DocumentNames
from restore_lab.checks.documents import DocumentsOpen
from restore_lab.checks.foreign_keys import ForeignKeys
from restore_lab.checks.freshness import Freshness
from restore_lab.checks.http import Http
from restore_lab.checks.identity import Identity
from restore_lab.checks.integrity import Integrity
from restore_lab.checks.objects import Objects
from restore_lab.checks.pytest_checks import PytestChecks
from restore_lab.checks.sql import Sql
from restore_lab.counted import DocumentCount, KeyCount, MonthCount, ObjectCount, TableCount
from restore_lab.engines.base import Database, References, Views
from restore_lab.engines.base import Integrity as Sound
from restore_lab.engines.documents import Examined
from restore_lab.errors import MachineFailed, QueryRefused
from restore_lab.findings import Code, Problem, reduce_message
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


def linked(orphans: dict[str, int], **rest: tuple[Any, ...]) -> FakeEngine:
    made = FakeEngine()
    made.linked = References(keys=tuple(KeyCount(key=key, orphans=rows) for key, rows in orphans.items()), **rest)
    return made


def looking(**seen: tuple[Any, ...]) -> FakeEngine:
    made = FakeEngine()
    made.looked_at = Views(asked=2, **seen)
    return made


def silent(code: str) -> tuple[Problem, ...]:
    return (reduce_message(b"", code=code, subject="seen"),)


def answering(sql: str, *rows: tuple[str | None, ...]) -> FakeEngine:
    made = FakeEngine()
    made.answers = {sql: list(rows)}
    return made


def dated(*values: str | None) -> FakeEngine:
    return answering(NEWEST, *((value,) for value in values))


MONTHS = months._QUESTION.format(table="visit", column="at")
BY_MONTH = Counts(main=("visit",), by_month={"visit": "at"})
PURGED = replace(BY_MONTH, may_shrink=("visit",))


def by_month(**rows: int) -> FakeEngine:
    """Rows of `visit` by month of 2026 (`m08=12`), in a database of three patients and seven visits."""
    return answering(MONTHS, *((f"2026-{name[1:]}", "", str(count)) for name, count in sorted(rows.items())))


def before(**rows: int) -> Previous:
    seen = (MonthCount(table="visit", column="at", month=f"2026-{name[1:]}", rows=n) for name, n in rows.items())
    return Previous(drill_id="before", tables=(), objects=(), months=tuple(seen))


IDENTITY = Identity(statement="SELECT one", secret=b"s" * 32)


def enrolled(value: str) -> Previous:
    made = IDENTITY.ask(restored(answering(IDENTITY.statement, (value,)), now=NOW))
    return Previous(drill_id="before", tables=(), objects=(), identity_hmac=made.identity_hmac)


PREVIOUS = Previous(
    drill_id="before",
    tables=(TableCount(name="patient", rows=3), TableCount(name="visit", rows=7)),
    objects=(ObjectCount(kind="table", count=2), ObjectCount(kind="index", count=1)),
    keys=(KeyCount(key="visit.patient", orphans=2), KeyCount(key="visit.doctor", orphans=0)),
)


def opened(kinds: dict[str, tuple[int, int]], **signs: int) -> FakeEngine:
    made = FakeEngine()
    counted = (
        DocumentCount(kind=kind, count=count, size_bytes=9, unreadable=broken)
        for kind, (count, broken) in kinds.items()
    )
    made.examined = Examined(documents=tuple(counted), signs=signs)
    return made


OPENED_BEFORE = replace(
    PREVIOUS,
    documents=(
        DocumentCount(kind="pdf", count=9, size_bytes=9, unreadable=0),
        DocumentCount(kind="jpeg", count=9, size_bytes=9, unreadable=0),
        DocumentCount(kind="empty", count=9, size_bytes=0, unreadable=0),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A check, what must raise `code`, and what is near it and must not raise anything."""

    check: Check
    bad: FakeEngine
    near: FakeEngine
    previous: Previous | None = None
    near_previous: Previous | None = None
    bad_days: Days = WEEK
    near_days: Days = WEEK
    also: frozenset[Code] = field(default_factory=frozenset)
    bad_page: bytes = b""
    near_page: bytes = b""


NUMBER = Http(title="q", path="/surveys/1", number="<b>([0-9]+)</b>", equals=42)
ENOUGH = Http(title="q", path="/surveys/1", number="<b>([0-9]+)</b>", at_least=40)
TEXT = Http(title="q", path="/", contains="Satisfaction")


def showing(page: bytes) -> RunningApplication:
    """An application whose page reads so."""
    machine = FakeMachine(sandbox=FakeSandbox(says=page), label="application", created_at=NOW)
    return RunningApplication(machine=machine, port=8080)


ONE = "SELECT count(*) FROM patient"


def counted_before(value: str) -> Previous:
    made = Sql(title="q", sql=ONE, not_below_previous=True).ask(restored(answering(ONE, (value,)), now=NOW))
    return Previous(drill_id="before", tables=(), objects=(), numbers=made.numbers)


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
    "a view that cannot be read": (
        Code.VIEW_UNUSABLE,
        Case(check=Objects(), bad=looking(problems=silent("1449")), near=looking()),
    ),
    "a view that takes too long": (
        Code.CHECK_TIMED_OUT,
        Case(check=Objects(), bad=looking(unanswered=silent("TIMEOUT")), near=looking()),
    ),
    "orphans seen for the first time": (
        Code.ORPHAN_ROWS,
        Case(check=ForeignKeys(), bad=linked({"visit.patient": 1}), near=linked({"visit.patient": 0})),
    ),
    "orphans of a key that is new": (
        Code.ORPHAN_ROWS,
        Case(check=ForeignKeys(), bad=linked({"visit.room": 1}), near=linked({"visit.room": 0}), previous=PREVIOUS),
    ),
    "as many orphans as before": (
        Code.ORPHAN_ROWS_KNOWN,
        Case(
            check=ForeignKeys(),
            bad=linked({"visit.patient": 2}),
            near=linked({"visit.patient": 0}),
            previous=PREVIOUS,
        ),
    ),
    "more orphans than before": (
        Code.ORPHAN_ROWS_GROWN,
        Case(
            check=ForeignKeys(),
            bad=linked({"visit.patient": 3}),
            near=linked({"visit.patient": 0}),
            previous=PREVIOUS,
        ),
    ),
    "orphans where there was none before": (
        Code.ORPHAN_ROWS_GROWN,
        Case(check=ForeignKeys(), bad=linked({"visit.doctor": 1}), near=linked({"visit.doctor": 0}), previous=PREVIOUS),
    ),
    "no foreign key": (Code.NO_FOREIGN_KEYS, Case(check=ForeignKeys(), bad=linked({}), near=linked({"a.b": 0}))),
    "a sequence that is behind": (
        Code.SEQUENCE_BEHIND,
        Case(check=ForeignKeys(), bad=linked({"a.b": 0}, behind=("patient_id_seq",)), near=linked({"a.b": 0})),
    ),
    "a key that takes too long": (
        Code.CHECK_TIMED_OUT,
        Case(check=ForeignKeys(), bad=linked({}, unanswered=silent("TIMEOUT")), near=linked({"a.b": 0})),
    ),
    "a key that cannot be asked": (
        Code.CHECK_BROKEN,
        Case(check=ForeignKeys(), bad=linked({"a.b": 0}, unanswered=silent("XX001")), near=linked({"a.b": 0})),
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
    "a past month lost rows": (
        Code.MONTH_SHRUNK,
        Case(
            check=BY_MONTH,
            bad=by_month(m08=5, m09=4, m10=9, m11=9),
            near=by_month(m08=6, m09=5, m10=4, m11=1),  # November is not over
            previous=before(m08=5, m09=5, m10=4, m11=5),
        ),
    ),
    "a past month is empty": (
        Code.MONTH_EMPTY,
        Case(
            check=BY_MONTH,
            bad=by_month(m08=5, m10=9),
            near=by_month(m08=5, m09=1, m10=4),
            previous=before(m08=5, m09=1),
        ),
    ),
    "the oldest month is empty and nothing is purged": (
        Code.MONTH_EMPTY,
        Case(
            check=BY_MONTH,
            bad=by_month(m09=5, m10=9),
            near=by_month(m08=5, m09=5, m10=9),
            previous=before(m08=5),
        ),
    ),
    "a hole behind what was purged": (
        Code.MONTH_EMPTY,
        Case(
            check=PURGED,
            bad=by_month(m08=2, m10=9),
            near=by_month(m08=2, m09=1, m10=9),
            previous=before(m06=5, m07=5, m08=5, m09=5),
        ),
    ),
    "a month without a row": (
        Code.MONTH_GAP,
        Case(check=BY_MONTH, bad=by_month(m08=50, m11=20), near=by_month(m08=50, m09=1, m10=20)),
    ),
    "a month without a row where there are many": (
        Code.MONTH_GAP,
        Case(check=BY_MONTH, bad=by_month(m07=10, m08=10, m10=10), near=by_month(m07=10, m08=9, m10=9)),
    ),
    "a month without a row, in part a closure": (
        Code.MONTH_GAP,
        Case(
            check=BY_MONTH,
            bad=by_month(m08=50, m10=20),
            near=by_month(m08=50, m10=20),
            bad_days=replace(WEEK, closures=((date(2026, 9, 1), date(2026, 9, 29)),)),
            near_days=replace(WEEK, closures=((date(2026, 8, 20), date(2026, 9, 30)),)),
        ),
    ),
    "no date by which to tell months": (
        Code.DATES_UNREADABLE,
        Case(check=BY_MONTH, bad=by_month(), near=by_month(m11=1)),
    ),
    "months that cannot be asked": (
        Code.SQL_QUESTION_REFUSED,
        Case(check=BY_MONTH, bad=engine(), near=by_month(m10=1)),
    ),
    "another practice": (
        Code.IDENTITY_DIFFERS,
        Case(
            check=IDENTITY,
            bad=answering(IDENTITY.statement, ("CAB-2",)),
            near=answering(IDENTITY.statement, ("CAB-1",)),
            previous=enrolled("CAB-1"),
        ),
    ),
    "a practice not known yet": (
        Code.IDENTITY_ENROLLED,
        Case(
            check=replace(IDENTITY, statement="SELECT two"),
            bad=answering("SELECT two", ("CAB-1",)),
            near=answering("SELECT two", ("CAB-1",)),
            previous=enrolled("CAB-1"),
            near_previous=replace(
                enrolled("CAB-1"),
                identity_hmac=replace(IDENTITY, statement="SELECT two")
                .ask(restored(answering("SELECT two", ("CAB-1",)), now=NOW))
                .identity_hmac,
            ),
        ),
    ),
    "no mark of a practice": (
        Code.CHECK_BROKEN,
        Case(
            check=IDENTITY,
            bad=answering(IDENTITY.statement, (" ",)),
            near=answering(IDENTITY.statement, ("CAB-1",)),
            previous=enrolled("CAB-1"),
        ),
    ),
    "several marks of a practice": (
        Code.CHECK_BROKEN,
        Case(
            check=IDENTITY,
            bad=answering(IDENTITY.statement, ("CAB-1",), ("CAB-1",)),
            near=answering(IDENTITY.statement, ("CAB-1",)),
            previous=enrolled("CAB-1"),
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
            bad=dated(None, "0000-00-00", "infinity", "0001-01-01 00:00:00"),
            near=dated("soon", "0001-01-01 00:00:00", "2026-11-23"),
        ),
    ),
    **{
        f"a date that is not read: {value}": (
            Code.DATES_UNREADABLE,
            Case(
                check=Freshness(table="visit", column="at"),
                bad=dated(value, None, "0000-00-00"),
                near=dated(value, "2026-11-23"),
            ),
        )
        for value in ("soon", "1795425000", "1712111012345", "17121110.5", "12/11/2026", "20261123090000", "2026")
    },
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
    "a count below the last one": (
        Code.SQL_EXPECTATION_UNMET,
        Case(
            check=Sql(title="q", sql=ONE, not_below_previous=True),
            bad=answering(ONE, ("2",)),
            near=answering(ONE, ("3",)),
            previous=counted_before("3"),
        ),
    ),
    "a count that is none": (
        Code.SQL_EXPECTATION_UNMET,
        Case(
            check=Sql(title="q", sql=ONE, not_below_previous=True),
            bad=answering(ONE, ("-1",)),
            near=answering(ONE, ("0",)),
        ),
    ),
    "a count of too many digits": (
        Code.SQL_EXPECTATION_UNMET,
        Case(
            check=Sql(title="q", sql=ONE, not_below_previous=True),
            bad=answering(ONE, ("2840175123456",)),
            near=answering(ONE, ("284017512",)),
        ),
    ),
    "documents that do not open": (
        Code.DOCUMENTS_UNREADABLE,
        Case(check=DocumentsOpen(), bad=opened({"pdf": (9, 1)}), near=opened({"pdf": (9, 0), "other": (3, 0)})),
    ),
    "fewer documents than before": (
        Code.DOCUMENTS_BELOW_PREVIOUS,
        Case(
            check=DocumentsOpen(may_shrink=("jpeg",)),
            bad=opened({"pdf": (8, 0), "jpeg": (1, 0)}),
            near=opened({"pdf": (9, 0), "jpeg": (1, 0)}),
            previous=OPENED_BEFORE,
        ),
    ),
    "no document of a class that was there": (
        Code.DOCUMENTS_BELOW_PREVIOUS,
        Case(
            check=DocumentsOpen(may_shrink=("jpeg",)),
            bad=opened({"pdf": (9, 0)}),
            near=opened({"pdf": (9, 0), "jpeg": (1, 0)}),
            previous=OPENED_BEFORE,
        ),
    ),
    "fewer documents than asked for": (
        Code.OBJECTS_BELOW_MINIMUM,
        Case(check=DocumentsOpen(at_least={"pdf": 9}), bad=opened({"pdf": (8, 0)}), near=opened({"pdf": (9, 0)})),
    ),
    "no document that can be opened": (
        Code.NOTHING_ASKED,
        Case(
            check=DocumentsOpen(),
            bad=opened({"other": (900, 0), "encrypted": (9, 0), "system": (3, 0)}),
            near=opened({"other": (900, 0), "pdf": (1, 0)}),
        ),
    ),
    "signs of ransomware": (
        Code.RANSOMWARE_SIGNS,
        Case(check=DocumentsOpen(), bad=opened({"pdf": (9, 0)}, renamed=5), near=opened({"pdf": (9, 0)})),
    ),
    "a database that names no document": (
        Code.SQL_EXPECTATION_UNMET,
        Case(
            check=DocumentNames(sql=ONE),
            bad=answering(ONE, (None, None), ("", None)),
            near=answering(ONE, ("a.pdf", None)),
        ),
    ),
    "a page without the number that must be on it": (
        Code.PAGE_NOT_AS_EXPECTED,
        Case(check=NUMBER, bad=engine(), near=engine(), bad_page=b"200 120 1 41\n", near_page=b"200 120 1 42\n"),
    ),
    "a page with too small a number": (
        Code.PAGE_NOT_AS_EXPECTED,
        Case(check=ENOUGH, bad=engine(), near=engine(), bad_page=b"200 120 1 0\n", near_page=b"200 120 1 40\n"),
    ),
    "a page on which something else stands where a number must": (
        Code.PAGE_NOT_AS_EXPECTED,
        Case(check=ENOUGH, bad=engine(), near=engine(), bad_page=b"200 120 1 -\n", near_page=b"200 120 1 41\n"),
    ),
    "a page without its text": (
        Code.PAGE_NOT_AS_EXPECTED,
        Case(check=TEXT, bad=engine(), near=engine(), bad_page=b"200 120 0 -\n", near_page=b"200 120 1 -\n"),
    ),
    "a page that is not there": (
        Code.PAGE_NOT_AS_EXPECTED,
        Case(check=TEXT, bad=engine(), near=engine(), bad_page=b"404 120 1 -\n", near_page=b"200 0 1 -\n"),
    ),
    "an application that answers with an error": (
        Code.APPLICATION_FAILED,
        Case(check=TEXT, bad=engine(), near=engine(), bad_page=b"500 120 1 -\n", near_page=b"200 120 1 -\n"),
    ),
    "an application that sends elsewhere": (
        Code.APPLICATION_FAILED,
        Case(check=TEXT, bad=engine(), near=engine(), bad_page=b"302 0 0 -\n", near_page=b"200 120 1 -\n"),
    ),
    "an application that does not answer": (
        Code.APPLICATION_FAILED,
        Case(check=TEXT, bad=engine(), near=engine(), bad_page=b"silent\n", near_page=b"200 120 1 -\n"),
    ),
    "a refused question": (
        Code.SQL_QUESTION_REFUSED,
        Case(check=Sql(title="q", sql=ONE, no_rows=True), bad=answering("another"), near=answering(ONE)),
    ),
}


def around(case: Case, made: FakeEngine, days: Days, page: bytes) -> Restored:
    return replace(restored(made, now=NOW), days=days, previous=case.previous, application=showing(page))


@pytest.mark.parametrize("name", CASES)
def test_what_is_broken_is_found(name: str) -> None:
    code, case = CASES[name]

    answer = case.check.ask(around(case, case.bad, case.bad_days, case.bad_page))

    assert {found.code for found in answer.findings} == {code} | case.also


@pytest.mark.parametrize("name", CASES)
def test_what_is_near_it_is_not(name: str) -> None:
    _, case = CASES[name]

    near = around(case, case.near, case.near_days, case.near_page)
    answer = case.check.ask(replace(near, previous=case.near_previous or case.previous))

    assert answer.findings == ()


def test_every_kind_of_check_is_asked_here() -> None:
    assert {case.check.kind for _, case in CASES.values()} | {"pytest"} == set(CHECKS) | {IDENTITY.kind}


def test_only_questions_of_the_practices_own_data_prove_any(tmp_path: Path) -> None:
    proving: list[Check] = [
        Counts(main=("visit",)),
        Counts(at_least={"visit": 1}),
        Freshness(table="visit", column="at"),
        Sql(title="q", sql=ONE, equals=1),
        PytestChecks(path=tmp_path),
        DocumentsOpen(),
        DocumentNames(sql=ONE),
        TEXT,
    ]
    assert all(check.proves_data for check in proving)
    assert not any(
        check.proves_data for check in (Integrity(), Objects(at_least={"table": 1}), Counts(), ForeignKeys())
    )


NAMED: list[tuple[str | None, ...]] = [
    ("courriers/2026/A.PDF", "2026-11-20 09:00:00"),
    ("C:\\docs\\Re\u0301sultat.jpg", None),
    ("lost.pdf", "2026-11-20T09:00:00+01:00"),
    ("undated.pdf", "soon"),
    ("made_meanwhile.pdf", "2026-11-22 02:30:00"),
    ("made_afterwards.pdf", "2026-11-23 08:00:00"),
]


@pytest.mark.parametrize("database_first", [True, False])
def test_what_the_database_names_and_did_not_come_back_is_missing(*, database_first: bool) -> None:
    crossing = Crossing()
    files, database = opened({"pdf": (2, 0)}), answering(ONE, *NAMED)
    files.names = ("2026/a.pdf", "R\u00e9sultat.JPG", "never named.pdf")
    taken_at = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
    asked: list[tuple[Check, FakeEngine, datetime]] = [
        (DocumentNames(sql=ONE), database, NOW),
        (DocumentsOpen(), files, taken_at),
    ]

    first, second = (
        check.ask(replace(restored(made, now=NOW, taken_at=taken), crossing=crossing))
        for check, made, taken in (asked if database_first else reversed(asked))
    )

    assert first.findings == ()
    assert [(one.code, dict(one.params)) for one in second.findings] == [
        (Code.DOCUMENTS_MISSING, {"count": 2, "total": 4})
    ]
    assert not any(word in repr((first, second, crossing)) for word in ("lost", "sultat", "docs"))


def test_names_of_another_drill_have_other_digests() -> None:
    assert Crossing().key != Crossing().key


def test_a_statement_of_another_form_names_no_document() -> None:
    with pytest.raises(QueryRefused):
        DocumentNames(sql=ONE).ask(restored(answering(ONE, ("a.pdf",)), now=NOW))


def test_the_newest_past_entry_is_kept_with_its_zone() -> None:
    answer = Freshness(table="visit", column="at").ask(restored(dated("2027-01-01", "2026-11-20 18:00"), now=NOW))

    assert (answer.newest_entry_at, answer.asked) == (datetime(2026, 11, 20, 17, 0, tzinfo=UTC), 2)


FUTURE = [("2027-01-01 09:00:00",)] * 5000


@pytest.mark.parametrize(
    ("limit", "newest", "kept"),
    [
        ("2026-11-23 10:10:00+01:00", "2026-11-23 08:00:00", "2026-11-23T07:00:00+00:00"),
        ("2026-11-23T10:10:00+01:00", "2026-11-23T08:00:00", "2026-11-23T07:00:00+00:00"),
        ("20261123", "20261123", "2026-11-22T23:00:00+00:00"),
    ],
)
def test_however_many_future_dates_there_are_the_newest_past_one_is_found(limit: str, newest: str, kept: str) -> None:
    made = answering(NEWEST, *FUTURE)
    made.answers[f"SELECT at FROM visit WHERE at <= '{limit}' ORDER BY at DESC LIMIT 5000"] = [(newest,), ("x",)]  # noqa: S608 - constants
    made.answers[f"SELECT count(*) FROM visit WHERE at > '{limit}'"] = [("7000",)]  # noqa: S608

    answer = Freshness(table="visit", column="at").ask(restored(made, now=NOW))

    assert [(one.code, dict(one.params)["rows"]) for one in answer.findings] == [(Code.DATES_IN_FUTURE, 7000)]
    assert answer.newest_entry_at == datetime.fromisoformat(kept)


@dataclass(frozen=True)
class SqliteDatabase:
    """Answers as the `sqlite` engine's child does, values as text."""

    connection: sqlite3.Connection

    def query(self, sql: str, *, timeout_seconds: float = 60.0) -> list[tuple[str | None, ...]]:
        del timeout_seconds
        rows = self.connection.execute(sql)
        return [tuple(None if value is None else str(value) for value in row) for row in rows]


@pytest.mark.parametrize(
    ("form", "is_day"), [("%Y-%m-%d %H:%M", False), ("%Y-%m-%dT%H:%M:%S", False), ("%Y%m%d", True)]
)
@pytest.mark.parametrize("affinity", ["TEXT", "INTEGER", "DATETIME"])
def test_sqlite_finds_the_newest_past_entry_behind_future_ones(form: str, affinity: str, is_day: bool) -> None:  # noqa: FBT001
    past = [datetime(2026, 11, 23, 9) - timedelta(hours=hours) for hours in range(50)]  # noqa: DTZ001 - as kept
    ahead = [datetime(2026, 11, 24, 11) + timedelta(minutes=minutes) for minutes in range(6000)]  # noqa: DTZ001
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE visit (at {affinity})")
        connection.executemany("INSERT INTO visit VALUES (?)", [(one.strftime(form),) for one in past + ahead])
        around_it = replace(restored(FakeEngine(), now=NOW), database=cast("Database", SqliteDatabase(connection)))
        answer = Freshness(table="visit", column="at").ask(around_it)

    expected = datetime(2026, 11, 22, 23, tzinfo=UTC) if is_day else datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert answer.newest_entry_at == expected
    assert [dict(one.params)["rows"] for one in answer.findings] == [6000]


def test_future_dates_alone_are_no_entry_however_many() -> None:
    answer = Freshness(table="visit", column="at").ask(restored(answering(NEWEST, *FUTURE), now=NOW))

    assert [one.code for one in answer.findings] == [Code.DATES_IN_FUTURE, Code.DATA_UNDATED]
    assert answer.newest_entry_at is None


def test_age_is_counted_to_the_backup_and_not_to_the_drill() -> None:
    made = dated("2026-11-09")
    check = Freshness(table="visit", column="at")

    late = check.ask(restored(made, now=NOW, taken_at=NOW - timedelta(days=13)))

    assert late.findings == ()
    assert [found.code for found in check.ask(restored(made, now=NOW)).findings] == [Code.DATA_STALE]


def test_the_worst_ten_keys_are_named_and_all_are_counted_and_kept() -> None:
    made = linked({f"visit.{number}": number for number in range(26)} | {"visit.patient": 5})

    answer = ForeignKeys().ask(replace(restored(made, now=NOW), previous=PREVIOUS))

    assert [dict(one.params) for one in answer.findings] == [
        {"key": "visit.patient", "rows": 5, "previous": 2, "keys": 1}
        if one.code is Code.ORPHAN_ROWS_GROWN
        else {"key": f"visit.{rows}", "rows": rows, "keys": 25}
        for one, rows in zip(answer.findings, (*range(25, 15, -1), 5), strict=True)
    ]
    assert (answer.asked, answer.keys) == (27, made.linked.keys)


def test_where_no_key_is_declared_nothing_was_asked() -> None:
    answer = ForeignKeys().ask(restored(linked({}, behind=("s",)), now=NOW))

    assert answer.asked == 0
    assert [one.code for one in answer.findings] == [Code.NO_FOREIGN_KEYS, Code.SEQUENCE_BEHIND]


def test_a_value_is_judged_and_not_kept() -> None:
    answer = Sql(title="q", sql=ONE, equals="Dupont").ask(restored(answering(ONE, ("Martin",)), now=NOW))

    assert "Martin" not in repr(answer)


def test_of_questions_only_counts_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "q.sql"
    path.write_text("SELECT max(nir) FROM patient", "utf-8")
    around_it = restored(answering(path.read_text("utf-8"), ("299",)), now=NOW)

    answer = Sql(title="q", file=path, not_below_previous=True).ask(around_it)

    assert ([one.code for one in answer.findings], answer.numbers) == ([Code.CHECK_BROKEN], ())
    assert Sql(title="q", sql=ONE, at_least=1).ask(restored(answering(ONE, ("3",)), now=NOW)).numbers == ()


def test_a_count_is_compared_with_that_of_the_same_statement_alone() -> None:
    other = f"{ONE} WHERE 1 = 1"
    seen = replace(restored(answering(other, ("1",)), now=NOW), previous=counted_before("3"))

    assert Sql(title="q", sql=other, not_below_previous=True).ask(seen).findings == ()


def test_a_question_can_lie_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "q.sql"
    path.write_text(ONE, "utf-8")

    assert Sql(title="q", file=path, equals=1).ask(restored(answering(ONE, ("1",)), now=NOW)).findings == ()


def test_a_page_is_asked_of_an_application_alone() -> None:
    with pytest.raises(MachineFailed, match="does not run"):
        TEXT.ask(restored(engine(), now=NOW))


@pytest.mark.parametrize("said", [b"", b"200", b"999 1 1 1", b"200 1 1 Dupont", b"200 1 2 1", b"200 1 1 1\n200 1 1 1"])
def test_what_the_reader_of_a_page_does_not_say_is_no_page(said: bytes) -> None:
    with pytest.raises(MachineFailed, match="cannot read a page"):
        TEXT.ask(replace(restored(engine(), now=NOW), application=showing(said)))


def test_of_a_page_only_a_status_and_a_number_are_told() -> None:
    told = TEXT.ask(replace(restored(engine(), now=NOW), application=showing(b"200 120 0 -")))
    counted = NUMBER.ask(replace(restored(engine(), now=NOW), application=showing(b"200 120 1 41")))

    assert [dict(one.params) for one in (*told.findings, *counted.findings)] == [
        {"name": "q", "code": 200, "number": "-", "expected": "contains …"},
        {"name": "q", "code": 200, "number": 41, "expected": "equals 42"},
    ]


REFUSED: list[Callable[[], object]] = [
    lambda: Http(title="q", path="/"),
    lambda: Http(title="q", path="/", contains=""),
    lambda: Http(title="q", path="/", contains="a" * 201),
    lambda: Http(title="q", path="/", contains="a", equals=1),
    lambda: Http(title="q", path="/", contains="a", number="(1)", equals=1),
    lambda: Http(title="q", path="/", number="([0-9]+)"),
    lambda: Http(title="q", path="/", number="([0-9]+)", equals=1, at_least=1),
    lambda: Http(title="q", path="/", number="[0-9]+", equals=1),
    lambda: Http(title="q", path="/", number="([0-9])(-)", equals=1),
    lambda: Http(title="q", path="/", number="([0-9]", equals=1),
    lambda: Http(title="q", path="surveys", contains="a"),
    lambda: Http(title="q", path="/ HTTP/1.0\r\nHost: elsewhere", contains="a"),
    lambda: Http(title="q", path="/", contains="a", timeout_seconds=0),
    lambda: Sql(title="q", equals=1),
    lambda: Sql(title="q", sql=ONE),
    lambda: Sql(title="q", sql=ONE, file=Path("q.sql"), equals=1),
    lambda: Sql(title="q", sql=ONE, equals=1, at_least=1),
    lambda: Sql(title="q", sql=ONE, no_rows=False),
    lambda: Sql(title="q", sql=ONE, not_below_previous=False),
    lambda: Sql(title="q", sql=ONE, not_below_previous=True, equals=3),
    lambda: Sql(title="q", sql="SELECT max(nir) FROM patient", not_below_previous=True),
    lambda: Sql(title="q", sql="WITH a AS (SELECT 1) SELECT nir FROM patient", not_below_previous=True),
    lambda: Freshness(table="visit; DROP TABLE visit", column="at"),
    lambda: Freshness(table="visit", column="at--"),
    lambda: Counts(main=("visit",), by_month={"visit": "at--"}),
    lambda: Counts(main=("visit", "a b"), by_month={"a b": "at"}),
    lambda: Counts(main=("visit",), by_month={"other": "at"}),
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

"""Cases of what a statement answers: the practice's mark, and what the operator asks."""

from __future__ import annotations

from dataclasses import replace

from contract.cases import NOW, ONE, Case, answering
from fakes import restored

from restore_lab.checks.base import Previous
from restore_lab.checks.identity import Identity
from restore_lab.checks.sql import Sql
from restore_lab.findings import Code

IDENTITY = Identity(statement="SELECT one", secret=b"s" * 32)


def enrolled(value: str) -> Previous:
    made = IDENTITY.ask(restored(answering(IDENTITY.statement, (value,)), now=NOW))
    return Previous(drill_id="before", tables=(), objects=(), identity_hmac=made.identity_hmac)


def counted_before(value: str) -> Previous:
    made = Sql(title="q", sql=ONE, not_below_previous=True).ask(restored(answering(ONE, (value,)), now=NOW))
    return Previous(drill_id="before", tables=(), objects=(), numbers=made.numbers)


ANSWERS: dict[str, tuple[Code, Case]] = {
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
    "a refused question": (
        Code.SQL_QUESTION_REFUSED,
        Case(check=Sql(title="q", sql=ONE, no_rows=True), bad=answering("another"), near=answering(ONE)),
    ),
}

"""Every check has a restored thing that must raise each of its findings, and one near it that must not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from contract.cases import NOW, ONE, PREVIOUS, Case
from contract.cases_answers import ANSWERS, IDENTITY
from contract.cases_dates import DATES
from contract.cases_documents import DOCUMENTS
from contract.cases_pages import PAGES, TEXT, showing
from contract.cases_rows import ROWS
from contract.cases_structure import STRUCTURE, linked
from fake_engine import FakeEngine
from fakes import restored

from restore_lab.checks import CHECKS
from restore_lab.checks.base import Check, Restored
from restore_lab.checks.counts import Counts
from restore_lab.checks.document_names import DocumentNames
from restore_lab.checks.documents import DocumentsOpen
from restore_lab.checks.foreign_keys import ForeignKeys
from restore_lab.checks.freshness import Freshness
from restore_lab.checks.integrity import Integrity
from restore_lab.checks.objects import Objects
from restore_lab.checks.pytest_checks import PytestChecks
from restore_lab.checks.sql import Sql
from restore_lab.findings import Code
from restore_lab.opening import Days

CASES = {**STRUCTURE, **ROWS, **ANSWERS, **DATES, **DOCUMENTS, **PAGES}


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

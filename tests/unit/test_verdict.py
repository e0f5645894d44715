"""The table of verdicts is total, is what its page says, and every code in it is raised somewhere."""

from __future__ import annotations

import ast
import re
from itertools import product
from pathlib import Path

import pytest

import restore_lab
from restore_lab.evidence import GradedFinding, Verdict
from restore_lab.findings import Code, Finding, Severity, finding
from restore_lab.verdict import TABLE, conclude, grade

PAGE = Path(__file__).parents[2] / "docs" / "verdicts.md"
PACKAGE = Path(restore_lab.__file__).parent
#: Where codes are declared, weighed and put into words, and not raised.
NOT_RAISING = {"findings.py", "verdict.py", "report"}


def rows() -> list[list[str]]:
    cells = [line.strip("|").split("|") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in cells]


def raised() -> set[str]:
    """Names of codes that any module of ours mentions, outside of tables and words."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        if NOT_RAISING & set(path.relative_to(PACKAGE).parts):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Code":
                found.add(node.attr)
    return found


def of(*codes: Code) -> list[Finding]:
    return [Finding(code=code) for code in codes]


def test_every_code_has_its_weights() -> None:
    assert set(TABLE) == set(Code)
    assert list(TABLE) == list(Code)


def test_the_page_is_the_table() -> None:
    assert [row[0] for row in rows()] == [f"`{code.value}`" for code in Code]
    assert [tuple(row[1:3]) for row in rows()] == [tuple(weight.value for weight in TABLE[code]) for code in Code]


def test_every_row_of_the_page_says_what_it_means_and_what_to_do() -> None:
    for code, *_, meaning, remedy in rows():
        assert meaning.endswith("."), code
        assert remedy.endswith("."), code
        assert not re.search(r"provabl|guarantee|compl(y|ies|iance)", meaning + remedy), code


def test_every_code_is_raised_somewhere_or_said_to_be_reserved() -> None:
    reserved = set(re.findall(r"`([A-Z0-9_]+)`", PAGE.read_text("utf-8").partition("## Reserved")[2]))

    assert {code.name for code in Code} - raised() == reserved


def test_another_series_never_weighs_more() -> None:
    order = list(Severity)

    assert all(order.index(other) <= order.index(own) for own, other in TABLE.values())


@pytest.mark.parametrize("harmful", [Code.LOAD_ERRORS, Code.LOAD_STOPPED])
def test_what_is_missing_after_a_harmful_load_on_another_series_may_be_that_servers_fault(harmful: Code) -> None:
    found = of(harmful, Code.TABLE_MISSING, Code.DATA_STALE)

    own = {one.finding.code: one.severity for one in grade(found, own_series=True)}
    other = {one.finding.code: one.severity for one in grade(found, own_series=False)}

    assert set(own.values()) == {Severity.FAILED}
    assert other[harmful] is other[Code.TABLE_MISSING] is Severity.INCONCLUSIVE
    assert other[Code.DATA_STALE] is Severity.FAILED


def test_bytes_that_changed_while_they_were_read_fail_no_backup_and_excuse_no_job() -> None:
    found = of(
        Code.BACKUP_CHANGED_WHILE_READ,
        Code.LOAD_STOPPED,
        Code.TABLE_MISSING,
        Code.BACKUP_OVERDUE,
        Code.ROLES_NOT_IN_BACKUP,
    )

    weights = {one.finding.code: one.severity for one in grade(found, own_series=True)}

    assert weights == {
        Code.BACKUP_OVERDUE: Severity.FAILED,
        Code.BACKUP_CHANGED_WHILE_READ: Severity.INCONCLUSIVE,
        Code.LOAD_STOPPED: Severity.INCONCLUSIVE,
        Code.TABLE_MISSING: Severity.INCONCLUSIVE,
        Code.ROLES_NOT_IN_BACKUP: Severity.RESERVATION,
    }


def test_another_series_that_loaded_without_harm_is_held_to_the_first_column() -> None:
    (graded,) = grade(of(Code.TABLE_MISSING), own_series=False)

    assert graded.severity is Severity.FAILED


def test_findings_come_heaviest_first_and_in_their_order_within() -> None:
    found = of(Code.DATES_IN_FUTURE, Code.NO_ROWS, Code.ISOLATION_NONE, Code.NO_TABLES, Code.NO_MACHINE)

    assert [one.finding.code for one in grade(found, own_series=True)] == [
        Code.NO_ROWS,
        Code.NO_TABLES,
        Code.NO_MACHINE,
        Code.ISOLATION_NONE,
        Code.DATES_IN_FUTURE,
    ]


EXPECTED = {
    Severity.FAILED: Verdict.FAILED,
    Severity.INCONCLUSIVE: Verdict.INCONCLUSIVE,
    Severity.RESERVATION: Verdict.PASSED_WITH_RESERVATIONS,
    Severity.NOTE: Verdict.PASSED,
}


@pytest.mark.parametrize("severities", [list(pair) for pair in product(Severity, repeat=2)])
def test_the_verdict_is_the_worst_weight(severities: list[Severity]) -> None:
    graded = [GradedFinding(finding=Finding(code=Code.NO_ROWS), severity=severity) for severity in severities]
    worst = max(severities, key=list(Severity).index)

    verdict, reasons = conclude(graded, restores=1)

    assert verdict is EXPECTED[worst]
    assert reasons == (() if worst is Severity.NOTE else ("NO_ROWS",))


def test_nothing_restored_never_passes() -> None:
    assert conclude([], restores=1) == (Verdict.PASSED, ())
    assert conclude([], restores=0) == (Verdict.INCONCLUSIVE, ("NOTHING_ASKED",))


def test_a_reason_is_named_once() -> None:
    graded = grade(of(Code.TABLE_EMPTY, Code.TABLE_EMPTY, Code.NO_MACHINE), own_series=True)

    assert conclude(graded, restores=1) == (Verdict.FAILED, ("TABLE_EMPTY",))


@pytest.mark.parametrize("lack", [Code.COLLATION_ABSENT, Code.EXTENSION_ABSENT, Code.MACHINE_OUT_OF_MEMORY])
def test_what_a_machine_that_lacked_something_did_not_bring_back_is_not_held_against_the_backup(lack: Code) -> None:
    graded = {
        one.finding.code: one.severity for one in grade([finding(lack), finding(Code.NO_TABLES)], own_series=True)
    }

    assert graded[Code.NO_TABLES] is Severity.INCONCLUSIVE
    assert grade([finding(Code.NO_TABLES)], own_series=True)[0].severity is Severity.FAILED


def test_load_errors_on_the_own_series_stay_failed_whatever_the_machine_lacked() -> None:
    found = [finding(Code.LOAD_ERRORS), finding(Code.COLLATION_ABSENT)]

    assert {one.finding.code: one.severity for one in grade(found, own_series=True)}[
        Code.LOAD_ERRORS
    ] is Severity.FAILED

"""Drills after drills: what the last passed one kept is what the next is held to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fakes import FakeCheck, Stand
from unit.drilling import codes, run

from restore_lab import drill as drills
from restore_lab import history
from restore_lab.checks import months
from restore_lab.checks.counts import Counts
from restore_lab.counted import MonthCount
from restore_lab.errors import KeyMissing
from restore_lab.evidence import Acceptance, Evidence, GradedFinding, Verdict
from restore_lab.findings import Code, Severity, finding
from restore_lab.history import previous_counts
from restore_lab.recording import seal_and_close
from restore_lab.register import Register
from restore_lab.signature.keys import SECRET_NAME

WHOSE = "SELECT whose"
MONTHS = months._QUESTION.format(table="visit", column="at")
OURS, THEIRS = "CAB-OURS-0001", "CAB-THEIRS-0002"


def belongs_to(stand: Stand, value: str, *, statement: str = WHOSE) -> Stand:
    stand.identity = statement
    stand.engine.answers[statement] = [(value,)]
    return stand


def dated(stand: Stand, **rows: int) -> Stand:
    stand.checks = (Counts(main=("visit",), by_month={"visit": "at"}),)
    stand.engine.answers[MONTHS] = [(f"2020-{name[1:]}", "", str(count)) for name, count in rows.items()]
    return stand


def test_without_an_identity_question_every_report_says_so(stand: Stand) -> None:
    assert codes(run(stand)) == {Code.IDENTITY_NOT_VERIFIED}


def test_the_first_drill_enrols_the_second_verifies_and_another_practice_fails(stand: Stand) -> None:
    first, second = run(belongs_to(stand, OURS)), run(stand)
    third = run(belongs_to(stand, THEIRS))
    fourth = run(belongs_to(stand, OURS))

    assert [codes(one) for one in (first, second, third, fourth)] == [
        {Code.IDENTITY_ENROLLED},
        set(),
        {Code.IDENTITY_DIFFERS},
        set(),
    ]
    assert [one.evidence.verdict for one in (first, second, third)] == [
        Verdict.PASSED,
        Verdict.PASSED,
        Verdict.FAILED,
    ]
    assert first.evidence.restores[0].checks[0].kind == "identity"


def test_what_was_enrolled_by_a_drill_that_failed_is_no_mark(stand: Stand) -> None:
    stand.checks = (FakeCheck(findings=(finding(Code.TABLE_EMPTY, table="visit"),)),)
    run(belongs_to(stand, THEIRS))
    stand.checks = (FakeCheck(),)

    assert codes(run(belongs_to(stand, OURS))) == {Code.IDENTITY_ENROLLED}


def test_another_statement_is_another_enrolment(stand: Stand) -> None:
    run(belongs_to(stand, OURS))

    assert codes(run(belongs_to(stand, OURS, statement="SELECT other"))) == {Code.IDENTITY_ENROLLED}
    assert codes(run(belongs_to(stand, THEIRS, statement="SELECT other"))) == {Code.IDENTITY_DIFFERS}


def test_under_another_secret_nothing_is_compared_and_that_is_said(stand: Stand) -> None:
    run(belongs_to(stand, OURS))
    (stand.root / "keys" / SECRET_NAME).write_text("ab" * 32 + "\n")

    assert codes(run(stand)) == {Code.IDENTITY_ENROLLED}


def test_the_value_is_in_no_file_and_its_digest_tells_nothing(stand: Stand) -> None:
    run(belongs_to(stand, OURS))
    other = run(belongs_to(stand, THEIRS))

    for path in (one for one in stand.root.rglob("*") if one.is_file()):
        assert OURS.encode() not in path.read_bytes()
        assert THEIRS.encode() not in path.read_bytes()
    secret = (stand.root / "keys" / SECRET_NAME).read_text().strip()
    assert not [one for one in stand.lab.reports.rglob("*") if one.is_file() and secret in one.read_text("latin-1")]
    assert len(str(other.evidence.restores[0].identity_hmac)) == 16 + 1 + 64


@pytest.mark.parametrize("rows", [[], [(None,)], [("a",), ("b",)], [("a", "b")], [("",)]])
def test_an_identity_question_that_brings_no_single_value_is_inconclusive(stand: Stand, rows: list[Any]) -> None:
    stand.identity = WHOSE
    stand.engine.answers[WHOSE] = rows

    seen = run(stand)

    assert (seen.evidence.verdict, seen.evidence.reasons) == (Verdict.INCONCLUSIVE, ("CHECK_BROKEN",))
    assert seen.evidence.restores[0].identity_hmac is None


def test_an_identity_question_that_is_refused_is_inconclusive(stand: Stand) -> None:
    stand.identity = WHOSE

    seen = run(stand)

    assert (seen.evidence.verdict, seen.evidence.reasons) == (Verdict.INCONCLUSIVE, ("SQL_QUESTION_REFUSED",))
    (found,) = [one.finding for one in seen.evidence.findings]
    assert dict(found.params)["name"] == "identity"


def test_without_its_secret_an_identity_is_not_asked_and_nothing_is_restored(stand: Stand) -> None:
    (stand.root / "keys" / SECRET_NAME).unlink()
    run(stand)
    lent = len(stand.sandbox.lent)

    with pytest.raises(KeyMissing, match="no lab secret"):
        run(belongs_to(stand, OURS))
    assert len(stand.sandbox.lent) == lent


def test_months_are_kept_and_the_next_drill_is_held_to_them(stand: Stand) -> None:
    first = run(dated(stand, m01=5, m02=6, m03=7))
    assert first.evidence.restores[0].months[0] == MonthCount(table="visit", column="at", month="2020-01", rows=5)

    shrunk = run(dated(stand, m01=5, m02=5, m03=8))
    emptied = run(dated(stand, m01=5, m03=8))
    whole = run(dated(stand, m01=5, m02=6, m03=7))

    assert (codes(shrunk), shrunk.evidence.verdict) == (
        {Code.MONTH_SHRUNK, Code.IDENTITY_NOT_VERIFIED},
        Verdict.FAILED,
    )
    assert (codes(emptied), emptied.evidence.verdict) == (
        {Code.MONTH_EMPTY, Code.IDENTITY_NOT_VERIFIED},
        Verdict.FAILED,
    )
    assert whole.evidence.verdict is Verdict.PASSED


def _record_accepted(stand: Stand, evidence: Evidence, drill_id: str) -> None:
    """Record a drill whose lost month a person had accepted, as `finding close` will make the next one."""
    accepted = Acceptance(reason="doublons", person="Dr Essai", until=date(2030, 1, 1))
    lost = GradedFinding(
        finding=finding(Code.MONTH_SHRUNK, restore_id="1-main", table="visit"),
        severity=Severity.NOTE,
        accepted=accepted,
    )
    passed = replace(evidence, drill_id=drill_id, findings=(lost,), verdict=Verdict.PASSED, reasons=())
    key = drills.open_key(stand.lab)
    register = Register(folder=stand.lab.reports, certificate=key.certificate)
    history.drill_folder(stand.lab.reports, drill_id).mkdir(parents=True)
    with register.locked():
        seal_and_close(stand.lab, register, key, replace(passed, previous_head=register.head))


def test_a_loss_that_was_accepted_does_not_lower_the_mark(stand: Stand) -> None:
    run(dated(stand, m01=5, m02=6))
    shrunk = run(dated(stand, m01=5, m02=4, m03=9)).evidence
    for number in (1, 2):
        _record_accepted(stand, shrunk, f"20300101T00000{number}Z-annual-0000")

    register = Register(folder=stand.lab.reports, certificate=drills.open_key(stand.lab).certificate)
    mark = previous_counts(register, register.verify(), "annual")["1-main"]

    assert {one.month: one.rows for one in mark.months} == {"2020-01": 5, "2020-02": 6, "2020-03": 9}
    assert Code.MONTH_SHRUNK in codes(run(stand))


def test_an_older_backup_is_held_to_its_practice_and_not_to_later_counts_and_sets_no_mark(stand: Stand) -> None:
    older = datetime.now(UTC) - timedelta(days=30)
    stand.source.backups["older"] = (older, stand.source.backups["fake_1.dump"][1])
    run(belongs_to(dated(stand, m01=5, m02=6), OURS))
    stand.engine.tables["visit"] = 4

    chosen = run(belongs_to(dated(stand, m01=5, m02=2), OURS), asked_for="older")
    others = run(belongs_to(stand, THEIRS), asked_for="older")
    stand.engine.tables["visit"] = 7
    latest = run(belongs_to(stand, OURS))

    assert (codes(chosen), chosen.evidence.verdict) == ({Code.NOT_THE_LATEST}, Verdict.PASSED)
    assert codes(others) == {Code.NOT_THE_LATEST, Code.IDENTITY_DIFFERS}
    assert codes(latest) == {Code.MONTH_SHRUNK}

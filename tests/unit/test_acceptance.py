"""Accepting a finding: one step down, for a time, with a reason and a person; some are never accepted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fakes import Stand

from restore_lab import drill as drills
from restore_lab.acceptance import ACCEPTABLE, Accept, weighed
from restore_lab.evidence import GradedFinding, Verdict
from restore_lab.findings import Code, Severity, finding
from restore_lab.scenario import Scenario
from restore_lab.verdict import TABLE

TODAY = datetime(2026, 11, 22, tzinfo=UTC).date()
TOMORROW = TODAY + timedelta(days=1)


def accept(code: Code = Code.END_MARK_ABSENT, *, about: str = "", days: int = 1) -> Accept:
    return Accept(code=code, reason="known", person="Dr Essai", until=TODAY + timedelta(days=days), about=about)


def graded(code: Code, severity: Severity, **params: str) -> GradedFinding:
    return GradedFinding(finding=finding(code, **params), severity=severity)


def test_only_what_weighs_can_be_accepted_and_never_what_nobody_knows() -> None:
    weights = {code: set(TABLE[code]) for code in ACCEPTABLE}

    del weights[Code.CLOCK_BEHIND_REGISTER]  # known, once somebody has looked at the clock
    assert all(weight & {Severity.FAILED, Severity.RESERVATION} for weight in weights.values())
    never = {Code.BACKUP_EMPTY, Code.NO_TABLES, Code.NO_ROWS, Code.IDENTITY_DIFFERS, Code.RANSOMWARE_SIGNS}
    never |= {Code.DUMP_CUT, Code.LOAD_ERRORS, Code.COPY_NOT_SHOWN_GONE, Code.REGISTER_BROKEN, Code.CONTROL_SILENT}
    assert not never & ACCEPTABLE


@pytest.mark.parametrize("code", sorted(set(Code) - ACCEPTABLE))
def test_the_others_are_refused_where_they_are_written(code: Code) -> None:
    with pytest.raises(ValueError, match="cannot be accepted"):
        accept(code)


def test_a_reason_and_a_person_are_needed() -> None:
    for reason, person in ((" ", "Dr Essai"), ("known", "")):
        with pytest.raises(ValueError, match="a reason and a person"):
            replace(accept(), reason=reason, person=person)


def test_each_weight_falls_one_step_and_says_why() -> None:
    found = (graded(Code.DATA_STALE, Severity.FAILED), graded(Code.END_MARK_ABSENT, Severity.RESERVATION))

    lowered, expired = weighed(found, [accept(Code.DATA_STALE), accept()], today=TOMORROW)

    assert [one.severity for one in lowered] == [Severity.RESERVATION, Severity.NOTE]
    assert all(one.accepted and one.accepted.person == "Dr Essai" for one in lowered)
    assert expired == ()


def test_what_is_inconclusive_stays_so_even_when_its_code_is_accepted() -> None:
    found = (graded(Code.ROWS_BELOW_PREVIOUS, Severity.INCONCLUSIVE),)

    assert weighed(found, [accept(Code.ROWS_BELOW_PREVIOUS)], today=TODAY)[0] == found


def test_another_table_is_not_covered() -> None:
    found = tuple(graded(Code.ROWS_BELOW_PREVIOUS, Severity.FAILED, table=name) for name in ("log", "patient"))

    lowered, _ = weighed(found, [accept(Code.ROWS_BELOW_PREVIOUS, about="log")], today=TODAY)

    assert [one.severity for one in lowered] == [Severity.RESERVATION, Severity.FAILED]


def test_after_its_last_day_it_weighs_again_and_the_report_says_so() -> None:
    found = (graded(Code.END_MARK_ABSENT, Severity.RESERVATION),)

    lowered, expired = weighed(found, [accept(days=-1)], today=TODAY)

    assert lowered == found
    assert [(one.code, dict(one.params)["code"]) for one in expired] == [(Code.ACCEPTANCE_EXPIRED, "END_MARK_ABSENT")]
    assert weighed((), [accept(days=-1)], today=TODAY) == ((), ())


def test_a_drill_passes_once_its_reservation_is_accepted(stand: Stand) -> None:
    stand.engine.load = replace(stand.engine.load, findings=(finding(Code.END_MARK_ABSENT),))
    far = Accept(
        code=Code.END_MARK_ABSENT,
        reason="the tool never writes it",
        person="Dr Essai",
        until=datetime.now(UTC).date() + timedelta(days=30),
    )
    scenario = stand.scenario
    accepting: Scenario = replace(scenario, settings=replace(scenario.settings, accept=(far,)))

    before = drills.run(stand.lab, scenario, asked_for="latest", listen=lambda _event: None).evidence
    after = drills.run(stand.lab, accepting, asked_for="latest", listen=lambda _event: None).evidence

    assert (before.verdict, after.verdict) == (Verdict.PASSED_WITH_RESERVATIONS, Verdict.PASSED)
    (accepted,) = [one.accepted for one in after.findings if one.finding.code is Code.END_MARK_ABSENT]
    assert accepted is not None
    assert accepted.reason == "the tool never writes it"

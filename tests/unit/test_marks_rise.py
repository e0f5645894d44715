"""Marks only rise: a loss that was let pass is said until it is made good or settled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from fakes import FakeCheck, Stand
from unit.drilling import codes, run

from restore_lab import drill as drills
from restore_lab.acceptance import Accept
from restore_lab.checks.counts import Counts
from restore_lab.checks.foreign_keys import ForeignKeys
from restore_lab.checks.objects import Objects
from restore_lab.checks.sql import Sql
from restore_lab.counted import DocumentCount, KeyCount
from restore_lab.drill import Outcome
from restore_lab.engines.base import References
from restore_lab.evidence import Acceptance, Evidence, GradedFinding, Verdict
from restore_lab.findings import Code, Severity, finding
from restore_lab.marks import marks


def accepting(stand: Stand, code: Code, *, settled: bool = False, about: str = "") -> Outcome:
    """A drill whose scenario accepts one code until tomorrow."""
    accept = Accept(
        code=code,
        reason="the list was merged",
        person="Dr Essai",
        until=datetime.now(UTC).date() + timedelta(days=2),
        settled=settled,
        about=about,
    )
    scenario = stand.scenario
    one = replace(scenario, settings=replace(scenario.settings, accept=(accept,)))
    return drills.run(stand.lab, one, asked_for="latest", listen=lambda _event: None)


NUMBER = "SELECT count(*) FROM visit"


def _fewer_rows(stand: Stand, number: int) -> None:
    stand.checks = (Counts(main=("visit", "patient")),)
    stand.engine.tables = {"patient": 3, "visit": number}


def _fewer_objects(stand: Stand, number: int) -> None:
    stand.checks = (FakeCheck(), Objects())
    stand.engine.objects = {"table": 2, "index": 1, **({"view": number - 5} if number > 5 else {})}


def _more_orphans(stand: Stand, number: int) -> None:
    stand.checks = (FakeCheck(), ForeignKeys())
    stand.engine.linked = References(keys=(KeyCount(key="visit.patient", orphans=10 - number),))


def _smaller_number(stand: Stand, number: int) -> None:
    stand.checks = (Sql(title="visits", sql=NUMBER, not_below_previous=True),)
    stand.engine.answers[NUMBER] = [(str(number),)]


LOSSES = [
    pytest.param(Code.ROWS_BELOW_PREVIOUS, _fewer_rows, id="rows"),
    pytest.param(Code.OBJECTS_BELOW_PREVIOUS, _fewer_objects, id="objects"),
    pytest.param(Code.ORPHAN_ROWS_GROWN, _more_orphans, id="keys"),
    pytest.param(Code.SQL_EXPECTATION_UNMET, _smaller_number, id="numbers"),
]


@pytest.mark.parametrize(("code", "hold"), LOSSES)
def test_a_loss_that_was_accepted_is_said_until_its_figure_is_reached_again(
    stand: Stand, code: Code, hold: Callable[[Stand, int], None]
) -> None:
    hold(stand, 7)
    assert code not in codes(run(stand))
    hold(stand, 5)
    for _ in range(3):
        seen = accepting(stand, code)
        assert (code in codes(seen), seen.exit_code) == (True, 0)
    hold(stand, 6)
    assert code in codes(accepting(stand, code))
    assert code in codes(run(stand))
    hold(stand, 7)
    assert code not in codes(run(stand))
    hold(stand, 6)
    assert code in codes(run(stand))


@pytest.mark.parametrize(("code", "hold"), LOSSES)
def test_a_loss_that_is_settled_is_the_mark_of_the_next_drill(
    stand: Stand, code: Code, hold: Callable[[Stand, int], None]
) -> None:
    hold(stand, 8)
    run(stand)
    hold(stand, 7)
    accepting(stand, code)

    settled = accepting(stand, code, settled=True)
    (accepted,) = [one.accepted for one in settled.evidence.findings if one.finding.code is code]
    assert accepted is not None
    assert accepted.settled
    assert code not in codes(run(stand))
    hold(stand, 6)
    assert code in codes(run(stand))


def test_a_view_that_is_lost_stays_a_reservation_at_every_drill(stand: Stand) -> None:
    _fewer_objects(stand, 6)
    run(stand)
    _fewer_objects(stand, 5)

    for _ in range(3):
        seen = run(stand).evidence
        assert (seen.verdict, seen.reasons) == (Verdict.PASSED_WITH_RESERVATIONS, ("OBJECTS_BELOW_PREVIOUS",))


def test_an_accepted_loss_of_one_table_makes_no_other_table_be_held_to_more_than_the_last_drill(stand: Stand) -> None:
    stand.checks = (Counts(main=("visit", "log"), may_shrink=("log",)),)
    stand.engine.tables = {"visit": 7, "log": 50}
    run(stand)
    stand.engine.tables = {"visit": 6, "log": 20}
    assert codes(accepting(stand, Code.ROWS_BELOW_PREVIOUS)) == {Code.ROWS_BELOW_PREVIOUS, Code.IDENTITY_NOT_VERIFIED}

    stand.checks = (Counts(main=("visit", "log")),)
    seen = run(stand).evidence

    lost = [dict(one.finding.params) for one in seen.findings if one.finding.code is Code.ROWS_BELOW_PREVIOUS]
    assert lost == [{"table": "visit", "rows": 6, "previous": 7}]


def test_only_a_loss_can_be_settled() -> None:
    with pytest.raises(ValueError, match="cannot be settled"):
        Accept(code=Code.END_MARK_ABSENT, reason="r", person="p", until=date(2030, 1, 1), settled=True)


def test_documents_that_were_lost_stay_the_mark_and_settled_ones_do_not(stand: Stand) -> None:
    evidence = run(stand).evidence
    accepted = Acceptance(reason="r", person="p", until=date(2030, 1, 1))
    found = finding(Code.DOCUMENTS_BELOW_PREVIOUS, restore_id="1-main", kind="pdf", count=2, previous=3)

    def passed(pdfs: int, letters: int, *findings: GradedFinding) -> Evidence:
        counts = {"pdf": pdfs, "rtf": letters}
        documents = tuple(DocumentCount(kind=kind, count=n, size_bytes=n, unreadable=0) for kind, n in counts.items())
        return replace(evidence, restores=(replace(evidence.restores[0], documents=documents),), findings=findings)

    def held(loss: Acceptance) -> dict[str, int]:
        lost = GradedFinding(finding=found, severity=Severity.RESERVATION, accepted=loss)
        before = [passed(2, 4, lost), passed(2, 5, lost), passed(3, 9), passed(8, 8)]
        return {one.kind: one.count for one in marks(iter(before))["1-main"].documents}

    assert held(accepted) == {"pdf": 3, "rtf": 4}
    assert held(replace(accepted, settled=True)) == {"pdf": 2, "rtf": 4}

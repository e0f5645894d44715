"""The negative controls of a drill on fakes: what was taken out on purpose, and who saw it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_faults import interrupt
from fakes import Stand
from unit.drilling import judged

from restore_lab.checks.counts import Counts
from restore_lab.errors import (
    EngineFailed,
    ExitCode,
)
from restore_lab.evidence import Verdict
from restore_lab.findings import Code, finding


def test_both_negative_controls_are_carried_out_and_kept(stand: Stand) -> None:
    seen = judged(stand).evidence.restores[0]

    assert [(one.name, one.silent) for one in seen.controls] == [("spoilt", False), ("cut", False)]
    assert seen.controls[0].raised == ("TABLE_EMPTY", "OBJECTS_BELOW_PREVIOUS")
    assert seen.controls[1].raised == ("LOAD_STOPPED",)
    assert {table.name: table.rows for table in seen.tables} == {"patient": 3, "visit": 7}
    assert [need.backup_bytes for need in stand.sandbox.needs][1] <= seen.read_bytes // 2


def test_a_test_that_sees_no_loss_is_inconclusive(stand: Stand) -> None:
    stand.engine.sees_losses = False

    seen = judged(stand)

    assert (seen.evidence.verdict, seen.evidence.reasons) == (Verdict.INCONCLUSIVE, ("CONTROL_SILENT",))
    assert [dict(one.finding.params) for one in seen.evidence.findings if one.finding.code is Code.CONTROL_SILENT] == [
        {"control": "spoilt"},
        {"control": "cut"},
    ]


def test_a_control_that_breaks_is_inconclusive_and_the_copy_gone(stand: Stand) -> None:
    stand.engine.faults["spoil"] = EngineFailed("the server died")

    seen = judged(stand)

    assert (seen.evidence.verdict, seen.evidence.reasons) == (Verdict.INCONCLUSIVE, ("CONTROL_NOT_RUN",))
    assert [one.gone for one in seen.evidence.restores[0].removals] == [True, True]


def test_a_drill_that_already_found_blames_no_control(stand: Stand) -> None:
    stand.engine.sees_losses = False
    stand.engine.load = replace(stand.engine.load, findings=(finding(Code.LOAD_STOPPED, code="42601", line=1),))

    seen = judged(stand)

    assert seen.evidence.verdict is Verdict.FAILED
    assert [(one.silent, one.not_judged) for one in seen.evidence.restores[0].controls] == [
        (True, ""),
        (False, "already_found"),
    ]


def test_a_cut_is_seen_by_what_tells_of_a_cut_and_by_nothing_else(stand: Stand) -> None:
    stand.engine.cut_shows = (finding(Code.DATA_STALE, newest="2026-01-01", age_days=9, limit_days=3),)

    seen = judged(stand)

    control = seen.evidence.restores[0].controls[1]
    assert (control.name, control.raised, control.silent) == ("cut", ("DATA_STALE",), False)
    assert "DATA_STALE" not in control.expected
    assert "LOAD_STOPPED" in control.expected
    assert control.not_judged == "cut_refused"


def test_a_cut_that_took_nothing_that_is_counted_is_made_further_back(stand: Stand) -> None:
    stand.engine.cut_shows = ()
    stand.engine.all_within_bytes = 20_000

    seen = judged(stand)

    kept = [need.backup_bytes for need in stand.sandbox.needs[1:]]
    assert kept == [100_005, 12_500]
    assert [(one.silent, one.not_judged) for one in seen.evidence.restores[0].controls] == [(False, ""), (True, "")]
    assert seen.evidence.reasons == ("CONTROL_SILENT",)


def test_a_backup_whose_every_beginning_holds_all_that_is_counted_is_not_blamed_for_it(stand: Stand) -> None:
    stand.engine.cut_shows = ()
    stand.engine.all_within_bytes = 0

    seen = judged(stand)

    assert len(stand.sandbox.needs) == 4
    assert [one.not_judged for one in seen.evidence.restores[0].controls] == ["", "nothing_lost"]
    assert seen.evidence.verdict is Verdict.PASSED


def test_a_database_with_nothing_to_lose_is_no_proof_of_anything(stand: Stand) -> None:
    stand.engine.tables = {"patient": 0}

    seen = judged(stand)

    assert seen.evidence.verdict is Verdict.FAILED
    assert [one.not_judged for one in seen.evidence.restores[0].controls] == ["nothing_to_lose", ""]


def test_an_empty_table_found_before_is_no_sight_of_the_one_that_was_emptied(stand: Stand) -> None:
    stand.engine.tables = {"patient": 3, "visit": 7, "letter": 0}
    stand.engine.sees_losses = False
    stand.checks = (Counts(main=("visit", "letter")),)

    control = judged(stand).evidence.restores[0].controls[0]

    assert (control.emptied, control.raised, control.silent) == ("visit", ("TABLE_EMPTY",), True)


@pytest.mark.parametrize(("main", "emptied", "larger"), [((), "visit", ""), (("patient",), "patient", "visit")])
def test_what_was_taken_out_on_purpose_is_recorded_by_name(
    stand: Stand, main: tuple[str, ...], emptied: str, larger: str
) -> None:
    if main:
        stand.checks = (Counts(main=main),)

    control = judged(stand).evidence.restores[0].controls[0]

    assert (control.emptied, control.larger, control.index, control.routine) == (emptied, larger, "index_of_visits", "")
    assert control.emptied_rows == stand.engine.tables[emptied]


def test_an_interrupt_during_a_control_loses_nothing(stand: Stand) -> None:
    stand.engine.faults["spoil"] = interrupt()

    seen = judged(stand)

    assert (seen.exit_code, seen.evidence.reasons) == (ExitCode.INTERRUPTED, ("INTERRUPTED",))
    assert seen.evidence.restores[0].checks
    assert [one.gone for one in seen.evidence.restores[0].removals] == [True]

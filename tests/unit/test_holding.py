"""`run --hold`: the drill is closed at once, the copy stays for its time, then goes and is looked up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest
from fakes import Stand

from restore_lab import drill as drills
from restore_lab.cli.held import Duration, hold
from restore_lab.drill import Outcome
from restore_lab.errors import ExitCode, RestoreLabError
from restore_lab.evidence import Verdict
from restore_lab.findings import Code
from restore_lab.holding import LONGEST
from restore_lab.register import EntryType, Register
from restore_lab.signature.keys import load_key

HOUR = timedelta(hours=1)


def held(stand: Stand, length: timedelta = HOUR) -> Outcome:
    return drills.run(stand.lab, stand.scenario, asked_for="latest", listen=lambda _event: None, hold_for=length)


def register_of(stand: Stand) -> Register:
    settings = stand.lab.settings.signature
    key = load_key(settings.key, settings.certificate, passphrase=None)
    return Register(folder=stand.lab.reports, certificate=key.certificate)


def test_the_drill_is_closed_while_the_copy_stays(stand: Stand) -> None:
    outcome = held(stand)

    restore = outcome.evidence.restores[0]
    assert (outcome.exit_code, outcome.evidence.verdict) == (ExitCode.NOT_GONE, Verdict.PASSED)
    assert restore.held_until is not None
    assert timedelta(minutes=59) < restore.held_until - datetime.now(UTC) <= HOUR
    assert [live.destroyed for live in stand.sandbox.lent] == [False, True]  # the second was that of a control
    assert [(one.name, one.not_judged, one.silent) for one in restore.controls] == [
        ("spoilt", "copy_held", False),
        ("cut", "", False),
    ]
    assert {one.gone for one in restore.removals} == {True, False}
    assert Code.COPY_HELD in {one.finding.code for one in outcome.evidence.findings}
    assert restore.held_until - HOUR >= restore.timeline[-1].at  # that control took none of the time
    checked = register_of(stand).verify()
    assert checked.entries[-1].fields["held_until"] == restore.held_until.isoformat()
    assert not checked.unanswered


def test_letting_go_is_looked_up_and_recorded(stand: Stand) -> None:
    outcome = held(stand)

    removals = drills.let_go(stand.lab, outcome)

    assert [live.destroyed for live in stand.sandbox.lent] == [True, True]
    assert [one.gone for one in removals] == [True]
    checked = register_of(stand).verify()
    assert (checked.entries[-1].kind, checked.faults) == (EntryType.SWEPT, ())
    assert checked.entries[-1].fields["drill"] == outcome.evidence.drill_id
    assert checked.entries[-1].fields["removed"][0]["gone"] is True


def test_without_hold_nothing_is_swept(stand: Stand) -> None:
    outcome = drills.run(stand.lab, stand.scenario, asked_for="latest", listen=lambda _event: None)

    assert drills.let_go(stand.lab, outcome) == ()
    assert register_of(stand).verify().entries[-1].kind is EntryType.CLOSED


def test_a_drill_that_cannot_be_recorded_holds_nothing(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_kwargs: object) -> None:
        raise RestoreLabError("the disk is full")

    monkeypatch.setattr(drills, "seal_and_close", full)

    with pytest.raises(RestoreLabError):
        held(stand)
    assert all(live.destroyed for live in stand.sandbox.lent)


def test_the_command_waits_then_lets_go(stand: Stand, capsys: pytest.CaptureFixture[str]) -> None:
    hold(stand.lab, held(stand, timedelta(seconds=1)))

    said = capsys.readouterr().err
    assert all(live.destroyed for live in stand.sandbox.lent)
    assert "until" in said
    assert said.rstrip().endswith("gone")


@pytest.mark.parametrize(("written", "length"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("8h", 28800)])
def test_lengths_are_read(written: str, length: int) -> None:
    assert Duration(LONGEST).convert(written, None, None) == timedelta(seconds=length)


@pytest.mark.parametrize("written", ["", "0m", "30", "-5m", "9h", "1d", "2h30m", "999999999s"])
def test_other_lengths_are_refused(written: str) -> None:
    with pytest.raises(click.BadParameter):
        Duration(LONGEST).convert(written, None, None)

"""A drill on fakes that is interrupted: it is on record with all that it had found."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta

import pytest
from fake_faults import interrupt
from fakes import FakeCheck, Stand
from unit.drilling import FAILING_LOADS, codes, destroyed, judged, register_of, run

from restore_lab import drill as drills
from restore_lab.errors import (
    ExitCode,
    SourceUnreachable,
)
from restore_lab.events import Entered, Event
from restore_lab.evidence import Verdict
from restore_lab.findings import Code

INTERRUPTS = [
    *[("source", where) for where in ("candidates", "open", "read")],
    *[("sandbox", where) for where in ("create", "destroy")],
    *[("engine", where) for where in ("recognise", "start", "load", "inventory")],
]


@pytest.mark.parametrize(("part", "where"), INTERRUPTS)
def test_an_interrupt_at_any_stage_is_recorded(stand: Stand, part: str, where: str) -> None:
    getattr(stand, part).faults = {where: interrupt()}

    seen = judged(stand)

    assert (seen.evidence.verdict, seen.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.INTERRUPTED)
    assert Code.INTERRUPTED in codes(seen)
    assert destroyed(stand)


def test_an_interrupt_while_asking_is_recorded(stand: Stand) -> None:
    stand.checks = (FakeCheck(fault=interrupt()), FakeCheck(title="never asked"))

    seen = judged(stand)

    assert (seen.exit_code, destroyed(stand)) == (ExitCode.INTERRUPTED, True)
    assert len(seen.evidence.restores[0].checks) == 0


DAMAGED = b"\x1f\x8b\x08\0" + b"\xff" * 300_000
INTERRUPTED_REST = [
    (interrupt(), Code.INTERRUPTED, ExitCode.INTERRUPTED),
    (SourceUnreachable("the cable"), Code.SOURCE_UNREADABLE, ExitCode.FAILED),
]


@pytest.mark.parametrize(("fault", "code", "exit_code"), INTERRUPTED_REST)
def test_what_was_found_is_kept_when_reading_the_rest_of_a_damaged_backup_breaks_off(
    stand: Stand, fault: BaseException, code: Code, exit_code: ExitCode
) -> None:
    stand.source.backups = {"one": (datetime.now(UTC) - timedelta(hours=1), DAMAGED)}
    stand.source.faults = {"read": fault}
    stand.source.fail_after_bytes = 200_000

    seen = judged(stand)

    assert codes(seen) >= {Code.ARCHIVE_DAMAGED, code}
    assert (seen.evidence.verdict, seen.exit_code) == (Verdict.FAILED, exit_code)
    assert (seen.evidence.restores[0].sha256, seen.evidence.restores[0].read_bytes) == (None, 200_000)


@pytest.mark.parametrize(("fault", "code", "exit_code"), INTERRUPTED_REST)
def test_what_a_load_found_is_kept_when_reading_what_it_left_breaks_off(
    stand: Stand, fault: BaseException, code: Code, exit_code: ExitCode
) -> None:
    stand.engine.takes_pieces = 1
    stand.engine.load = FAILING_LOADS[1]
    stand.source.faults = {"read": fault}
    stand.source.fail_after_bytes = 120_000

    seen = judged(stand)

    assert codes(seen) >= {Code.LOAD_STOPPED, code}
    assert (seen.evidence.verdict, seen.exit_code) == (Verdict.FAILED, exit_code)
    assert destroyed(stand)


def test_an_interrupted_drill_is_closed_in_the_register(stand: Stand) -> None:
    stand.engine.faults = {"load": interrupt()}

    outcome = run(stand)

    checked = register_of(stand).verify()
    assert (outcome.exit_code, checked.faults, checked.unanswered) == (ExitCode.INTERRUPTED, (), ())
    assert checked.entries[-1].fields["reasons"] == ["INTERRUPTED"]
    assert outcome.recorded.report is not None


def test_an_interrupt_while_the_record_is_written_waits(stand: Stand) -> None:
    def listen(event: Event) -> None:
        if isinstance(event, Entered) and event.stage.value == "seal":
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)

    outcome = drills.run(stand.lab, stand.scenario, asked_for="latest", listen=listen)

    assert outcome.exit_code is ExitCode.PASSED
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

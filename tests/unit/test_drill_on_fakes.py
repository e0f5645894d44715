"""The whole drill, from key to register, on fakes: what breaks where, and what is left of it."""

from __future__ import annotations

import hashlib

import pytest
from fakes import FakeCheck, Stand
from unit.drilling import FAILING_LOADS, codes, destroyed, judged, register_of, run

from restore_lab import drill as drills
from restore_lab.engines.base import Integrity, Load
from restore_lab.errors import (
    EngineFailed,
    ExitCode,
    MachineDiskFull,
    MachineFailed,
    MachineOutOfMemory,
    QueryRefused,
    SourceNotPluggedIn,
    SourceUnreachable,
)
from restore_lab.evidence import Isolation, Verdict, from_json
from restore_lab.findings import Code, Finding, finding
from restore_lab.history import ENVELOPE_NAME
from restore_lab.register import EntryType
from restore_lab.signature import dsse


def test_a_good_backup_passes_and_all_of_it_is_recorded(stand: Stand) -> None:
    outcome = run(stand)

    evidence = outcome.evidence
    assert (evidence.verdict, evidence.reasons, outcome.exit_code) == (Verdict.PASSED, (), ExitCode.PASSED)
    data = stand.source.backups["fake_1.dump"][1]
    assert evidence.restores[0].sha256 == hashlib.sha256(data).hexdigest()
    assert evidence.restores[0].read_bytes == len(data)
    assert stand.engine.started[0].loaded.hexdigest() == hashlib.sha256(data).hexdigest()
    assert [one.name for one in evidence.restores[0].timeline] == [
        *("find", "start", "load", "count", "ask", "control", "destroy", "control")
    ]
    checked = register_of(stand).verify(known_head=outcome.recorded.head)
    assert checked.faults == ()
    assert [entry.kind for entry in checked.entries] == [EntryType.KEY, EntryType.OPENED, EntryType.CLOSED]
    assert checked.unanswered == ()
    assert evidence.previous_head == checked.entries[1].head
    key = drills.open_key(stand.lab)
    envelope = (outcome.recorded.folder / ENVELOPE_NAME).read_bytes()
    public_key = register_of(stand).public_key
    statement = dsse.read_statement(dsse.open_envelope(envelope, payload_type=dsse.PAYLOAD_TYPE, public_key=public_key))
    assert from_json(statement.evidence_json) == evidence
    assert set(statement.subjects) == {"backup:1-main", "scenario:annual"}
    assert outcome.recorded.report is not None
    assert outcome.recorded.report.read_bytes().startswith(b"%PDF")
    assert key.key_id in (stand.lab.reports / "register.jsonl").read_text("ascii")
    assert (outcome.recorded.folder / "drill.log").stat().st_mode & 0o777 == 0o600


def test_a_reservation_passes_with_its_reason_and_exit_code_nought(stand: Stand) -> None:
    stand.objective_rto_seconds = 0

    seen = judged(stand)

    assert (seen.evidence.verdict, seen.exit_code) == (Verdict.PASSED_WITH_RESERVATIONS, ExitCode.PASSED)
    assert seen.evidence.reasons == ("RESTORE_TIME_OVER_OBJECTIVE",)
    (late,) = [one.finding for one in seen.evidence.findings if one.finding.code.value in seen.evidence.reasons]
    assert dict(late.params) == {"seconds": 1, "objective": 0}  # never « 0 s, more than 0 s »


SOURCE_FAULTS = [
    ("candidates", SourceNotPluggedIn("no disk"), Code.SOURCE_NOT_PLUGGED_IN),
    ("candidates", SourceUnreachable("no share"), Code.SOURCE_UNREADABLE),
    ("open", SourceUnreachable("not there"), Code.SOURCE_UNREADABLE),
    ("read", SourceUnreachable("the cable"), Code.SOURCE_UNREADABLE),
    ("candidates", RuntimeError("a bug"), Code.TOOL_BROKEN),
]
SANDBOX_FAULTS = [
    ("create", MachineFailed("no machine"), Code.MACHINE_FAILED),
    ("create", MachineOutOfMemory("too small"), Code.MACHINE_OUT_OF_MEMORY),
    ("destroy", RuntimeError("a bug"), Code.TOOL_BROKEN),
]
ENGINE_FAULTS = [
    ("recognise", RuntimeError("a bug"), Code.TOOL_BROKEN),
    ("start", EngineFailed("it did not come up"), Code.SERVER_FAILED),
    ("start", MachineFailed("it died"), Code.MACHINE_FAILED),
    ("start", TimeoutError("too long"), Code.MACHINE_FAILED),
    ("load", TimeoutError("too long"), Code.LOAD_TIMED_OUT),
    ("load", EngineFailed("it died"), Code.SERVER_FAILED),
    ("load", MachineDiskFull("full"), Code.MACHINE_DISK_FULL),
    ("load", RuntimeError("a bug"), Code.TOOL_BROKEN),
    ("inventory", EngineFailed("no answer"), Code.SERVER_FAILED),
    ("inventory", QueryRefused("57014"), Code.SERVER_FAILED),
    ("inventory", KeyError("a bug"), Code.TOOL_BROKEN),
]


def _ends_inconclusive(stand: Stand, error: Exception, code: Code) -> None:
    seen = judged(stand)

    expected = ExitCode.BUG if code is Code.TOOL_BROKEN else ExitCode.INCONCLUSIVE
    assert (seen.evidence.verdict, seen.exit_code) == (Verdict.INCONCLUSIVE, expected)
    assert code in codes(seen)
    assert destroyed(stand)
    assert str(error) not in (_drill_log(stand))


def _drill_log(stand: Stand) -> str:
    """The log, without what a finding says in words of our own."""
    log = next(stand.lab.reports.glob("*/*/drill.log")).read_text("ascii")
    return "\n".join(line for line in log.splitlines() if '"what": "found"' not in line)


@pytest.mark.parametrize(("where", "error", "code"), SOURCE_FAULTS)
def test_a_source_that_breaks_is_never_a_failed_backup(stand: Stand, where: str, error: Exception, code: Code) -> None:
    stand.source.faults = {where: error}
    stand.source.fail_after_bytes = 100_000

    _ends_inconclusive(stand, error, code)


@pytest.mark.parametrize(("where", "error", "code"), SANDBOX_FAULTS)
def test_a_machine_that_breaks_is_never_a_failed_backup(stand: Stand, where: str, error: Exception, code: Code) -> None:
    stand.sandbox.faults = {where: error}

    _ends_inconclusive(stand, error, code)


@pytest.mark.parametrize(("where", "error", "code"), ENGINE_FAULTS)
def test_an_engine_that_breaks_is_never_a_failed_backup(stand: Stand, where: str, error: Exception, code: Code) -> None:
    stand.engine.faults = {where: error}

    _ends_inconclusive(stand, error, code)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TimeoutError("too long"), Code.CHECK_TIMED_OUT),
        (QueryRefused("42P01"), Code.SQL_QUESTION_REFUSED),
        (EngineFailed("no answer"), Code.CHECK_BROKEN),
        (MachineFailed("it died"), Code.CHECK_BROKEN),
        (OSError("a file"), Code.CHECK_BROKEN),
    ],
)
def test_a_question_that_breaks_keeps_the_next_from_nothing(stand: Stand, error: Exception, code: Code) -> None:
    stand.checks = (FakeCheck(title="first", fault=error), FakeCheck(title="second"))

    seen = judged(stand)

    assert (seen.evidence.verdict, seen.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert code in codes(seen)
    assert [(one.name, one.answered) for one in seen.evidence.restores[0].checks] == [
        ("first", False),
        ("second", True),
    ]
    assert destroyed(stand)


@pytest.mark.parametrize("load", FAILING_LOADS)
def test_a_harmful_load_fails_on_its_own_series_and_is_inconclusive_on_another(stand: Stand, load: Load) -> None:
    stand.engine.load = load
    assert judged(stand).evidence.verdict is Verdict.FAILED

    stand.engine.version = "4.0"
    other = judged(stand)
    assert (other.evidence.verdict, other.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert Code.SERVER_OF_ANOTHER_SERIES in codes(other)


def test_no_machine_is_inconclusive_and_the_backup_is_read_to_its_end_all_the_same(stand: Stand) -> None:
    stand.sandbox.lacking = "there is no machine"

    seen = judged(stand)

    assert (seen.evidence.verdict, Code.NO_MACHINE in codes(seen)) == (Verdict.INCONCLUSIVE, True)
    data = stand.source.backups["fake_1.dump"][1]
    assert seen.evidence.restores[0].sha256 == hashlib.sha256(data).hexdigest()


def test_a_drill_that_asked_nothing_of_the_data_never_passes(stand: Stand) -> None:
    stand.checks = (FakeCheck(proves_data=False),)

    seen = judged(stand)

    assert (seen.evidence.verdict, seen.evidence.reasons) == (Verdict.INCONCLUSIVE, ("NOTHING_ASKED",))


@pytest.mark.parametrize(
    ("isolation", "code"), [(Isolation.PARTIAL, Code.ISOLATION_PARTIAL), (Isolation.NONE, Code.ISOLATION_NONE)]
)
def test_a_machine_that_is_not_sealed_is_a_reservation(stand: Stand, isolation: Isolation, code: Code) -> None:
    stand.sandbox.isolation = isolation

    seen = judged(stand)

    assert (seen.evidence.verdict, seen.evidence.reasons) == (Verdict.PASSED_WITH_RESERVATIONS, (code.value,))


def test_a_copy_that_cannot_be_removed_exits_6(stand: Stand) -> None:
    stand.sandbox.stays = True

    seen = judged(stand)

    assert (seen.exit_code, Code.COPY_NOT_SHOWN_GONE in codes(seen)) == (ExitCode.NOT_GONE, True)
    assert [one.gone for one in seen.evidence.restores[0].removals] == [False, False]


@pytest.mark.parametrize(("form", "times"), [("plain", 1), ("custom", 8)])
def test_a_machine_has_room_for_what_its_tool_packed(stand: Stand, form: str, times: int) -> None:
    stand.engine.form = form

    seen = judged(stand)

    assert stand.sandbox.needs[0].backup_bytes == times * (seen.evidence.restores[0].read_bytes or 0) > 0


def test_what_a_check_finds_is_weighed_and_named_after_it(stand: Stand) -> None:
    stand.checks = (FakeCheck(title="mine", findings=(finding(Code.TABLE_EMPTY, table="patient\x1b[31m"),)),)

    seen = judged(stand)

    (found,) = [one.finding for one in seen.evidence.findings if one.finding.code is Code.TABLE_EMPTY]
    assert found == Finding(
        code=Code.TABLE_EMPTY, params=(("table", "patient\\x1b[31m"),), restore_id="1-main", check="mine"
    )
    assert (seen.evidence.verdict, seen.exit_code) == (Verdict.FAILED, ExitCode.FAILED)


def test_an_integrity_check_keeps_what_it_found(stand: Stand) -> None:
    stand.engine.sound = Integrity(asked=2, problems=())

    assert judged(stand).evidence.verdict is Verdict.PASSED

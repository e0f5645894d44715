"""The whole drill, from key to register, on fakes: what breaks where, and what is left of it."""

from __future__ import annotations

import hashlib
import signal
import socket
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fakes import FAKE_HEAD, FakeCheck, Stand, interrupt
from unit.test_unpack import tarred

from restore_lab import drill as drills
from restore_lab.checks.counts import Counts
from restore_lab.drill import Outcome
from restore_lab.engines.base import HEAD_BYTES, Integrity, Load
from restore_lab.errors import (
    EngineFailed,
    ExitCode,
    KeyMissing,
    MachineDiskFull,
    MachineFailed,
    MachineOutOfMemory,
    QueryRefused,
    SourceNotPluggedIn,
    SourceUnreachable,
    UsageError,
)
from restore_lab.events import Entered, Event
from restore_lab.evidence import Evidence, Isolation, Verdict, from_json
from restore_lab.findings import Code, Finding, finding
from restore_lab.history import ENVELOPE_NAME, drill_folder, identity, previous_counts
from restore_lab.lab import Report
from restore_lab.register import EntryType, Register
from restore_lab.report.pdf import Seal, render_pdf
from restore_lab.signature import dsse


def run(stand: Stand, *, asked_for: str = "latest") -> Outcome:
    """A drill as the command line runs it, report and all."""
    return drills.run(stand.lab, stand.scenario, asked_for=asked_for, listen=lambda _event: None)


def judged(stand: Stand, *, asked_for: str = "latest") -> Outcome:
    """A drill that must be on record whatever became of it: opened, closed, and its files as registered."""
    outcome = run(stand, asked_for=asked_for)
    checked = register_of(stand).verify()
    assert checked.unanswered == ()
    assert checked.entries[-1].fields["verdict"] == outcome.evidence.verdict.value
    assert (outcome.recorded.folder / ENVELOPE_NAME).is_file()
    return outcome


def codes(outcome: Outcome) -> set[Code]:
    return {one.finding.code for one in outcome.evidence.findings}


def register_of(stand: Stand) -> Register:
    return Register(folder=stand.lab.reports, certificate=drills.open_key(stand.lab).certificate)


def destroyed(stand: Stand) -> bool:
    return all(machine.destroyed for machine in stand.sandbox.lent)


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


FAILING_LOADS = [
    Load(seconds=1, problems=(), findings=(finding(Code.LOAD_ERRORS, count=1, code="23505", subject="patient"),)),
    Load(seconds=1, problems=(), findings=(finding(Code.LOAD_STOPPED, code="CUT", line=3),)),
]


@pytest.mark.parametrize("load", FAILING_LOADS)
def test_a_harmful_load_fails_on_its_own_series_and_is_inconclusive_on_another(stand: Stand, load: Load) -> None:
    stand.engine.load = load
    assert judged(stand).evidence.verdict is Verdict.FAILED

    stand.engine.version = "4.0"
    other = judged(stand)
    assert (other.evidence.verdict, other.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert Code.SERVER_OF_ANOTHER_SERIES in codes(other)


@pytest.mark.parametrize("taken_days_ago", [0, 9])
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", Code.BACKUP_EMPTY),
        (b"something else", Code.DUMP_NOT_RECOGNISED),
        (b"\x1f\x8b\x08\0cut", Code.ARCHIVE_DAMAGED),
    ],
)
def test_a_backup_nobody_can_restore_has_failed(stand: Stand, data: bytes, code: Code, taken_days_ago: int) -> None:
    stand.source.backups = {"one": (datetime.now(UTC) - timedelta(days=taken_days_ago, hours=1), data)}

    seen = judged(stand)

    assert (seen.evidence.verdict, seen.exit_code) == (Verdict.FAILED, ExitCode.FAILED)
    assert code in codes(seen)
    assert (Code.BACKUP_OVERDUE in codes(seen)) == bool(taken_days_ago)
    assert seen.evidence.restores[0].sha256 == hashlib.sha256(data).hexdigest()
    assert stand.sandbox.lent == []


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"XBSTCK01\0P", Code.BACKUP_OF_ANOTHER_KIND),
        (tarred({"ibdata1": bytes(HEAD_BYTES * 2), "backup-my.cnf": b"[mysqld]"}), Code.BACKUP_OF_ANOTHER_KIND),
        (tarred({"scan.jpg": bytes(HEAD_BYTES * 2), "fake.dump": b"x"}), Code.ARCHIVE_HOLDS_SEVERAL),
    ],
)
def test_an_honest_backup_that_is_not_restored_here_has_not_failed(stand: Stand, data: bytes, code: Code) -> None:
    stand.source.backups = {"one": (datetime.now(UTC) - timedelta(hours=1), data)}

    seen = judged(stand)

    assert (seen.evidence.verdict, seen.evidence.reasons) == (Verdict.INCONCLUSIVE, (code.value,))
    assert seen.evidence.restores[0].sha256 == hashlib.sha256(data).hexdigest()


def test_no_backup_at_all_has_failed(stand: Stand) -> None:
    stand.source.backups = {}

    seen = judged(stand)

    assert (seen.evidence.verdict, codes(seen) >= {Code.NO_BACKUP_FOUND}) == (Verdict.FAILED, True)


def test_no_machine_is_inconclusive_and_the_backup_is_read_to_its_end_all_the_same(stand: Stand) -> None:
    stand.sandbox.lacking = "there is no machine"

    seen = judged(stand)

    assert (seen.evidence.verdict, Code.NO_MACHINE in codes(seen)) == (Verdict.INCONCLUSIVE, True)
    data = stand.source.backups["fake_1.dump"][1]
    assert seen.evidence.restores[0].sha256 == hashlib.sha256(data).hexdigest()


def test_the_digest_is_of_the_whole_source_even_when_the_client_ended_early(stand: Stand) -> None:
    stand.engine.takes_pieces = 1
    stand.engine.faults = {"load": EngineFailed("it died")}

    restore = judged(stand).evidence.restores[0]

    data = stand.source.backups["fake_1.dump"][1]
    assert (restore.sha256, restore.read_bytes) == (hashlib.sha256(data).hexdigest(), len(data))


def test_a_source_that_stops_giving_bytes_leaves_no_digest_of_a_part(stand: Stand) -> None:
    stand.source.faults = {"read": SourceUnreachable("the cable")}
    stand.source.fail_after_bytes = 120_000

    restore = judged(stand).evidence.restores[0]

    assert restore.sha256 is None
    assert restore.read_bytes == 120_000


def test_a_backup_that_changes_while_it_is_read_is_inconclusive(stand: Stand) -> None:
    stand.source.changes = True

    seen = judged(stand)

    assert (seen.evidence.verdict, Code.BACKUP_CHANGED_WHILE_READ in codes(seen)) == (Verdict.INCONCLUSIVE, True)


@pytest.mark.parametrize(("tables", "code"), [({}, Code.NO_TABLES), ({"patient": 0}, Code.NO_ROWS)])
def test_an_empty_database_never_passes_whatever_is_asked(stand: Stand, tables: dict[str, int], code: Code) -> None:
    stand.engine.tables = tables

    seen = judged(stand)

    assert (seen.evidence.verdict, code in codes(seen)) == (Verdict.FAILED, True)


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


def test_both_negative_controls_are_carried_out_and_kept(stand: Stand) -> None:
    seen = judged(stand).evidence.restores[0]

    assert [(one.name, one.silent) for one in seen.controls] == [("spoilt", False), ("cut", False)]
    assert seen.controls[0].raised == ("TABLE_EMPTY", "OBJECTS_BELOW_PREVIOUS")
    assert seen.controls[1].raised == ("LOAD_STOPPED",)
    assert {table.name: table.rows for table in seen.tables} == {"patient": 3, "visit": 7}
    assert [need.backup_bytes for need in stand.sandbox.needs][1] <= seen.read_bytes // 2


@pytest.mark.parametrize(("form", "times"), [("plain", 1), ("custom", 8)])
def test_a_machine_has_room_for_what_its_tool_packed(stand: Stand, form: str, times: int) -> None:
    stand.engine.form = form

    seen = judged(stand)

    assert stand.sandbox.needs[0].backup_bytes == times * (seen.evidence.restores[0].read_bytes or 0) > 0


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


REMARK = b"pg_dump: warning: there are circular foreign-key constraints on this table:\n"


@pytest.mark.parametrize("takes_pieces", [150, 1_000_000])
def test_messages_of_a_tool_inside_the_backup_are_a_reservation_wherever_they_stand(
    stand: Stand, takes_pieces: int
) -> None:
    data = FAKE_HEAD + b"row\n" * 50_000 + REMARK + b"row\n" + REMARK
    stand.source.backups = {"one": (datetime.now(UTC) - timedelta(hours=1), data)}
    stand.engine.takes_pieces = takes_pieces

    seen = judged(stand)

    assert (seen.evidence.verdict, seen.evidence.reasons) == (
        Verdict.PASSED_WITH_RESERVATIONS,
        ("TOOL_MESSAGES_IN_BACKUP",),
    )
    (found,) = [one.finding for one in seen.evidence.findings if one.finding.code is Code.TOOL_MESSAGES_IN_BACKUP]
    assert dict(found.params) == {"name": "pg_dump", "count": 2, "line": 50_002}


def test_a_backup_that_is_a_message_and_nothing_else_says_so(stand: Stand) -> None:
    data = b'mysqldump: Got error: 2002: "Can\'t connect to local server" when trying to connect\n'
    stand.source.backups = {"one": (datetime.now(UTC) - timedelta(hours=1), data)}

    seen = judged(stand)

    assert (seen.evidence.verdict, codes(seen) >= {Code.DUMP_NOT_RECOGNISED, Code.TOOL_MESSAGES_IN_BACKUP}) == (
        Verdict.FAILED,
        True,
    )


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


def test_without_a_key_nothing_is_restored_or_registered(stand: Stand) -> None:
    (stand.root / "keys" / "signing-key.pem").unlink()

    with pytest.raises(KeyMissing) as caught:
        run(stand)

    assert caught.value.exit_code is ExitCode.USAGE
    assert stand.sandbox.lent == []
    assert not stand.lab.reports.exists()


def test_a_point_that_is_not_there_is_refused_before_anything_is_opened(stand: Stand) -> None:
    with pytest.raises(UsageError, match="no recovery point is called 'another'"):
        run(stand, asked_for="another")

    assert not stand.lab.reports.exists()


def test_a_report_that_cannot_be_rendered_leaves_the_entry_and_exits_70(stand: Stand) -> None:
    unheard_of: Report = replace(Report(), language="xx")  # type: ignore[arg-type]
    lab = replace(stand.lab, settings=replace(stand.lab.settings, report=unheard_of))

    outcome = drills.run(lab, stand.scenario, asked_for="latest", listen=lambda _event: None)

    assert (outcome.exit_code, outcome.recorded.report) == (ExitCode.BUG, None)
    closed = register_of(stand).verify().entries[-1]
    assert (closed.kind, "pdf_sha256" in closed.fields, bool(closed.fields["pdf_missing"])) == (
        EntryType.CLOSED,
        False,
        True,
    )
    assert register_of(stand).verify().faults == ()


def test_a_time_stamp_that_was_not_given_is_said_on_the_page_and_in_the_register(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[bool] = []

    def seen(evidence: Evidence, *, language: str, attachments: Mapping[str, bytes], seal: Seal) -> bytes:
        pages.append(seal.is_stamped)
        return render_pdf(evidence, language=language, attachments=attachments, seal=seal)

    monkeypatch.setattr("restore_lab.report.pdf.render_pdf", seen)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: whoever connects is refused
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}/tsa"
        signature = replace(stand.lab.settings.signature, authority=nobody)
        lab = replace(stand.lab, settings=replace(stand.lab.settings, signature=signature))
        outcome = drills.run(lab, stand.scenario, asked_for="latest", listen=lambda _event: None)

    closed = register_of(stand).verify().entries[-1]
    assert (outcome.exit_code, bool(outcome.recorded.stamp_fault)) == (ExitCode.PASSED, True)
    assert closed.fields["stamp_missing"] == outcome.recorded.stamp_fault
    assert (pages, outcome.recorded.report is not None) == ([True, False], True)


def test_a_broken_register_does_not_stop_a_drill_which_exits_5_on_a_new_segment(stand: Stand) -> None:
    judged(stand)
    path = stand.lab.reports / "register.jsonl"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)

    seen = judged(stand)

    assert (seen.exit_code, Code.REGISTER_BROKEN in codes(seen)) == (ExitCode.SEAL_BROKEN, True)
    new = (stand.lab.reports / "register.2.jsonl").read_bytes()
    assert new.count(b"\n") == 3
    assert bytes(data) == path.read_bytes()


def test_an_abandoned_drill_is_closed_by_the_next_and_a_living_one_is_not(stand: Stand) -> None:
    register, key = register_of(stand), drills.open_key(stand.lab)
    dead = {"drill": "20200101T000000Z-annual-dead", "scenario": "annual", **identity(), "pid": 2**22 + 5}
    alive = {"drill": "20200101T000000Z-annual-live", "scenario": "annual", **identity()}
    with register.locked():
        for fields in (dead, alive):
            register.append(EntryType.OPENED, fields, key=key, at=datetime.now(UTC))

    run(stand)

    checked = register.verify()
    closed = [one for one in checked.entries if one.kind is EntryType.CLOSED]
    assert [(one.fields["verdict"], one.fields["reasons"]) for one in closed] == [
        ("INCONCLUSIVE", ["ABANDONED"]),
        ("PASSED", []),
    ]
    assert closed[0].fields["drill"] == dead["drill"]
    assert [one.fields["drill"] for one in checked.unanswered] == [alive["drill"]]


def dies(stand: Stand, name: str = "dead", **fields: object) -> str:
    """A drill of this scenario that was opened and whose process is gone."""
    register, key = register_of(stand), drills.open_key(stand.lab)
    scenario = {"scenario": "annual", "scenario_sha256": stand.scenario.sha256}
    opened = {"drill": f"20200101T000000Z-annual-{name}", **scenario, **identity(), "pid": 2**22 + 5, **fields}
    with register.locked():
        register.append(EntryType.OPENED, opened, key=key, at=datetime(2020, 1, 1, 23, 30, tzinfo=UTC))
    return str(opened["drill"])


def earlier(outcome: Outcome) -> list[tuple[Code, dict[str, object]]]:
    found = [one.finding for one in outcome.evidence.findings if one.finding.code.value.startswith("EARLIER_")]
    return sorted(((one.code, dict(one.params)) for one in found), key=str)


def test_the_next_drill_tells_of_one_that_died_with_its_day_in_the_practices_zone(stand: Stand) -> None:
    dead = dies(stand)

    seen = judged(stand)

    assert earlier(seen) == [(Code.EARLIER_DRILL_DIED, {"drill": dead, "began": "2020-01-02", "count": 1})]
    assert (seen.evidence.verdict, seen.exit_code) == (Verdict.PASSED, ExitCode.PASSED)
    swept = [one.fields for one in register_of(stand).verify().entries if one.kind is EntryType.SWEPT]
    assert swept == [{"after": [dead], "all_gone": True, "removed": []}]
    assert earlier(judged(stand)) == []


def test_a_place_that_cannot_be_looked_at_after_a_death_is_a_reservation_and_exit_code_6(stand: Stand) -> None:
    dead = dies(stand)
    stand.sandbox.faults["sweep"] = MachineFailed("the node does not answer")

    for _ in range(2):
        seen = judged(stand)
        assert (seen.evidence.verdict, seen.exit_code) == (Verdict.PASSED_WITH_RESERVATIONS, ExitCode.NOT_GONE)
        assert seen.evidence.reasons == ("EARLIER_COPY_NOT_SHOWN_GONE",)
        assert {code for code, _ in earlier(seen)} == {Code.EARLIER_DRILL_DIED, Code.EARLIER_COPY_NOT_SHOWN_GONE}
        assert {params["drill"] for _, params in earlier(seen)} == {dead}


def test_a_death_on_another_host_is_told_once_and_its_copy_is_not_called_gone(stand: Stand) -> None:
    dies(stand, host="another")

    seen = judged(stand)

    assert {code for code, _ in earlier(seen)} == {Code.EARLIER_DRILL_DIED, Code.EARLIER_COPY_NOT_SHOWN_GONE}
    assert seen.exit_code is ExitCode.NOT_GONE
    assert earlier(judged(stand)) == []


def ends(stand: Stand, fields: dict[str, object], name: str = "left", host: str = "") -> str:
    """A drill of this scenario that was closed with more in its entry, and whose process is gone."""
    drill = dies(stand, name, **({"host": host} if host else {}))
    register, key = register_of(stand), drills.open_key(stand.lab)
    said = {"drill": drill, "scenario": "annual", "verdict": "PASSED", "reasons": [], **fields}
    with register.locked():
        register.append(EntryType.CLOSED, said, key=key, at=datetime(2020, 1, 2, tzinfo=UTC))
    return drill


LEFT = "20200101T000000Z-annual-left"
LONG_AGO, LONG_AFTER = "2020-01-02T08:00:00+00:00", "2999-01-02T08:00:00+00:00"


@pytest.mark.parametrize("said", [{"not_gone": True}, {"held_until": LONG_AFTER}])
def test_the_next_drill_looks_for_a_copy_that_outlived_its_drill(stand: Stand, said: dict[str, object]) -> None:
    left = ends(stand, said)

    seen = judged(stand)

    assert earlier(seen) == [(Code.EARLIER_COPY_GONE, {"drill": left, "began": "2020-01-02", "count": 1})]
    assert (seen.evidence.verdict, seen.exit_code) == (Verdict.PASSED, ExitCode.PASSED)
    swept = [one.fields for one in register_of(stand).verify().entries if one.kind is EntryType.SWEPT]
    assert swept == [{"after": [left], "all_gone": True, "removed": []}]
    assert earlier(judged(stand)) == []


@pytest.mark.parametrize("error", [MachineFailed("the engine is gone"), KeyboardInterrupt()])
def test_what_a_machine_that_could_not_be_lent_left_is_told_and_on_record_for_the_next_drill(
    stand: Stand, error: BaseException
) -> None:
    stand.sandbox.faults["create"], stand.sandbox.stays = error, True

    seen = judged(stand)

    (restore,) = seen.evidence.restores
    assert [(one.kind, one.gone) for one in restore.removals] == [("fake", False)]
    assert Code.COPY_NOT_SHOWN_GONE in codes(seen)
    assert (seen.evidence.verdict, seen.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.NOT_GONE)
    assert register_of(stand).verify().entries[-1].fields["not_gone"] is True


def test_a_machine_that_could_not_be_lent_and_left_nothing_is_no_removal(stand: Stand) -> None:
    stand.sandbox.faults["create"] = MachineFailed("the engine is gone")

    seen = judged(stand)

    assert (seen.evidence.restores[0].removals, seen.exit_code) == ((), ExitCode.INCONCLUSIVE)
    assert Code.COPY_NOT_SHOWN_GONE not in codes(seen)


def test_a_drill_that_left_nothing_is_not_looked_for(stand: Stand) -> None:
    ends(stand, {})

    assert earlier(judged(stand)) == []
    assert EntryType.SWEPT not in {one.kind for one in register_of(stand).verify().entries}


@pytest.mark.parametrize(
    ("said", "swept", "is_told"),
    [
        ({"held_until": LONG_AGO}, {"drill": LEFT, "removed": [{"gone": True}]}, False),
        ({"held_until": LONG_AGO}, {"drill": LEFT, "removed": [{"gone": True}, {"gone": False}]}, True),
        ({"held_until": LONG_AGO}, {"drill": "another", "removed": [{"gone": True}]}, True),
        ({"held_until": LONG_AGO, "not_gone": True}, {"drill": LEFT, "removed": [{"gone": True}]}, True),
        ({"not_gone": True}, {"after": [LEFT], "all_gone": True, "removed": []}, False),
        ({"not_gone": True}, {"after": [LEFT], "all_gone": False, "removed": []}, True),
        ({"not_gone": True}, {"after": ["another"], "all_gone": True, "removed": []}, True),
    ],
)
def test_what_a_sweep_or_the_holds_end_showed_gone_is_not_looked_for_again(
    stand: Stand, said: dict[str, object], swept: dict[str, object], *, is_told: bool
) -> None:
    assert ends(stand, said) == LEFT
    register, key = register_of(stand), drills.open_key(stand.lab)
    with register.locked():
        register.append(EntryType.SWEPT, swept, key=key, at=datetime(2020, 1, 3, tzinfo=UTC))

    assert [code for code, _ in earlier(judged(stand))] == [Code.EARLIER_COPY_GONE] * is_told


def test_a_copy_that_was_left_and_cannot_be_looked_for_is_said_at_every_drill(stand: Stand) -> None:
    left = ends(stand, {"not_gone": True})
    stand.sandbox.faults["sweep"] = MachineFailed("the node does not answer")

    for _ in range(2):
        seen = judged(stand)
        assert (seen.evidence.reasons, seen.exit_code) == (("EARLIER_COPY_NOT_SHOWN_GONE",), ExitCode.NOT_GONE)
        assert [(code, params["drill"]) for code, params in earlier(seen)] == [(Code.EARLIER_COPY_NOT_SHOWN_GONE, left)]


def test_a_hold_on_another_host_is_told_once_when_its_time_is_over(stand: Stand) -> None:
    ends(stand, {"held_until": LONG_AFTER}, "holds", host="another")
    over = ends(stand, {"held_until": LONG_AGO}, "over", host="another")

    told = [[(code, params["drill"]) for code, params in earlier(judged(stand))] for _ in range(2)]

    assert told == [[(Code.EARLIER_COPY_NOT_SHOWN_GONE, over)], []]


def test_many_deaths_are_counted_and_three_of_them_named(stand: Stand) -> None:
    names = [dies(stand, f"dea{number}") for number in range(5)]

    seen = earlier(judged(stand))

    assert [params["drill"] for _, params in seen] == names[2:]
    assert {params["count"] for _, params in seen} == {5}


def test_an_interrupt_while_the_dead_are_swept_ends_the_drill_with_its_record(stand: Stand) -> None:
    dies(stand)
    stand.sandbox.faults["sweep"] = interrupt()

    seen = judged(stand)

    assert (seen.evidence.verdict, seen.evidence.restores) == (Verdict.INCONCLUSIVE, ())
    assert Code.INTERRUPTED in codes(seen)
    assert seen.exit_code is ExitCode.NOT_GONE
    assert stand.sandbox.lent == []
    assert seen.recorded.report is not None


def test_what_the_last_passed_drill_counted_is_known_to_the_next(stand: Stand) -> None:
    run(stand)
    register = register_of(stand)

    previous = previous_counts(register, register.verify(), "annual")["1-main"]

    assert {(one.name, one.rows) for one in previous.tables} == {("patient", 3), ("visit", 7)}
    assert previous_counts(register, register.verify(), "another") == {}


def test_older_and_chosen_points_are_restored_and_said(stand: Stand) -> None:
    older = datetime.now(UTC) - timedelta(days=30)
    stand.source.backups["older"] = (older, FAKE_HEAD + b"older")

    for asked_for in ("oldest", "older"):
        seen = judged(stand, asked_for=asked_for)
        assert (seen.evidence.verdict, Code.NOT_THE_LATEST in codes(seen)) == (Verdict.PASSED, True)
        point = seen.evidence.restores[0].recovery_point
        assert point is not None
        assert (point.point, point.asked_for) == ("older", asked_for)


def test_the_folder_of_a_drill_is_named_after_its_year(tmp_path: Path) -> None:
    assert drill_folder(tmp_path, "20261122T000000Z-a-1") == tmp_path / "2026" / "20261122T000000Z-a-1"

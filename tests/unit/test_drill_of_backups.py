"""What a drill on fakes says of the backup itself, and of what it was read from."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from fake_engine import FAKE_HEAD
from fakes import Stand
from unit.drilling import codes, judged
from unit.wrapping import tarred

from restore_lab.engines.base import HEAD_BYTES
from restore_lab.errors import (
    EngineFailed,
    ExitCode,
    SourceUnreachable,
)
from restore_lab.evidence import Verdict
from restore_lab.findings import Code


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


def test_older_and_chosen_points_are_restored_and_said(stand: Stand) -> None:
    older = datetime.now(UTC) - timedelta(days=30)
    stand.source.backups["older"] = (older, FAKE_HEAD + b"older")

    for asked_for in ("oldest", "older"):
        seen = judged(stand, asked_for=asked_for)
        assert (seen.evidence.verdict, Code.NOT_THE_LATEST in codes(seen)) == (Verdict.PASSED, True)
        point = seen.evidence.restores[0].recovery_point
        assert point is not None
        assert (point.point, point.asked_for) == ("older", asked_for)

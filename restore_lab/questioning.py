"""Ask a restored database every question of a scenario; one that breaks does not keep the next from being asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from time import monotonic

from restore_lab.checks.base import Answer, Check, Restored
from restore_lab.checks.counts import Counts
from restore_lab.checks.live_tables import LiveTables
from restore_lab.engines.documents import NO_DOCUMENTS
from restore_lab.errors import CouldNotFindOut, QueryRefused
from restore_lab.events import Stage
from restore_lab.evidence import CheckRecord
from restore_lab.findings import Code
from restore_lab.fingerprint import Fingerprints
from restore_lab.notebook import Notebook
from restore_lab.scenario import Restore


def ask_restored(
    restore: Restore, questions: Sequence[Check], restored: Restored, fingerprints: Fingerprints, notes: Notebook
) -> None:
    """Ask all there is to ask; where a fingerprint of the live database is near the backup, against that too."""
    found = fingerprints.near(
        restore.place,
        restored.taken_at,
        engine=restored.engine.kind,
        within=timedelta(hours=restore.fingerprint_within_hours),
        until=restored.now,
    )
    for name in found.unusable:
        notes.note(Code.FINGERPRINT_UNUSABLE, name=name)
    notes.keep(fingerprint=found.record)
    if found.fingerprint is None:
        ask_all(questions, restored, notes)
        return
    counts = tuple(check for check in restore.check if isinstance(check, Counts))
    live = found.fingerprint.live(fingerprints.secret)
    ask_all((*questions, LiveTables(counts=counts)), replace(restored, live=live), notes)


def ask_all(checks: Sequence[Check], restored: Restored, notes: Notebook) -> None:
    """Ask in order; when no question was about the practice's own data, that is a finding."""
    for check in checks:
        notes.enter(Stage.ASK, about=check.title)
        started = monotonic()
        answer = _answer(check, restored, notes)
        if answer is not None:
            notes.note_all(replace(one, check=check.title) for one in answer.findings)
            _keep(answer, restored, notes)
        seen = CheckRecord(
            name=check.title,
            kind=check.kind,
            answered=answer is not None,
            asked=answer.asked if answer is not None else 0,
            seconds=round(monotonic() - started, 3),
            on_test_machine_only=check.kind == "integrity",
        )
        notes.keep(checks=(*notes.record.checks, seen))
    if not any(check.proves_data for check in checks):
        notes.note(Code.NOTHING_ASKED)
    _refuse_empty(restored, notes)


def _refuse_empty(restored: Restored, notes: Notebook) -> None:
    """Note an empty database whatever was asked: a question that never looks at a table must not pass on it."""
    if restored.engine.archives:  # documents, and no table to look at
        if not any(one.count for one in restored.inventory.objects if one.kind not in NO_DOCUMENTS):
            notes.note(Code.BACKUP_EMPTY)
        return
    tables = restored.inventory.tables
    code = Code.NO_ROWS if tables else Code.NO_TABLES
    if not any(table.rows for table in tables) and all(one.code is not code for one in notes.findings):
        notes.note(code)


def _answer(check: Check, restored: Restored, notes: Notebook) -> Answer | None:
    try:
        return check.ask(restored)
    except TimeoutError as error:
        notes.broken(error, Code.CHECK_TIMED_OUT, name=check.title)
    except QueryRefused as refused:
        notes.broken(refused, Code.SQL_QUESTION_REFUSED, name=check.title, code=refused.code)
    except (CouldNotFindOut, OSError) as error:
        notes.broken(error, Code.CHECK_BROKEN, name=check.title)
    return None


def _keep(answer: Answer, restored: Restored, notes: Notebook) -> None:
    record, newest = notes.record, answer.newest_entry_at
    notes.keep(
        keys=(*record.keys, *answer.keys),
        months=(*record.months, *answer.months),
        numbers=(*record.numbers, *answer.numbers),
        documents=(*record.documents, *answer.documents),
    )
    if answer.identity_hmac is not None:
        notes.keep(identity_hmac=answer.identity_hmac)
    if newest is not None:
        notes.keep(
            newest_entry_at=newest,
            data_age_at_backup_seconds=round((restored.taken_at - newest).total_seconds()),
            data_age_at_drill_seconds=round((restored.now - newest).total_seconds()),
        )

"""What the register tells of earlier drills: what the last passed one counted, and which ones were never closed."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from restore_lab import process
from restore_lab.checks.base import Previous
from restore_lab.counted import MonthCount
from restore_lab.errors import SealBroken
from restore_lab.evidence import Evidence, Verdict, from_json
from restore_lab.findings import Code
from restore_lab.register import Checked, Entry, EntryType, Register
from restore_lab.signature import dsse
from restore_lab.signature.keys import SigningKey

ENVELOPE_NAME = "evidence.dsse.json"
PASSED = frozenset({Verdict.PASSED.value, Verdict.PASSED_WITH_RESERVATIONS.value})
_MONTH_LOST = frozenset({Code.MONTH_EMPTY, Code.MONTH_SHRUNK})


def previous_counts(register: Register, checked: Checked, scenario: str) -> dict[str, Previous]:
    """Give what the last passed drill of a scenario counted, by restore, from evidence that verifies."""
    passed = _passed(register, checked, scenario)
    last = next(passed, None)
    if last is None:
        return {}
    months = _marks(last, passed)
    return {
        one.restore_id: Previous(
            drill_id=last.drill_id,
            tables=one.tables,
            objects=one.objects,
            keys=one.keys,
            months=months[one.restore_id],
            numbers=one.numbers,
            documents=one.documents,
            identity_hmac=one.identity_hmac,
            taken_at=one.recovery_point.taken_at if one.recovery_point else None,
        )
        for one in last.restores
    }


def _passed(register: Register, checked: Checked, scenario: str) -> Iterator[Evidence]:
    """Give the evidence of a scenario's passed drills of the latest backup, the last first: older ones set no mark."""
    for entry in reversed(checked.entries):
        if entry.kind is not EntryType.CLOSED or entry.fields.get("scenario") != scenario:
            continue
        if entry.fields.get("verdict") in PASSED and (evidence := registered_evidence(register, entry)):
            points = [one.recovery_point for one in evidence.restores]
            if all(point is None or point.asked_for == "latest" for point in points):
                yield evidence


def _marks(last: Evidence, earlier: Iterator[Evidence]) -> dict[str, tuple[MonthCount, ...]]:
    """Give the rows by month that the next drill is held to, by restore.

    A loss that passed because it was accepted does not become the mark: the higher figures of the drill before it stay,
    so that it is said again, and weighs again when the acceptance ends.
    """
    marks = {one.restore_id: {_dated(month): month for month in one.months} for one in last.restores}
    evidence: Evidence | None = last
    while evidence is not None and any(one.accepted and one.finding.code in _MONTH_LOST for one in evidence.findings):
        evidence = next(earlier, None)
        for one in evidence.restores if evidence is not None else ():
            mark = marks.get(one.restore_id, {})
            for month in one.months:
                mark[_dated(month)] = max(month, mark.get(_dated(month), month), key=lambda seen: seen.rows)
    return {restore_id: tuple(mark.values()) for restore_id, mark in marks.items()}


def _dated(month: MonthCount) -> tuple[str, str, str]:
    return month.table, month.column, month.month


def registered_evidence(register: Register, closed: Entry) -> Evidence | None:
    """Read the evidence of a closed drill; None when it is not there, does not verify, or is not the one registered."""
    try:
        envelope = (drill_folder(register.folder, str(closed.fields.get("drill"))) / ENVELOPE_NAME).read_bytes()
        payload = dsse.open_envelope(envelope, payload_type=dsse.PAYLOAD_TYPE, public_key=register.public_key)
        evidence_json = dsse.read_statement(payload).evidence_json
        if hashlib.sha256(evidence_json).hexdigest() != closed.fields.get("evidence_sha256"):
            return None
        return from_json(evidence_json)
    except (OSError, SealBroken):
        return None


def drill_folder(reports: Path, drill_id: str) -> Path:
    """Folder of one drill's files; a drill's id begins with its year."""
    return reports / drill_id[:4] / drill_id


def identity() -> dict[str, str | int]:
    """Name this process so that another one can tell later whether it still lives."""
    pid = process.own_pid()
    return {"host": platform.node(), "pid": pid, "pid_started": process.started(pid)}


def close_abandoned(register: Register, checked: Checked, key: SigningKey) -> tuple[str, ...]:
    """Close as INCONCLUSIVE every drill that was opened and whose process is gone; give their ids.

    The caller holds the register's lock.
    """
    intact = not checked.chains or not checked.chains[-1].faults  # what a broken segment closed cannot be read
    dead = [entry for entry in checked.unanswered if intact and not alive(entry)]
    for entry in dead:
        fields = {
            "drill": entry.fields.get("drill"),
            "scenario": entry.fields.get("scenario"),
            "verdict": Verdict.INCONCLUSIVE.value,
            "reasons": [Code.ABANDONED.value],
        }
        register.append(EntryType.CLOSED, fields, key=key, at=datetime.now(UTC))
    return tuple(str(entry.fields.get("drill")) for entry in dead)


def alive(opened: Entry) -> bool:
    """Tell whether an opened drill's process lives.

    One on another host is taken for dead: its machines are not ours to see, and a lab has one host at a time.
    """
    if opened.fields.get("host") != platform.node():
        return False
    return process.started(int(opened.fields.get("pid", 0))) == opened.fields.get("pid_started") != ""

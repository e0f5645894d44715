"""What the register tells of earlier drills: what the last passed one counted, and which ones were never closed."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path

from restore_lab import process
from restore_lab.checks.base import Previous
from restore_lab.errors import SealBroken
from restore_lab.evidence import Evidence, Verdict, from_json
from restore_lab.findings import Code
from restore_lab.register import Checked, Entry, EntryType, Register
from restore_lab.signature import dsse
from restore_lab.signature.keys import SigningKey

ENVELOPE_NAME = "evidence.dsse.json"
PASSED = frozenset({Verdict.PASSED.value, Verdict.PASSED_WITH_RESERVATIONS.value})


def previous_counts(register: Register, checked: Checked, scenario: str) -> dict[str, Previous]:
    """Give what the last passed drill of a scenario counted, by restore, from evidence that verifies."""
    for entry in reversed(checked.entries):
        if entry.kind is not EntryType.CLOSED or entry.fields.get("scenario") != scenario:
            continue
        if entry.fields.get("verdict") in PASSED and (evidence := registered_evidence(register, entry)):
            return {
                one.restore_id: Previous(drill_id=evidence.drill_id, tables=one.tables, objects=one.objects)
                for one in evidence.restores
            }
    return {}


def registered_evidence(register: Register, closed: Entry) -> Evidence | None:
    """Read the evidence of a closed drill; None when it is not there or does not verify."""
    try:
        envelope = (drill_folder(register.folder, str(closed.fields.get("drill"))) / ENVELOPE_NAME).read_bytes()
        payload = dsse.open_envelope(envelope, payload_type=dsse.PAYLOAD_TYPE, public_key=register.public_key)
        return from_json(dsse.read_statement(payload).evidence_json)
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
    dead = [entry for entry in checked.unanswered if intact and not _alive(entry)]
    for entry in dead:
        fields = {
            "drill": entry.fields.get("drill"),
            "scenario": entry.fields.get("scenario"),
            "verdict": Verdict.INCONCLUSIVE.value,
            "reasons": [Code.ABANDONED.value],
        }
        register.append(EntryType.CLOSED, fields, key=key, at=datetime.now(UTC))
    return tuple(str(entry.fields.get("drill")) for entry in dead)


def _alive(opened: Entry) -> bool:
    """A drill on another host is taken for dead: its machines are not ours to see, and a lab has one host at a time."""
    if opened.fields.get("host") != platform.node():
        return False
    return process.started(int(opened.fields.get("pid", 0))) == opened.fields.get("pid_started") != ""

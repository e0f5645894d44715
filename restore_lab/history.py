"""What the register tells of earlier drills: what those that passed counted, which died, and whose copy may be left."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from restore_lab import process
from restore_lab.checks.base import Previous
from restore_lab.errors import SealBroken
from restore_lab.evidence import Evidence, Verdict, from_json
from restore_lab.findings import Code
from restore_lab.marks import marks
from restore_lab.register import Checked, Entry, EntryType, Register
from restore_lab.signature import dsse
from restore_lab.signature.keys import SigningKey

ENVELOPE_NAME = "evidence.dsse.json"
PASSED = frozenset({Verdict.PASSED.value, Verdict.PASSED_WITH_RESERVATIONS.value})


@dataclass(frozen=True, kw_only=True, slots=True)
class Earlier:
    """What opened the drills of which the next one has to tell: those that died, and those that left a copy.

    Of the dead, those of `abandoned` were closed only now. `ended` names every drill whose process is gone.
    """

    untold: tuple[Entry, ...]
    abandoned: tuple[Entry, ...]
    left: tuple[Entry, ...]
    ended: frozenset[str]

    @property
    def died(self) -> tuple[Entry, ...]:
        """Those that died, whenever they were closed."""
        return (*self.untold, *self.abandoned)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Both."""
        return (*self.died, *self.left)


def previous_counts(register: Register, checked: Checked, scenario: str) -> dict[str, Previous]:
    """Give what the next drill of a scenario is held to, by restore, from evidence that verifies."""
    return marks(_passed(register, checked, scenario))


def _passed(register: Register, checked: Checked, scenario: str) -> Iterator[Evidence]:
    """Give the evidence of a scenario's passed drills of the latest backup, the last first: older ones set no mark."""
    for entry in reversed(checked.entries):
        if entry.kind is not EntryType.CLOSED or entry.fields.get("scenario") != scenario:
            continue
        evidence = registered_evidence(register, entry) if entry.fields.get("verdict") in PASSED else None
        if evidence is not None and is_of_the_latest(evidence):
            yield evidence


def is_of_the_latest(evidence: Evidence) -> bool:
    """Tell whether no other backup than the latest was asked for."""
    points = (one.recovery_point for one in evidence.restores)
    return all(point is None or point.asked_for == "latest" for point in points)


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


def earlier_drills(register: Register, checked: Checked, key: SigningKey, *, now: datetime) -> Earlier:
    """Close what was abandoned, and give all of which the next drill has to tell.

    The caller holds the register's lock.
    """
    return Earlier(
        untold=untold(checked),
        abandoned=close_abandoned(register, checked, key),
        left=unremoved(checked, now=now),
        ended=ended(checked),
    )


def close_abandoned(register: Register, checked: Checked, key: SigningKey) -> tuple[Entry, ...]:
    """Close as INCONCLUSIVE every drill that was opened and whose process is gone; give what opened them.

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
    return tuple(dead)


def ended(checked: Checked) -> frozenset[str]:
    """Give the drills that were opened and whose process is gone, closed or not: a closed one may keep a copy."""
    opened = (entry for entry in checked.entries if entry.kind is EntryType.OPENED)
    return frozenset(str(entry.fields.get("drill")) for entry in opened if not alive(entry))


def untold(checked: Checked) -> tuple[Entry, ...]:
    """Give what opened the drills closed as abandoned of which no later drill told, or whose copy may still be there.

    That of another host cannot be looked for here: it is told once.
    """
    opened = {one.fields.get("drill"): one for one in checked.entries if one.kind is EntryType.OPENED}
    dead: dict[object, Entry] = {}
    gone: set[object] = set()
    for entry in checked.entries:
        if entry.kind is EntryType.SWEPT and entry.fields.get("all_gone"):
            gone.update(entry.fields.get("after", ()))
        elif entry.kind is EntryType.CLOSED and entry.fields.get("reasons") == [Code.ABANDONED.value]:
            drill = entry.fields.get("drill")
            dead |= {drill: opened[drill]} if drill in opened else {}
        elif entry.kind is EntryType.CLOSED:
            dead = {drill: one for drill, one in dead.items() if drill not in gone and is_of_this_host(one)}
    return tuple(dead.values())


def unremoved(checked: Checked, *, now: datetime) -> tuple[Entry, ...]:
    """Give what opened the drills that ended while a copy was held or not shown to be gone, and never was since.

    Passed over while their process lives; on another host, which is told once, until the hold is over.
    """
    opened = {one.fields.get("drill"): one for one in checked.entries if one.kind is EntryType.OPENED}
    left: dict[object, Entry] = {}
    for entry in checked.entries:
        drill = entry.fields.get("drill")
        if entry.kind is EntryType.SWEPT:
            left = {one: closed for one, closed in left.items() if not _shows_gone(entry, closed)}
        elif entry.kind is EntryType.CLOSED and drill in opened:
            began = opened[drill].at
            left = {
                one: closed
                for one, closed in left.items()
                if is_of_this_host(opened[one]) or not _is_over(opened[one], closed, now=began)
            }
            left |= {drill: entry} if entry.fields.keys() & {"held_until", "not_gone"} else {}
    return tuple(opened[one] for one, closed in left.items() if _is_over(opened[one], closed, now=now))


def _shows_gone(swept: Entry, closed: Entry) -> bool:
    """Tell whether nothing of a closed drill is left since: by a sweep after it, or by the end of its hold."""
    drill = closed.fields.get("drill")
    if drill in swept.fields.get("after", ()):
        return bool(swept.fields.get("all_gone"))
    if swept.fields.get("drill") != drill or closed.fields.get("not_gone"):  # the hold's end saw its own copies only
        return False
    return all(one.get("gone") for one in swept.fields.get("removed", ()))


def _is_over(opened: Entry, closed: Entry, *, now: datetime) -> bool:
    """Tell whether nobody keeps a drill's copy any more: its process is gone, or on another host its time."""
    if is_of_this_host(opened):
        return not alive(opened)
    return now >= datetime.fromisoformat(closed.fields.get("held_until", closed.at.isoformat()))


def is_of_this_host(opened: Entry) -> bool:
    """Tell whether a drill was opened here."""
    return bool(opened.fields.get("host") == platform.node())


def alive(opened: Entry) -> bool:
    """Tell whether an opened drill's process lives.

    One on another host is taken for dead: its machines are not ours to see, and a lab has one host at a time.
    """
    if not is_of_this_host(opened):
        return False
    return process.started(int(opened.fields.get("pid", 0))) == opened.fields.get("pid_started") != ""

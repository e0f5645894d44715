"""Everything a drill measured, as one record that can be signed, kept and read again for ever.

Schema rule: within ``/drill/v1`` fields are only added, each with a default; readers ignore unknown ones. Times are
aware UTC, quantities carry their unit in the name. There is no row data here by construction: no field can hold it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from restore_lab.counted import DocumentCount, KeyCount, MonthCount, NumberCount, ObjectCount, ProblemCount, TableCount
from restore_lab.errors import SealBroken
from restore_lab.findings import Finding, Severity
from restore_lab.restored import DumpRecord, RecoveryPointRecord, ServerRecord
from restore_lab.tried import ControlRecord

PREDICATE_TYPE = "urn:x-restore-lab:drill/v1"

_SCHEMA = ConfigDict(extra="ignore")


class Verdict(StrEnum):
    """What a drill concludes; the worst of its restores."""

    PASSED = "PASSED"
    PASSED_WITH_RESERVATIONS = "PASSED WITH RESERVATIONS"
    INCONCLUSIVE = "INCONCLUSIVE"
    FAILED = "FAILED"


class Isolation(StrEnum):
    """What was in force around the restored data, as looked at from inside."""

    SEALED = "sealed"
    PARTIAL = "partial"
    NONE = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class Acceptance:
    """Why, by whom and until when a finding was accepted; its weight is then one step lower.

    A loss that is `settled` is none: the next drills are held to what this one counted.
    """

    reason: str
    person: str
    until: date
    settled: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class GradedFinding:
    """A finding with the weight `docs/verdicts.md` gives it on the server that was used."""

    finding: Finding
    severity: Severity
    accepted: Acceptance | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """One limit of a machine: `enforced` by the kernel, `watched` by us alone, or asked for and `not enforced`."""

    name: str
    value: int
    how: Literal["enforced", "watched", "not enforced"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """The machine a restore ran on: kind (`container`, `local`, ...), what held it, what it ran from; on which node.

    `unproved` names what could not be tried from inside (`network`, `memory`): of it only settings are known.
    """

    sandbox: str
    isolation: Isolation
    mechanism: str
    storage: Literal["tmpfs", "volume", "directory"]
    limits: tuple[Limit, ...]
    image: str | None = None
    image_id: str | None = None
    chosen_because: str = ""
    node: str | None = None
    hardware: str | None = None
    sbom_sha256: str | None = None
    unproved: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class EgressRecord:
    """Connections tried from inside a machine, to this host and beyond; `open` are those that did not fail at once."""

    machine: Literal["database", "application"]
    tried: int
    open: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplicationRecord:
    """The application that ran on top of the restored database: what held it, and whether there was a way out.

    `ready_seconds` goes from its start to its first page; None when it gave none.
    """

    conditions: Conditions
    egress: tuple[EgressRecord, ...] = ()
    ready_seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """One thing the drill created, and what was seen when it was looked up after its removal."""

    kind: str
    name: str
    created_at: datetime
    removed_at: datetime | None
    gone: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class FingerprintRecord:
    """Which fingerprint of the live database a restore was compared with: when it was taken, its file's SHA-256."""

    taken_at: datetime
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckRecord:
    """One question: `answered` is false when it could not be asked to its end."""

    name: str
    kind: str
    answered: bool
    asked: int
    seconds: float
    on_test_machine_only: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """One named moment of the drill."""

    name: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RestoreRecord:
    """One backup brought back on one machine. Fields stay empty from the point where it stopped.

    `sha256` is that of the bytes as the source gave them, read to their end even when the load failed before.
    `measured_restore_seconds` goes from the first byte read to the loaded database, on this machine only.
    """

    restore_id: str
    place: str
    recovery_point: RecoveryPointRecord | None = None
    sha256: str | None = None
    read_bytes: int = 0
    dump: DumpRecord | None = None
    server: ServerRecord | None = None
    conditions: Conditions | None = None
    timeline: tuple[Moment, ...] = ()
    load_seconds: float | None = None
    measured_restore_seconds: float | None = None
    objective_rto_seconds: int | None = None
    data_age_at_backup_seconds: int | None = None
    data_age_at_drill_seconds: int | None = None
    newest_entry_at: datetime | None = None
    load_problems: tuple[ProblemCount, ...] = ()
    tables: tuple[TableCount, ...] = ()
    objects: tuple[ObjectCount, ...] = ()
    checks: tuple[CheckRecord, ...] = ()
    removals: tuple[Removal, ...] = ()
    key_supplied_by: str | None = None
    keys: tuple[KeyCount, ...] = ()
    months: tuple[MonthCount, ...] = ()
    numbers: tuple[NumberCount, ...] = ()
    documents: tuple[DocumentCount, ...] = ()
    controls: tuple[ControlRecord, ...] = ()
    identity_hmac: str | None = None
    held_until: datetime | None = None
    application: ApplicationRecord | None = None
    fingerprint: FingerprintRecord | None = None

    @property
    def is_of_documents(self) -> bool:
        """Whether a folder of documents was restored, and no database."""
        return self.dump is not None and self.dump.engine == "files"


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceRecord:
    """A place where patient data live, as the lab declares it, and whether this drill tested it."""

    label: str
    tested: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class People:
    """Who the report is for and who ran the test, as the lab declares them."""

    practice: str
    doctor: str
    contractor: str
    contractor_phone: str = ""
    machine_owner: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """One drill. `previous_head` is the register's head before the entry that will close this drill."""

    __pydantic_config__ = _SCHEMA

    drill_id: str
    scenario: str
    scenario_title: str
    scenario_sha256: str
    tool_version: str
    host: str
    host_role: str
    people: People
    timezone: str
    started_at: datetime
    finished_at: datetime
    restores: tuple[RestoreRecord, ...]
    findings: tuple[GradedFinding, ...]
    verdict: Verdict
    reasons: tuple[str, ...]
    places: tuple[PlaceRecord, ...]
    previous_head: str
    next_due_on: datetime | None = None
    schema_version: int = 1


_EVIDENCE = TypeAdapter(Evidence)


def to_json(evidence: Evidence) -> bytes:
    """Serialise once; from here on these very bytes are signed, stored, chained and verified (UTF-8, keys sorted)."""
    plain = _EVIDENCE.dump_python(evidence, mode="json")
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def from_json(data: bytes) -> Evidence:
    """Read evidence of any v1 release.

    Raises:
        SealBroken: the bytes are not evidence of this schema.
    """
    try:
        return _EVIDENCE.validate_json(data)
    except ValidationError as error:
        raise SealBroken(
            f"evidence is not readable as {PREDICATE_TYPE}: {error.error_count()} fault(s)",
            hint="it was written by something else, or changed",
        ) from error

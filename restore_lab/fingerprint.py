"""A fingerprint: what one snapshot of the live database held, as a signed file of the lab; counts and keyed digests.

One file each, `fingerprints/<scenario>/<place>-<time>.dsse.json`: a DSSE envelope signed with the lab's key, in the one
form that `signature.dsse` writes. Nothing in it can hold a row.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import AwareDatetime, ConfigDict, TypeAdapter, ValidationError

from restore_lab.checks.base import Live
from restore_lab.counted import AnswerDigest, KeyCount, TableCount
from restore_lab.durable import replace_durably
from restore_lab.errors import RestoreLabError, SealBroken
from restore_lab.evidence import FingerprintRecord
from restore_lab.signature import dsse
from restore_lab.signature.keys import SigningKey

#: The folder of a lab that holds them.
FOLDER: Final = "fingerprints"
PAYLOAD_TYPE: Final = "application/vnd.restore-lab.fingerprint+json"
_ENDING: Final = ".dsse.json"
_NAME: Final = re.compile(r"([a-z0-9][a-z0-9-]{0,31})-(\d{8}T\d{6}Z)\.dsse\.json")
_TIME: Final = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fingerprint:
    """What the live database of one place held, for one scenario; fields are only added, as in evidence.

    `taken_at` is our own clock when its snapshot began, to the second, `server_at` the live server's own where it has
    one. Tables and keys are named as the engine names them in a restored copy. `keys` is None where the scenario has no
    question about them.
    """

    __pydantic_config__ = ConfigDict(extra="ignore")

    practice: str
    scenario: str
    place: str
    engine: str
    vendor: str
    version: str
    taken_at: AwareDatetime
    server_at: AwareDatetime | None
    tables: tuple[TableCount, ...]
    keys: tuple[KeyCount, ...] | None
    answers: tuple[AnswerDigest, ...]
    tool_version: str
    schema_version: int = 1

    def live(self, secret: bytes) -> Live:
        """Give what the questions of a drill compare with."""
        return Live(taken_at=self.taken_at, tables=self.tables, keys=self.keys, answers=self.answers, secret=secret)


_FINGERPRINT: Final = TypeAdapter(Fingerprint)


def seal(fingerprint: Fingerprint, key: SigningKey) -> bytes:
    """Serialise once and sign these very bytes (UTF-8, keys sorted)."""
    plain = _FINGERPRINT.dump_python(fingerprint, mode="json")
    payload = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    return dsse.sign(PAYLOAD_TYPE, payload, key)


def unseal(data: bytes, public_key: ec.EllipticCurvePublicKey) -> Fingerprint:
    """Read what `seal` wrote.

    Raises:
        SealBroken: another key signed it, a byte of it was changed, or it is no fingerprint.
    """
    payload = dsse.open_envelope(data, payload_type=PAYLOAD_TYPE, public_key=public_key)
    try:
        return _FINGERPRINT.validate_json(payload)
    except ValidationError as error:
        raise SealBroken(f"not a fingerprint: {error.error_count()} fault(s)", hint="take a new one") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The fingerprint to compare with, if any, and the names of files that would have been it and cannot be used."""

    fingerprint: Fingerprint | None = None
    record: FingerprintRecord | None = None
    unusable: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Fingerprints:
    """The fingerprints of one scenario of a lab, the key that must have signed them, the secret of their answers."""

    root: Path
    scenario: str
    public_key: ec.EllipticCurvePublicKey
    secret: bytes = field(default=b"", repr=False)

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return self.root / FOLDER / self.scenario

    def keep(self, fingerprint: Fingerprint, key: SigningKey) -> Path:
        """Write one down, durably, and give its path.

        Raises:
            RestoreLabError: the disk did not take it.
        """
        path = self.folder / f"{fingerprint.place}-{fingerprint.taken_at.astimezone(UTC):{_TIME}}{_ENDING}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            replace_durably(path, seal(fingerprint, key))
        except OSError as error:
            raise RestoreLabError(f"{path} could not be written: {error.strerror}") from error
        return path

    def near(self, place: str, moment: datetime, *, engine: str, within: timedelta, until: datetime) -> Found:
        """Find, of those of a place taken `within` so long of a moment and not after `until`, the nearest usable one.

        A file whose name tells no time is unusable; so is one in that window that does not verify, or does not say of
        itself what its name says.
        """
        found, unusable = list[tuple[Fingerprint, str]](), list[str]()
        for path, named, taken_at in self._listed():
            if named not in {place, ""} or (taken_at and (abs(taken_at - moment) > within or taken_at > until)):
                continue
            try:
                data = _read(path)
                one = unseal(data, self.public_key)
            except (OSError, SealBroken):
                unusable.append(path.name)
                continue
            if (one.scenario, one.place, one.engine, one.taken_at) == (self.scenario, place, engine, taken_at):
                found.append((one, hashlib.sha256(data).hexdigest()))
            else:
                unusable.append(path.name)
        if not found:
            return Found(unusable=tuple(unusable))
        nearest, sha256 = min(found, key=lambda one: abs(one[0].taken_at - moment))
        record = FingerprintRecord(taken_at=nearest.taken_at, sha256=sha256)
        return Found(fingerprint=nearest, record=record, unusable=tuple(unusable))

    def _listed(self) -> Iterator[tuple[Path, str, datetime | None]]:
        """Give each file with the place and the time that its name tells, "" and None where it tells neither."""
        try:
            paths = sorted(self.folder.iterdir())
        except FileNotFoundError:
            return
        except OSError:
            yield self.folder, "", None
            return
        for path in paths:
            if not path.name.endswith(_ENDING) or path.name.startswith("."):
                continue
            found = _NAME.fullmatch(path.name)
            try:
                taken_at = datetime.strptime(found[2], _TIME).replace(tzinfo=UTC) if found else None
            except ValueError:
                taken_at = None
            yield path, found[1] if found and taken_at else "", taken_at


def _read(path: Path) -> bytes:
    """Read a file, but no more of it than an envelope may have."""
    with path.open("rb") as stream:
        return stream.read(dsse.ENVELOPE_CAP_BYTES + 1)

"""The register: an append-only chain of signed entries, in French « journal des tests de restauration ».

One entry a line, each a DSSE envelope over a JSON object that names the SHA-256 of the one before. The rules of the
chain are pure (`read_chain`); the one durable write is `Register.append`. A register found broken is never repaired:
the next entry opens a new segment file that names the digest of the broken one, and `verify` goes on saying so.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from restore_lab.durable import alone, append_durably, replace_durably
from restore_lab.errors import RegisterLocked, RestoreLabError, SealBroken, UsageError
from restore_lab.signature import dsse
from restore_lab.signature.keys import SigningKey, certificate_pem, key_id

PAYLOAD_TYPE = "application/vnd.restore-lab.register-entry+json"
#: What the first entry of the first segment names as the one before it.
GENESIS = "0" * 64
_SEGMENT = re.compile(r"register(?:\.(\d+))?\.jsonl")


class EntryType(StrEnum):
    """What an entry records."""

    KEY = "key"
    OPENED = "opened"
    CLOSED = "closed"
    DELIVERED = "delivered"
    SWEPT = "swept"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One entry as read: its place in the chain, and what it says. `head` is the SHA-256 of its own line."""

    sequence: int
    kind: EntryType
    at: datetime
    previous: str
    head: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """A register as found: entries up to the first fault, all faults, and the head of the last whole entry."""

    entries: tuple[Entry, ...]
    faults: tuple[str, ...]
    head: str

    @property
    def unanswered(self) -> tuple[Entry, ...]:
        """`opened` entries that no `closed` one answers."""
        closed = {entry.fields.get("drill") for entry in self.entries if entry.kind is EntryType.CLOSED}
        return tuple(
            entry
            for entry in self.entries
            if entry.kind is EntryType.OPENED and entry.fields.get("drill") not in closed
        )


def read_chain(data: bytes, *, public_key: ec.EllipticCurvePublicKey, previous: str = GENESIS) -> Chain:
    """Check signatures, order and links of one segment; what it cannot see is a cut tail, for which see `Register`.

    `previous` is what the first entry must name. Reading stops at the first fault: what stands after it proves nothing.
    """
    entries: list[Entry] = []
    *lines, rest = data.split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            entry = _entry(line, public_key)
        except SealBroken as error:
            return _broken(entries, previous, f"line {number}: {error.message}")
        if (entry.previous, entry.sequence) != (previous, number):
            return _broken(entries, previous, f"line {number}: does not follow the entry before it")
        if number == 1 and entry.fields.get("key_id") != key_id(public_key):
            return _broken(entries, previous, "line 1: does not declare the key that signs")
        entries.append(entry)
        previous = entry.head
    if rest or not lines:
        return _broken(entries, previous, "the last line was not written to its end" if rest else "is empty")
    return Chain(entries=tuple(entries), faults=(), head=previous)


def _broken(entries: list[Entry], head: str, fault: str) -> Chain:
    return Chain(entries=tuple(entries), faults=(fault,), head=head)


def _entry(line: bytes, public_key: ec.EllipticCurvePublicKey) -> Entry:
    payload = dsse.open_envelope(line, payload_type=PAYLOAD_TYPE, public_key=public_key)
    try:
        body = json.loads(payload)
        return Entry(
            sequence=body.pop("sequence"),
            kind=EntryType(body.pop("type")),
            at=datetime.fromisoformat(body.pop("at")),
            previous=body.pop("previous"),
            head=hashlib.sha256(line).hexdigest(),
            fields=body,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SealBroken("not an entry of this register") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What `Register.verify` found: every fault, the entries that hold, the head, the drills never closed."""

    chains: tuple[Chain, ...]
    faults: tuple[str, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Entries that hold, oldest first."""
        return tuple(entry for chain in self.chains for entry in chain.entries)

    @property
    def head(self) -> str:
        """Digest of the last entry that holds."""
        return self.chains[-1].head if self.chains else GENESIS

    @property
    def unanswered(self) -> tuple[Entry, ...]:
        """Drills opened and never closed, over all segments."""
        return Chain(entries=self.entries, faults=(), head=self.head).unanswered


@dataclass(frozen=True, kw_only=True, slots=True)
class Register:
    """The register of one lab: segment files in `folder`, a lock, and the head last written, to notice a cut."""

    folder: Path
    certificate: x509.Certificate

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The key every entry must be signed by.

        Raises:
            SealBroken: the certificate is one of another kind of key.
        """
        key = self.certificate.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise SealBroken("the certificate is not one of an elliptic-curve key")
        return key

    def verify(self, *, known_head: str | None = None) -> Checked:
        """Read every segment and compare with what lies around it.

        Finds removal, edits, reordering, a cut tail (against `known_head`, the head kept beside the register, and the
        drills' folders) and changed or missing reports. Against the holder of the key only heads kept by others count.
        """
        segments, chains = self._segments(), self._chains()
        checked = Checked(chains=chains, faults=())
        faults = [
            f"{path.name}: {fault}" for path, chain in zip(segments, chains, strict=True) for fault in chain.faults
        ]
        faults += [f"{path.name}: begins after a break in the one before it" for path in segments[1:]]
        if self._end_missing(chains):
            faults.append("the end is missing: the head kept beside the register is not in it")
        if known_head is not None and known_head not in _heads(chains):
            faults.append(f"the known head {known_head} is not in the register")
        return Checked(chains=chains, faults=(*faults, *self._misfiled(checked.entries)))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the only right to append, across processes.

        Raises:
            RegisterLocked: another process does not let go of it.
            UsageError: the folder cannot be written.
        """
        with ExitStack() as stack:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(alone(self.folder / ".lock"))
            except TimeoutError as error:
                raise RegisterLocked(
                    f"the register {self.folder} is {error.strerror}",
                    hint=f"`fuser {self.folder / '.lock'}` says which; end it, then try again",
                ) from error
            except OSError as error:
                raise UsageError(
                    f"{self.folder} cannot be written: {error.strerror}",
                    hint="the register is kept there: nothing was run",
                ) from error
            yield

    @property
    def head(self) -> str:
        """What the next entry will name: the last entry's digest, or that of the whole segment when it is broken."""
        return self._end()[2]

    def append(self, kind: EntryType, fields: Mapping[str, Any], *, key: SigningKey, at: datetime) -> str:
        """Sign an entry onto the end, durably, and give the new head; the caller holds `locked`.

        On a register that does not verify, the entry opens a new segment that names the broken one by its digest.

        Raises:
            RestoreLabError: the disk did not take it.
        """
        path, sequence, previous = self._end()
        when = at.astimezone(UTC).isoformat()
        if sequence == 1:
            declared = {"certificate": certificate_pem(key.certificate).decode("ascii"), "key_id": key.key_id}
            place = {"sequence": 1, "type": EntryType.KEY.value, "at": when, "previous": previous}
            previous, sequence = self._write(path, {**place, **declared}, key), 2
        place = {"sequence": sequence, "type": kind.value, "at": when, "previous": previous}
        return self._write(path, {**place, **fields}, key)

    def _end(self) -> tuple[Path, int, str]:
        """Give where the next entry goes: its file, its place there, what it names as the one before it."""
        segments, chains = self._segments(), self._chains()
        if not segments:
            return self.folder / "register.jsonl", 1, GENESIS
        if chains[-1].faults or self._end_missing(chains):
            broken = hashlib.sha256(segments[-1].read_bytes()).hexdigest()
            last = int((_SEGMENT.fullmatch(segments[-1].name) or [0, 1])[1] or 1)
            return self.folder / f"register.{last + 1}.jsonl", 1, broken
        return segments[-1], len(chains[-1].entries) + 1, chains[-1].head

    def _write(self, path: Path, body: Mapping[str, Any], key: SigningKey) -> str:
        payload = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        line = dsse.sign(PAYLOAD_TYPE, payload, key)
        head = hashlib.sha256(line).hexdigest()
        try:
            append_durably(path, line + b"\n")
            replace_durably(self.folder / "register.head", f"{head}\n".encode("ascii"))
        except OSError as error:
            raise RestoreLabError(f"the register {path} could not be written: {error.strerror}") from error
        return head

    def _segments(self) -> list[Path]:
        found = {
            int(match.group(1) or 1): path
            for path in (self.folder.iterdir() if self.folder.is_dir() else ())
            if (match := _SEGMENT.fullmatch(path.name))
        }
        return [found[number] for number in sorted(found)]

    def _chains(self) -> tuple[Chain, ...]:
        chains: list[Chain] = []
        previous = GENESIS
        for path in self._segments():
            data = path.read_bytes()
            chains.append(read_chain(data, public_key=self.public_key, previous=previous))
            previous = hashlib.sha256(data).hexdigest()
        return tuple(chains)

    def _end_missing(self, chains: tuple[Chain, ...]) -> bool:
        """Tell whether the head last written is nowhere in the chain; a crash leaves an older one, which is."""
        try:
            beside = (self.folder / "register.head").read_text("ascii").strip()
        except FileNotFoundError:
            return len(_heads(chains)) > 2  # a crash within the very first append leaves one entry and no head
        return beside not in _heads(chains)

    def _misfiled(self, entries: tuple[Entry, ...]) -> Iterator[str]:
        """Compare the drills' folders with the entries that closed them."""
        closed = {str(entry.fields.get("drill")): entry for entry in entries if entry.kind is EntryType.CLOSED}
        opened = {str(entry.fields.get("drill")) for entry in entries if entry.kind is EntryType.OPENED}
        for folder in sorted(self.folder.glob("[0-9][0-9][0-9][0-9]/*/")):
            if folder.name not in closed and folder.name not in opened:
                yield f"{folder.name}: has a folder, but no entry: the register was cut, or the folder is foreign"
        for drill, entry in closed.items():
            folder = self.folder / drill[:4] / drill
            for name, field in (("evidence.dsse.json", "dsse_sha256"), ("report.pdf", "pdf_sha256")):
                expected = entry.fields.get(field)
                if expected and not _has_digest(folder / name, expected, entry.fields.get(f"{field[:-7]}_bytes")):
                    yield f"{drill}: {name} is missing, or is not the one that was registered"


def _heads(chains: tuple[Chain, ...]) -> set[str]:
    return {GENESIS} | {entry.head for chain in chains for entry in chain.entries}


def _has_digest(path: Path, expected: str, size: object) -> bool:
    """Compare a file's digest; later signatures may follow the registered bytes, so only the prefix counts."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    return hashlib.sha256(data[:size] if isinstance(size, int) else data).hexdigest() == expected

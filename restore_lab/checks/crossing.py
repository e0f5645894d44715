"""What two restores of one drill know of each other: names of documents, as keyed digests, in memory alone."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from restore_lab.engines.files.inside.child import NAME_BYTES, name_digest

#: A backup of a folder takes its time: what was made so shortly before its end may have come too late for it.
_LATE = timedelta(hours=1)


@dataclass(kw_only=True, slots=True)
class Crossing:
    """Names that a database gives and names that came back, under a key made for this drill and kept nowhere.

    Whichever restore comes second has both; no name and no digest leaves the process.
    """

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _named: Mapping[bytes, datetime | None] | None = field(default=None, repr=False)
    _there: bytes | None = field(default=None, repr=False)
    _there_at: datetime | None = None

    def name(self, names: Mapping[str, datetime | None]) -> None:
        """Take in what the database names, each with when it was made, where that is known."""
        self._named = {name_digest(name, self.key): made_at for name, made_at in names.items()}

    def find(self, digests: bytes, *, taken_at: datetime) -> None:
        """Take in the digests of all that came back from a backup taken at that time."""
        self._there, self._there_at = digests, taken_at

    def missing(self) -> tuple[int, int] | None:
        """Give how many named documents did not come back, and of how many; None until both restores were asked.

        What was made after the documents were backed up, or as they were, is not missing.
        """
        if self._named is None or self._there is None or self._there_at is None:
            return None
        there = {self._there[at : at + NAME_BYTES] for at in range(0, len(self._there), NAME_BYTES)}
        limit = self._there_at - _LATE
        due = [digest for digest, made_at in self._named.items() if made_at is None or made_at <= limit]
        return sum(digest not in there for digest in due), len(due)

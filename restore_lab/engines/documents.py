"""What a restored folder of documents can be asked beside what every restored database can."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from restore_lab.counted import DocumentCount

#: Kinds that an inventory of documents counts and that are no document of the practice's.
NO_DOCUMENTS = frozenset({"system", "empty", "symbolic_link", "hard_link", "special_file", "outside_path"})
#: Classes of which nothing but the frame can be looked at: alone, they prove nothing.
NOT_OPENED = NO_DOCUMENTS | {"other", "encrypted", "legacy", "database"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Examined:
    """What opening every document brought; `signs` of ransomware by their name, with how many files bear each."""

    documents: tuple[DocumentCount, ...]
    signs: Mapping[str, int]


@runtime_checkable
class Documents(Protocol):
    """A restored folder of documents; it is a `Database` too."""

    def examine(self, *, known_endings: Sequence[str], timeout_seconds: float) -> Examined:
        """Open every document inside the machine, by what its content says it is, and look for signs of ransomware.

        `known_endings` are appended to names by the practice's own software.

        Raises:
            EngineFailed: the child gave no answer.
            TimeoutError: the limit passed.
        """
        ...

    def name_digests(self, key: bytes, into: Callable[[bytes], object], *, timeout_seconds: float) -> None:
        """Hand over the digest of every document's own name under `key`, `NAME_BYTES` each, in pieces of any size.

        Raises:
            EngineFailed, TimeoutError: as `examine`.
        """
        ...

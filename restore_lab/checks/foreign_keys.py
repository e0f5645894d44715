"""`foreign_keys`: does every row find the rows it names? Loads do not ask: dumps switch these rules off first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from restore_lab.checks.base import Answer, Restored
from restore_lab.counted import KeyCount
from restore_lab.engines.base import TIMEOUT, References
from restore_lab.findings import Code, Finding, finding
from restore_lab.settings import STRICT

#: So many are named of a code, the worst first, each with how many there are.
NAMED: Final = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignKeys:
    """Every foreign key the schema declares; and the counters of new numbers.

    Held against a fingerprint of the live database where there is one, else against the last passed drill.
    """

    __pydantic_config__ = STRICT

    kind: Literal["foreign_keys"] = "foreign_keys"
    title: str = "foreign_keys"

    @property
    def proves_data(self) -> bool:
        """Tables without a row have no orphan, and many a schema declares no key."""
        return False

    def ask(self, restored: Restored) -> Answer:
        """See `Check.ask`; where no key is declared nothing was asked, whatever the counters say."""
        seen = restored.database.references()
        return Answer(asked=len(seen.keys), findings=tuple(self._judged(seen, restored)), keys=seen.keys)

    def _judged(self, seen: References, restored: Restored) -> Iterator[Finding]:
        if not seen.keys and not seen.unanswered:
            yield finding(Code.NO_FOREIGN_KEYS)
        live = _by_key(restored.live.keys) if restored.live and restored.live.keys is not None else None
        before = live if live is not None else _by_key(restored.previous.keys) if restored.previous else {}
        code_of = _against_previous if live is None else _against_live
        by_code: dict[Code, list[KeyCount]] = {}
        for one in sorted(seen.keys, key=lambda key: key.orphans, reverse=True):
            if one.orphans:
                by_code.setdefault(code_of(one, before), []).append(one)
        for code, keys in by_code.items():
            for one in keys[:NAMED]:
                yield _found(code, one, before.get(one.key, 0), keys=len(keys))
        for sequence in seen.behind[:NAMED]:
            yield finding(Code.SEQUENCE_BEHIND, sequence=sequence, sequences=len(seen.behind))
        reasons = {one.code for one in seen.unanswered}
        if TIMEOUT in reasons:
            yield finding(Code.CHECK_TIMED_OUT, name=self.title)
        if reasons - {TIMEOUT}:
            yield finding(Code.CHECK_BROKEN, name=self.title)


def _by_key(keys: Iterable[KeyCount]) -> dict[str, int]:
    return {one.key: one.orphans for one in keys}


def _against_previous(one: KeyCount, before: Mapping[str, int]) -> Code:
    if one.key not in before:
        return Code.ORPHAN_ROWS
    return Code.ORPHAN_ROWS_GROWN if one.orphans > before[one.key] else Code.ORPHAN_ROWS_KNOWN


def _against_live(one: KeyCount, live: Mapping[str, int]) -> Code:
    """A key that the live database did not declare had no row there that broke it."""
    return Code.ORPHAN_ROWS_ABOVE_LIVE if one.orphans > live.get(one.key, 0) else Code.ORPHAN_ROWS_AS_LIVE


def _found(code: Code, one: KeyCount, before: int, *, keys: int) -> Finding:
    match code:
        case Code.ORPHAN_ROWS_GROWN:
            return finding(code, key=one.key, rows=one.orphans, previous=before, keys=keys)
        case Code.ORPHAN_ROWS_ABOVE_LIVE:
            return finding(code, key=one.key, rows=one.orphans, live=before, keys=keys)
        case _:
            return finding(code, key=one.key, rows=one.orphans, keys=keys)

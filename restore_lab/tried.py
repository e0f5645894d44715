"""How the test itself was tried, as evidence keeps it: one negative control. Names are those of the schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Why nothing can be said of a control: the copy is kept for somebody to look at; faults were found in the whole backup
#: already; it held nothing to lose; what was kept of it held all that is counted; the copy broke before its cut.
NotJudged = Literal["", "copy_held", "already_found", "nothing_to_lose", "nothing_lost", "cut_refused"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlRecord:
    """One negative control: the damage done on purpose, the findings it had to raise, those it raised.

    `spoilt` had to raise all that is expected, `cut` one of it. `not_judged` (a `NotJudged`) is why nothing can be
    said. A cut kept `kept_bytes`, with or without a forged end; of an older release both are None. `larger` is the
    largest table, where that is not `emptied`, which is the largest that a question counts.
    """

    name: str
    expected: tuple[str, ...]
    raised: tuple[str, ...]
    silent: bool
    seconds: float
    not_judged: str = ""
    kept_bytes: int | None = None
    end_forged: bool | None = None
    emptied: str = ""
    emptied_rows: int = 0
    larger: str = ""
    index: str = ""
    routine: str = ""

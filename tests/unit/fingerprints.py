"""A fingerprint of a live database that does not exist, and what a check is given of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from restore_lab.checks.base import Live
from restore_lab.checks.sql import Sql, digest_of_answer
from restore_lab.counted import KeyCount, TableCount
from restore_lab.engines.base import Row
from restore_lab.fingerprint import Fingerprint

NOON: Final = datetime(2026, 11, 10, 12, tzinfo=UTC)
SECRET: Final = b"k" * 32
DAY: Final = timedelta(hours=24)
STATEMENT: Final = "SELECT month, count(*) FROM visit GROUP BY month ORDER BY month"
ROWS: Final[list[Row]] = [("2026-09", "41"), ("2026-10", "38")]
ONE: Final = Fingerprint(
    practice="Cabinet de l'Essai",
    scenario="annual",
    place="main",
    engine="fake",
    vendor="fake",
    version="3.1",
    taken_at=NOON,
    server_at=None,
    tables=(TableCount(name="patient", rows=3), TableCount(name="visit", rows=7)),
    keys=(KeyCount(key="visit.patient", orphans=0),),
    answers=(),
    tool_version="0",
)
LIVE: Final = Live(taken_at=NOON, tables=ONE.tables, keys=ONE.keys, secret=SECRET)
ASKING: Final = Sql(title="months", sql=STATEMENT, same_as_fingerprint=True)


def answered(rows: Sequence[Row] = ROWS, *, secret: bytes = SECRET, statement: str = STATEMENT) -> Live:
    return replace(LIVE, answers=(digest_of_answer(secret, "months", statement, rows),))

"""What was restored, held against a fingerprint of the live database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest
from fake_engine import FakeEngine
from fakes import restored
from unit.fingerprints import ASKING, DAY, LIVE, NOON, ONE, ROWS, STATEMENT, answered

from restore_lab.checks.base import Check, Live, Previous
from restore_lab.checks.counts import Counts
from restore_lab.checks.foreign_keys import ForeignKeys
from restore_lab.checks.live_tables import LiveTables
from restore_lab.checks.sql import digest_of_answer
from restore_lab.counted import AnswerDigest, KeyCount, TableCount
from restore_lab.engines.base import References, Row
from restore_lab.findings import Code, Param


def found(
    check: Check, engine: FakeEngine, against: Live | None, *, hours: float = 1, previous: Previous | None = None
) -> list[tuple[Code, dict[str, Param]]]:
    """Ask of a backup that was taken so long after noon."""
    taken_at = NOON + timedelta(hours=hours)
    seen = replace(restored(engine, now=NOON + DAY, taken_at=taken_at), live=against, previous=previous)
    return [(one.code, dict(one.params)) for one in check.ask(seen).findings]


@pytest.mark.parametrize(
    ("orphans", "keys", "code"),
    [
        (1, {"visit.patient": 0}, Code.ORPHAN_ROWS_ABOVE_LIVE),
        (1, {}, Code.ORPHAN_ROWS_ABOVE_LIVE),
        (4, {"visit.patient": 3}, Code.ORPHAN_ROWS_ABOVE_LIVE),
        (4, {"visit.patient": 4}, Code.ORPHAN_ROWS_AS_LIVE),
        (4, {"visit.patient": 5}, Code.ORPHAN_ROWS_AS_LIVE),
        (4, None, Code.ORPHAN_ROWS),
        (0, {"visit.patient": 5}, None),
    ],
)
def test_rows_that_point_nowhere_are_held_against_the_live_database(
    orphans: int, keys: dict[str, int] | None, code: Code | None
) -> None:
    engine = FakeEngine(linked=References(keys=(KeyCount(key="visit.patient", orphans=orphans),)))
    counted = None if keys is None else tuple(KeyCount(key=name, orphans=number) for name, number in keys.items())

    assert [one for one, _ in found(ForeignKeys(), engine, replace(LIVE, keys=counted))] == ([code] if code else [])


def test_the_live_database_outweighs_an_earlier_drill() -> None:
    engine = FakeEngine(linked=References(keys=(KeyCount(key="visit.patient", orphans=4),)))
    before = Previous(drill_id="d", tables=(), objects=(), keys=(KeyCount(key="visit.patient", orphans=1),))

    ((code, params),) = found(ForeignKeys(), engine, replace(LIVE, keys=before.keys), previous=before)
    assert (code, params["rows"], params["live"]) == (Code.ORPHAN_ROWS_ABOVE_LIVE, 4, 1)
    ((code, _),) = found(
        ForeignKeys(), engine, replace(LIVE, keys=(KeyCount(key="visit.patient", orphans=4),)), previous=before
    )
    assert code is Code.ORPHAN_ROWS_AS_LIVE


COUNTS: Final = (Counts(main=("visit",), may_shrink=("queue",)),)


@pytest.mark.parametrize(
    ("tables", "hours", "codes"),
    [
        ({"patient": 3, "visit": 7}, 1, {}),
        ({"patient": 4, "visit": 8, "newer": 1}, 1, {}),
        ({"patient": 3}, 1, {Code.LIVE_TABLE_MISSING: "visit"}),
        ({"patient": 3}, -1, {Code.LIVE_TABLE_MISSING: "visit"}),
        ({"patient": 0, "visit": 7}, 1, {Code.LIVE_TABLE_EMPTY: "patient"}),
        ({"patient": 0, "visit": 7}, -1, {Code.LIVE_TABLE_EMPTY: "patient"}),
        ({"patient": 3, "visit": 6}, 1, {Code.ROWS_BELOW_LIVE: "visit"}),
        ({"patient": 3, "visit": 6}, 0, {Code.ROWS_BELOW_LIVE: "visit"}),
        ({"patient": 3, "visit": 6}, -1, {}),
        ({"patient": 2, "visit": 7}, 1, {Code.ROWS_FEWER_THAN_LIVE: "patient"}),
        ({"patient": 2, "visit": 7}, -1, {}),
    ],
)
def test_tables_are_held_against_the_live_database(
    tables: dict[str, int], hours: float, codes: dict[Code, str]
) -> None:
    seen = found(LiveTables(counts=COUNTS), FakeEngine(tables=tables), LIVE, hours=hours)

    assert {code: params["table"] for code, params in seen} == codes


@pytest.mark.parametrize(("rows", "lost"), [(9, False), (4, False), (0, False), (None, True)])
def test_a_table_that_may_shrink_may_be_empty_and_must_be_there(rows: int | None, *, lost: bool) -> None:
    against = replace(LIVE, tables=(*ONE.tables, TableCount(name="queue", rows=9)))
    tables = {"patient": 3, "visit": 7} | ({} if rows is None else {"queue": rows})

    seen = found(LiveTables(counts=COUNTS), FakeEngine(tables=tables), against)

    assert [code for code, _ in seen] == ([Code.LIVE_TABLE_MISSING] if lost else [])


def test_of_many_tables_a_few_are_named_and_all_are_counted() -> None:
    against = replace(LIVE, tables=tuple(TableCount(name=f"t{number:02}", rows=5) for number in range(30)))

    seen = found(LiveTables(), FakeEngine(tables={f"t{number:02}": 0 for number in range(15)}), against)

    assert [code for code, _ in seen] == [Code.LIVE_TABLE_MISSING] * 10 + [Code.LIVE_TABLE_EMPTY] * 10
    assert {params["tables"] for _, params in seen} == {15}


@pytest.mark.parametrize(
    ("rows", "against", "codes"),
    [
        (ROWS, answered(), []),
        ([], answered(), [Code.SQL_EXPECTATION_UNMET]),
        (ROWS[::-1], answered(), [Code.SQL_EXPECTATION_UNMET]),
        ([("2026-09", "41"), ("2026-10", None)], answered(), [Code.SQL_EXPECTATION_UNMET]),
        ([("2026-09", "4"), ("12026-10", "38")], answered(), [Code.SQL_EXPECTATION_UNMET]),
        (ROWS, answered(statement="SELECT 1"), [Code.NO_FINGERPRINT]),
        (ROWS, answered(secret=b"x" * 32), [Code.NO_FINGERPRINT]),
        (ROWS, LIVE, [Code.NO_FINGERPRINT]),
        (ROWS, None, [Code.NO_FINGERPRINT]),
    ],
)
def test_an_answer_is_held_against_that_of_the_live_database(
    rows: list[Row], against: Live | None, codes: list[Code]
) -> None:
    assert [code for code, _ in found(ASKING, FakeEngine(answers={STATEMENT: rows}), against)] == codes


def test_the_digest_of_an_answer_tells_nothing_of_it() -> None:
    (one,) = answered().answers

    assert len(one.hmac) == 16 + 1 + 64
    assert repr(LIVE).count("k" * 8) == 0
    assert digest_of_answer(b"x" * 32, "months", STATEMENT, ROWS).hmac.split(":")[0] != one.hmac.split(":")[0]


def test_an_answer_is_told_by_its_question() -> None:
    assert answered().answers[0] != AnswerDigest(name="months", hmac=answered(statement="x").answers[0].hmac)

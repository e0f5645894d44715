"""Backups by the engines' own tools in which a past month was deleted, thinned out, purged; another practice's data."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import chain
from pathlib import Path

import pytest
from fakes import PARIS
from needs import absent

from restore_lab.checks.base import Answer, Previous, Restored
from restore_lab.checks.counts import Counts
from restore_lab.checks.identity import Identity
from restore_lab.demo import SEED, Sample, _server
from restore_lab.engines import ENGINES
from restore_lab.engines.base import HEAD_BYTES
from restore_lab.engines.mariadb import backup as mariadb_backup
from restore_lab.engines.postgresql import backup as postgresql_backup
from restore_lab.errors import UsageError
from restore_lab.findings import Code
from restore_lab.opening import Days
from restore_lab.sample_practice import DATABASE, Dialect, backup_sqlite, roles_sql, sql_script, write_sqlite

DAY = date(2026, 3, 12)
TAKEN = datetime.combine(DAY, time(6), PARIS).astimezone(UTC)
SERVERS = {"postgresql": postgresql_backup.make_backup, "mariadb": mariadb_backup.make_backup}
#: `document.ajoute_le` bears an offset in PostgreSQL; `biologie.preleve_le` is a date, `consultation.commencee_le` not.
COUNTS = Counts(
    main=("consultation", "biologie", "document"),
    by_month={"consultation": "commencee_le", "biologie": "preleve_le", "document": "ajoute_le"},
)
WHOSE = Identity(statement="SELECT valeur FROM parametre WHERE cle = 'identifiant_cabinet'", secret=b"k" * 32)
DELETED = "DELETE FROM biologie WHERE preleve_le >= '2024-05-01' AND preleve_le < '2024-06-01';\n"
THINNED = "DELETE FROM biologie WHERE preleve_le >= '2025-07-01' AND preleve_le < '2025-07-04';\n"
PURGED = "DELETE FROM biologie WHERE preleve_le < '2022-02-16';\n"

Backups = Callable[..., Answer]


def _sqlite(backup: Path, change: str, seed: int) -> None:
    live = backup.with_suffix(".live")
    write_sqlite(live, seed=seed, day=DAY)
    with closing(sqlite3.connect(live)) as database:
        database.executescript(change)
    backup_sqlite(live, backup)


def _dump(engine: str, backup: Path, change: str, seed: int) -> None:
    dialect = Dialect(engine)
    script = chain((roles_sql(dialect).encode(),), sql_script(dialect, seed=seed, day=DAY), (change.encode(),))
    with _server(Sample(engine=engine, day=DAY, lab_id="months")) as (machine, server), backup.open("wb") as target:
        SERVERS[engine](machine, server, script, target.write, database=DATABASE)


def _restored(engine: str, backup: Path, stack: ExitStack) -> Restored:
    driver = ENGINES[engine]()
    dump = driver.recognise(backup.read_bytes()[:HEAD_BYTES])
    assert dump is not None
    machine, server = stack.enter_context(_server(Sample(engine=engine, day=DAY, lab_id="months")))
    database = driver.start(machine, server)
    with backup.open("rb") as stream:
        load = database.load(dump, iter(lambda: stream.read(1 << 20), b""))
    assert Code.LOAD_ERRORS not in {one.code for one in load.findings}
    days = Days(zone=PARIS, weekdays=frozenset(range(6)))
    return Restored(
        machine=machine,
        server=server,
        engine=driver,
        database=database,
        inventory=database.inventory(),
        taken_at=TAKEN,
        now=TAKEN + timedelta(hours=3),
        days=days,
    )


def _asked(engine: str, previous: Previous | None, counts: Counts, *, change: str = "", seed: int = SEED) -> Answer:
    """Back the practice up with a change in it, restore that, and ask."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        backup = Path(folder) / "backup"
        if engine == "sqlite":
            _sqlite(backup, change, seed)
        else:
            _dump(engine, backup, change, seed)
        seen = replace(_restored(engine, backup, stack), previous=previous)
        answer, whose = counts.ask(seen), WHOSE.ask(seen)
    return replace(answer, findings=(*answer.findings, *whose.findings), identity_hmac=whose.identity_hmac)


@pytest.fixture(
    scope="module", params=["sqlite", *(pytest.param(name, marks=pytest.mark.docker) for name in sorted(SERVERS))]
)
def engine(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    try:
        with _server(Sample(engine=name, day=DAY, lab_id="months")):
            pass
    except UsageError as error:
        absent(str(error))
    return name


@pytest.fixture(scope="module")
def whole(engine: str) -> Answer:
    """The first drill's answer: the practice as it was."""
    return _asked(engine, None, COUNTS)


@pytest.fixture(scope="module")
def later(engine: str, whole: Answer) -> Backups:
    kept = Previous(drill_id="first", tables=(), objects=(), months=whole.months, identity_hmac=whole.identity_hmac)
    return partial(_asked, engine, kept)


def said(answer: Answer) -> list[tuple[Code, object]]:
    return [(one.code, dict(one.params).get("month")) for one in answer.findings]


def test_the_first_drill_counts_every_closed_month_and_enrols(whole: Answer) -> None:
    assert said(whole) == [(Code.IDENTITY_ENROLLED, None)]
    months = {table: [one.month for one in whole.months if one.table == table] for table in COUNTS.main}
    wanted = [f"{year}-{month:02}" for year in range(2020, 2027) for month in range(1, 13)][: 6 * 12 + 2]
    assert months["consultation"] == wanted
    assert set(months["biologie"]) - {"2019-12"} == set(wanted)
    assert (min(months["document"]), max(months["document"])) == ("2020-01", "2026-02")
    assert all(one.rows > 0 for one in whole.months)


def test_the_same_backup_again_says_nothing(later: Backups, whole: Answer) -> None:
    again = later(COUNTS)

    assert (said(again), again.months, again.identity_hmac) == ([], whole.months, whole.identity_hmac)


def test_a_month_that_was_deleted_and_one_that_was_thinned_out_are_named(later: Backups, whole: Answer) -> None:
    seen = later(COUNTS, change=DELETED + THINNED)

    assert said(seen) == [(Code.MONTH_EMPTY, "2024-05"), (Code.MONTH_SHRUNK, "2025-07")]
    was = {one.month: one.rows for one in whole.months if one.table == "biologie"}
    shrunk = dict(seen.findings[1].params)
    assert shrunk["previous"] == was["2025-07"]
    assert isinstance(shrunk["rows"], int)
    assert 0 < shrunk["rows"] < was["2025-07"]


def test_without_an_earlier_drill_a_deleted_month_is_a_gap(engine: str) -> None:
    assert said(_asked(engine, None, COUNTS, change=DELETED)) == [
        (Code.MONTH_GAP, "2024-05"),
        (Code.IDENTITY_ENROLLED, None),
    ]


def test_a_purge_is_a_loss_unless_it_is_declared_and_a_hole_behind_it_always_is(later: Backups) -> None:
    declared = replace(COUNTS, may_shrink=("biologie",))
    undeclared = [code for code, _ in said(later(COUNTS, change=PURGED))]

    assert set(undeclared) == {Code.MONTH_EMPTY, Code.MONTH_SHRUNK}
    assert len(undeclared) == 4
    assert said(later(declared, change=PURGED)) == []
    assert said(later(declared, change=PURGED + DELETED)) == [(Code.MONTH_EMPTY, "2024-05")]


def test_another_practices_data_are_not_this_ones(later: Backups, whole: Answer) -> None:
    theirs = later(Counts(main=COUNTS.main), seed=SEED + 1)

    assert said(theirs) == [(Code.IDENTITY_DIFFERS, None)]
    assert theirs.identity_hmac != whole.identity_hmac

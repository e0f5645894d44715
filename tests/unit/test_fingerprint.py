"""A fingerprint of the live database: its file, which one is near a backup, and what is held against it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from fakes import FakeCheck, FakeEngine, Stand, restored

from restore_lab import drill as drills
from restore_lab.checks.base import Check, Live, Previous
from restore_lab.checks.counts import Counts
from restore_lab.checks.foreign_keys import ForeignKeys
from restore_lab.checks.live_tables import LiveTables
from restore_lab.checks.sql import Sql, digest_of_answer
from restore_lab.counted import AnswerDigest, KeyCount, TableCount
from restore_lab.drill import Outcome
from restore_lab.engines.base import References, Row
from restore_lab.engines.files.engine import Files
from restore_lab.engines.sqlite.engine import Sqlite
from restore_lab.errors import ConfigurationError, EngineFailed, KeyMissing, SealBroken, UsageError
from restore_lab.evidence import Verdict
from restore_lab.findings import Code, Param
from restore_lab.fingerprint import PAYLOAD_TYPE, Fingerprint, Fingerprints, Found, seal, unseal
from restore_lab.lab import LabFile
from restore_lab.live.base import Asked, Seen
from restore_lab.live.postgresql import Service
from restore_lab.live.taking import restore_of, take
from restore_lab.report.auditor_restore import restore_sections
from restore_lab.report.page_one import page_one
from restore_lab.report.wording import wording_for
from restore_lab.scenario import Restore, Scenario, ScenarioFile
from restore_lab.settings import read_toml
from restore_lab.signature import dsse
from restore_lab.signature.keys import SECRET_NAME, SigningKey, create_key

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


@pytest.fixture
def key(made_key: tuple[Path, SigningKey]) -> SigningKey:
    return made_key[1]


@pytest.fixture
def kept(tmp_path: Path, key: SigningKey) -> Fingerprints:
    return Fingerprints(root=tmp_path, scenario="annual", public_key=key.private_key.public_key())


def near(
    kept: Fingerprints,
    moment: datetime = NOON,
    *,
    place: str = "main",
    within: timedelta = DAY,
    until: datetime = NOON + 3 * DAY,
) -> Found:
    return kept.near(place, moment, engine="fake", within=within, until=until)


# ---- the file


def test_what_is_sealed_is_read_again(kept: Fingerprints, key: SigningKey) -> None:
    path = kept.keep(ONE, key)

    assert path.relative_to(kept.root).as_posix() == "fingerprints/annual/main-20261110T120000Z.dsse.json"
    assert unseal(path.read_bytes(), kept.public_key) == ONE
    assert near(kept).fingerprint == ONE


def test_a_changed_byte_makes_it_unusable_wherever_it_is(kept: Fingerprints, key: SigningKey) -> None:
    whole = seal(ONE, key)

    for at in range(0, len(whole), 7):
        changed = whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :]
        with pytest.raises(SealBroken):
            unseal(changed, kept.public_key)


def test_another_key_and_another_kind_of_envelope_are_refused(
    kept: Fingerprints, key: SigningKey, tmp_path: Path
) -> None:
    other = create_key(tmp_path / "other", holder="Un autre", now=NOON)
    with pytest.raises(SealBroken, match="names key"):
        unseal(seal(ONE, other), kept.public_key)
    with pytest.raises(SealBroken, match="holds"):
        unseal(dsse.sign(dsse.PAYLOAD_TYPE, b"{}", key), kept.public_key)


@pytest.mark.parametrize(
    "change",
    [
        {"tables": "all"},
        {"tables": [{"name": "patient", "rows": "many"}]},
        {"taken_at": "2026-11-10T12:00:00"},
        {"taken_at": None},
        {"keys": [{"key": 3}]},
        {"answers": None},
        {"practice": ["x"]},
    ],
)
def test_what_the_key_signed_and_is_no_fingerprint_is_refused(
    kept: Fingerprints, key: SigningKey, change: dict[str, Any]
) -> None:
    plain = json.loads(dsse.open_envelope(seal(ONE, key), payload_type=PAYLOAD_TYPE, public_key=kept.public_key))
    signed = dsse.sign(PAYLOAD_TYPE, json.dumps(plain | change).encode(), key)

    with pytest.raises(SealBroken, match="not a fingerprint"):
        unseal(signed, kept.public_key)


def test_fields_to_come_are_passed_over(kept: Fingerprints, key: SigningKey) -> None:
    plain = json.loads(dsse.open_envelope(seal(ONE, key), payload_type=PAYLOAD_TYPE, public_key=kept.public_key))

    assert unseal(dsse.sign(PAYLOAD_TYPE, json.dumps(plain | {"later": 1}).encode(), key), kept.public_key) == ONE


# ---- which one is near


def test_the_nearest_within_the_window_is_taken_on_either_side(kept: Fingerprints, key: SigningKey) -> None:
    for hours in (-30, -24, -5, 4, 24, 30):
        kept.keep(replace(ONE, taken_at=NOON + timedelta(hours=hours)), key)

    def of(seen: Found) -> timedelta | None:
        assert seen.unusable == ()
        assert (seen.record is None) == (seen.fingerprint is None)
        return seen.fingerprint.taken_at - NOON if seen.fingerprint else None

    assert of(near(kept)) == timedelta(hours=4)
    assert of(near(kept, until=NOON)) == timedelta(hours=-5)
    assert of(near(kept, NOON + timedelta(days=2))) == timedelta(hours=30)
    assert of(near(kept, NOON - timedelta(days=2))) == timedelta(hours=-30)
    assert of(near(kept, NOON - timedelta(days=3))) is None
    assert of(near(kept, within=timedelta(hours=3))) is None
    assert of(near(kept, place="other")) is None


@pytest.mark.parametrize(
    "change", [{"scenario": "monthly"}, {"engine": "sqlite"}, {"taken_at": NOON - DAY}, {"place": "other"}]
)
def test_a_file_that_is_not_what_its_name_says_is_unusable(
    kept: Fingerprints, key: SigningKey, change: dict[str, Any]
) -> None:
    kept.folder.mkdir(parents=True)
    (kept.folder / "main-20261110T120000Z.dsse.json").write_bytes(seal(replace(ONE, **change), key))

    assert near(kept) == Found(unusable=("main-20261110T120000Z.dsse.json",))


@pytest.mark.parametrize(
    "name", ["main.dsse.json", "main-99999999T999999Z.dsse.json", "main-2026.dsse.json", "é.dsse.json"]
)
def test_a_file_whose_name_tells_no_time_is_unusable(kept: Fingerprints, key: SigningKey, name: str) -> None:
    kept.keep(ONE, key)
    path = kept.folder / name
    path.write_bytes(seal(ONE, key))

    found = near(kept)

    assert (found.fingerprint, found.unusable) == (ONE, (path.name,))


def test_what_cannot_be_read_is_unusable_and_what_is_none_of_ours_is_let_be(
    kept: Fingerprints, key: SigningKey
) -> None:
    assert near(kept) == Found()
    path = kept.keep(ONE, key)
    (kept.folder / "readme.txt").write_text("notes", "ascii")
    (kept.folder / ".main-20261110T120001Z.dsse.json.new").write_text("half", "ascii")
    (kept.folder / "main-20261110T120002Z.dsse.json").symlink_to("/nowhere")
    (kept.folder / "main-20261110T120003Z.dsse.json").mkdir()
    (kept.folder / "main-20200101T120003Z.dsse.json").write_text("long ago", "ascii")
    assert near(kept).unusable == ("main-20261110T120002Z.dsse.json", "main-20261110T120003Z.dsse.json")

    with path.open("r+b") as stream:
        stream.truncate(dsse.ENVELOPE_CAP_BYTES + 10)
    assert near(kept).unusable[0] == path.name


# ---- what is held against it


LIVE: Final = Live(taken_at=NOON, tables=ONE.tables, keys=ONE.keys, secret=SECRET)


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


ASKING: Final = Sql(title="months", sql=STATEMENT, same_as_fingerprint=True)


def answered(rows: Sequence[Row] = ROWS, *, secret: bytes = SECRET, statement: str = STATEMENT) -> Live:
    return replace(LIVE, answers=(digest_of_answer(secret, "months", statement, rows),))


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


# ---- what a scenario may say


def test_a_scenario_says_how_near_and_nothing_of_the_live_server(tmp_path: Path) -> None:
    text = 'title = "t"\n[[restore]]\nplace = "main"\n{}\n[[restore.check]]\nkind = "sql"\nsql = "SELECT 1"\n'
    check = 'title = "q"\nsame_as_fingerprint = true\n'
    path = tmp_path / "scenario.toml"

    def read(option: str, asked: str = check) -> ScenarioFile:
        path.write_text(text.format(option) + asked, "utf-8")
        return read_toml(path, ScenarioFile, root=tmp_path)

    assert read("").restore[0].fingerprint_within_hours == 24
    assert read("fingerprint_within_hours = 0.5").restore[0].needs_secret
    for option in ("fingerprint_within_hours = 0", "fingerprint_within_hours = 745"):
        with pytest.raises(ConfigurationError, match="fingerprint_within_hours"):
            read(option)
    for option in ('service = "live"', 'defaults_file = "x"', 'live = { kind = "postgresql", service = "live" }'):
        with pytest.raises(ConfigurationError, match="unknown key"):
            read(option)
    with pytest.raises(ConfigurationError, match="can only be true"):
        read("", 'title = "q"\nsame_as_fingerprint = false\n')
    with pytest.raises(ConfigurationError, match="that of one of ours"):
        read("", 'title = "fingerprint"\nsame_as_fingerprint = true\n')
    path.write_text('[live]\nservice = "live"\n', "utf-8")
    with pytest.raises(ConfigurationError, match="unknown key"):
        read_toml(path, LabFile, root=tmp_path)


# ---- taking one


@dataclass(frozen=True)
class FakeLive:
    """A live database with ready answers."""

    tables: tuple[TableCount, ...] = ONE.tables
    rows: Sequence[Row] = field(default_factory=lambda: list(ROWS))
    engine: str = "fake"

    def read(self, asked: Asked) -> Seen:
        return Seen(
            vendor="fake",
            version="3.1",
            server_at=None,
            tables=self.tables,
            keys=() if asked.keys else None,
            answers=tuple(self.rows for _ in asked.questions),
        )


def taking(stand: Stand, live: FakeLive | None = None) -> Fingerprint:
    (restore,) = stand.scenario.settings.restore
    return take(stand.lab, stand.scenario, restore, live or FakeLive(), secret=drills.open_secret(stand.lab))


def keep(stand: Stand, one: Fingerprint) -> Path:
    signing = drills.open_key(stand.lab)
    kept = Fingerprints(root=stand.root, scenario="annual", public_key=signing.private_key.public_key())
    return kept.keep(one, signing)


def test_what_is_taken_are_names_numbers_and_digests(stand: Stand) -> None:
    stand.checks = (ASKING, FakeCheck())

    one = taking(stand)

    assert (one.practice, one.scenario, one.place) == ("Cabinet de l'Essai", "annual", "main")
    assert (one.tables, one.keys, len(one.answers)) == (ONE.tables, None, 1)
    assert b"2026-09" not in keep(stand, one).read_bytes()
    assert one.taken_at.microsecond == 0
    stand.checks = (ForeignKeys(), FakeCheck())
    assert (taking(stand).keys, taking(stand).answers) == ((), ())


def test_a_live_database_that_shows_nothing_leaves_no_fingerprint(stand: Stand) -> None:
    with pytest.raises(EngineFailed, match="no row that can be seen"):
        taking(stand, FakeLive(tables=(TableCount(name="patient", rows=0),)))
    stand.checks = (ASKING,)
    with pytest.raises(EngineFailed, match="gave no row to compare"):
        taking(stand, FakeLive(rows=()))
    with pytest.raises(EngineFailed, match="TOO MUCH"):
        taking(stand, FakeLive(rows=[("1",)] * 10_001))


def test_which_restore_a_live_database_is_that_of() -> None:
    def of(*restores: Restore) -> Scenario:
        return Scenario(name="annual", settings=ScenarioFile(title="t", restore=restores), sha256="0" * 64)

    base = Restore(place="main", check=(FakeCheck(),), engine=Sqlite())
    other = replace(base, place="second")
    documents = replace(base, place="files", engine=Files())

    assert restore_of(of(base, documents), None, "sqlite") == base
    assert restore_of(of(base, other), "second", "sqlite") == other
    for scenario, place, engine in (
        (of(base, other), None, "sqlite"),
        (of(base), "third", "sqlite"),
        (of(documents), None, "sqlite"),
        (of(base), None, "postgresql"),
    ):
        with pytest.raises(UsageError):
            restore_of(scenario, place, engine)


@pytest.mark.parametrize("name", ["", "a b", "x' host=elsewhere", "-x", "x" * 65, "é"])
def test_a_service_is_a_name_and_nothing_else(name: str) -> None:
    with pytest.raises(UsageError, match="no name of a connection service"):
        Service(name).read(Asked(keys=True, questions=()))


# ---- a drill


def run(stand: Stand) -> Outcome:
    return drills.run(stand.lab, stand.scenario, asked_for="latest", listen=lambda _event: None)


def test_a_drill_says_with_which_fingerprint_it_compared(stand: Stand) -> None:
    stand.checks = (ASKING, FakeCheck())
    stand.engine.answers[STATEMENT] = list(ROWS)
    before = run(stand)
    keep(stand, taking(stand))
    seen = run(stand)
    stand.engine.answers[STATEMENT] = list(ROWS[:1])
    stand.engine.tables["visit"] = 0
    worse = run(stand)

    assert (before.evidence.verdict, before.evidence.reasons) == (Verdict.INCONCLUSIVE, ("NO_FINGERPRINT",))
    assert (seen.evidence.verdict, seen.evidence.restores[0].checks[-1].name) == (Verdict.PASSED, "fingerprint")
    assert set(worse.evidence.reasons) == {"LIVE_TABLE_EMPTY", "SQL_EXPECTATION_UNMET"}
    for language, said, unsaid in (
        ("fr", "comparée à l’empreinte de vos données en service prise le", "elle est identique à vos données"),
        ("en", "compared with the fingerprint of your live data taken on", "that it equals your live data"),
    ):
        wording = wording_for(language, "Europe/Paris")
        proof = " ".join(line.text for line in page_one(seen.evidence, wording).proof)
        assert (said in proof, unsaid in proof) == (True, False)
        bare = replace(seen.evidence, restores=(replace(seen.evidence.restores[0], fingerprint=None),))
        proof = " ".join(line.text for line in page_one(bare, wording).proof)
        assert (said in proof, unsaid in proof) == (False, True)
    record = seen.evidence.restores[0]
    assert record.fingerprint is not None
    assert record.fingerprint.sha256 in repr(restore_sections(record, wording_for("fr", "Europe/Paris")))


def test_without_its_secret_no_answer_is_compared_and_nothing_is_restored(stand: Stand) -> None:
    stand.checks = (ASKING,)
    (stand.root / "keys" / SECRET_NAME).unlink()

    with pytest.raises(KeyMissing, match="no lab secret"):
        run(stand)
    assert stand.sandbox.lent == []


def test_a_fingerprint_that_cannot_be_used_is_said_beside_one_that_can(stand: Stand) -> None:
    path = keep(stand, taking(stand))
    (path.parent / "main.dsse.json").write_bytes(b"")

    seen = run(stand).evidence

    assert (seen.verdict, seen.reasons) == (Verdict.INCONCLUSIVE, ("FINGERPRINT_UNUSABLE",))
    assert seen.restores[0].fingerprint is not None


def test_an_answer_is_told_by_its_question() -> None:
    assert answered().answers[0] != AnswerDigest(name="months", hmac=answered(statement="x").answers[0].hmac)

"""A fingerprint of the live database: what a scenario says of it, how one is taken, and a drill that compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from fakes import FakeCheck, Stand
from unit.drilling import run
from unit.fingerprints import ASKING, ONE, ROWS, STATEMENT

from restore_lab import drill as drills
from restore_lab.checks.foreign_keys import ForeignKeys
from restore_lab.counted import TableCount
from restore_lab.engines.base import Row
from restore_lab.engines.files.engine import Files
from restore_lab.engines.sqlite.engine import Sqlite
from restore_lab.errors import ConfigurationError, EngineFailed, KeyMissing, UsageError
from restore_lab.evidence import Verdict
from restore_lab.fingerprint import Fingerprint, Fingerprints
from restore_lab.lab import LabFile
from restore_lab.live.base import Asked, Seen
from restore_lab.live.postgresql import Service
from restore_lab.live.taking import restore_of, take
from restore_lab.report.auditor_restore import restore_sections
from restore_lab.report.page_one import page_one
from restore_lab.report.wording import wording_for
from restore_lab.scenario import Restore, Scenario, ScenarioFile
from restore_lab.settings import read_toml
from restore_lab.signature.keys import SECRET_NAME

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

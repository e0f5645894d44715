"""Both negative controls on real engines: what each of them raises, and what a scenario that asks too little costs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from restore_lab import drill
from restore_lab.demo import Sample, make_demo
from restore_lab.evidence import Evidence, Verdict
from restore_lab.lab import load_lab
from restore_lab.scenario import load_scenario

ASKS_TOO_LITTLE: Final = """title = "Asks too little"
[[restore]]
place = "dossiers"
[[restore.check]]
kind = "counts"
main = ["patient"]
may_shrink = ["patient"]
"""
ENGINES: Final = ("sqlite", "postgresql", "mariadb")


def drilled(root: Path, engine: str, scenario: str | None = None) -> Evidence:
    make_demo(root, Sample(engine=engine, day=datetime.now(UTC).date()))
    if scenario:
        (root / "scenarios" / "annual" / "scenario.toml").write_text(scenario, "utf-8")
    lab = load_lab(root)
    return drill.run(lab, load_scenario(lab, "annual"), asked_for="latest", listen=lambda _event: None).evidence


@pytest.mark.docker
@pytest.mark.parametrize("engine", ENGINES)
def test_both_controls_raise_what_they_must(tmp_path: Path, engine: str) -> None:
    evidence = drilled(tmp_path / "lab", engine)

    assert evidence.verdict in {Verdict.PASSED, Verdict.PASSED_WITH_RESERVATIONS}
    spoilt, cut = evidence.restores[0].controls
    assert (spoilt.name, spoilt.silent, cut.name, cut.silent) == ("spoilt", False, "cut", False)
    assert set(spoilt.raised) >= {"TABLE_EMPTY", "OBJECTS_BELOW_PREVIOUS"}
    assert cut.raised
    assert all(one.gone for one in evidence.restores[0].removals)
    assert {table.name: table.rows for table in evidence.restores[0].tables}["patient"] == 150


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_scenario_that_asks_little_is_still_tested_by_what_it_counts(tmp_path: Path, engine: str) -> None:
    evidence = drilled(tmp_path / "lab", engine, ASKS_TOO_LITTLE)

    assert [one.silent for one in evidence.restores[0].controls] == [False, False]

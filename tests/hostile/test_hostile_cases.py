"""Backups made to hurt: each is drilled among canaries, must end as its row says, and nothing may get out or be left.

`PYTHONPATH=tests python tests/hostile/test_hostile_cases.py [row ...]` writes docs/hostile.md anew.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hostile import hostile_page
from hostile.carrying import carry_out
from hostile.cases import Case, absence
from integration.damaged_making import WORKSHOP
from needs import absent

from restore_lab.evidence import Isolation, Verdict
from restore_lab.findings import Severity
from restore_lab.signature.keys import SigningKey, create_key
from restore_lab.verdict import TABLE

MOST_OFTEN_DAILY = 30


@pytest.fixture(scope="module", autouse=True)
def workshop() -> Iterator[None]:
    yield
    WORKSHOP.close()


def parameters() -> list[object]:
    """The names of cases; what is not of the daily run, and what needs containers, is marked."""
    return [pytest.param(name, marks=marks(case)) for name, case in hostile_page.CASES.items()]


def marks(case: Case) -> list[pytest.MarkDecorator]:
    daily = [pytest.mark.hostile_daily] if case.daily else []
    return [*daily, *([pytest.mark.docker] if case.docker else [])]


@pytest.mark.hostile
@pytest.mark.parametrize("name", parameters())
def test_a_hostile_backup_ends_as_its_row_says_and_nothing_gets_out(
    name: str, tmp_path: Path, made_key: tuple[Path, SigningKey]
) -> None:
    case = hostile_page.CASES[name]
    if lack := absence(case):
        absent(lack)

    assert carry_out(case, tmp_path / "lab", made_key[0]).wrongs(case) == []


def test_a_machine_that_lost_its_seal_or_was_never_there_is_told(
    tmp_path: Path, made_key: tuple[Path, SigningKey]
) -> None:
    case = Case(
        name="whole",
        engine="sqlite",
        tool=("backup",),
        tries="nothing",
        verdict=Verdict.PASSED,
        harmless="it tries nothing",
    )
    seen = carry_out(case, tmp_path / "lab", made_key[0])
    assert seen.wrongs(case) == []

    (restore,) = seen.evidence.restores
    assert restore.conditions is not None
    partial = replace(restore, conditions=replace(restore.conditions, isolation=Isolation.PARTIAL))
    for restores, told in (((partial,), ["held: partial, expected sealed"]), ((), ["there was no machine"])):
        assert replace(seen, evidence=replace(seen.evidence, restores=restores)).wrongs(case) == told


def test_the_page_says_what_the_rows_declare_and_no_escape() -> None:
    on_the_page = hostile_page.on_the_page()

    assert list(on_the_page) == list(hostile_page.CASES)
    assert {name: cells[:-1] for name, cells in on_the_page.items()} == {
        name: hostile_page.declared(case) for name, case in hostile_page.CASES.items()
    }
    assert {cells[-1] for cells in on_the_page.values()} == {"none"}
    assert hostile_page.PAGE.read_text("utf-8") == hostile_page.text({})


def test_there_are_enough_and_each_name_is_used_once() -> None:
    names = Counter(case.name for cases in hostile_page.TABLES.values() for case in cases)

    assert {name for name, times in names.items() if times > 1} == set()
    assert len(names) >= 60
    assert sum(case.daily for case in hostile_page.CASES.values()) <= MOST_OFTEN_DAILY


@pytest.mark.parametrize("name", hostile_page.CASES)
def test_no_case_passes_without_saying_why(name: str) -> None:
    case = hostile_page.CASES[name]

    assert case.tries
    assert bool(case.harmless) == (case.verdict in {Verdict.PASSED, Verdict.PASSED_WITH_RESERVATIONS})
    assert all(TABLE[code][1] is not Severity.NOTE for code in case.weighing)
    assert "|" not in case.tries + case.harmless


def write_the_page(names: list[str]) -> int:
    """Carry out every case, or those named, and write the page; what is not as declared is said aloud."""
    seen: dict[str, str] = {}
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys"
        create_key(keys, holder="Prestataire d'essai", now=datetime.now(UTC))
        for name, case in hostile_page.CASES.items():
            if (names and name not in names) or absence(case):
                continue
            wrongs = carry_out(case, Path(folder) / name, keys).wrongs(case)
            seen[name] = "none" if not wrongs else hostile_page.UNKNOWN
            wrong += bool(wrongs)
            sys.stderr.write(f"{name}: {wrongs or 'as declared'}\n")
    WORKSHOP.close()
    hostile_page.write(seen)
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(write_the_page(sys.argv[1:]))

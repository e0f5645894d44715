"""Every finding code is proved: something that must raise it, and something near it that must not."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from integration import damaged_page, test_codes_raised
from nightly import LEFT
from proofs import PROOFS, Proof

from restore_lab.findings import Code, Severity
from restore_lab.verdict import TABLE

TESTS = Path(__file__).parents[1]
PROVED = [pytest.param(code, proof, id=code.value) for code, proof in PROOFS.items()]
SIDES = sorted({side for proof in PROOFS.values() for side in (proof.raises, proof.spares)})


def of_row(name: str) -> set[str]:
    """The codes that the page lists for a row, findings and notes."""
    return set(re.findall(r"`([A-Z0-9_]+)`", damaged_page.on_the_page()[name][4]))


def is_note(code: Code) -> bool:
    return Severity.NOTE in TABLE[code]


def test_every_code_is_proved() -> None:
    assert set(PROOFS) == set(Code)


@pytest.mark.parametrize("side", SIDES)
def test_what_a_proof_names_is_there(side: str) -> None:
    path, _, test = side.partition("::")
    if not test:
        assert side in damaged_page.ROWS
        assert side in damaged_page.on_the_page()
        return
    defined = ast.parse((TESTS / path).read_text("utf-8")).body
    assert test.startswith("test_")
    assert test in {one.name for one in defined if isinstance(one, ast.FunctionDef)}


@pytest.mark.parametrize("row", [side for side in SIDES if "::" not in side])
def test_no_row_that_proves_a_code_is_left_to_the_night(row: str) -> None:
    left = [pattern for file, some in LEFT.items() if file.startswith("test_damaged_backups") for pattern in some]
    assert left
    assert not any(re.match(pattern, f"test_a_backup_is_judged_as_its_row_says[{row}]") for pattern in left)


@pytest.mark.parametrize(("code", "proof"), PROVED)
def test_what_raises_a_code_names_it(code: Code, proof: Proof) -> None:
    path, _, test = proof.raises.partition("::")
    if test:
        assert re.search(rf"\b{code.value}\b", (TESTS / path).read_text("utf-8"))
    else:
        assert code.value in of_row(path)


@pytest.mark.parametrize(("code", "proof"), PROVED)
def test_what_spares_a_code_is_something_else_and_does_not_have_it(code: Code, proof: Proof) -> None:
    assert proof.spares != proof.raises
    if "::" not in proof.spares:
        assert code.value not in of_row(proof.spares)
        assert not is_note(code), "a row lists the notes that must be there, and may have others"


def test_each_trial_is_of_a_code_that_it_proves() -> None:
    raised, spared = (
        f"integration/test_codes_raised.py::{test.__name__}"
        for test in (test_codes_raised.test_it_is_raised, test_codes_raised.test_what_is_near_it_is_spared)
    )

    assert set(test_codes_raised.RAISED) == {code for code, proof in PROOFS.items() if proof.raises == raised}
    assert set(test_codes_raised.SPARED) == {code for code, proof in PROOFS.items() if proof.spares == spared}

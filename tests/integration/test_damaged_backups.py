"""Damaged and odd backups, and healthy ones beside them: MariaDB's, and the page that lists all.

`PYTHONPATH=tests python tests/integration/test_damaged_backups.py [row ...]` writes docs/damaged-backups.md anew.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from integration import damaged_page
from integration.damaged import (
    FAILED,
    INCONCLUSIVE,
    absence,
    as_declared,
    carry_out,
    held_against,
    parameters,
    said_of,
    told,
)
from integration.damaged_making import WORKSHOP
from integration.damaged_mariadb import ROWS

from restore_lab.findings import Severity
from restore_lab.signature.keys import SigningKey, create_key
from restore_lab.verdict import TABLE


@pytest.fixture(scope="module", autouse=True)
def workshop() -> Iterator[None]:
    yield
    WORKSHOP.close()


@pytest.mark.parametrize("name", parameters(ROWS))
def test_a_backup_of_mariadb_is_judged_as_its_row_says(
    name: str, tmp_path: Path, made_key: tuple[Path, SigningKey]
) -> None:
    held_against(damaged_page.ROWS[name], tmp_path, made_key[0], page=damaged_page.told_on_the_page(name))


def test_the_page_says_what_the_rows_declare() -> None:
    on_the_page = {name: cells[:-1] for name, cells in damaged_page.on_the_page().items()}

    assert list(on_the_page) == list(damaged_page.ROWS)
    assert on_the_page == {name: damaged_page.declared(row) for name, row in damaged_page.ROWS.items()}


def test_there_are_enough_of_either_kind_and_each_name_is_used_once() -> None:
    names = Counter(row.name for rows in damaged_page.TABLES.values() for row in rows)

    assert {name for name, times in names.items() if times > 1} == set()
    assert sum(not row.healthy for row in damaged_page.ROWS.values()) >= 40
    assert sum(row.healthy for row in damaged_page.ROWS.values()) >= 20


@pytest.mark.parametrize("name", damaged_page.ROWS)
def test_a_row_declares_what_the_table_of_verdicts_can_give(name: str) -> None:
    row = damaged_page.ROWS[name]

    assert not (row.healthy and row.verdict in {FAILED, INCONCLUSIVE})
    assert all(TABLE[code][1] is not Severity.NOTE for code in row.weighing)
    assert all(TABLE[code][0] is Severity.NOTE for code in row.notes)


def write_the_page(names: list[str]) -> None:
    """Carry out every row, or those named, and write the page; a row that is not as declared is said aloud."""
    said: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys"
        create_key(keys, holder="Prestataire d'essai", now=datetime.now(UTC))
        for name, row in damaged_page.ROWS.items():
            if (names and name not in names) or absence(row):
                continue
            evidence = carry_out(row, Path(folder) / name, keys)
            said[name] = told(evidence) if as_declared(row, evidence) else damaged_page.UNKNOWN
            if said[name] == damaged_page.UNKNOWN:
                sys.stderr.write(f"{name}: {said_of(evidence)}\n")
    WORKSHOP.close()
    damaged_page.write(said)


if __name__ == "__main__":
    write_the_page(sys.argv[1:])

"""Damaged and odd backups: MariaDB's, in the shapes of other tools. See `test_damaged_backups.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.damaged import held_against, parameters
from integration.damaged_making import WORKSHOP
from integration.damaged_mariadb_tools import ROWS
from integration.damaged_page import ROWS as ALL
from integration.damaged_page import told_on_the_page

from restore_lab.signature.keys import SigningKey


@pytest.fixture(scope="module", autouse=True)
def workshop() -> Iterator[None]:
    yield
    WORKSHOP.close()


@pytest.mark.parametrize("name", parameters(ROWS))
def test_a_backup_is_judged_as_its_row_says(name: str, tmp_path: Path, made_key: tuple[Path, SigningKey]) -> None:
    held_against(ALL[name], tmp_path, made_key[0], page=told_on_the_page(name))

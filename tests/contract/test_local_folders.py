"""Folders that the local sandbox left: whose they are, and which of them are none of its own."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

import pytest

from restore_lab.errors import MachineFailed
from restore_lab.sandboxes.base import Need
from restore_lab.sandboxes.local.driver import Local
from restore_lab.sandboxes.local.folder import is_unlabelled, named_folder


@pytest.mark.parametrize("label", [b"", b'{"lab": "contr', None], ids=["empty", "torn", "absent"])
def test_a_local_folder_whose_label_a_power_cut_took_is_told_by_its_drill_or_said(
    label: bytes | None, need: Need, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose drill is not known may be another lab's, and stays."""
    for name in ("DISK_FOLDER", "MEMORY_FOLDER"):  # others sweep there meanwhile
        monkeypatch.setattr(f"restore_lab.sandboxes.local.driver.{name}", tmp_path / name)
    now, word = datetime.now(UTC), secrets.token_hex(8)
    left = tmp_path / "DISK_FOLDER" / f"restore-lab-{need.drill_id}-main-{word}"
    (left / "data").mkdir(parents=True)
    (left / "data" / "copy").write_bytes(b"of a patient")
    if label is not None:
        (left / "label.json").write_bytes(label)

    with pytest.raises(MachineFailed, match=word):
        list(Local().sweep(now=now, lab_id=need.lab_id, ended=[f"{need.drill_id}0"]))
    assert (left / "data" / "copy").exists()

    (swept,) = Local().sweep(now=now, lab_id=need.lab_id, ended=[need.drill_id])

    assert (swept.name, swept.gone, left.exists()) == (left.name, True, False)


@pytest.mark.parametrize("label", [None, ".label.json.new", "label.json"], ids=["none", "being-written", "empty"])
def test_a_local_folder_whose_maker_died_before_its_label_goes_once_its_drill_has_ended(
    label: str | None, need: Need, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then it may be one that is being made."""
    for name in ("DISK_FOLDER", "MEMORY_FOLDER"):  # others sweep there meanwhile
        monkeypatch.setattr(f"restore_lab.sandboxes.local.driver.{name}", tmp_path / name)
    now = datetime.now(UTC)
    begun = named_folder(tmp_path / "MEMORY_FOLDER", need.drill_id, "main")
    begun.mkdir(parents=True)
    if label is not None:
        (begun / label).touch()

    assert not list(Local().sweep(now=now, lab_id=need.lab_id, ended=[f"{need.drill_id}0"]))
    assert begun.exists()

    (swept,) = Local().sweep(now=now, lab_id=need.lab_id, ended=[need.drill_id])

    assert (swept.name, swept.gone, begun.exists()) == (begun.name, True, False)


def test_a_local_folder_that_is_being_made_or_that_a_node_labelled_is_none_without_a_label(tmp_path: Path) -> None:
    left = tmp_path / f"restore-lab-drill-main-{secrets.token_hex(8)}"
    left.mkdir()
    for name in (".label.json.new", "label.json", "label"):
        (left / name).touch()
        assert not is_unlabelled(left)
    (left / "data").mkdir()
    assert not is_unlabelled(left)
    (left / "label").unlink()
    assert is_unlabelled(left)

"""Folders that the local sandbox left: whose they are, and which of them are none of its own."""

from __future__ import annotations

import secrets
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from restore_lab.errors import MachineFailed
from restore_lab.sandboxes.base import Need
from restore_lab.sandboxes.local.driver import Local
from restore_lab.sandboxes.local.folder import is_dead_trial, is_unlabelled, named_folder, trial_folder


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


#: It holds its trial until it is killed.
_TRIES = (
    "from restore_lab.sandboxes.local.folder import trial_folder as t\nwith t() as f: print(f, flush=True); input()"
)


def test_the_folder_of_a_trial_goes_with_the_next_sweep_once_its_process_is_dead(need: Need) -> None:
    with (
        trial_folder() as ours,
        subprocess.Popen(
            (sys.executable, "-c", _TRIES), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as trying,
    ):
        assert trying.stdout is not None
        left = Path(trying.stdout.readline().strip())
        (left / "data").mkdir()
        list(Local().sweep(now=datetime.now(UTC), lab_id=need.lab_id, ended=()))
        assert left.exists()

        trying.kill()
        trying.wait()
        assert left.exists()
        swept = list(Local().sweep(now=datetime.now(UTC), lab_id=need.lab_id, ended=()))

        assert (swept, left.exists(), ours.exists()) == ([], False, True)


def test_a_dead_trial_of_another_user_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = tmp_path / "restore-lab-trial-999999999-1-abcdefgh"
    left.mkdir()
    assert is_dead_trial(left)

    monkeypatch.setattr("os.geteuid", lambda: left.stat().st_uid + 1)

    assert not is_dead_trial(left)

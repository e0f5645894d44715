"""Trials: drills in a lab where a whole backup passed, each with something changed before it or while it runs."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from integration.damaged import IDENTITY, Row, name_of, put
from integration.damaged_making import Backup

from restore_lab import drill
from restore_lab.events import Entered, Event, Stage
from restore_lab.evidence import Evidence
from restore_lab.lab import load_lab
from restore_lab.sandboxes.container.plan import LAB_LABEL
from restore_lab.sandboxes.local.folder import MEMORY_FOLDER, PREFIX
from restore_lab.scenario import load_scenario

Change = Callable[[Path], object]
#: What is done to a lab while its drill runs: the lab, and what the drill has come to.
Meddling = Callable[[Path, Event], object]
SCENARIO: Final = Path("scenarios") / "annual" / "scenario.toml"


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One drill: on which engine's whole backup, what is changed in its lab before it, what happens while it runs."""

    engine: str = "sqlite"
    machine: str = "local"
    tool: tuple[str, ...] = ()
    change: tuple[Change, ...] = ()
    meddle: Meddling | None = None
    asked_for: str = "latest"
    hold_for: timedelta | None = None

    @property
    def row(self) -> Row:
        """The whole backup that passes first."""
        return Row(
            name="whole", backup=Backup(engine=self.engine, tool=self.tool), done="nothing", machine=self.machine
        )


def the_backup(root: Path) -> Path:
    return root / "backups" / name_of()


def written(path: Path, content: bytes) -> None:
    """Change a backup, without making it look as if it were just being written."""
    put(path.parent, path.name, content)


def behind(sql: bytes) -> Change:
    return lambda root: written(the_backup(root), the_backup(root).read_bytes() + sql)


def beside(days: int, ending: str = "dump") -> Change:
    """Put the same backup there once more, as of another day."""
    return lambda root: written(root / "backups" / name_of(days, ending), the_backup(root).read_bytes())


def given(option: str) -> Change:
    """Add a line to the restore of the scenario."""
    return edited(SCENARIO, 'place = "records"\n', f'place = "records"\n{option}\n')


def asking(check: str) -> Change:
    return edited(SCENARIO, "", f"\n[[restore.check]]\n{check}\n")


def asking_nothing_else(check: str) -> Change:
    def change(root: Path) -> None:
        head, _, _ = (root / SCENARIO).read_text("utf-8").partition("[[restore.check]]")
        (root / SCENARIO).write_text(f"{head}[[restore.check]]\n{check}\n", "utf-8")

    return change


def on(machine: str) -> Change:
    def change(root: Path) -> None:
        lines = (root / SCENARIO).read_text("utf-8").splitlines()
        kept = [f"machine = {machine}" if line.startswith("machine = ") else line for line in lines]
        (root / SCENARIO).write_text("\n".join(kept) + "\n", "utf-8")

    return change


def in_lab(text: str) -> Change:
    return edited(Path("lab.toml"), "", f"\n{text}\n")


def edited(path: Path, old: str, new: str) -> Change:
    """Write other words in place of some that are there; behind all of it where there are none."""

    def change(root: Path) -> None:
        text = (root / path).read_text("utf-8")
        assert old in text
        (root / path).write_text(text.replace(old, new, 1) if old else text + new, "utf-8")

    return change


def own_test(source: str) -> Change:
    """Give the scenario a test of its own."""
    return lambda root: (root / SCENARIO).with_name("test_own.py").write_text(source, "utf-8")


def at(stage: Stage, meddle: Change, *, about: str = "") -> Meddling:
    """Meddle once that stage is entered."""

    def hear(root: Path, event: Event) -> None:
        if isinstance(event, Entered) and event.stage is stage and event.about.startswith(about):
            meddle(root)

    return hear


def kill_the_container(root: Path) -> None:
    of_lab = f"label={LAB_LABEL}={load_lab(root).lab_id}"
    listed = subprocess.run(("docker", "ps", "-q", "--filter", of_lab), capture_output=True, check=True, timeout=60)
    subprocess.run(("docker", "kill", *listed.stdout.decode().split()), capture_output=True, check=True, timeout=60)


def hold_a_folder_fast(root: Path) -> None:
    """Mount something into the folder of a local machine, so that it cannot be removed; `let_loose` undoes it."""
    for folder in machines_of(root):
        (folder / "fast").mkdir()
        subprocess.run(("mount", "-t", "tmpfs", "none", str(folder / "fast")), check=True, timeout=60)
        (root / "held-fast").write_text(str(folder), "utf-8")


def let_loose(root: Path) -> None:
    if (root / "held-fast").exists():
        folder = Path((root / "held-fast").read_text("utf-8"))
        subprocess.run(("umount", str(folder / "fast")), check=True, timeout=60)
        shutil.rmtree(folder)


def machines_of(root: Path) -> list[Path]:
    """The folders of local machines of this lab."""
    lab_id = load_lab(root).lab_id
    found = MEMORY_FOLDER.glob(f"{PREFIX}*/label.json")
    return [path.parent for path in found if lab_id in path.read_text("utf-8")]


def enrolled(root: Path) -> None:
    """Ask whose data these are, once before."""
    given(IDENTITY)(root)
    drilled(root, Trial())


def accepted(until: date) -> Change:
    accept = f'[[accept]]\ncode = "RESTORE_TIME_OVER_OBJECTIVE"\nreason = "essai"\nperson = "Dr Essai"\nuntil = {until}'
    return edited(SCENARIO, "", f"\n{accept}\n")


def drilled(root: Path, trial: Trial) -> Evidence:
    lab = load_lab(root)

    def hear(event: Event) -> None:
        if trial.meddle is not None:
            trial.meddle(root, event)

    scenario = load_scenario(lab, "annual")
    try:
        outcome = drill.run(lab, scenario, asked_for=trial.asked_for, listen=hear, hold_for=trial.hold_for)
    finally:
        let_loose(root)
    drill.let_go(lab, outcome)
    return outcome.evidence

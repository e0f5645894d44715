"""Write a new lab: lab.toml with its comments, and scenarios."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from restore_lab.errors import UsageError
from restore_lab.lab import FILE_NAME
from restore_lab.settings import shipped


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What a new lab.toml says; the defaults are invented and look it."""

    practice: str = "Cabinet médical de l'Exemple"
    doctor: str = "Dr Exemple"
    contractor: str = "Prestataire Exemple"
    phone: str = "00 00 00 00 00"
    opening_days: tuple[str, ...] = ("mon", "tue", "wed", "thu", "fri")
    place: str = "Base du logiciel médical"
    path: str = "backups"
    pattern: str = "*_%Y-%m-%d.*"
    backup_every_days: int = 1


def write_lab(root: Path, answers: Answers, *, scenario: str) -> None:
    """Write `lab.toml` and `scenarios/annual` (a copy of the shipped `scenario`) into a folder that has none.

    Raises:
        UsageError: the folder holds a lab already, or cannot be written.
    """
    if (root / FILE_NAME).exists():
        raise UsageError(f"{root} holds a lab already", hint="choose another folder, or edit its lab.toml")
    templates = Environment(
        loader=PackageLoader("restore_lab"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - TOML; every value goes through the `toml` filter
    )
    templates.filters["toml"] = _toml
    text = templates.get_template("lab.toml.j2").render(answers=answers)
    try:
        root.mkdir(parents=True, exist_ok=True)
        shutil.copytree(shipped("scenarios") / scenario, root / "scenarios" / "annual", dirs_exist_ok=True)
        (root / answers.path).mkdir(parents=True, exist_ok=True)
        (root / FILE_NAME).write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"{root} could not be written: {error.strerror}") from error


def write_scenario(root: Path, name: str) -> Path:
    """Copy a shipped scenario into a lab and give its folder.

    Raises:
        UsageError: the lab has one of that name, or cannot be written.
    """
    folder = root / "scenarios" / name
    if folder.exists():
        raise UsageError(f"{folder} is there already", hint="edit it; or rename it, and run this again")
    try:
        shutil.copytree(shipped("scenarios") / name, folder)
    except OSError as error:
        raise UsageError(f"{folder} could not be written: {error.strerror}") from error
    return folder


def _toml(value: str | tuple[str, ...]) -> str:
    """Quote for TOML: its basic strings take JSON's escapes (TOML 1.0, "String")."""
    return json.dumps(value, ensure_ascii=False)

"""Rows of the settings, the users and the patients."""

from __future__ import annotations

import random
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from restore_lab.sample_practice.invented import (
    FIRST_NAMES,
    NUMBER_STEM,
    REMARKS,
    STEM,
    STREETS,
    SURNAMES,
    TOWNS,
    pick,
)
from restore_lab.sample_practice.practice import DOCTORS, Practice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from restore_lab.sample_practice.rows import Row

_JOBS: Final = ("medecin", "medecin", "medecin", "secretaire", "secretaire")
_DAYS_OF_A_LIFE: Final = 95 * 365


def settings(practice: Practice) -> Iterator[Row]:
    """`parametre`: what the software knows of itself; `identifiant_cabinet` tells one seed from another."""
    at = _evening(practice.first_day)
    yield ("identifiant_cabinet", f"{NUMBER_STEM}-{practice.seed:08d}", at)
    yield ("raison_sociale", f"Cabinet médical de l'{STEM}", at)
    yield ("version_logiciel", f"{STEM} 7.3", at)
    yield ("message_accueil", f"Bienvenue à l'{STEM} 🏥 — pensez à votre carte", at)
    yield ("dossier_courriers", f"C:\\{STEM}\\courriers", None)


def users(practice: Practice) -> Iterator[Row]:
    """`utilisateur`: three doctors, then two secretaries, one of whom has left."""
    rng = random.Random(f"{practice.seed}/users")  # noqa: S311 - invented data must repeat
    for number, job in enumerate(_JOBS, start=1):
        yield (
            number,
            f"{STEM}{number}",
            pick(rng, SURNAMES),
            pick(rng, FIRST_NAMES),
            job,
            f"{NUMBER_STEM}{number:05d}" if job == "medecin" else None,
            f"{STEM}{number}@cabinet.invalid",
            number != len(_JOBS),
            _evening(practice.first_day),
        )


def patients(practice: Practice) -> Iterator[Row]:
    """`patient`: all of them known since before the first consultation kept."""
    for number in range(1, practice.patients + 1):
        rng = random.Random(f"{practice.seed}/patient/{number}")  # noqa: S311 - invented data must repeat
        draw = rng.random
        yield (
            number,
            f"D{NUMBER_STEM}-{number:08d}",
            pick(rng, SURNAMES),
            pick(rng, FIRST_NAMES),
            practice.first_day - timedelta(days=1 + int(draw() * _DAYS_OF_A_LIFE)),
            "F" if draw() < 0.52 else "M",
            f"9{NUMBER_STEM}{number:08d}" if draw() < 0.95 else None,
            f"00{NUMBER_STEM}{int(draw() * 100):02d}" if draw() < 0.9 else None,
            f"{STEM}.{number}@exemple.invalid" if draw() < 0.6 else None,
            f"{1 + int(draw() * 140)}, {pick(rng, STREETS)}",
            pick(rng, TOWNS),
            1 + int(draw() * DOCTORS),
            draw() < 0.2,
            pick(rng, REMARKS) if draw() < 0.3 else None,
            _evening(practice.first_day - timedelta(days=int(draw() * 900))),
        )


def _evening(day: date) -> datetime:
    return datetime.combine(day, time(18, 30))

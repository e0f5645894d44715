"""Rows of appointments, consultations, results of analyses, prescriptions and the log of changes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from restore_lab.sample_practice.invented import (
    DOSAGES,
    MEDICINES,
    NUMBER_STEM,
    REASONS,
    REMARKS,
    STEM,
    observation,
    pick,
)
from restore_lab.sample_practice.practice import Practice, visits

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from restore_lab.sample_practice.practice import Visit
    from restore_lab.sample_practice.rows import Row

# code, unit, lowest and highest value in hundredths, upper limit in hundredths
_ANALYSES: Final = (
    ("HBA1C", "%", 480, 1100, 700),
    ("HEMOGLOBINE", "g/dL", 900, 1800, 1700),
    ("CREATININE", "µmol/L", 4500, 18000, 11000),
    ("LDL", "g/L", 60, 240, 160),
    ("TSH", "mUI/L", 10, 900, 400),
)
_FEES: Final = (Decimal("30.00"), Decimal("26.50"), Decimal("60.00"), Decimal("0.00"))
_VISITS_PER_CHANGE: Final = 20


def appointments(practice: Practice) -> Iterator[Row]:
    """`rendez_vous`: one for each booked visit, which starts up to 20 minutes late."""
    for visit, rng in visits(practice, "appointments"):
        if visit.booked:
            late = int(rng.random() * 20)
            yield (
                visit.number,
                visit.patient,
                visit.doctor,
                visit.at - timedelta(minutes=late),
                15 if rng.random() < 0.8 else 30,
                "en_retard" if late > 10 else "honore",
                pick(rng, REASONS) if rng.random() < 0.5 else None,
            )


def consultations(practice: Practice) -> Iterator[Row]:
    """`consultation`: one for each visit."""
    for visit, rng in visits(practice, "consultations"):
        draw = rng.random
        tension = draw() < 0.7
        yield (
            visit.number,
            visit.patient,
            visit.doctor,
            visit.number if visit.booked else None,
            visit.at,
            pick(rng, REASONS),
            observation(rng),
            _hundredths(300 + int(draw() * 11_000)) if draw() < 0.6 else None,
            100 + int(draw() * 80) if tension else None,
            55 + int(draw() * 40) if tension else None,
            pick(rng, _FEES),
            draw() < 0.4,
        )


def results(practice: Practice) -> Iterator[Row]:
    """`biologie`: up to three different analyses for a visit, drawn up to six days before it."""
    number = 0
    for visit, rng in visits(practice, "results"):
        for code, unit, lowest, highest, limit in _ANALYSES[: visit.analyses]:
            number += 1
            value = lowest + int(rng.random() * (highest - lowest))
            yield (
                number,
                visit.number,
                visit.at.date() - timedelta(days=int(rng.random() * 7)),
                code,
                _hundredths(value),
                unit,
                value > limit,
                pick(rng, REMARKS) if value > limit else None,
            )


def prescriptions(practice: Practice) -> Iterator[Row]:
    """`ordonnance`: one for each visit with medicines."""
    for visit, rng in visits(practice, "prescriptions"):
        if visit.medicines:
            yield (
                visit.number,
                visit.number,
                f"{NUMBER_STEM}-{visit.number:09d}",
                visit.at,
                rng.random() < 0.5,
                f"Ne pas délivrer sans {STEM}" if rng.random() < 0.1 else None,
            )


def prescription_lines(practice: Practice) -> Iterator[Row]:
    """`ligne_ordonnance`: up to three medicines for a prescription."""
    for visit, rng in visits(practice, "prescription lines"):
        for rank in range(1, visit.medicines + 1):
            yield _line(visit, rank, rng)


def changes(practice: Practice) -> Iterator[Row]:
    """`historique`: what the triggers wrote, for one consultation in twenty."""
    number = 0
    for visit, _ in visits(practice, "changes"):
        if visit.absolute % _VISITS_PER_CHANGE == 0:
            number += 1
            yield (number, "consultation", visit.number, "modification", visit.at, f"Motif corrigé « {STEM} »")


def _line(visit: Visit, rank: int, rng: random.Random) -> Row:
    days = 7 * (1 + int(rng.random() * 12))
    boxes = _hundredths(50 * (1 + int(rng.random() * 8)))
    return (visit.number, rank, pick(rng, MEDICINES), pick(rng, DOSAGES), days, boxes)


def _hundredths(value: int) -> Decimal:
    return Decimal(value).scaleb(-2)

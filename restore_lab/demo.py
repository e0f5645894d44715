"""The sample lab: an invented practice as of today, backed up by its engine's own tool, ready for the annual drill."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

from restore_lab.lab_writing import Answers, write_lab
from restore_lab.sample_practice import DEFAULT_PATIENTS, backup_sqlite, write_sqlite
from restore_lab.signature.keys import create_key

SEED = 20261
_ANSWERS = Answers(
    practice="Cabinet médical de démonstration",
    doctor="Dr Démonstration",
    contractor="Prestataire de démonstration",
    opening_days=("mon", "tue", "wed", "thu", "fri"),
    pattern="cabinet_%Y-%m-%d.*",
    backup_every_days=366,
)


def make_demo(root: Path, *, day: date, patients: int = DEFAULT_PATIENTS) -> Path:
    """Make a complete lab in `root` and give the backup's path.

    Raises:
        UsageError: the folder holds a lab already, or cannot be written.
    """
    write_lab(root, _ANSWERS, scenario="sample-annual")
    keys = root / "keys"
    keys.mkdir(mode=0o700, exist_ok=True)
    create_key(keys, holder=_ANSWERS.contractor, now=datetime.now(UTC))
    backup = root / _ANSWERS.path / f"cabinet_{day:%Y-%m-%d}.sqlite"
    with tempfile.TemporaryDirectory(prefix="restore-lab-demo-") as folder:
        live = Path(folder) / "cabinet.sqlite"
        write_sqlite(live, seed=SEED, day=day, patients=patients)
        backup_sqlite(live, backup)
    return backup

"""The sample lab: an invented practice as of today, backed up by its engine's own tool, ready for the annual drill."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path

from restore_lab.engines import ENGINES
from restore_lab.engines.mariadb import backup as mariadb_backup
from restore_lab.engines.postgresql import backup as postgresql_backup
from restore_lab.errors import UsageError
from restore_lab.lab import lab_id_of
from restore_lab.lab_writing import Answers, write_lab
from restore_lab.sample_practice import (
    DATABASE,
    DEFAULT_PATIENTS,
    Dialect,
    backup_sqlite,
    roles_sql,
    sql_script,
    write_sqlite,
)
from restore_lab.sandboxes import AUTOMATIC
from restore_lab.sandboxes.base import Machine, Need, Server
from restore_lab.signature.keys import create_key

SEED = 20261
_ANSWERS = Answers(
    practice="Cabinet médical de démonstration",
    doctor="Dr Démonstration",
    contractor="Prestataire de démonstration",
    pattern="cabinet_%Y-%m-%d.*",
    backup_every_days=366,
)
_MEMORY_BYTES = 2 * 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """What to make: the engine, the day it is as of, how many patients, and whose sweep may remove its machine."""

    engine: str
    day: date
    patients: int = DEFAULT_PATIENTS
    lab_id: str = "demo"


def refuse_used(root: Path) -> None:
    """Refuse a folder that holds anything.

    Raises:
        UsageError: it does.
    """
    if root.exists() and any(root.iterdir()):
        raise UsageError(f"{root} is not empty", hint="a demo is made in a new folder: name another")


def make_demo(root: Path, sample: Sample) -> Path:
    """Make a complete lab in `root` and give the backup's path.

    Raises:
        UsageError: the folder is not empty, cannot be written, or nothing here runs that engine.
    """
    refuse_used(root)
    ending, make = BACKUPS[sample.engine]
    name = f"cabinet_{sample.day:%Y-%m-%d}.{ending}"
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{root.name}-", dir=root.parent) as folder:
        new = Path(folder) / "lab"
        write_lab(new, _ANSWERS, scenario="sample-annual")
        keys = new / "keys"
        keys.mkdir(mode=0o700)
        create_key(keys, holder=_ANSWERS.contractor, now=datetime.now(UTC))
        make(new / _ANSWERS.path / name, replace(sample, lab_id=lab_id_of(root)))
        new.replace(root)
    return root / _ANSWERS.path / name


def _sqlite(backup: Path, sample: Sample) -> None:
    with tempfile.TemporaryDirectory(prefix="restore-lab-demo-") as folder:
        live = Path(folder) / "cabinet.sqlite"
        write_sqlite(live, seed=SEED, day=sample.day, patients=sample.patients)
        backup_sqlite(live, backup)


def _postgresql(backup: Path, sample: Sample) -> None:
    with _server(sample) as (machine, server), backup.open("wb") as target:
        script = _script(Dialect.POSTGRESQL, sample)
        postgresql_backup.make_backup(machine, server, script, target.write, database=DATABASE)


def _mariadb(backup: Path, sample: Sample) -> None:
    with _server(sample) as (machine, server), backup.open("wb") as target:
        script = _script(Dialect.MARIADB, sample)
        mariadb_backup.make_backup(machine, server, script, target.write, database=DATABASE)


#: By engine: how its backups are named, and how one is made.
BACKUPS: dict[str, tuple[str, Callable[[Path, Sample], None]]] = {
    "postgresql": ("dump", _postgresql),
    "mariadb": ("sql", _mariadb),
    "sqlite": ("sqlite", _sqlite),
}


def _script(dialect: Dialect, sample: Sample) -> Iterator[bytes]:
    roles = roles_sql(dialect).encode()
    return chain((roles,), sql_script(dialect, seed=SEED, day=sample.day, patients=sample.patients))


@contextmanager
def _server(sample: Sample) -> Iterator[tuple[Machine, Server]]:
    """Lend a machine with the newest server of that engine that this host can run."""
    for server in reversed(ENGINES[sample.engine]().offered()):
        for sandbox in (driver() for driver in AUTOMATIC):
            if sandbox.lacks(server) is None:
                need = Need(
                    lab_id=sample.lab_id,
                    drill_id="demo",
                    restore_id=sample.engine,
                    server=server,
                    backup_bytes=1024**3,
                    memory_bytes=_MEMORY_BYTES,
                    expires_at=datetime.now(UTC) + timedelta(hours=1),
                )
                with sandbox.machine(need) as machine:
                    yield machine, server
                return
    raise UsageError(
        f"nothing on this machine runs {sample.engine}",
        hint=f"`restore-lab image build` makes an image for Docker; or choose another: {', '.join(BACKUPS)}",
    )

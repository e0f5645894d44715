"""One small container, and what Docker itself says of a lab's."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from needs import absent

from restore_lab import process
from restore_lab.sandboxes.base import Need, Server
from restore_lab.sandboxes.container.driver import Container

MIB = 1024 * 1024
IMAGE = "restore-lab/postgresql:15"
SERVER = Server(engine="postgresql", series="15", own_series=True, image=IMAGE, folders=(), programs=())


def small_need(lab_id: str) -> Need:
    """What is asked for; the engine and the image must be here."""
    if lacking := Container().lacks(SERVER):
        absent(lacking)
    return Need(
        lab_id=lab_id,
        drill_id="drill",
        restore_id="main",
        server=SERVER,
        backup_bytes=MIB,
        memory_bytes=128 * MIB,
        expires_at=datetime.now(UTC) + timedelta(minutes=10),
    )


def docker(*words: str) -> str:
    """What the command says; it must not fail."""
    done = process.run(("docker", *words), timeout_seconds=60, environment=dict(os.environ))
    assert done.exit_code == 0, done.stderr.decode()
    return done.stdout.decode()


def left_of(lab_id: str) -> list[str]:
    """The containers and volumes of a lab."""
    mine = ("--filter", f"label=restore-lab.lab={lab_id}", "--quiet")
    return docker("container", "ls", "--all", *mine).split() + docker("volume", "ls", *mine).split()

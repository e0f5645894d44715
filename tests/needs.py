"""What a test needs of its machine: what is absent skips it by name, and fails it in CI, where all must be there."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

from restore_lab.engines import ENGINES
from restore_lab.scenario import Auto


def absent(what: str) -> NoReturn:
    """End a test for what is not here."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"absent, and CI must have it: {what}")
    pytest.skip(f"absent: {what}")


def program(name: str) -> str:
    """Give the path of a program."""
    return shutil.which(name) or absent(name)


def docker_engine() -> None:
    """Need an engine that answers."""
    if not _engine_answers():
        absent("a Docker engine that answers")


def third_party(*names: str) -> Path:
    """Give the path of something among the databases nobody here wrote."""
    folder = os.environ.get("RESTORE_LAB_TEST_DATA")
    return Path(folder or absent("$RESTORE_LAB_TEST_DATA"), *names)


def server_of(engine: str) -> None:
    """Need a machine, of any kind that is there by itself, that runs a server of a database engine."""
    servers = ENGINES[engine]().offered()
    if not any(sandbox.lacks(server) is None for server in servers for sandbox in Auto().sandboxes()):
        absent(f"anything that runs {engine}")


@cache
def _engine_answers() -> bool:
    there = shutil.which("docker") is not None
    return there and subprocess.run(("docker", "info"), capture_output=True, check=False, timeout=60).returncode == 0

"""systemd itself reads the units: `systemd-analyze verify` finds nothing to say."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import time
from pathlib import Path

import pytest
from needs import program

from restore_lab.schedule.units import Job, Manager, service, timer


def _verified(folder: Path, manager: Manager, job: Job, *, mistyped: str = "") -> tuple[int, list[str]]:
    """Have systemd read both units; give its exit code and what it says of them."""
    program("systemd-analyze")
    texts = {"service": service(job, manager), "timer": timer(job)}
    for ending, text in texts.items():
        (folder / f"{job.name}.{ending}").write_text(text.replace("[Timer]", f"[Timer]\n{mistyped}"), "utf-8")
    done = subprocess.run(
        [
            "systemd-analyze",
            f"--{manager.value}",
            "verify",
            *(str(folder / f"{job.name}.{ending}") for ending in texts),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
    )
    return done.returncode, [line for line in done.stderr.splitlines() if job.name in line]


def _job(folder: Path, name: str, user: str) -> Job:
    lab = folder / name
    return Job(
        lab=lab,
        scenario="test annuel",
        command=(sys.executable,),
        at=time(5, 30),
        user=user,
        keys=(lab / "keys" / "signing-key.pem",),
        credentials={"MAIL": folder / "50 %.MAIL"},
        environment={"DOCKER_HOST": "unix:///run/user/1000/docker.sock"},
    )


@pytest.mark.parametrize("name", ["cabinet-exemple", 'Cabinet "50 %" d\'Été $HOME'])
@pytest.mark.parametrize(("manager", "user"), [(Manager.SYSTEM, ""), (Manager.SYSTEM, "daemon"), (Manager.USER, "")])
def test_systemd_finds_nothing_wrong_with_a_unit(tmp_path: Path, name: str, manager: Manager, user: str) -> None:
    assert _verified(tmp_path, manager, _job(tmp_path, name, user)) == (0, [])


def test_what_systemd_does_not_know_it_tells(tmp_path: Path) -> None:
    _, said = _verified(tmp_path, Manager.SYSTEM, _job(tmp_path, "lab", ""), mistyped="Persistant=true")

    assert any("Persistant" in line for line in said)

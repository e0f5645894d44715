"""The installed command on the sample lab: how it ended, what it made, and what drills hold on this host."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

COMMAND = Path(sys.executable).with_name("restore-lab")
MACHINES = (Path("/dev/shm"), Path("/var/tmp"))  # noqa: S108 - where local machines live


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in {"RESTORE_LAB", "NO_COLOR"}}


def restore_lab(*arguments: object, lab: Path | None = None) -> Ended:
    words = [str(COMMAND), *(("--lab", str(lab)) if lab else ()), *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, timeout=120, check=False, env=environment())
    return Ended(code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())


def at_rest(folder: Path) -> Path:
    """The sample lab with one drill in it; its backup rests, its machine is local."""
    for backup in (folder / "backups").iterdir():
        yesterday = time.time() - 1800
        os.utime(backup, (yesterday, yesterday))
    scenario = folder / "scenarios" / "annual" / "scenario.toml"
    scenario.write_text(scenario.read_text("utf-8").replace('kind = "auto"', 'kind = "local"'), "utf-8")
    return folder


def only_report(lab: Path) -> Path:
    return min(lab.glob("reports/*/*/report.pdf"))


def machines(lab: Path) -> set[Path]:
    """What drills of this lab hold on this host now; others may be at work too."""
    lab_id = hashlib.sha256(str(lab.resolve()).encode()).hexdigest()[:16]
    labels = (path for parent in MACHINES for path in parent.glob("restore-lab-*/label.json"))
    return {path.parent for path in labels if json.loads(path.read_text("utf-8"))["lab"] == lab_id}

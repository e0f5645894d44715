"""Labs whose drills run on a test node, and what is left there afterwards."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from node.container import ContainerNode

from restore_lab.demo import Sample, make_demo
from restore_lab.drill import Outcome
from restore_lab.engines.postgresql.engine import Postgresql
from restore_lab.errors import ExitCode
from restore_lab.findings import Code

COMMAND = Path(sys.executable).with_name("restore-lab")
ON_A_NODE = 'machine = { kind = "raspberry-pi", node = "pi" }'
POSTGRESQL_15 = tuple(server for server in Postgresql().offered() if server.series == "15")


def samples_in(folders: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A lab of each engine, made once; copy it, do not change it."""
    made: dict[str, Path] = {}

    def sample(engine: str) -> Path:
        if engine not in made:
            made[engine] = folders.mktemp("samples") / engine
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Postgresql, "offered", lambda _self: POSTGRESQL_15)  # what a node of Debian 12 has
                make_demo(made[engine], Sample(engine=engine, day=datetime.now(UTC).date()))
        return made[engine]

    return sample


Make = Callable[..., Path]


def labs_of(samples: Callable[[str], Path], folder: Path) -> Make:
    """A lab of its own, whose scenario asks for one kind of machine."""

    def make(engine: str, machine: str) -> Path:
        root = Path(shutil.copytree(samples(engine), folder / f"{engine}-{len(machine)}", copy_function=shutil.copy2))
        on_machine(root, machine)
        return root

    return make


def on_machine(root: Path, machine: str) -> None:
    path = root / "scenarios" / "annual" / "scenario.toml"
    text = path.read_text("utf-8")
    path.write_text(re.sub(r"^machine = .*$", machine, text, flags=re.MULTILINE), "utf-8")


def left_on(node: ContainerNode) -> list[str]:
    return [name for name in node.root("ls /dev/shm /var/tmp").split() if name.startswith("restore-lab-")]


def codes(outcome: Outcome) -> set[Code]:
    return {one.finding.code for one in outcome.evidence.findings}


def verifies(root: Path) -> None:
    done = subprocess.run(
        (str(COMMAND), "--lab", str(root), "register", "verify"), capture_output=True, check=False, timeout=60
    )
    assert done.returncode == ExitCode.PASSED, done.stdout

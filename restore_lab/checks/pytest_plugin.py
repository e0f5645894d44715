"""Loaded into the child that runs a scenario's test_*.py: the fixtures `host` and `database`, and the outcomes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import testinfra.host
from testinfra.backend.base import BaseBackend, CommandResult

from restore_lab.checks.pytest_checks import OUTCOMES, RESTORED
from restore_lab.engines import ENGINES
from restore_lab.engines.base import Database
from restore_lab.sandboxes import attach
from restore_lab.sandboxes.base import Handle, Machine, Server

_seen: dict[str, str] = {}


class MachineBackend(BaseBackend):  # type: ignore[misc]
    """testinfra's one seam, `run`, over our own machine: same limits, same seal, no second way in."""

    NAME = "restore-lab"

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine.handle.label)
        self.machine = machine

    def run(self, command: str, *args: str, **_kwargs: object) -> CommandResult:
        """Run a shell command inside the machine; it goes in by stdin: arguments are seen by all of this host."""
        line = self.get_command(command, *args)
        done = self.machine.run(("/bin/sh", "-c", 'eval "$(cat)"'), timeout_seconds=60, stdin=(line.encode(),))
        return self.result(done.exit_code, self.encode(line), done.stdout, done.stderr)


def _where() -> tuple[Machine, Server, str]:
    where = json.loads(os.environ[RESTORED])
    handle = Handle(**where["handle"])
    return attach(handle), Server(**where["server"]), where["engine"]


@pytest.fixture(scope="session")
def host() -> testinfra.host.Host:
    """Give testinfra's `host`, on the machine that holds the restored data."""
    return testinfra.host.Host(MachineBackend(_where()[0]))


@pytest.fixture(scope="session")
def database() -> Database:
    """The restored database; `database.query(sql)` answers under the reading role."""
    machine, server, engine = _where()
    return ENGINES[engine]().attach(machine, server)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note a test's outcome under its function's name; a parameter could be data, so it is left out."""
    name = report.location[2].partition("[")[0].rpartition(".")[2]  # a parameter may hold any sign, also `::`
    worst = {"passed": 0, "skipped": 1, "failed": 2}
    outcome = "failed" if report.failed and report.when == "call" else "broken" if report.failed else report.outcome
    if outcome == "passed" and report.when != "call":
        return
    if worst.get(outcome, 3) >= worst.get(_seen.get(name, "passed"), 3):
        _seen[name] = outcome


def pytest_sessionfinish() -> None:
    """Leave the outcomes where the drill reads them."""
    Path(os.environ[OUTCOMES]).write_text(json.dumps(_seen), "utf-8")

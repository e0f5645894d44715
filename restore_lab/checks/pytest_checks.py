"""`pytest`: the scenario's own test_*.py, run in a child without secrets; only names and outcomes come back."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from restore_lab import process
from restore_lab.checks.base import Answer, Restored
from restore_lab.findings import Code, Finding, finding
from restore_lab.sandboxes.local.folder import labelled_folder
from restore_lab.settings import STRICT, LabPath

OUTCOMES = "RESTORE_LAB_OUTCOMES"
RESTORED = "RESTORE_LAB_RESTORED"
#: After a command that failed a machine looks at itself: one that broke under a test has failed none.
_FAILING = ("/bin/false",)
_FAILING_SECONDS = 60.0
#: pytest's own exit codes: all passed, some failed (pytest manual, "Exit codes").
_RAN = (0, 1)
#: What the child needs of ours to find the machine again: which engine lends it.
_PASSED_ON = ("DOCKER_HOST",)


@dataclass(frozen=True, kw_only=True, slots=True)
class PytestChecks:
    """Tests in `path`, a file or a folder; they get `host` (testinfra on the machine) and `database` (`query`)."""

    __pydantic_config__ = STRICT

    kind: Literal["pytest"] = "pytest"
    title: str = "pytest"
    path: LabPath
    timeout_seconds: int = 600

    @property
    def proves_data(self) -> bool:
        """The operator asked about the practice's own data."""
        return True

    def ask(self, restored: Restored) -> Answer:
        """See `Check.ask`; a run that collected nothing is broken, not passed.

        Raises:
            MachineFailed: the machine broke meanwhile, so that its tests say nothing.
        """
        with labelled_folder(restored.lab_id, restored.drill_id, purpose="pytest") as folder:
            outcomes = folder / "outcomes.json"
            environment = {
                **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                "PATH": os.defpath,
                "HOME": str(folder),
                "LANG": "C.UTF-8",
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "PYTHONDONTWRITEBYTECODE": "1",
                OUTCOMES: str(outcomes),
                RESTORED: json.dumps(_where(restored)),
            }
            done = process.run(self._argv(folder), timeout_seconds=self.timeout_seconds, environment=environment)
            seen: dict[str, str] = json.loads(outcomes.read_text("utf-8")) if outcomes.exists() else {}
        if done.exit_code != 0:
            restored.machine.run(_FAILING, timeout_seconds=_FAILING_SECONDS)
        return Answer(asked=len(seen), findings=tuple(self._judged(seen, exit_code=done.exit_code)))

    def _argv(self, folder: Path) -> tuple[str, ...]:
        dying_with_us = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv", path=os.defpath) else ()
        plugin = ("-p", "restore_lab.checks.pytest_plugin", "-p", "no:cacheprovider")
        quiet = ("--quiet", "--tb=no", "--no-header", "--capture=fd", f"--basetemp={folder}/base")
        where = (f"--rootdir={self.path.parent}", str(self.path))
        return (*dying_with_us, sys.executable, "-m", "pytest", *plugin, *quiet, *where)

    def _judged(self, seen: dict[str, str], *, exit_code: int) -> Iterator[Finding]:
        if not seen or exit_code not in _RAN:
            yield finding(Code.PYTEST_BROKEN, name=self.title, exit=exit_code)
        for name, outcome in seen.items():
            if outcome == "failed":
                yield finding(Code.PYTEST_FAILED, name=name)
            elif outcome != "passed":
                yield finding(Code.PYTEST_BROKEN, name=name)


def _where(restored: Restored) -> dict[str, Any]:
    return {
        "handle": asdict(restored.machine.handle),
        "server": asdict(restored.server),
        "engine": restored.engine.kind,
    }

"""What a drill prints, kept whole: its progress as on a terminal, its end, what its children say beside it.

The terminal is one that takes neither colours nor controls (TERM=dumb), so that none of these is ours.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Final
from unittest.mock import patch

from restore_lab import cli, drill
from restore_lab.cli.display import summarise, watching
from restore_lab.drill import Outcome
from restore_lab.errors import RestoreLabError
from restore_lab.events import Event
from restore_lab.lab import load_lab
from restore_lab.scenario import load_scenario

_TERMINAL: Final = {"TERM": "dumb", "TTY_COMPATIBLE": "1", "FORCE_COLOR": "1", "COLUMNS": "200"}
#: Asked after a drill: each tells of backups, or of what came of them.
_AFTERWARDS: Final = (("points", "--scenario", "annual"), ("status",), ("register", "list"))


@contextmanager
def kept() -> Iterator[Callable[[], bytes]]:
    """Keep what this process and its children write to stdout and stderr; give a way to read it."""
    with tempfile.TemporaryFile() as file, patch.dict(os.environ, _TERMINAL):
        before = {number: os.dup(number) for number in (1, 2)}
        for number in before:
            os.dup2(file.fileno(), number)
        stream = os.fdopen(os.dup(file.fileno()), "w", encoding="utf-8", errors="surrogateescape")
        with stream, redirect_stdout(stream), redirect_stderr(stream):
            try:
                yield lambda: _read(file.fileno())
            finally:
                for number, own in before.items():
                    os.dup2(own, number)
                    os.close(own)


def _read(descriptor: int) -> bytes:
    sys.stdout.flush()
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def drilled(root: Path, hear: Callable[[Event], None]) -> Outcome:
    """Run the drill of a lab as `restore-lab run` does, but for the mail: it shows its progress and its end."""
    lab = load_lab(root)
    scenario = load_scenario(lab, "annual")
    with watching() as show:

        def listen(event: Event) -> None:
            hear(event)
            show(event)

        outcome = drill.run(lab, scenario, asked_for="latest", listen=listen)
    summarise(outcome)
    return outcome


def asked_afterwards(root: Path) -> None:
    """Ask what people ask of a lab after its drill."""
    for words in _AFTERWARDS:
        with suppress(RestoreLabError):
            cli.group.main(("--lab", str(root), *words), prog_name="restore-lab", standalone_mode=False)

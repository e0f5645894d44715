"""The installed command, held at one place of a drill until it is told to go on: `gate.py PLACE LAB READY GO WORD ...`.

Nothing of the command is changed. An audit hook (PEP 578) sees each file it opens, each process it starts and each
address it connects to, and holds the main thread at the first such event of the place.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Final

#: Stages that are told by the drill's own log.
_LOGGED: Final = {"find": "find", "start": "start", "load": "load", "check": "ask", "destroy": "destroy"}
_ENTERED: Final = '"what": "entered", "fields": {"stage": "'
_WRITING: Final = os.O_WRONLY | os.O_RDWR


class Gate:
    """An audit hook that says once on `ready` that the place is reached, and waits there for a byte on `go`."""

    def __init__(self, place: str, lab: str, ready: int, go: int) -> None:
        self.place, self.lab, self.ready, self.go = place, lab, ready, go
        self.log = ""
        self.looking = self.passed = self.sealing = False
        self.locks = 0

    def __call__(self, what: str, arguments: tuple[object, ...]) -> None:
        if self.passed or self.looking or threading.current_thread() is not threading.main_thread():
            return
        self.looking = True
        try:
            self.passed = self._reached(what, arguments)
        finally:
            self.looking = False
        if self.passed:
            os.write(self.ready, b".")
            os.read(self.go, 1)

    def _reached(self, what: str, arguments: tuple[object, ...]) -> bool:
        if what == "open":
            return self._opens(str(arguments[0]), int(str(arguments[2])))
        if self.place == "deliver" and what == "socket.connect":
            return "127.0.0.1" in str(arguments[1])
        return self._stage()

    def _opens(self, path: str, flags: int) -> bool:
        if path.endswith("/drill.log"):
            self.log = path
            return False
        if path.endswith("/reports/.lock"):
            self.locks += 1
            return self.place == f"lock {self.locks}"
        if self.place == "fetch":
            return path.startswith(f"{self.lab}/backups/")
        self.sealing |= bool(flags & _WRITING) and path.endswith("/.evidence.dsse.json.new")
        if self.place == "register":
            return self.sealing and path.endswith("/register.jsonl") and bool(flags & _WRITING)
        return self.sealing if self.place == "sign" else self._stage()

    def _stage(self) -> bool:
        """Whether the stage that the log was told last is the one of the place."""
        if self.place not in _LOGGED or not self.log or not Path(self.log).exists():
            return False
        entered = [line for line in Path(self.log).read_text("ascii").splitlines() if _ENTERED in line]
        return bool(entered) and f'{_ENTERED}{_LOGGED[self.place]}"' in entered[-1]


def main() -> None:
    place, lab, ready, go, *words = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as at a terminal, whoever started us
    os.environ.pop("LD_PRELOAD", None)  # a false clock is this process's own
    sys.argv = ["restore-lab", *words]
    from restore_lab.cli import main as command  # noqa: PLC0415 - before the hook there is nothing to see

    sys.addaudithook(Gate(place, lab, int(ready), int(go)))
    command()


if __name__ == "__main__":
    main()

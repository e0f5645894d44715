"""A drill's own log: events and errors of ours as JSON lines, mode 0600. Raw text of a backup never reaches it."""

from __future__ import annotations

import json
import os
import traceback
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from restore_lab.events import BytesRead, Event

NAME = "drill.log"
_OURS = str(Path(__file__).parent)


#: How long a log is kept; the evidence stays.
KEPT_FOR = timedelta(days=400)


def prune(reports: Path, *, now: datetime) -> int:
    """Delete the logs that are older than `KEPT_FOR`, and say how many."""
    old = [path for path in reports.glob(f"*/*/{NAME}") if path.stat().st_mtime < (now - KEPT_FOR).timestamp()]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


@dataclass(frozen=True, slots=True)
class Journal:
    """One log file, opened for every line: a killed drill leaves all it wrote."""

    path: Path

    def hear(self, event: Event) -> None:
        """Note an event; bytes read are for the eyes only."""
        if not isinstance(event, BytesRead):
            self.note(type(event).__name__.lower(), asdict(event))

    def fault(self, error: BaseException) -> None:
        """Note an error as its class and where in our code it passed; not its text, which may quote a row."""
        frames = [
            f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename.startswith(_OURS)
        ]
        self.note("fault", {"class": type(error).__name__, "frames": frames})

    def note(self, what: str, fields: object) -> None:
        """Append one line, with the time (UTC)."""
        line = json.dumps({"at": datetime.now(UTC).isoformat(), "what": what, "fields": fields}, ensure_ascii=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(line + "\n")

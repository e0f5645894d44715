"""A live SQLite database, reached by its file: copied into a child's memory by SQLite's own online backup, then asked.

A reader that stays would make writers of a database without write-ahead logging wait; the backup lets them in between
its steps. The child is the one that reads restored files. Source: https://www.sqlite.org/backup.html.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from restore_lab import process
from restore_lab.engines.sqlite.engine import CHILD, counted_keys, counted_tables
from restore_lab.errors import EngineFailed
from restore_lab.findings import safe_text
from restore_lab.live.base import ALL_SECONDS, EACH_SECONDS, Asked, Seen, unanswered

_WAL: Final = b"\2\2"


@dataclass(frozen=True, slots=True)
class DatabaseFile:
    """The file itself, by its absolute path; opened for reading only, and nothing is left beside it."""

    path: Path
    each_seconds: int = EACH_SECONDS
    engine: str = "sqlite"

    def read(self, asked: Asked) -> Seen:
        """See `LiveDatabase.read`; it takes as much memory as the file has bytes."""
        at_rest, before = self._is_at_rest(), self._state()
        answer = self._answer("live_at_rest" if at_rest else "live", asked)
        if at_rest and self._state() != before:
            raise EngineFailed("the live database was opened meanwhile", hint="no fingerprint was taken; try again")
        if "refused" in answer:
            code = safe_text(str(answer["refused"]), 32)
            raise unanswered(_about(answer.get("about"), asked), code, each_seconds=self.each_seconds)
        return Seen(
            vendor="sqlite",
            version=sqlite3.sqlite_version,
            server_at=None,
            tables=counted_tables(answer["tables"]),
            keys=counted_keys(answer["keys"]) if asked.keys else None,
            answers=tuple([tuple(row) for row in rows] for rows in answer["answers"]),
        )

    def _is_at_rest(self) -> bool:
        """Tell whether it is in write-ahead mode and nobody has it open: an ordinary reader would make its log anew.

        Source: https://www.sqlite.org/wal.html, "Read-Only Databases"; file format, section 1.3.3.
        """
        with self.path.open("rb") as stream:
            return stream.read(20)[18:] == _WAL and not self._log.exists()

    def _state(self) -> tuple[int, int, int, bool]:
        seen = self.path.stat()
        return seen.st_ino, seen.st_size, seen.st_mtime_ns, self._log.exists()

    @property
    def _log(self) -> Path:
        return self.path.with_name(f"{self.path.name}-wal")

    def _answer(self, question: str, asked: Asked) -> dict[str, Any]:
        statements = [one.statement for one in asked.questions]
        text = json.dumps({"keys": asked.keys, "questions": statements, "seconds": self.each_seconds})
        done = process.run(
            (sys.executable, "-I", "-c", CHILD, question, str(self.path)),
            timeout_seconds=ALL_SECONDS,
            stdin=(text.encode(),),
        )
        try:
            answer: dict[str, Any] = json.loads(done.stdout)
        except ValueError as error:
            raise EngineFailed(f"the child that reads SQLite gave no answer (exit {done.exit_code})") from error
        return answer


def _about(which: object, asked: Asked) -> str:
    if isinstance(which, int):
        return asked.questions[which].title
    return {"copy": "a copy of one state", "keys": "foreign keys"}.get(str(which), "the file itself")

"""The outbox: mails that wait, as files (0600) that survive a power cut, each with a note of its attempts.

`reports/outbox/<drill>.eml` is the mail as it goes over the wire; `<drill>.json` beside it holds the attempts. What
everybody got leaves for the drill's own folder. Whether somebody got it is not said here but by the register.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from restore_lab.durable import alone, replace_durably
from restore_lab.errors import RestoreLabError

FOLDER: Final = "outbox"
#: After the first attempt, the second, ...: how long `run` waits before the next one; then the last of these.
_BACK_OFF: Final = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 60, 4 * 60, 12 * 60, 24 * 60))
#: Older attempts are counted by nobody.
_KEPT_ATTEMPTS: Final = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One attempt that did not reach everybody, and why."""

    at: datetime
    fault: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """One mail that waits."""

    drill: str
    message: bytes
    attempts: tuple[Attempt, ...]

    def due(self, now: datetime) -> bool:
        """Tell whether the back-off after the last attempt is over; a clock set back does not make it longer."""
        if not self.attempts:
            return True
        pause = _BACK_OFF[min(len(self.attempts), len(_BACK_OFF)) - 1]
        return not timedelta() <= now - self.attempts[-1].at < pause


@dataclass(frozen=True, slots=True)
class Outbox:
    """The mails of one lab that wait in `folder`."""

    folder: Path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the only right to send what lies here, across processes.

        Raises:
            RestoreLabError: the folder cannot be written, or another process does not let go of it.
        """
        with ExitStack() as stack:
            with _on_disk(self.folder):
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                try:
                    stack.enter_context(alone(self.folder / ".lock", mode=0o600))
                except TimeoutError as error:
                    raise RestoreLabError(
                        f"the outbox {self.folder} is {error.strerror}", hint="it may be sending this very mail"
                    ) from error
            yield

    def put(self, drill: str, message: bytes) -> None:
        """Keep a mail durably, in place of one of the same drill; its attempts stay.

        Raises:
            RestoreLabError: the disk did not take it.
        """
        with _on_disk(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_durably(self._mail(drill), message, mode=0o600)

    def waiting(self) -> tuple[Waiting, ...]:
        """Give every mail that waits, oldest drill first.

        Raises:
            RestoreLabError: one cannot be read.
        """
        with _on_disk(self.folder):
            return tuple(
                Waiting(drill=path.stem, message=path.read_bytes(), attempts=self._attempts(path.stem))
                for path in sorted(self.folder.glob("[!.]*.eml"))
            )

    def note(self, drill: str, attempt: Attempt) -> None:
        """Note an attempt that did not reach everybody.

        Raises:
            RestoreLabError: the disk did not take it.
        """
        attempts = (*self._attempts(drill), attempt)[-_KEPT_ATTEMPTS:]
        plain = [{"at": one.at.isoformat(), "fault": one.fault} for one in attempts]
        with _on_disk(self.folder):
            data = json.dumps({"drill": drill, "attempts": plain}, indent=2, ensure_ascii=False).encode()
            replace_durably(self._notes(drill), data + b"\n", mode=0o600)

    def move_out(self, drill: str, target: Path) -> None:
        """Take out a mail that everybody got, and keep it as `target`.

        Raises:
            RestoreLabError: the disk did not take it.
        """
        with _on_disk(self.folder):
            self._notes(drill).unlink(missing_ok=True)
            self._mail(drill).replace(target)

    def _attempts(self, drill: str) -> tuple[Attempt, ...]:
        """Read the note; a spoilt one is none: a mail is never lost, nor held back, for its note."""
        try:
            plain = json.loads(self._notes(drill).read_bytes())
            read = [Attempt(at=datetime.fromisoformat(one["at"]), fault=one["fault"]) for one in plain["attempts"]]
        except (OSError, ValueError, KeyError, TypeError):
            return ()
        return tuple(one for one in read if one.at.tzinfo is not None)

    def _mail(self, drill: str) -> Path:
        return self.folder / f"{drill}.eml"

    def _notes(self, drill: str) -> Path:
        return self.folder / f"{drill}.json"


@contextmanager
def _on_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RestoreLabError(
            f"the outbox {folder} cannot be used: {error.strerror}", hint="is the disk full, or the folder another's?"
        ) from error

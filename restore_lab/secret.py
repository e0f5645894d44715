"""Secrets that a lab's files point to and never hold: where each is kept, and how it is fetched when it is needed."""

from __future__ import annotations

import getpass
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path

from restore_lab import process
from restore_lab.errors import ConfigurationError, MachineFailed
from restore_lab.settings import STRICT, LabPath

_TERMINAL = "/dev/tty"
#: A password manager may ask its owner for a word first.
_COMMAND_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """A reference to a secret, never the secret; exactly one of these.

    `{ env = "NAME" }` (for a scheduled drill, which has no environment of its operator's, a systemd credential of that
    name), `{ file = "path" }` (mode 0600 checked), `{ command = ["pass", "show", "lab"] }` (what it writes; no shell,
    our own environment), `{ prompt = true }` (typed at the terminal, once for each command).
    """

    __pydantic_config__ = STRICT

    env: str | None = None
    file: LabPath | None = None
    command: tuple[str, ...] = ()
    prompt: bool = False

    def __post_init__(self) -> None:
        """Refuse a reference to nothing, or to two things."""
        if [self.env is not None, self.file is not None, bool(self.command), self.prompt].count(True) != 1:
            raise ValueError("name exactly one of env, file, command, prompt")

    def __repr__(self) -> str:
        """Never more than this."""
        return "***"

    def reveal(self, what: str) -> bytes:
        """Fetch the secret, without its final newline; `what` it is, as whoever is to type it is asked.

        Raises:
            ConfigurationError: it is not there, others could read it, its command failed, or nobody can be asked.
        """
        if self.env is not None:
            return _from_environment(self.env)
        if self.file is not None:
            return _from_file(self.file)
        return _from_command(self.command) if self.command else _typed(what)


def secrets_of(value: object) -> Iterator[Secret]:
    """Find every reference to a secret in settings, however deep it lies."""
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from secrets_of(one)
    elif is_dataclass(value):
        for one in fields(value):
            yield from secrets_of(getattr(value, one.name))


def _from_environment(name: str) -> bytes:
    """Read a variable, else the systemd credential of that name (systemd.exec(5), LoadCredential=)."""
    if name in os.environ:
        return os.environb[name.encode()]
    with suppress(KeyError, OSError):
        return (Path(os.environ["CREDENTIALS_DIRECTORY"]) / name).read_bytes().removesuffix(b"\n")
    raise ConfigurationError(f"the environment has no {name}", hint="a secret is read from it")


def _from_file(path: Path) -> bytes:
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigurationError(f"{path} is readable by others", hint=f"chmod 600 {path}")
        return path.read_bytes().removesuffix(b"\n")
    except OSError as error:
        raise ConfigurationError(f"secret file {path}: {error.strerror}") from error


def _from_command(argv: Sequence[str]) -> bytes:
    """Run a command and take what it writes; what it says of an error may quote the secret, and is not shown."""
    try:
        done = process.run(argv, timeout_seconds=_COMMAND_SECONDS, environment=dict(os.environ))
    except (MachineFailed, TimeoutError) as error:
        raise ConfigurationError(f"no secret from the command {argv[0]}: {error}") from error
    if done.exit_code != 0 or not done.stdout:
        hint = "run it by hand: it must write the secret and end with 0"
        raise ConfigurationError(f"no secret from the command {argv[0]}: it ended with {done.exit_code}", hint=hint)
    return done.stdout.removesuffix(b"\n")


@cache
def _typed(what: str) -> bytes:
    """Ask at the terminal, once for each thing that a command wants, however often its lab's files are read."""
    try:
        os.close(os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY))
    except OSError as error:
        hint = "a drill that starts by itself needs { file = } or { command = [] } in lab.toml"
        raise ConfigurationError(f"the {what} is to be typed, and there is no terminal", hint=hint) from error
    return getpass.getpass(f"{what}: ").encode()

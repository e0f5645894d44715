"""A scenario: which places are restored, on what machine, and what is asked. Read from `scenario.toml`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from restore_lab.acceptance import Accept
from restore_lab.checks import CHECKS
from restore_lab.checks.base import Check
from restore_lab.checks.sql import Sql
from restore_lab.engines import ENGINES
from restore_lab.engines.base import Engine
from restore_lab.errors import ConfigurationError
from restore_lab.lab import Lab
from restore_lab.sandboxes import AUTOMATIC, SANDBOXES
from restore_lab.sandboxes.base import Hosting, Sandbox
from restore_lab.settings import STRICT, OneOf, read_toml

FILE_NAME = "scenario.toml"
#: A fingerprint that is a month from its backup says little of it.
_MOST_FINGERPRINT_HOURS = 31 * 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Auto:
    """A container when the engine answers and the matching image is there, else a local machine."""

    __pydantic_config__ = STRICT

    kind: Literal["auto"] = "auto"

    def sandboxes(self) -> tuple[Sandbox, ...]:
        """Give every kind with its default settings, preferred first."""
        return tuple(driver() for driver in AUTOMATIC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Application:
    """An application to run on top of the restored database, for checks of kind `http`; only containers host one.

    It listens on `port` of the loopback and must show a first page within `ready_seconds`; `memory_mb` is its own.
    """

    __pydantic_config__ = STRICT

    image: str
    port: int = 8080
    ready_seconds: int = 60
    memory_mb: int = 512

    def __post_init__(self) -> None:
        """Refuse a port that an ordinary user cannot hold, or that the database has."""
        if not 1024 <= self.port <= 65535 or self.port in {3306, 5432}:
            raise ValueError("`port` is 1024 to 65535, and neither 3306 nor 5432, where the database is")
        if not 1 <= self.ready_seconds <= 600:
            raise ValueError("`ready_seconds` is 1 to 600")
        if self.memory_mb < 64:
            raise ValueError("`memory_mb` is 64 or more")


@dataclass(frozen=True, kw_only=True, slots=True)
class Restore:
    """One backup to bring back. Without `engine` the dump itself says which; `memory_mb` is the machine's.

    `identity` is a statement for one value that no other practice has and that never changes. A fingerprint of the live
    database is compared when it was taken at most `fingerprint_within_hours` before or after the backup; of several,
    the nearest.
    """

    __pydantic_config__ = STRICT

    place: str
    check: tuple[Annotated[Check, OneOf(CHECKS)], ...]
    engine: Annotated[Engine, OneOf(ENGINES)] | None = None
    machine: Annotated[Sandbox | Auto, OneOf({"auto": Auto, **SANDBOXES})] = Auto()
    memory_mb: int = 2048
    objective_rto_seconds: int | None = None
    identity: str | None = None
    fingerprint_within_hours: float = 24
    application: Application | None = None

    def __post_init__(self) -> None:
        """Refuse a restore that asks nothing, two questions of one title, and an application nobody can or does ask."""
        titles = ["fingerprint", *(check.title for check in self.check), *(("identity",) if self.identity else ())]
        if self.identity is not None and not self.identity.strip():
            raise ValueError("identity is a statement; leave it out where there is none")
        if not self.check:
            raise ValueError("a restore without a question proves nothing: add a [[restore.check]]")
        if len(set(titles)) != len(titles):
            raise ValueError("two questions have the same title, or that of one of ours; give each its own")
        if not 0 < self.fingerprint_within_hours <= _MOST_FINGERPRINT_HOURS:
            raise ValueError(f"`fingerprint_within_hours` is more than 0, and {_MOST_FINGERPRINT_HOURS} at most")
        if any(check.kind == "documents" for check in self.check) and not (self.engine and self.engine.archives):
            raise ValueError('a question about documents needs a restore of them: engine = { kind = "files" }')
        if any(check.kind == "http" for check in self.check) != (self.application is not None):
            raise ValueError("a question of kind http and a [restore.application] need each other")
        if self.application is not None and not self.sandboxes:
            raise ValueError('an application runs beside a container alone: machine = { kind = "container" }')

    @property
    def sandboxes(self) -> tuple[Sandbox, ...]:
        """The kinds of machine this restore may run on, preferred first; beside an application, those that host one."""
        kinds = self.machine.sandboxes() if isinstance(self.machine, Auto) else (self.machine,)
        return tuple(kind for kind in kinds if self.application is None or isinstance(kind, Hosting))

    @property
    def compared(self) -> tuple[Sql, ...]:
        """The questions whose answers are held against the live database."""
        return tuple(check for check in self.check if isinstance(check, Sql) and check.same_as_fingerprint)

    @property
    def needs_secret(self) -> bool:
        """Whether any answer is compared under the lab's secret."""
        return self.identity is not None or bool(self.compared)

    @property
    def engines(self) -> tuple[Engine, ...]:
        """The engines asked whether they recognise the dump; one that takes archives whole must be named."""
        if self.engine:
            return (self.engine,)
        return tuple(engine for engine in (kind() for kind in ENGINES.values()) if not engine.archives)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScenarioFile:
    """The whole of `scenario.toml`; `every_days` is when the next test is due after a passed one.

    `accept` names findings that weigh less for a time.
    """

    __pydantic_config__ = STRICT

    title: str
    restore: tuple[Restore, ...]
    every_days: int = 365
    accept: tuple[Accept, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a scenario that restores nothing, and one that is never due again."""
        if not self.restore:
            raise ValueError("a scenario without a [[restore]] tests nothing")
        if not 1 <= self.every_days <= 3660:
            raise ValueError("`every_days` is 1 to 3660")
        named, opened = (self._asking(kind) for kind in ("document_names", "documents"))
        if named and (named, opened) != (1, 1):
            raise ValueError("document_names is asked once, and needs one restore with a question of kind documents")

    @property
    def crosses(self) -> bool:
        """Whether what one restore names is looked for in another."""
        return self._asking("document_names") > 0

    def _asking(self, kind: str) -> int:
        return sum(check.kind == kind for restore in self.restore for check in restore.check)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """A scenario as a drill runs it; `sha256` covers every file of its folder."""

    name: str
    settings: ScenarioFile
    sha256: str


def load_scenario(lab: Lab, name: str) -> Scenario:
    """Read scenario `name` of a lab; relative paths in it start at the scenario's own folder.

    Raises:
        ConfigurationError: there is none of that name, it is not what it must be, or names a place the lab has not.
    """
    folder = lab.root / "scenarios" / name
    if not (folder / FILE_NAME).is_file() or Path(name).name != name:
        known = sorted(path.parent.name for path in (lab.root / "scenarios").glob(f"*/{FILE_NAME}"))
        raise ConfigurationError(f"{lab.root} has no scenario {name!r}", hint=f"it has: {', '.join(known) or 'none'}")
    settings = read_toml(folder / FILE_NAME, ScenarioFile, root=folder)
    for restore in settings.restore:
        if lab.place(restore.place).backup is None:
            raise ConfigurationError(f"the place {restore.place!r} has no backup to restore", hint="see lab.toml")
    return Scenario(name=name, settings=settings, sha256=_digest(folder))


def _digest(folder: Path) -> str:
    """Hash a folder as its sorted `sha256  path` manifest (the form of sha256sum(1))."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    lines = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n" for path in files
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()

"""A lab: the practice, its people, where its patients' data live, how evidence is sealed. Read from `lab.toml`."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from restore_lab.errors import ConfigurationError
from restore_lab.evidence import People
from restore_lab.opening import Days
from restore_lab.sandboxes.base import Sandbox
from restore_lab.sandboxes.local.driver import Local
from restore_lab.secret import Secret
from restore_lab.settings import STRICT, LabPath, OneOf, read_toml
from restore_lab.sources import SOURCES
from restore_lab.sources.base import Source

FILE_NAME = "lab.toml"
_PLACE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
#: A mail address as servers take it everywhere: ASCII, nothing that needs quoting (a part of RFC 5321, 4.1.2).
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_HOST = re.compile(r"[A-Za-z0-9.:_-]{1,253}")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, kw_only=True, slots=True)
class Closure:
    """Days on which nothing is entered, first and last included."""

    __pydantic_config__ = STRICT

    first: date
    last: date
    why: str = ""

    def __post_init__(self) -> None:
        """Refuse a closure that ends before it begins."""
        if self.last < self.first:
            raise ValueError("`last` is before `first`")


@dataclass(frozen=True, kw_only=True, slots=True)
class Practice:
    """The practice; opening days and closures decide from when on missing entries are worth a word."""

    __pydantic_config__ = STRICT

    name: str
    doctor: str
    timezone: str = "Europe/Paris"
    opening_days: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")
    closures: tuple[Closure, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a time zone nobody knows, and a practice that never opens."""
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"unknown time zone {self.timezone}; for example Europe/Paris") from error
        if not self.opening_days:
            raise ValueError("a practice is open on at least one day")

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which naive timestamps are read."""
        return ZoneInfo(self.timezone)

    @property
    def days(self) -> Days:
        """On which days entries are expected."""
        return Days(
            zone=self.zone,
            weekdays=frozenset(_WEEKDAYS.index(day) for day in self.opening_days),
            closures=tuple((closure.first, closure.last) for closure in self.closures),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Contractor:
    """Who runs the drills, and whom the doctor calls."""

    __pydantic_config__ = STRICT

    name: str
    phone: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """This machine: whose it is and what it does otherwise. `production` refuses local machines."""

    __pydantic_config__ = STRICT

    role: Literal["contractor", "practice", "test node", "production"] = "contractor"
    owner: str = ""

    def refuses(self, sandbox: Sandbox) -> str | None:
        """Say why this host may not lend that kind of machine, or None when it may."""
        if self.role == "production" and isinstance(sandbox, Local):
            return "local: refused, this host is in production (`role` in lab.toml)"
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A place where patients' data live. Without a `backup` it can never be tested, and every report says so."""

    __pydantic_config__ = STRICT

    name: str
    label: str
    backup: Annotated[Source, OneOf(SOURCES)] | None = None
    backup_every_days: float = 1.0
    key_supplied_by: str = ""

    def __post_init__(self) -> None:
        """Refuse a name that could not name a machine."""
        if not _PLACE_NAME.fullmatch(self.name):
            raise ValueError("a place's name takes 1 to 32 lower-case letters, digits and hyphens")


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """The key that seals evidence, and the time-stamp authority (RFC 3161) to ask, if any."""

    __pydantic_config__ = STRICT

    key: LabPath
    certificate: LabPath
    secret: LabPath | None = None
    passphrase: Secret | None = None
    authority: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """How the report is written."""

    __pydantic_config__ = STRICT

    language: Literal["fr", "en"] = "fr"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """To whom the result of each drill is mailed, and through which server; without it nothing is sent.

    `none` sends in clear and is for a server on this very machine only. With a `ca_file`, no other authority counts.
    """

    __pydantic_config__ = STRICT

    host: str
    sender: str
    to: str | tuple[str, ...]
    copy_to: str | tuple[str, ...] = ()
    port: int | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: Secret | None = None
    ca_file: LabPath | None = None
    attach_report: bool = True

    def __post_init__(self) -> None:
        """Refuse addresses that are none, a login by halves, and sending in clear to another machine."""
        if not _HOST.fullmatch(self.host) or (self.port is not None and not 0 < self.port < 65536):
            raise ValueError("`host` is a name or an address alone; `port`, where it is needed, 1 to 65535")
        if not self.recipients:
            raise ValueError("`to` names nobody")
        for address in (self.sender, *self.recipients, *self.copies):
            if not _ADDRESS.fullmatch(address):
                raise ValueError(f"{address!a} is no plain mail address, such as cabinet@example.org")
        if bool(self.user) != (self.password is not None):
            raise ValueError("`user` and `password` go together")
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError('security = "none" sends in clear: only to this machine (localhost)')

    @property
    def recipients(self) -> tuple[str, ...]:
        """Whom the mail is for."""
        return (self.to,) if isinstance(self.to, str) else self.to

    @property
    def copies(self) -> tuple[str, ...]:
        """Who gets a copy."""
        return (self.copy_to,) if isinstance(self.copy_to, str) else self.copy_to

    @property
    def everybody(self) -> tuple[str, ...]:
        """All who get the mail, each once."""
        return tuple(dict.fromkeys((*self.recipients, *self.copies)))

    @property
    def server_port(self) -> int:
        """The port named, else the usual one (RFC 8314, RFC 6409; 25 on this machine)."""
        return self.port or {"starttls": 587, "tls": 465, "none": 25}[self.security]


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine by its name or address alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, kw_only=True, slots=True)
class LabFile:
    """The whole of `lab.toml`."""

    __pydantic_config__ = STRICT

    practice: Practice
    contractor: Contractor
    signature: Signature
    place: tuple[Place, ...]
    host: Host = field(default_factory=Host)
    report: Report = field(default_factory=Report)
    mail: Mail | None = None

    def __post_init__(self) -> None:
        """Refuse a lab without places, and two places of one name."""
        names = [place.name for place in self.place]
        if not names or len(set(names)) != len(names):
            raise ValueError("name every place where patients' data live, each once ([[place]])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lab:
    """A lab folder and its settings."""

    root: Path
    settings: LabFile

    @property
    def lab_id(self) -> str:
        """Tells this folder's machines from those of other labs on the same host."""
        return lab_id_of(self.root)

    @property
    def reports(self) -> Path:
        """Folder of the register and of every drill's files."""
        return self.root / "reports"

    @property
    def people(self) -> People:
        """Who the evidence names."""
        return People(
            practice=self.settings.practice.name,
            doctor=self.settings.practice.doctor,
            contractor=self.settings.contractor.name,
            contractor_phone=self.settings.contractor.phone,
            machine_owner=self.settings.host.owner,
        )

    def place(self, name: str) -> Place:
        """Find a place by its name.

        Raises:
            ConfigurationError: the lab has no such place.
        """
        for place in self.settings.place:
            if place.name == name:
                return place
        known = ", ".join(place.name for place in self.settings.place)
        raise ConfigurationError(f"lab.toml has no place {name!r}", hint=f"it has: {known}")


def lab_id_of(root: Path) -> str:
    """Give the id of the lab in a folder, whether or not it is written yet."""
    return hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]


def load_lab(root: Path) -> Lab:
    """Read the lab in folder `root`.

    Raises:
        ConfigurationError: `lab.toml` is absent or not what it must be; every fault at once.
    """
    root = root.resolve()
    return Lab(root=root, settings=read_toml(root / FILE_NAME, LabFile, root=root))

"""What is scheduled, and the text of its systemd units; pure.

The timer fires daily, whatever the scenario's interval is: the service asks the register whether a drill is due
(`run --when-due`). So a machine that was off for weeks, a clock that was wrong, a scenario made more frequent and a
failed test to be repeated in 30 days need no timer of their own. Sources: systemd.service(5), systemd.exec(5),
systemd.timer(5), systemd.syntax(7).
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum
from pathlib import Path

from restore_lab.errors import UsageError
from restore_lab.lab import FILE_NAME

PREFIX = "restore-lab-"
_LABEL = re.compile(r"^\[X-RestoreLab\]\nLab=(?P<lab>.*)\nScenario=(?P<scenario>.*)$", re.MULTILINE)
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - what PrivateTmp= puts others in place of


class Manager(StrEnum):
    """Who starts the drill."""

    SYSTEM = "system"
    USER = "user"
    CRON = "cron"


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One scenario of one lab, to be asked about every day at `at` (local time of this machine).

    `command` is the program with its fixed words, `user` the account of a system service, "" for root or one's own.
    `keys` are its key's files, `reads` further places it must see, `credentials` files by the secret they hold.
    """

    lab: Path
    scenario: str
    command: tuple[str, ...]
    at: time
    user: str = ""
    keys: tuple[Path, ...] = ()
    reads: tuple[Path, ...] = ()
    credentials: Mapping[str, Path] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of its units: readable, and its own even where two labs have the same folder name."""
        return name_of(self.lab, self.scenario)

    @property
    def words(self) -> tuple[str, ...]:
        """The command that is run every day."""
        return (*self.command, "--lab", str(self.lab), "run", "--scenario", self.scenario, "--when-due")


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """One schedule as it is found; `state` is what its manager says of it."""

    manager: Manager
    name: str
    lab: Path
    scenario: str
    state: str


def name_of(lab: Path, scenario: str) -> str:
    """Name the units of a scenario of a lab."""
    own = hashlib.sha256(f"{lab}\0{scenario}".encode()).hexdigest()[:8]
    return f"{PREFIX}{_slug(lab.name)}-{_slug(scenario)}-{own}"


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "lab"


def labelled(text: str) -> tuple[Path, str] | None:
    """Read from a unit's text whose it is: lab and scenario; None when it is not of ours."""
    found = _LABEL.search(text)
    try:
        return (Path(json.loads(found["lab"])), str(json.loads(found["scenario"]))) if found else None
    except (ValueError, TypeError):
        return None


def timer(job: Job) -> str:
    """Write the timer: daily, caught up when the machine was off, spread so that labs do not start together."""
    return f"""\
[Unit]
Description=restore-lab: is a drill of {_slug(job.lab.name)}, scenario {_slug(job.scenario)}, due?
Documentation=man:systemd.timer(5)

[Timer]
OnCalendar=*-*-* {job.at:%H:%M}:00
Persistent=true
RandomizedDelaySec=30min
AccuracySec=1min

[Install]
WantedBy=timers.target

{_label(job)}"""


def service(job: Job, manager: Manager) -> str:
    """Write the service: one daily question, one drill when it is due, and the sweep whatever became of it."""
    system = manager is Manager.SYSTEM
    lines = [*_unit(job, system=system), "", *_service(job), *_HELD, *(_held_by_root(job) if system else ())]
    return "\n".join([*lines, "", _label(job)])


def _unit(job: Job, *, system: bool) -> tuple[str, ...]:
    described = f"Description=restore-lab: drill of {_slug(job.lab.name)}, scenario {_slug(job.scenario)}, when due"
    if not system:
        return ("[Unit]", described)
    return (
        "[Unit]",
        described,
        "Wants=network-online.target",
        "After=network-online.target time-sync.target docker.service",
        f"RequiresMountsFor={_quoted(str(job.lab))}",
    )


def _service(job: Job) -> tuple[str, ...]:
    sweep = (*job.command, "--lab", str(job.lab), "sweep")
    return (
        "[Service]",
        "Type=oneshot",
        *((f"User={job.user}",) if job.user else ()),
        f"ExecStart={_command(job.words)}",
        "# A drill that was killed leaves a copy of patients' data: it goes at once, not with the next drill.",
        f"ExecStopPost=-{_command(sweep)}",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in sorted(job.environment.items())),
        *(f"LoadCredential={name}:{_percents(str(path))}" for name, path in sorted(job.credentials.items())),
        "# Told to stop, a drill records that it was interrupted; its servers are ended by itself.",
        "KillMode=mixed",
        "TimeoutStartSec=1d",
        "TimeoutStopSec=10min",
    )


#: What any manager can hold without a mount namespace, which a user's own may not be allowed.
_HELD = (
    "NoNewPrivileges=yes",
    "LockPersonality=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
)


def _held_by_root(job: Job) -> tuple[str, ...]:
    """Hold the file system and the capabilities, and leave what a local machine is made of.

    Namespaces, and a /proc over which nothing is mounted (the kernel refuses a new one otherwise): so neither
    RestrictNamespaces=, ProtectKernelTunables=, ProtectKernelLogs=, ProtectProc= nor ProtectHostname=.
    """
    temporary = any(path.is_relative_to(folder) for path in _paths(job) for folder in _TEMPORARY)
    settings = (job.lab / FILE_NAME, job.lab / "scenarios", *job.keys)
    return (
        "ProtectSystem=strict",
        "ProtectHome=read-only",
        f"ReadWritePaths={_quoted(str(job.lab))}",
        f"ReadOnlyPaths={' '.join(_quoted(f'-{path}') for path in settings)}",
        "ReadWritePaths=/tmp /var/tmp" if temporary else "PrivateTmp=yes",
        "PrivateDevices=yes",
        "ProtectControlGroups=yes",
        "ProtectKernelModules=yes",
        f"CapabilityBoundingSet={'' if job.user else ' '.join(_ROOT_NEEDS)}",
    )


#: What root needs to make a local machine, to become nobody in it, and to remove what nobody left.
_ROOT_NEEDS = (
    *("CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"),
    *("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_KILL", "CAP_SYS_PTRACE"),
)


def _paths(job: Job) -> tuple[Path, ...]:
    return (job.lab, Path(job.command[0]), *job.reads)


def _label(job: Job) -> str:
    """Write whose the unit is, where systemd passes over it: sections in X- are for others (systemd.syntax(7))."""
    return f"[X-RestoreLab]\nLab={json.dumps(str(job.lab))}\nScenario={json.dumps(job.scenario)}\n"


def _command(words: tuple[str, ...]) -> str:
    return " ".join(_quoted(word).replace("$", "$$") for word in words)


def _quoted(word: str) -> str:
    """Quote a word for a unit file; a percent sign would be a specifier.

    Raises:
        UsageError: there is a control character in it.
    """
    if not word.isprintable():
        raise UsageError(f"{word!a} cannot stand in a schedule", hint="rename it without control characters")
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    plain = re.fullmatch(r"[A-Za-z0-9_./:=+@,-]+", word)
    return word if plain else f'"{_percents(escaped)}"'


def _percents(text: str) -> str:
    return text.replace("%", "%%")

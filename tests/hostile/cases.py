"""A hostile case: what a backup, or what lies around it, tries; how its drill must end; the drill itself."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, time
from pathlib import Path
from types import FrameType
from typing import Any, Final

from hostile.escapes import Canaries, canaries, left_behind
from integration.damaged import (
    ENGINE_NAMES,
    FAILED,
    INCONCLUSIVE,
    PASSED,
    RESERVED,
    ZONE,
    as_usual,
    said_of,
    weighing,
)
from integration.damaged_making import Backup, lacking, made
from integration.damaged_practice import DATABASE, DAY

from restore_lab import drill
from restore_lab.drill import Outcome
from restore_lab.events import Event
from restore_lab.evidence import Evidence, Verdict
from restore_lab.findings import Code
from restore_lab.lab import load_lab
from restore_lab.scenario import load_scenario

_LAB: Final = """
[practice]
name = "Cabinet de l'Essai"
doctor = "Dr Essai"
[contractor]
name = "Prestataire d'essai"
[signature]
key = "keys/signing-key.pem"
certificate = "keys/signing-cert.pem"
[mail]
host = "localhost"
security = "none"
sender = "essai@example.org"
to = "cabinet@example.org"
[[place]]
name = "records"
label = "Dossiers"
backup_every_days = 100_000
[place.backup]
kind = "directory"
path = "backups"
pattern = "{pattern}"
settle_seconds = 0.3
"""
_SCENARIO: Final = """
title = "Essai"
[[restore]]
place = "records"
machine = {machine}
{options}
[[restore.check]]
kind = "integrity"
[[restore.check]]
kind = "objects"
[[restore.check]]
kind = "foreign_keys"
[[restore.check]]
kind = "counts"
main = ["patient", "consultation", "courrier"]
at_least = {{ courrier = 130 }}
[[restore.check]]
kind = "freshness"
table = "consultation"
column = "commencee_le"
"""
#: Beyond it a drill hangs.
MOST_SECONDS: Final = 240
EXIT_CODES: Final = {Verdict.PASSED: 0, Verdict.PASSED_WITH_RESERVATIONS: 0, Verdict.FAILED: 1, Verdict.INCONCLUSIVE: 3}
_PLAIN: Final = {
    "postgresql": ("pg_dump", DATABASE),
    "mariadb": ("mariadb-dump", "--routines", "--triggers", "--single-transaction", DATABASE),
    "sqlite": ("dump",),
}

#: A container with little memory and disk.
SMALL: Final = ", memory_bytes = 600_000_000, disk_bytes = 300_000_000"

#: Makes the backup's bytes; those of the whole practice are given to it.
Making = Callable[[Canaries, bytes], bytes]
#: Puts the backup into its folder.
Placing = Callable[[Canaries, Path, bytes], None]
#: Is told of each event of the drill.
Meddling = Callable[[Canaries, Path, Event], None]


def usual(_set_out: Canaries, folder: Path, content: bytes) -> None:
    """One backup, in the folder where it belongs."""
    as_usual(folder, content)


def unmoved(_set_out: Canaries, _root: Path, _event: Event) -> None:
    """Do nothing while the drill runs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One attack: what it tries, and how the drill must end.

    `weighing` are the codes that weigh, all of them and no other. `sql` stands behind a plain dump, aimed at the
    canaries; `making` changes the bytes otherwise. `runs` says that the attack's own command must have been seen to
    run within the machine: else nothing would show that the attack is one; `changes` that the folder of backups is
    changed by the case itself, `root` that nobody else can make it. A case that passes says why in `harmless`.
    """

    name: str
    engine: str
    tries: str
    verdict: Verdict = FAILED
    weighing: frozenset[Code] = frozenset()
    series: str = ""
    machine: str = "local"
    sql: str = ""
    within: str = ""
    making: Making | None = None
    placing: Placing = usual
    meddling: Meddling = unmoved
    pattern: str = "cabinet_%Y-%m-%d.*"
    options: str = ""
    limits: str = ""
    tool: tuple[str, ...] = ()
    runs: bool = False
    changes: bool = False
    root: bool = False
    harmless: str = ""
    daily: bool = False

    @property
    def backup(self) -> Backup:
        """The whole backup that the attack is put into."""
        return Backup(engine=self.engine, series=self.series, tool=self.tool or _PLAIN[self.engine])

    @property
    def exit_code(self) -> int:
        """How the command must end."""
        return EXIT_CODES[self.verdict]

    @property
    def docker(self) -> bool:
        """Whether containers are needed."""
        return self.machine == "container" or self.series not in {"", "18"}

    @property
    def where(self) -> str:
        """Engine and machine, for people."""
        return f"{ENGINE_NAMES[self.engine]} {self.series}".strip() + f", {self.machine}"

    def content(self, set_out: Canaries) -> bytes:
        """The bytes of the backup."""
        whole = made(self.backup)
        if self.within:
            whole = _before_the_end(whole, set_out.aimed(self.within).encode())
        whole += set_out.aimed(self.sql).encode("utf-8", "surrogateescape")
        return self.making(set_out, whole) if self.making else whole


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """How rows of one engine are written; `more` are further fields of a case."""

    engine: str
    prefix: str
    tool: tuple[str, ...] = ()

    def failed(self, name: str, tries: str, sql: str = "", *codes: Code, **more: Any) -> Case:  # noqa: ANN401 - fields of Case
        """Write a case that fails."""
        return self._case(name, tries, sql, FAILED, codes, more)

    def unknown(self, name: str, tries: str, sql: str = "", *codes: Code, **more: Any) -> Case:  # noqa: ANN401 - as above
        """Write a case of which nothing can be found out."""
        return self._case(name, tries, sql, INCONCLUSIVE, codes, more)

    def passes(self, name: str, tries: str, sql: str, harmless: str, *codes: Code, **more: Any) -> Case:  # noqa: ANN401 - as above
        """Write a case that passes, and why it may: the attack came to nothing; with `codes`, not without a word."""
        return self._case(name, tries, sql, RESERVED if codes else PASSED, codes, {**more, "harmless": harmless})

    def _case(
        self, name: str, tries: str, sql: str, verdict: Verdict, codes: tuple[Code, ...], more: dict[str, Any]
    ) -> Case:
        attack = f"\n{sql.strip(chr(10))}\n" if sql else ""
        given = {"tool": self.tool, **more}
        return Case(
            name=f"{self.prefix}{name}",
            engine=self.engine,
            tries=tries,
            sql=attack,
            verdict=verdict,
            weighing=frozenset(codes),
            **given,
        )


def on_both(case: Case) -> tuple[Case, Case]:
    """Try it on this very host, and in a container; every time on the host only."""
    return case, replace(case, name=f"{case.name}-in-container", machine="container", daily=False)


def _before_the_end(content: bytes, attack: bytes) -> bytes:
    """Put an attack where pg_dump has psql refuse commands of its own: before `unrestrict`."""
    head, mark, tail = content.rpartition(b"\\unrestrict")
    assert mark, "the dump is not restricted"
    return head + attack + b"\n" + mark + tail


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What came of a case."""

    evidence: Evidence
    exit_code: int
    report_fault: str
    ran: bool
    escapes: tuple[str, ...]
    left: tuple[str, ...]
    untouched: bool

    def wrongs(self, case: Case) -> list[str]:
        """Say all that is not as the case declares."""
        found = [*(f"escaped: {one}" for one in self.escapes), *(f"left: {one}" for one in self.left)]
        if (self.evidence.verdict, weighing(self.evidence)) != (case.verdict, case.weighing):
            found.append(f"another end: {said_of(self.evidence)}")
        if self.exit_code != case.exit_code:
            found.append(f"exit code {self.exit_code}, expected {case.exit_code}")
        if self.report_fault:
            found.append(f"no report: {self.report_fault}")
        if case.runs and not self.ran:
            found.append("the attack was not seen to run within the machine")
        if not self.untouched:
            found.append("the folder of backups was written to")
        return found


class Hung(BaseException):
    """A drill did not end; no handler of errors may take it for one."""


@contextmanager
def in_time(seconds: int = MOST_SECONDS) -> Iterator[None]:
    """End what hangs."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise Hung(f"no end after {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def absence(case: Case) -> str | None:
    """Say what a case needs and this host has not; None when it can be carried out."""
    return "root" if case.root and os.geteuid() != 0 else lacking(case.backup.server)


def a_lab(case: Case, root: Path, keys: Path) -> None:
    """Make the lab of a case, still without a backup."""
    scenario = root / "scenarios" / "annual"
    for folder in (scenario, root / "backups"):
        folder.mkdir(parents=True)
    shutil.copytree(keys, root / "keys")
    (root / "lab.toml").write_text(_LAB.format(pattern=case.pattern), "utf-8")
    machine = f'{{ kind = "{case.machine}"{case.limits} }}'
    options = case.options or f'engine = {{ kind = "{case.engine}", load_timeout_seconds = 60 }}'
    (scenario / "scenario.toml").write_text(_SCENARIO.format(machine=machine, options=options), "utf-8")


def carry_out(case: Case, root: Path, keys: Path) -> Seen:
    """Run the drill of a case in a new lab, among canaries of its own."""
    a_lab(case, root, keys)
    with canaries() as set_out:
        case.placing(set_out, root / "backups", case.content(set_out))
        before = _as_it_is(root / "backups")
        with in_time():
            outcome = _drilled(root, lambda event: case.meddling(set_out, root, event))
        lab_id = load_lab(root).lab_id
        return Seen(
            evidence=outcome.evidence,
            exit_code=int(outcome.exit_code),
            report_fault=outcome.recorded.report_fault or "",
            left=tuple(left_behind(lab_id, set_out)),
            escapes=tuple(set_out.escaped(root)),
            ran=set_out.inside,
            untouched=case.changes or _as_it_is(root / "backups") == before,
        )


def _drilled(root: Path, hear: Callable[[Event], None]) -> Outcome:
    lab = load_lab(root)
    return drill.run(lab, load_scenario(lab, "annual"), asked_for="latest", listen=hear)


def _as_it_is(folder: Path) -> list[tuple[str, int, int, int]]:
    """Name, kind, size and last change of what lies in a folder."""
    found = []
    for entry in os.scandir(os.fsencode(folder)):
        status = entry.stat(follow_symlinks=False)
        found.append((os.fsdecode(entry.name), status.st_mode, status.st_size, status.st_mtime_ns))
    return sorted(found)


def written_on_the_day(path: Path, content: bytes) -> None:
    """Write a backup last changed at three in the morning of its day."""
    path.write_bytes(content)
    moment = datetime.combine(DAY, time(3), ZONE).timestamp()
    os.utime(path, (moment, moment))

"""A hostile case: what a backup, or what lies around it, tries, and how its drill must end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, time
from pathlib import Path
from typing import Any, Final

from hostile.escapes import Canaries
from integration.damaged import ENGINE_NAMES, FAILED, INCONCLUSIVE, PASSED, RESERVED, ZONE, as_usual
from integration.damaged_making import Backup, lacking, made
from integration.damaged_practice import DATABASE, DAY

from restore_lab.events import Event
from restore_lab.evidence import Evidence, Isolation, Verdict
from restore_lab.findings import Code

#: Beyond it a drill hangs.
MOST_SECONDS: Final = 240
EXIT_CODES: Final = {Verdict.PASSED: 0, Verdict.PASSED_WITH_RESERVATIONS: 0, Verdict.FAILED: 1, Verdict.INCONCLUSIVE: 3}
_PLAIN: Final = {
    "postgresql": ("pg_dump", DATABASE),
    "mariadb": ("mariadb-dump", "--routines", "--triggers", "--single-transaction", DATABASE),
    "sqlite": ("dump",),
}
#: Archives of documents hold what they are made of; no database stands behind them.
_MADE_ON: Final = {"files": "sqlite"}
_NAMES: Final = {**ENGINE_NAMES, "files": "documents"}

#: A container with little memory and disk.
SMALL: Final = ", memory_bytes = 600_000_000, disk_bytes = 300_000_000"

#: Makes the backup's bytes; those of the whole practice are given to it.
Making = Callable[[Canaries, bytes], bytes]
#: Puts the backup into its folder.
Placing = Callable[[Canaries, Path, bytes], None]
#: Is told of each event of the drill.
Meddling = Callable[[Canaries, Path, Event], None]
#: What stands around the lab while its drill runs: a server, a clock, an earlier drill.
Surroundings = Callable[[Canaries, Path], AbstractContextManager[object]]
#: Looks at the lab and its evidence once the drill is over, and says what is wrong.
Looking = Callable[[Path, Evidence], Iterable[str]]


def usual(_set_out: Canaries, folder: Path, content: bytes) -> None:
    """One backup, in the folder where it belongs."""
    as_usual(folder, content)


def unmoved(_set_out: Canaries, _root: Path, _event: Event) -> None:
    """Do nothing while the drill runs."""


def nothing_around(_set_out: Canaries, _root: Path) -> AbstractContextManager[object]:
    """Nothing stands around the lab."""
    return nullcontext()


def well(_root: Path, _evidence: Evidence) -> Iterable[str]:
    """Nothing further is looked at."""
    return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One attack: what it tries, and how the drill must end.

    `weighing` are the codes that weigh, all of them and no other. `sql` stands behind a plain dump, aimed at the
    canaries; `making` changes the bytes otherwise. `runs` says that the attack's own command must have been seen to
    run within the machine: else nothing would show that the attack is one; `changes` that the folder of backups is
    changed by the case itself, `root` that nobody else can make it. A case that passes says why in `harmless`.
    `isolation` is what every machine of it is shown to be, which a finding of another does not excuse.
    `checks` stand for the usual ones, on what is no database. A drill that takes longer than `most_seconds` hangs.
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
    surroundings: Surroundings = nothing_around
    looking: Looking = well
    pattern: str = "cabinet_%Y-%m-%d.*"
    options: str = ""
    checks: str = ""
    limits: str = ""
    most_seconds: int = MOST_SECONDS
    tool: tuple[str, ...] = ()
    isolation: Isolation = Isolation.SEALED
    runs: bool = False
    changes: bool = False
    root: bool = False
    harmless: str = ""
    daily: bool = False

    @property
    def backup(self) -> Backup:
        """The whole backup that the attack is put into."""
        engine = _MADE_ON.get(self.engine, self.engine)
        return Backup(engine=engine, series=self.series, tool=self.tool or _PLAIN[engine])

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
        return f"{_NAMES[self.engine]} {self.series}".strip() + f", {self.machine}"

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


def absence(case: Case) -> str | None:
    """Say what a case needs and this host has not; None when it can be carried out."""
    return "root" if case.root and os.geteuid() != 0 else lacking(case.backup.server)


def written_on_the_day(path: Path, content: bytes) -> None:
    """Write a backup last changed at three in the morning of its day."""
    path.write_bytes(content)
    moment = datetime.combine(DAY, time(3), ZONE).timestamp()
    os.utime(path, (moment, moment))

"""Whole drills of what lies in a folder, as an operator would run them."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from integration.real_rows import Restored
from needs import absent

from restore_lab import drill
from restore_lab.engines import ENGINES as DRIVERS
from restore_lab.evidence import Evidence, Verdict
from restore_lab.findings import Code
from restore_lab.lab import load_lab
from restore_lab.sandboxes.container.driver import Container
from restore_lab.sandboxes.local.driver import Local
from restore_lab.scenario import load_scenario

ENGINES: Final = {"mariadb": "MariaDB", "postgresql": "PostgreSQL", "sqlite": "SQLite"}
LAB: Final = """
[practice]
name = "Cabinet de l'Essai"
doctor = "Dr Essai"
[contractor]
name = "Prestataire d'essai"
[signature]
key = "keys/signing-key.pem"
certificate = "keys/signing-cert.pem"
[[place]]
name = "records"
label = "Dossiers"
backup_every_days = 100000
[place.backup]
kind = "directory"
path = {folder}
pattern = {pattern}
settle_seconds = 0.1
"""
SCENARIO: Final = """
title = "Essai"
[[restore]]
place = "records"
machine = {{ kind = {machine} }}
[[restore.check]]
kind = "integrity"
[[restore.check]]
kind = "counts"
main = [{main}]
[restore.check.at_least]
{at_least}
[[restore.check]]
kind = "objects"
[restore.check.at_least]
{objects}
"""
QUESTION: Final = """
[[restore.check]]
kind = "sql"
title = {title}
sql = {sql}
equals = {answer}
"""
Drill = Callable[..., Evidence]


def drills_in(within: Path, keys: Path) -> Drill:
    """Run a drill of what lies in a folder, as an operator would: two files, one command, no short cut."""

    def carry_out(folder: Path, pattern: str, wanted: Restored | None = None, *, machine: str = "local") -> Evidence:
        root = Path(tempfile.mkdtemp(prefix="lab-", dir=within))
        scenario = root / "scenarios" / "annual"
        scenario.mkdir(parents=True)
        shutil.copytree(keys, root / "keys")
        text = LAB.format(folder=json.dumps(str(folder)), pattern=json.dumps(pattern))
        (root / "lab.toml").write_text(text, "utf-8")
        (scenario / "scenario.toml").write_text(_scenario(wanted, machine), "utf-8")
        lab = load_lab(root)
        outcome = drill.run(lab, load_scenario(lab, "annual"), asked_for="latest", listen=lambda _: None)
        assert not outcome.recorded.report_fault
        return outcome.evidence

    return carry_out


def _scenario(wanted: Restored | None, machine: str) -> str:
    counts = wanted.counts if wanted else {}
    objects = wanted.objects if wanted else ()
    text = SCENARIO.format(
        machine=json.dumps(wanted.machine if wanted else machine),
        main=json.dumps(next(iter(counts))) if wanted else "",
        at_least="\n".join(f"{json.dumps(table)} = {rows}" for table, rows in counts.items()),
        objects="\n".join(f"{json.dumps(kind)} = {count}" for kind, count in objects),
    )
    for one in wanted.asked if wanted else ():
        title, sql, answer = (json.dumps(part) for part in (one.label, one.sql, one.answer))
        text += QUESTION.format(title=title, sql=sql, answer=answer)
    return text


def codes_of(evidence: Evidence) -> tuple[Code, ...]:
    found = tuple(one.finding.code for one in evidence.findings)
    assert found.count(Code.IDENTITY_NOT_VERIFIED) == 1
    return tuple(code for code in found if code is not Code.IDENTITY_NOT_VERIFIED)


def judged(evidence: Evidence) -> tuple[Verdict, tuple[Code, ...]]:
    return evidence.verdict, codes_of(evidence)


def placed(data: Path, files: tuple[str, ...], folder: Path) -> tuple[Path, str]:
    """Where the files lie and what they are called: one where it is, several put end to end."""
    if len(files) == 1:
        whole = data / files[0]
        return whole.parent, whole.name
    folder.mkdir()
    (folder / "joined.sql").write_bytes(b"".join((data / name).read_bytes() for name in files))
    return folder, "joined.sql"


def need_machine(one: Restored) -> None:
    engine, _, series = one.server.partition(" ")
    kind = next(kind for kind, name in ENGINES.items() if name == engine)
    server = next(server for server in DRIVERS[kind]().offered() if server.series == series)
    sandbox = Container() if one.machine == "container" else Local()
    if lack := sandbox.lacks(server):
        absent(lack)

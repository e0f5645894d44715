"""Drills in a process of their own, which die where they are told to, and what is left of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

import pytest
from faults.aftermath import COMMAND, entries, rest, temporary_of
from needs import absent

from restore_lab import drill
from restore_lab.demo import Sample, make_demo
from restore_lab.events import Event, Listener
from restore_lab.lab import load_lab
from restore_lab.register import EntryType
from restore_lab.scenario import load_scenario

_PATIENTS = 20
SCENARIO = """
title = "Test annuel de restauration"
every_days = 365

[[restore]]
place = "dossiers"
machine = { kind = "%s" }

[[restore.check]]
kind = "counts"
main = ["patient"]

[[restore.check]]
kind = "objects"
at_least = { table = 11 }

[[restore.check]]
kind = "sql"
title = "patients"
sql = "SELECT count(*) FROM patient"
equals = 20
"""
#: A drill in a process of its own. `die <where>`: SIGKILLs itself there; `<stage>+` is in the middle of what the stage
#: runs on the machine, another word is the end of a path that is about to be made, written or moved into place.
#: `wait <stage>`: says so there, and goes on when it is told a line.
_CHILD = """
import os, signal, sys, threading, time
from pathlib import Path
from restore_lab import drill
from restore_lab.errors import RestoreLabError
from restore_lab.events import Entered, Stage
from restore_lab.lab import load_lab
from restore_lab.scenario import load_scenario

folder, mode, where = sys.argv[1:]
stages = []

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def die_in_the_middle():
    while not any(path.read_text() for path in Path("/proc/self/task").glob("*/children")):
        time.sleep(0.001)
    die()

def listen(event):
    if not isinstance(event, Entered):
        return
    stages.append(event.stage)
    here = where.rstrip("+") in {event.stage.value, event.about}
    if mode == "die" and here:
        threading.Thread(target=die_in_the_middle, daemon=True).start() if where.endswith("+") else die()
    elif mode == "wait" and here:
        print(event.stage.value, flush=True)
        sys.stdin.readline()

def writes(what, arguments):
    if what == "os.mkdir" or (what == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
        ending, _, after = where.partition(" after ")
        if str(arguments[0]).endswith(ending) and (not after or after in stages):
            die()

if mode == "die" and where.rstrip("+") not in {*Stage, "cut"}:
    if where.startswith("-annual-"):
        sys.addaudithook(lambda what, arguments: "-annual-" in str(arguments[:1]) and what == "os.mkdir" and die())
    else:
        sys.addaudithook(writes)
lab = load_lab(Path(folder))
try:
    sys.exit(drill.run(lab, load_scenario(lab, "annual"), asked_for="latest", listen=listen).exit_code)
except RestoreLabError as error:
    sys.exit(error.exit_code)
"""


def samples_in(folders: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Sample labs by engine, each made once; its backup rests."""
    made: dict[str, Path] = {}

    def lab(engine: str) -> Path:
        if engine not in made:
            root = folders.mktemp("sample") / engine
            backup = make_demo(root, Sample(engine=engine, day=date.today(), patients=_PATIENTS))  # noqa: DTZ011
            rest(backup)
            kind = "local" if engine == "sqlite" else "container"
            (root / "scenarios" / "annual" / "scenario.toml").write_text(SCENARIO % kind, "utf-8")
            made[engine] = root
        return made[engine]

    return lab


def silent(_event: Event) -> None:
    """Watch a drill without a word."""


def drilled(lab: Path, listen: Listener = silent) -> drill.Outcome:
    opened = load_lab(lab)
    return drill.run(opened, load_scenario(opened, "annual"), asked_for="latest", listen=listen)


@contextmanager
def child(lab: Path, mode: str, where: str) -> Iterator[subprocess.Popen[str]]:
    """Run a drill in a process of its own, which is no more when the block ends."""
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(lab), mode, where],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary_of(lab))},
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def told(outcome: drill.Outcome) -> set[tuple[object, object]]:
    """What a drill says of drills before it: code, and the drill meant."""
    found = (one.finding for one in outcome.evidence.findings)
    return {(one.code.value, dict(one.params)["drill"]) for one in found if one.code.value.startswith("EARLIER_")}


@contextmanager
def holding(lab: Path, length: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a drill that holds its copy, by the real command, until it says so; give it, and the drill's id."""
    words = [str(COMMAND), "--lab", str(lab), "run", "--scenario", "annual", "--hold", length]
    environment = {**os.environ, "TMPDIR": str(temporary_of(lab))}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as child:
        try:
            assert child.stderr is not None
            assert any(line.startswith("until") for line in child.stderr)
            yield child, str(entries(lab)[-1].fields["drill"])
        finally:
            child.kill()


def swept_after(lab: Path) -> list[tuple[object, object]]:
    """Whose remains were looked for, and whether nothing is left, of each time that it was done after their end."""
    swept = (one.fields for one in entries(lab) if one.kind is EntryType.SWEPT and "after" in one.fields)
    return [(one["after"], one["all_gone"]) for one in swept]


def hold_fast(folder: Path, until: ExitStack) -> None:
    """Keep a folder from being removed, for root too, while `until` lasts: something is mounted there."""
    if os.geteuid() != 0:
        absent("only root can hold a folder fast")
    kept = folder / "kept"
    kept.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(kept)], check=True)
    until.callback(subprocess.run, ["umount", str(kept)], check=True)

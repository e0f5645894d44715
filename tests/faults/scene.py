"""Where a fault strikes: a lab of its own, the installed command held at a place of its drill, what is mended after."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from faults.aftermath import command, left_by_kind, rest, temporary_of
from faults.engine_proxy import MortalEngine
from mail_server import MailServer
from node.container import ContainerNode
from node.fault_proxy import FaultProxy
from node.lab import lab_node, small_node

from restore_lab.demo import Sample, make_demo
from restore_lab.lab import lab_id_of

#: Beyond it a command hangs.
MOST_SECONDS: Final = 150
PATIENTS: Final = 20
_GATE: Final = Path(__file__).with_name("gate.py")
_ENGINES: Final = {"local": "sqlite", "raspberry-pi": "sqlite", "container": "postgresql"}
_MACHINES: Final = {
    "local": '{ kind = "local" }',
    "container": '{ kind = "container", memory_bytes = 600_000_000, disk_bytes = 300_000_000 }',
    "raspberry-pi": '{ kind = "raspberry-pi", node = "pi" }',
}
_SCENARIO: Final = """
title = "Test annuel de restauration"
every_days = 365

[[restore]]
place = "dossiers"
machine = %s

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
_MAIL: Final = (
    '\n[mail]\nhost = "127.0.0.1"\nport = %d\nsecurity = "none"\nsender = "tests@example.org"\n'
    'to = "cabinet@example.org"\n'
)


@dataclass(kw_only=True)
class Samples:
    """Labs by engine, and a node; each is made once, when it is asked for."""

    folder: Path
    ending: ExitStack
    _made: dict[str, Path] = field(default_factory=dict)
    _node: ContainerNode | None = None

    def lab(self, engine: str) -> Path:
        if engine not in self._made:
            root = self.folder / engine
            rest(make_demo(root, Sample(engine=engine, day=date.today(), patients=PATIENTS)))  # noqa: DTZ011
            self._made[engine] = root
        return self._made[engine]

    def node(self) -> ContainerNode:
        if self._node is None:
            self._node = self.ending.enter_context(small_node())
        return self._node


@dataclass(kw_only=True)
class Scene:
    """A lab, and what a fault needs beside it; `mending` is undone as soon as the command has ended."""

    lab: Path
    machine: str
    stage: str
    samples: Samples
    ending: ExitStack
    mending: ExitStack = field(default_factory=ExitStack)
    environment: dict[str, str] = field(default_factory=dict)
    place: str = ""
    pid: int = 0
    engine: MortalEngine | None = None
    link: FaultProxy | None = None
    mail: MailServer | None = None
    _struck: list[str] = field(default_factory=list)

    def containers(self) -> list[str]:
        """Containers of this lab that run."""
        words = ["docker", "ps", "--quiet", "--filter", f"label=restore-lab.lab={lab_id_of(self.lab)}"]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()

    def inside(self, *words: str) -> None:
        """Run a line of shell in the container, whose end is awaited: options of `docker exec`, then the line.

        Where a trial of its limits runs beside it, the older one is meant.
        """
        *_, container = self.containers()  # the newest comes first
        *options, line = words
        argv = ["docker", "exec", *options, container, "timeout", "30", "/bin/sh", "-c", line]
        subprocess.run(argv, check=True, capture_output=True, timeout=60)

    def kill_containers(self) -> None:
        """Kill every container of this lab that runs, as an engine does that goes."""
        running = self.containers()
        assert running, "nothing ran that could go with the engine"
        subprocess.run(["docker", "kill", *running], check=True, capture_output=True, timeout=60)

    def later(self, strike: Callable[[], None]) -> None:
        """Strike while the command goes on; that it struck is looked at when the command has ended."""

        def act() -> None:
            strike()
            self._struck.append("struck")

        thread = threading.Thread(target=act)
        thread.start()
        self.mending.callback(self._joined, thread)

    def _joined(self, thread: threading.Thread) -> None:
        thread.join(60)
        assert self._struck, "nothing was struck"

    def unplug(self) -> None:
        """Cut the link to the node for good."""
        if self.link is not None:
            self.link.close()
            self.link = None

    def plug_in(self) -> None:
        """Let the node be reached again."""
        shutil.rmtree(self.lab / "nodes")
        lab_node(self.lab, self.samples.node())

    def left(self) -> dict[str, list[str]]:
        """What is left of the lab here and on its node, by kind."""
        found = left_by_kind(self.lab)
        if self.machine == "raspberry-pi":
            there = self.samples.node().root("ls /dev/shm /var/tmp").split()
            found["folder on the node"] = [name for name in there if name.startswith("restore-lab-")]
        return found


@contextmanager
def scene(root: Path, samples: Samples, *, machine: str, stage: str) -> Iterator[Scene]:
    """Lend a lab of its own with one whole backup and one kind of machine; at `deliver` it has a mail server."""
    lab = Path(shutil.copytree(samples.lab(_ENGINES[machine]), root / "lab", copy_function=shutil.copy2))
    (lab / "scenarios" / "annual" / "scenario.toml").write_text(_SCENARIO % _MACHINES[machine], "utf-8")
    with ExitStack() as ending:
        made = Scene(lab=lab, machine=machine, stage=stage, place=stage, samples=samples, ending=ending)
        made.environment["TMPDIR"] = str(temporary_of(lab))
        if machine == "raspberry-pi":
            made.link = FaultProxy(samples.node())
            ending.callback(made.unplug)
            lab_node(lab, made.link.node)
        if stage == "deliver":
            made.mail = ending.enter_context(MailServer(security="none", login=False).running())
            name_mail_server(lab, made.mail.port)
        yield made


def name_mail_server(lab: Path, port: int) -> None:
    path = lab / "lab.toml"
    path.write_text(path.read_text("utf-8").partition("\n[mail]")[0] + _MAIL % port, "utf-8")


def begin(here: Scene, *more: str) -> tuple[subprocess.Popen[str], Callable[[], None]]:
    """Start the command and wait until it is held at its place; give it, and what lets it go on."""
    ready, said = os.pipe()
    told, go = os.pipe()
    words = ["--lab", str(here.lab), "run", "--scenario", "annual", *more]
    running = subprocess.Popen(
        [sys.executable, str(_GATE), here.place, str(here.lab), str(said), str(told), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **here.environment},
        pass_fds=(said, told),
    )
    for end in (said, told):
        os.close(end)
    here.pid = running.pid
    with os.fdopen(ready, "rb") as stream:
        if not stream.read(1):
            os.close(go)
            out, err = running.communicate(timeout=MOST_SECONDS)
            raise AssertionError(f"it never came to {here.place}: {running.returncode} {out} {err}")

    def release() -> None:
        with suppress(BrokenPipeError):
            os.write(go, b".")
        os.close(go)

    return running, release


def ended(running: subprocess.Popen[str]) -> tuple[int | None, str]:
    """How the command ended, and what it complained of; None when it did not end in time, and was killed."""
    try:
        _, err = running.communicate(timeout=MOST_SECONDS)
    except subprocess.TimeoutExpired:
        running.kill()
        return None, running.communicate()[1]
    return running.returncode, err


def next_drill(here: Scene) -> subprocess.CompletedProcess[str]:
    """Run another drill of the same lab, and send what waits."""
    done = command(here.lab, "run", "--scenario", "annual", "--json")
    if here.mail is not None:
        sent = command(here.lab, "deliver")
        assert sent.returncode == 0, sent.stderr
    return done

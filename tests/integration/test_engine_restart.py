"""A Docker engine of the test's own that is stopped, or dies with all it runs, under a drill; and is started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import other_engines
import pytest
from needs import absent, program
from node.lab import PASSED, drilled
from other_engines import Engine, Kind
from stems import COMMAND

from restore_lab.demo import Sample, make_demo
from restore_lab.errors import ExitCode
from restore_lab.events import Entered, Event, Stage
from restore_lab.evidence import Verdict
from restore_lab.lab import lab_id_of

pytestmark = pytest.mark.docker

IMAGE: Final = "restore-lab/postgresql:18"
DOCKER: Final = Kind(name="a Docker of the test's own", mechanism="docker", programs=("dockerd",), network="none")


@dataclass(kw_only=True)
class Daemon:
    """A dockerd in a process namespace, so that nothing of it outlives its first process.

    It has a network of its own as well: a second engine takes the bridge of the first away.
    """

    home: Path
    served: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def engine(self) -> Engine:
        return Engine(kind=DOCKER, host=f"unix://{self.home}/docker.sock")

    def start(self) -> None:
        """Start it with the containers and images it had, and without what a boot takes away."""
        shutil.rmtree(self.home / "run", ignore_errors=True)
        apart = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc")
        places = (f"--data-root={self.home}/data", f"--exec-root={self.home}/run", f"--pidfile={self.home}/run/pid")
        alone = ("--bridge=none", "--iptables=false", "--ip-masq=false", f"--host={self.engine.host}")
        log = self.home / "engine.log"
        with log.open("ab") as said:
            self.served = subprocess.Popen((*apart, "dockerd", *places, *alone), stdout=said, stderr=said)
        other_engines.wait_until_it_answers(self.engine, self.served, log)

    def stop(self, how: signal.Signals) -> None:
        """SIGTERM lets it stop its containers; SIGKILL takes them with it, and the socket stays behind."""
        assert self.served is not None
        other_engines.end(self.served, how)


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    if os.geteuid() != 0:
        absent("root, to run an engine beside the host's own")
    for name in (*DOCKER.programs, "unshare"):
        program(name)
    with _home() as home:
        made = Daemon(home=home)
        made.start()
        try:
            other_engines.bring(made.engine, IMAGE)
            yield made
        finally:
            made.stop(signal.SIGKILL)


@contextmanager
def _home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="restore-lab-night-", dir="/var/tmp"))
    try:
        yield home
    finally:
        other_engines.remove(home)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab whose backup is of PostgreSQL, made on the host; copy it, do not change it."""
    root = tmp_path_factory.mktemp("sample") / "lab"
    make_demo(root, Sample(engine="postgresql", day=datetime.now(UTC).date()))
    scenario = root / "scenarios" / "annual" / "scenario.toml"
    scenario.write_text(scenario.read_text("utf-8").replace('kind = "auto"', 'kind = "container"'), "utf-8")
    return root


@pytest.fixture
def lab(sample: Path, tmp_path: Path, daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_HOST", daemon.engine.host)
    return Path(shutil.copytree(sample, tmp_path / "lab", copy_function=shutil.copy2))


def once_at(stage: Stage, *acts: Callable[[], None]) -> Callable[[Event], None]:
    """Do something as a drill enters a stage for the first time, while the drill waits."""
    left = list(acts)

    def listen(event: Event) -> None:
        while left and isinstance(event, Entered) and event.stage is stage:
            left.pop(0)()

    return listen


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("at", [Stage.LOAD, Stage.ASK])
def test_an_engine_that_is_there_again_within_the_drill_leaves_nothing_and_no_false_verdict(
    lab: Path, daemon: Daemon, how: signal.Signals, at: Stage
) -> None:
    outcome = drilled(lab, once_at(at, partial(daemon.stop, how), daemon.start))

    assert (outcome.evidence.verdict, outcome.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert all(one.gone for restore in outcome.evidence.restores for one in restore.removals)
    assert daemon.engine.left("restore-lab.lab") == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_what_an_engine_keeps_that_comes_back_after_the_drill_is_swept_and_the_next_drill_passes(
    lab: Path, daemon: Daemon, how: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as of_a_process_that_is_gone:
        of_a_process_that_is_gone.setattr("restore_lab.process.started", lambda _pid: 1)
        outcome = drilled(lab, once_at(Stage.LOAD, partial(daemon.stop, how)))
    daemon.start()

    assert (outcome.evidence.verdict, outcome.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.NOT_GONE)
    assert daemon.engine.left(f"restore-lab.lab={lab_id_of(lab)}")
    swept = subprocess.run((str(COMMAND), "--lab", str(lab), "sweep"), capture_output=True, check=False, timeout=120)
    assert swept.returncode == ExitCode.PASSED, swept.stderr
    assert daemon.engine.left("restore-lab.lab") == []
    after = drilled(lab)
    assert (after.evidence.verdict in PASSED, after.exit_code) == (True, ExitCode.PASSED)

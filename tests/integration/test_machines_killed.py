"""Drills whose server, machine or engine is killed, or whose machine is full. See `test_death_and_repair.py`."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from faults.aftermath import closed, command, left, rest, wait_until
from faults.engine_proxy import MortalEngine
from integration.dying import drilled, samples_in, swept_after, told
from needs import docker_engine

from restore_lab.errors import ExitCode
from restore_lab.events import Entered, Event
from restore_lab.evidence import Verdict
from restore_lab.lab import lab_id_of

#: More than all our other questions to the engine together, less than the dump that is loaded.
_MIDDLE_OF_LOAD_BYTES = 150_000


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return samples_in(tmp_path_factory)


@pytest.fixture
def in_container(samples: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A lab of its own whose server runs in a container."""
    docker_engine()
    return lambda engine: Path(shutil.copytree(samples(engine), tmp_path / "lab", copy_function=shutil.copy2))


# ---- its server, its machine, its engine are killed


@dataclass(kw_only=True)
class Strike:
    """Listens to a drill and kills its database server, or its machine, at one point of it.

    `client` is what the load's own command line matches (and not the line that looks for it), `server` a program.
    """

    lab: Path
    how: str
    at: str
    client: str
    server: str
    done: str = ""
    _threads: list[threading.Thread] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if not isinstance(event, Entered) or self.at not in {event.stage.value, event.about}:
            return
        match self.at:
            case "load":
                self._while_it_loads()
            case "cut":
                self._later(self._as_soon_as_it_serves, self._containers())
            case _:
                self._strike(self._containers()[0])

    def end(self) -> None:
        for thread in self._threads:
            thread.join()
        assert self.done, "nothing was struck"

    def _later(self, what: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=what, args=arguments))
        self._threads[-1].start()

    def _while_it_loads(self) -> None:
        """Lie in wait inside before the drill goes on: a small backup loads sooner than a command begins there."""
        (container,) = self._containers()
        lines = ["echo waiting", f"until pgrep -f '{self.client}' >/dev/null; do :; done"]
        if self.how == "server":
            lines.append(self._kill)
        words = self._words(container, "\n".join(lines))
        inside = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert inside.stdout is not None
        assert inside.stdout.readline() == "waiting\n"
        self._later(self._once_it_loads, inside, container)

    def _once_it_loads(self, inside: subprocess.Popen[str], container: str) -> None:
        inside.communicate()
        assert inside.returncode == 0
        if self.how == "machine":
            self._strike(container)
        self.done = container

    def _as_soon_as_it_serves(self, earlier: list[str]) -> None:
        wait_until(lambda: set(self._containers()) - set(earlier))
        (container,) = set(self._containers()) - set(earlier)
        self._inside(container, f"until pgrep -x {self.server}; do :; done")
        self._strike(container)

    def _strike(self, container: str) -> None:
        if self.how == "machine":
            subprocess.run(["docker", "rm", "--force", container], check=True, capture_output=True)
        else:
            self._inside(container, self._kill)
        self.done = container

    @property
    def _kill(self) -> str:
        return f"pkill -KILL -x {self.server}"

    def _inside(self, container: str, line: str) -> None:
        subprocess.run(self._words(container, line), check=True, capture_output=True)

    @staticmethod
    def _words(container: str, line: str) -> list[str]:
        return ["docker", "exec", "--user", "10001", container, "timeout", "30", "/bin/sh", "-c", line]

    def _containers(self) -> list[str]:
        words = ["docker", "ps", "--quiet", "--filter", f"label=restore-lab.lab={lab_id_of(self.lab)}"]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()


@pytest.mark.docker
@pytest.mark.parametrize(
    ("engine", "how", "at", "reason"),
    [
        ("postgresql", "server", "load", "SERVER_FAILED"),
        ("postgresql", "machine", "patients", "CHECK_BROKEN"),
        ("postgresql", "server", "spoilt", "CONTROL_NOT_RUN"),
        ("postgresql", "machine", "cut", "CONTROL_NOT_RUN"),
        ("mariadb", "machine", "load", "MACHINE_FAILED"),
        ("mariadb", "server", "patients", "CHECK_BROKEN"),
        ("mariadb", "machine", "spoilt", "CONTROL_NOT_RUN"),
        ("mariadb", "server", "cut", "CONTROL_NOT_RUN"),
    ],
)
def test_a_server_or_a_machine_killed_under_a_drill_is_no_fault_of_the_backup(
    in_container: Callable[[str], Path], engine: str, how: str, at: str, reason: str
) -> None:
    lab = in_container(engine)
    client, server = ("[-]pg_restore ", "postgres") if engine == "postgresql" else ("^mariadb ", "mariadbd")
    strike = Strike(lab=lab, how=how, at=at, client=client, server=server)

    ended = drilled(lab, strike)

    strike.end()
    assert (ended.exit_code, ended.evidence.verdict) == (ExitCode.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert reason in ended.evidence.reasons
    (restore,) = ended.evidence.restores
    assert all(one.gone for one in restore.removals)
    assert left(lab) == []
    assert closed(lab) == [("INCONCLUSIVE", list(ended.evidence.reasons))]
    if at == "load":  # one for each engine: it takes a while
        assert drilled(lab).exit_code is ExitCode.PASSED
        assert len(closed(lab)) == 2


@pytest.mark.docker
def test_docker_stopped_while_a_dump_loads_leaves_a_copy_that_the_next_drill_removes(
    in_container: Callable[[str], Path], tmp_path: Path
) -> None:
    lab = in_container("postgresql")
    ours = MortalEngine(path=tmp_path / "docker.sock", most_bytes=_MIDDLE_OF_LOAD_BYTES)
    began = time.monotonic()
    with ours.living():
        seen = command(lab, "run", "--scenario", "annual", "--json", environment=ours.environment)
        assert ours.is_dead
    assert time.monotonic() - began < 60

    evidence = json.loads(seen.stdout)
    assert (seen.returncode, seen.stderr) == (ExitCode.NOT_GONE, "")
    assert evidence["verdict"] == "INCONCLUSIVE"
    assert evidence["reasons"] == ["MACHINE_FAILED"]
    (removal,) = evidence["restores"][0]["removals"]
    assert (removal["kind"], removal["gone"]) == ("container", False)
    assert closed(lab) == [("INCONCLUSIVE", ["MACHINE_FAILED"])]
    assert len(left(lab)) == 1

    after = drilled(lab)
    assert (after.exit_code, told(after), left(lab)) == (
        ExitCode.PASSED,
        {("EARLIER_COPY_GONE", evidence["drill_id"])},
        [],
    )
    assert swept_after(lab) == [([evidence["drill_id"]], True)]


@pytest.mark.docker
def test_a_machine_whose_disk_is_full_is_no_fault_of_the_backup(in_container: Callable[[str], Path]) -> None:
    lab = in_container("mariadb")
    scenario = lab / "scenarios" / "annual" / "scenario.toml"
    text = scenario.read_text("utf-8")
    small = '{ kind = "container", disk_bytes = 260_000_000 }'
    scenario.write_text(text.replace('{ kind = "container" }', small), "utf-8")
    (backup,) = (lab / "backups").iterdir()
    whole = backup.read_bytes()
    filling = b"CREATE TABLE filling (a LONGTEXT);\n" + b"INSERT INTO filling SELECT REPEAT('x', 4000000);\n" * 100
    end = whole.rindex(b"-- Dump completed")
    backup.write_bytes(whole[:end] + filling + whole[end:])
    rest(backup)

    ended = drilled(lab)

    assert (ended.exit_code, ended.evidence.verdict) == (ExitCode.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert "MACHINE_DISK_FULL" in ended.evidence.reasons
    assert left(lab) == []
    assert closed(lab) == [("INCONCLUSIVE", list(ended.evidence.reasons))]

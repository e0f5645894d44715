"""What is run when, and what tests share: invented drills with what a report needs besides, a key, a lab on fakes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import needs
import nightly
import pytest
from fake_engine import FAKE_HEAD
from fake_source import FakeSource
from fakes import Stand
from invented import DIGEST, DRILLS

from restore_lab.evidence import Evidence
from restore_lab.report.pdf import Seal
from restore_lab.signature.keys import SigningKey, create_key
from restore_lab.verdict import conclude


def pytest_configure(config: pytest.Config) -> None:
    """Wait for a process that makes what the tests need, the images for instance; take interrupts in any case.

    A shell has what it runs in the background ignore them, and so would all that the tests start and interrupt.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    pid = os.environ.get("RESTORE_LAB_TEST_AFTER", "")
    while pid and not hasattr(config, "workerinput") and Path("/proc", pid, "exe").exists():
        time.sleep(0.5)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest; mark what is left to the night, where a pattern that fits nothing is an error."""
    items.sort(key=lambda item: item.path.name not in nightly.LONGEST)
    collected, fitting = set(), set()
    for item in items:
        file, _, name = item.nodeid.partition("::")
        collected.add(Path(file).name)
        fits = {pattern for pattern in nightly.LEFT.get(Path(file).name, ()) if re.match(pattern, name)}
        if fits:
            item.add_marker(pytest.mark.nightly)
        fitting |= fits
    if not any("::" in argument for argument in config.args):
        idle = {pattern for file in collected for pattern in nightly.LEFT.get(file, ())} - fitting
        if idle:
            raise pytest.UsageError(f"tests/nightly.py names what no test is called: {sorted(idle)}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Look for the engine before any fixture is made."""
    if item.get_closest_marker("docker"):
        needs.docker_engine()


def pytest_sessionstart() -> None:
    """Refuse invented drills that the table of verdicts would not let be."""
    for name, make in DRILLS.items():
        evidence = make()
        assert conclude(evidence.findings, restores=1) == (evidence.verdict, evidence.reasons), name


@pytest.fixture
def passed() -> Evidence:
    return DRILLS["passed"]()


@pytest.fixture(params=sorted(DRILLS))
def drill(request: pytest.FixtureRequest) -> Evidence:
    """Each of the four verdicts in turn."""
    return DRILLS[str(request.param)]()


@pytest.fixture
def drills() -> dict[str, Evidence]:
    return {name: make() for name, make in DRILLS.items()}


@pytest.fixture
def seal() -> Seal:
    return Seal(key_id=DIGEST, holder="Atelier Informatique Rhône", self_signed=True, authority=None)


@pytest.fixture
def attachments() -> dict[str, bytes]:
    return {"evidence.json": b'{"a":"\xc3\xa9"}', "evidence.dsse.json": b'{"payload":"e30="}\n'}


@pytest.fixture(scope="session")
def made_key(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SigningKey]:
    """A key made once, and the folder it lies in; copy it, do not change it."""
    folder = tmp_path_factory.mktemp("made") / "keys"
    return folder, create_key(folder, holder="Prestataire d'essai", now=datetime.now(UTC))


@pytest.fixture
def stand(tmp_path: Path, made_key: tuple[Path, SigningKey]) -> Stand:
    """A lab on fakes with one good backup, taken two hours ago."""
    shutil.copytree(made_key[0], tmp_path / "keys")
    taken_at = datetime.now(UTC) - timedelta(hours=2)
    source = FakeSource(backups={"fake_1.dump": (taken_at, FAKE_HEAD + b"row\n" * 50_000)})
    return Stand(root=tmp_path, source=source)

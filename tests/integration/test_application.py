"""An application on top of a restored database, in real containers: what it shows, what holds it, what it cannot do.

Without a drill, on pages made for it: `test_application_pages.py`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import survey
from integration.applications import ANSWERS_PAGE, IMAGE, docker, need_images
from stems import COMMAND, environment_of, rest

from restore_lab import images, recipes
from restore_lab.application import on_top
from restore_lab.checks.base import Check, Restored
from restore_lab.engines.mariadb.engine import Mariadb
from restore_lab.evidence import Evidence, Isolation, RestoreRecord, Verdict, from_json
from restore_lab.findings import Code
from restore_lab.lab import load_lab
from restore_lab.lab_writing import Answers, write_lab
from restore_lab.lending import Ground, Lending
from restore_lab.notebook import Notebook
from restore_lab.sandboxes.container.driver import Container
from restore_lab.sandboxes.proof import DOCUMENTATION
from restore_lab.scenario import load_scenario
from restore_lab.signature.keys import SigningKey

pytestmark = pytest.mark.docker
ENGINES: Final = ("postgresql", "mariadb")
SCENARIO: Final = Path("scenarios") / "annual" / "scenario.toml"


@pytest.fixture(scope="module", autouse=True)
def _images() -> None:
    need_images()


@pytest.fixture(scope="module")
def backups() -> Iterator[Callable[[str, str], bytes]]:
    servers, made = survey.SurveyServers(), dict[tuple[str, str], bytes]()

    def backup(engine: str, change: str) -> bytes:
        if (engine, change) not in made:
            made[engine, change] = servers.backup(engine, change)
        return made[engine, change]

    yield backup
    servers.close()


@pytest.fixture(scope="module")
def new_lab(
    backups: Callable[[str, str], bytes], made_key: tuple[Path, SigningKey], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """A lab with the shipped scenario and a page of answers, its backup made as the program's engine makes it."""

    def make(engine: str, change: str = "") -> Path:
        root = tmp_path_factory.mktemp("application") / "lab"
        write_lab(root, Answers(), scenario="survey")
        shutil.copytree(made_key[0], root / "keys")
        backup = root / "backups" / f"enquetes_{datetime.now(UTC):%Y-%m-%d}.dump"
        backup.write_bytes(backups(engine, change))
        rest(backup)
        with (root / SCENARIO).open("a", encoding="utf-8") as scenario:
            scenario.write(ANSWERS_PAGE)
        return root

    return make


def run(root: Path) -> tuple[int, Evidence]:
    words = (str(COMMAND), "--lab", str(root), "run", "--scenario", "annual", "--json")
    done = subprocess.run(words, capture_output=True, check=False, timeout=120, env=environment_of(root))
    return done.returncode, from_json(done.stdout)


def edit(root: Path, old: str, new: str) -> None:
    text = (root / SCENARIO).read_text("utf-8")
    assert old in text
    (root / SCENARIO).write_text(text.replace(old, new), "utf-8")


def weighing(evidence: Evidence) -> list[Code]:
    return [one.finding.code for one in evidence.findings if one.finding.code.value in evidence.reasons]


def containers_of(drill: str) -> list[dict[str, Any]]:
    ids = docker("ps", "--quiet", "--no-trunc", "--filter", f"label=restore-lab.drill={drill}").split()
    found = json.loads(docker("inspect", *ids)) if ids else []
    return [one for one in found if "-trial-" not in one["Name"]]  # the engine is tried with it, no machine


def watched(root: Path, seen: dict[str, dict[str, Any]], done: threading.Event) -> None:
    """Look at all containers of a drill, as often as can be, while it runs: by name, as they were last seen."""
    while not done.is_set():
        for folder in root.glob("reports/*/*/"):
            try:
                seen.update({one["Name"]: one for one in containers_of(folder.name)})
            except subprocess.CalledProcessError:  # it went between the two questions
                continue
        time.sleep(0.25)


@pytest.fixture(scope="module", params=ENGINES)
def drill(request: pytest.FixtureRequest, new_lab: Callable[..., Path]) -> dict[str, Any]:
    """A drill of a whole backup, and what the engine said of its containers while it ran."""
    root, seen, done = new_lab(str(request.param)), dict[str, dict[str, Any]](), threading.Event()
    watching = threading.Thread(target=watched, args=(root, seen, done))
    watching.start()
    try:
        code, evidence = run(root)
    finally:
        done.set()
        watching.join()
    return {"engine": request.param, "root": root, "code": code, "evidence": evidence, "containers": seen}


def test_a_whole_backup_shows_its_pages(drill: dict[str, Any]) -> None:
    evidence: Evidence = drill["evidence"]

    assert (drill["code"], evidence.verdict) == (0, Verdict.PASSED), evidence.reasons
    asked = [one for one in evidence.restores[0].checks if one.kind == "http"]
    assert [(one.answered, one.asked) for one in asked] == [(True, 1)] * 3
    assert not {one.finding.code for one in evidence.findings} & {Code.APPLICATION_FAILED, Code.PAGE_NOT_AS_EXPECTED}


def test_what_held_both_machines_is_in_the_evidence(drill: dict[str, Any]) -> None:
    restore = drill["evidence"].restores[0]
    ran = restore.application

    assert ran is not None
    assert (ran.conditions.isolation, restore.conditions.isolation) == (Isolation.SEALED, Isolation.SEALED)
    assert (ran.conditions.image, ran.conditions.mechanism) == (IMAGE, "docker, one loopback")
    assert [(one.machine, one.open) for one in ran.egress] == [("database", 0), ("application", 0)]
    assert all(one.tried >= 2 * len(DOCUMENTATION) for one in ran.egress)
    assert ran.ready_seconds is not None
    assert {limit.name for limit in ran.conditions.limits} >= {"memory_bytes", "processes", "disk_bytes", "seconds"}


def test_the_list_of_packages_stands_beside_the_images_id(drill: dict[str, Any]) -> None:
    restore = drill["evidence"].restores[0]
    assert restore.application is not None

    for conditions in (restore.conditions, restore.application.conditions):
        built = images.find(recipes.IMAGES[conditions.image.removeprefix("restore-lab/")])
        assert built is not None
        assert (conditions.image_id, conditions.sbom_sha256) == (built.image_id, hashlib.sha256(built.sbom).hexdigest())


def test_while_it_runs_the_application_has_only_the_loopback_of_the_database(drill: dict[str, Any]) -> None:
    seen = list(drill["containers"].values())
    (application,) = [one for one in seen if one["Config"]["Image"] == IMAGE]
    host = application["HostConfig"]
    databases = {one["Id"]: one for one in seen if one["Config"]["Image"] != IMAGE}

    kind, _, joined = host["NetworkMode"].partition(":")
    assert kind == "container"
    assert databases[joined]["HostConfig"]["NetworkMode"] == "none"
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["Privileged"]) == (True, ["ALL"], False)
    assert not host["CapAdd"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert (host["LogConfig"]["Type"], host["IpcMode"], host["PidMode"]) == ("none", "private", "")
    assert not host["Binds"]
    assert application["Mounts"] == []
    assert not host["PortBindings"]
    assert not application["NetworkSettings"]["Ports"]
    assert application["Config"]["User"] == "10001:10001"
    assert 0 < host["Memory"] == host["MemorySwap"]
    assert (host["PidsLimit"], host["NanoCpus"] > 0) == (512, True)
    labels = application["Config"]["Labels"]
    assert {"restore-lab.lab", "restore-lab.drill", "restore-lab.restore", "restore-lab.expires-at"} <= set(labels)


def test_afterwards_both_machines_are_gone_and_looked_up(drill: dict[str, Any]) -> None:
    removals = drill["evidence"].restores[0].removals
    names = {f"/{one.name}" for one in removals}

    assert set(drill["containers"]) <= names
    assert all(one.gone and one.removed_at for one in removals)
    assert containers_of(drill["evidence"].drill_id) == []


def test_nothing_that_stays_or_is_told_holds_a_page_or_a_password(drill: dict[str, Any]) -> None:
    told = json.dumps(list(drill["containers"].values())).encode()
    left = [path.read_bytes() for path in (drill["root"] / "reports").rglob("*") if path.is_file()]

    assert b"database-password" not in told
    assert b"RESTORE_LAB_DATABASE" not in told
    for data in (told, *left):
        assert b"Satisfaction" not in data
        assert b"id='complete'" not in data
        assert "Réponses complètes".encode() not in data


@pytest.mark.parametrize("engine", ENGINES)
def test_an_emptied_table_of_answers_fails_the_page(engine: str, new_lab: Callable[..., Path]) -> None:
    code, evidence = run(new_lab(engine, survey.EMPTIED))

    assert (code, evidence.verdict) == (1, Verdict.FAILED)
    assert weighing(evidence) == [Code.PAGE_NOT_AS_EXPECTED]
    (unmet,) = [one.finding for one in evidence.findings if one.finding.code is Code.PAGE_NOT_AS_EXPECTED]
    assert dict(unmet.params) == {
        "name": "réponses envoyées",
        "code": 200,
        "number": 0,
        "expected": f"equals {survey.COMPLETE}",
    }


def test_an_application_that_gives_no_page_tells_nothing_of_the_backup(new_lab: Callable[..., Path]) -> None:
    root = new_lab("postgresql")
    edit(root, f'image = "{IMAGE}"', 'image = "restore-lab/postgresql:15"')  # which sleeps, and listens to nobody
    edit(root, "ready_seconds = 60 ", "ready_seconds = 2 ")

    code, evidence = run(root)

    assert (code, evidence.verdict) == (3, Verdict.INCONCLUSIVE)
    assert set(weighing(evidence)) == {Code.APPLICATION_FAILED, Code.CHECK_BROKEN}
    answered = {one.kind: one.answered for one in evidence.restores[0].checks}
    assert answered == {"integrity": True, "counts": True, "http": False}
    assert all(one.gone for one in evidence.restores[0].removals)


def http_findings(asked: Restored, checks: Sequence[Check]) -> list[Code]:
    return [one.code for check in checks if check.kind == "http" for one in check.ask(asked).findings]


def told_on_host() -> bytes:
    """Arguments and environments of every process of this host, those of the machines among them."""
    told = bytearray()
    for path in (*Path("/proc").glob("[0-9]*/cmdline"), *Path("/proc").glob("[0-9]*/environ")):
        with suppress(OSError):
            told += path.read_bytes() + b"\n"
    return bytes(told)


def test_the_password_shows_nowhere_and_a_loss_made_on_purpose_shows(
    new_lab: Callable[..., Path], backups: Callable[[str, str], bytes]
) -> None:
    """MariaDB, whose reading role has a password; then the negative control: the table of answers is emptied."""
    lab = load_lab(new_lab("mariadb"))
    restore = load_scenario(lab, "annual").settings.restore[0]
    assert restore.application is not None
    notes = Notebook(record=RestoreRecord(restore_id="1-live", place="live"), listen=lambda _event: None)
    lending = Lending(lab=lab, restore=restore, drill_id="live-application", notes=notes)
    server = next(one for one in Mariadb().offered() if one.series == survey.SERIES["mariadb"])
    ground = Ground(sandbox=Container(), server=server)
    data = backups("mariadb", "")
    dump = Mariadb().recognise(data)
    assert dump is not None
    with lending.machine(ground, backup_bytes=len(data)) as machine:
        database = Mariadb().start(machine, server)
        database.load(dump, [data])
        now = datetime.now(UTC)
        restored = Restored(
            machine=machine,
            server=server,
            engine=Mariadb(),
            database=database,
            inventory=database.inventory(),
            taken_at=now,
            now=now,
            days=lab.settings.practice.days,
        )
        with on_top(restore.application, lending, ground, restored) as asked:
            assert asked.application is not None, notes.findings
            beside = asked.application.machine
            said = beside.run(("sh", "-c", "stat -c %a database-password; cat database-password"), timeout_seconds=30)
            mode, password = said.stdout.split()
            inspected = docker("inspect", machine.handle.machine_id, beside.handle.machine_id).encode()
            assert (mode, len(password)) == (b"600", 48)
            assert password not in inspected
            assert password not in told_on_host()
            assert b"RESTORE_LAB_DATABASE_USER=restore_lab_reader" in told_on_host()

            assert http_findings(asked, restore.check) == []
            assert database.spoil(survey.ANSWERS).table == survey.ANSWERS
            assert http_findings(asked, restore.check) == [Code.PAGE_NOT_AS_EXPECTED]
    assert notes.findings == []
    assert len(notes.record.removals) == 2
    assert all(one.gone for one in notes.record.removals)

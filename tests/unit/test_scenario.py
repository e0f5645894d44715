"""A scenario's file: which places, on what machine, what is asked; and what it is refused for."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore_lab.checks.counts import Counts
from restore_lab.checks.sql import Sql
from restore_lab.engines import ENGINES
from restore_lab.errors import ConfigurationError
from restore_lab.lab import Lab, load_lab
from restore_lab.lab_writing import Answers, write_lab
from restore_lab.sandboxes import AUTOMATIC
from restore_lab.sandboxes.container.driver import Container
from restore_lab.sandboxes.local.driver import Local
from restore_lab.scenario import Application, Scenario, load_scenario

SCENARIO = """\
title = "Essai"

[[restore]]
place = "dossiers"
machine = { kind = "local" }

[[restore.check]]
kind = "counts"
main = ["patient"]

[[restore.check]]
kind = "sql"
title = "q"
file = "checks/q.sql"
equals = 0
"""
WITH_APPLICATION = """\
title = "Essai"

[[restore]]
place = "dossiers"
machine = { kind = "container" }

[restore.application]
image = "restore-lab/survey:1"

[[restore.check]]
kind = "http"
title = "q"
path = "/"
contains = "Satisfaction"
"""


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    write_lab(tmp_path / "lab", Answers(), scenario="annual")
    return load_lab(tmp_path / "lab")


def load(lab: Lab, text: str) -> Scenario:
    (lab.root / "scenarios" / "annual" / "scenario.toml").write_text(text, "utf-8")
    return load_scenario(lab, "annual")


def refusal(lab: Lab, text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(lab, text)
    return caught.value.message


def test_a_scenario_is_read_with_its_questions_in_their_order(lab: Lab) -> None:
    (restore,) = load(lab, SCENARIO).settings.restore

    folder = lab.root / "scenarios" / "annual"
    assert restore.check == (Counts(main=("patient",)), Sql(title="q", file=folder / "checks" / "q.sql", equals=0))
    assert restore.sandboxes == (Local(),)
    assert [engine.kind for engine in restore.engines] == [kind for kind in ENGINES if kind != "files"]


def test_auto_is_every_kind_of_machine_preferred_first_with_careful_settings(lab: Lab) -> None:
    (restore,) = load(lab, SCENARIO.replace('kind = "local"', 'kind = "auto"')).settings.restore

    assert [type(sandbox) for sandbox in restore.sandboxes] == list(AUTOMATIC)
    assert not any(getattr(sandbox, "unsafe_bare_process", False) for sandbox in restore.sandboxes)


def test_the_engine_can_be_named(lab: Lab) -> None:
    (restore,) = load(lab, SCENARIO.replace("machine", 'engine = { kind = "sqlite" }\nmachine')).settings.restore

    assert [engine.kind for engine in restore.engines] == ["sqlite"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('place = "dossiers"', 'place = "nas"', "no place 'nas'"),
        ('place = "dossiers"', 'place = "partage"', "no backup to restore"),
        ('title = "q"', 'title = "counts"', "same title"),
        ('place = "dossiers"', 'place = "dossiers"\nidentity = " "', "identity is a statement"),
        ('main = ["patient"]', 'main = ["patient"]\nby_month = { visit = "at" }', "not in `main`"),
        ('main = ["patient"]', 'main = ["patient"]\nby_month = { patient = "at;" }', "plain names"),
        ('kind = "counts"', 'kind = "count"', "'counts'"),
        ("equals = 0", "", "exactly one of equals"),
        ("equals = 0", "equals = 0\nat_least = 3", "exactly one of equals"),
        ('file = "checks/q.sql"\n', "", "exactly one of sql, file"),
        ('main = ["patient"]', 'main = ["patient"]\nmaim = []', "unknown key"),
        ('kind = "local"', 'kind = "cloud"', "'local'"),
        ('kind = "counts"\nmain = ["patient"]', 'kind = "documents"', "needs a restore of them"),
        ('kind = "counts"\nmain = ["patient"]', 'kind = "document_names"\nsql = "SELECT 1, 2"', "asked once"),
        ('kind = "counts"\nmain = ["patient"]', 'kind = "document_names"', "exactly one of sql, file"),
        (SCENARIO[SCENARIO.index("[[restore.check]]") :], "check = []\n", "proves nothing"),
        (SCENARIO[SCENARIO.index("[[restore]]") :], "restore = []\n", "tests nothing"),
    ],
)
def test_what_a_scenario_may_not_say_is_refused(lab: Lab, old: str, new: str, said: str) -> None:
    assert said in refusal(lab, SCENARIO.replace(old, new, 1))


def test_an_application_runs_beside_a_container_alone(lab: Lab) -> None:
    on_auto = WITH_APPLICATION.replace('"container"', '"auto"')

    (restore,) = load(lab, on_auto).settings.restore

    assert restore.sandboxes == (Container(),)
    assert restore.application == Application(image="restore-lab/survey:1")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "container"', 'kind = "local"', "beside a container alone"),
        ('[restore.application]\nimage = "restore-lab/survey:1"\n', "", "need each other"),
        ('kind = "http"\ntitle = "q"\npath = "/"\ncontains = "Satisfaction"', 'kind = "counts"', "need each other"),
        ('restore-lab/survey:1"', 'restore-lab/survey:1"\nnetwork = "bridge"', "unknown key"),
        ('restore-lab/survey:1"', 'restore-lab/survey:1"\nport = 80', "1024 to 65535"),
        ('restore-lab/survey:1"', 'restore-lab/survey:1"\nport = 5432', "neither 3306 nor 5432"),
        ('restore-lab/survey:1"', 'restore-lab/survey:1"\nready_seconds = 0', "1 to 600"),
        ('restore-lab/survey:1"', 'restore-lab/survey:1"\nmemory_mb = 1', "64 or more"),
        ('image = "restore-lab/survey:1"\n', "", "required"),
    ],
)
def test_what_an_application_may_not_be_is_refused(lab: Lab, old: str, new: str, said: str) -> None:
    assert old in WITH_APPLICATION
    assert said in refusal(lab, WITH_APPLICATION.replace(old, new, 1))


@pytest.mark.parametrize("name", ["monthly", "../annual", "annual/../annual", "", ".", "/etc"])
def test_a_scenario_that_is_not_there_is_told_which_there_are(lab: Lab, name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_scenario(lab, name)

    assert caught.value.hint == "it has: annual"


def test_the_digest_covers_every_file_and_nothing_that_python_left(lab: Lab) -> None:
    first = load(lab, SCENARIO).sha256
    folder = lab.root / "scenarios" / "annual"
    (folder / "checks" / "__pycache__").mkdir(parents=True)
    (folder / "checks" / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert load_scenario(lab, "annual").sha256 == first

    (folder / "checks" / "q.sql").write_text("SELECT 0", "utf-8")
    second = load_scenario(lab, "annual").sha256
    (folder / "checks" / "q.sql").rename(folder / "checks" / "r.sql")

    assert len({first, second, load_scenario(lab, "annual").sha256}) == 3


@pytest.mark.parametrize("name", ["annual", "raspberry-pi", "sample-annual", "survey"])
def test_the_shipped_scenarios_are_scenarios(tmp_path: Path, name: str) -> None:
    write_lab(tmp_path / "lab", Answers(), scenario=name)

    assert load_scenario(load_lab(tmp_path / "lab"), "annual").settings.every_days == 365

"""The annual drill of the sample practice in containers: what the engine says while it runs, and what is left after."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from needs import docker_engine

pytestmark = pytest.mark.docker

COMMAND = str(Path(sys.executable).parent / "restore-lab")
ENGINES = ("postgresql", "mariadb")


def _docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout


def _containers(drill: str = "") -> list[str]:
    wanted = f"label=restore-lab.drill={drill}" if drill else "label=restore-lab.drill"
    return _docker("ps", "--all", "--quiet", "--no-trunc", "--filter", wanted).split()


def _inspected_during(lab: Path, earlier: set[Path], process: subprocess.Popen[str]) -> dict[str, Any]:
    """Look at the drill's own container while the drill runs."""
    while process.poll() is None:
        for path in set(lab.glob("reports/*/*")) - earlier:
            for container in _containers(path.name):
                asked = subprocess.run(["docker", "inspect", container], check=False, capture_output=True, text=True)
                for found in json.loads(asked.stdout or "[]"):  # none, when it went since it was listed
                    if found["State"]["Running"] and "-trial-" not in found["Name"]:  # the engine is tried with that
                        return dict(found)
        time.sleep(0.05)
    pytest.fail("no container of the drill was seen while it ran")


@pytest.fixture(scope="module", params=ENGINES)
def drill(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    engine = str(request.param)
    docker_engine()
    lab = tmp_path_factory.mktemp("annual") / engine
    subprocess.run([COMMAND, "demo", str(lab), "--engine", engine], check=True, capture_output=True, text=True)
    earlier = set(lab.glob("reports/*/*"))
    with subprocess.Popen(
        [COMMAND, "--lab", str(lab), "run", "--scenario", "annual", "--json"], stdout=subprocess.PIPE, text=True
    ) as process:
        container = _inspected_during(lab, earlier, process)
        assert process.stdout is not None
        evidence = json.loads(process.stdout.read())
    return {"engine": engine, "container": container, "evidence": evidence, "exit_code": process.returncode}


def test_the_drill_passes(drill: dict[str, Any]) -> None:
    assert drill["exit_code"] == 0
    assert drill["evidence"]["verdict"].startswith("PASSED")
    restore = drill["evidence"]["restores"][0]
    assert restore["conditions"]["sandbox"] == "container"
    assert restore["conditions"]["isolation"] == "sealed"
    assert restore["server"]["own_series"] is True


def test_while_it_runs_the_container_has_nothing_but_itself(drill: dict[str, Any]) -> None:
    host = drill["container"]["HostConfig"]
    assert host["NetworkMode"] == "none"
    assert not host["Binds"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["ReadonlyRootfs"] is True
    assert host["Privileged"] is False
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["LogConfig"]["Type"] == "none"
    assert drill["container"]["Config"]["User"] not in {"", "0", "root"}
    assert not drill["container"]["NetworkSettings"]["Ports"]
    assert all(mount["Type"] != "bind" for mount in drill["container"]["Mounts"])


def test_while_it_runs_the_container_is_limited(drill: dict[str, Any]) -> None:
    host = drill["container"]["HostConfig"]
    assert 0 < host["Memory"] == host["MemorySwap"]
    assert host["NanoCpus"] > 0
    assert 0 < host["PidsLimit"] <= 4096


def test_afterwards_nothing_of_the_drill_is_left(drill: dict[str, Any]) -> None:
    drill_id = drill["evidence"]["drill_id"]
    assert _containers(drill_id) == []
    assert _docker("volume", "ls", "--quiet", "--filter", f"label=restore-lab.drill={drill_id}").split() == []


def test_the_evidence_lists_each_thing_as_looked_up_and_gone(drill: dict[str, Any]) -> None:
    removals = drill["evidence"]["restores"][0]["removals"]
    names = {removal["name"] for removal in removals}
    assert removals
    assert all(removal["gone"] and removal["removed_at"] for removal in removals)
    assert drill["container"]["Name"].removeprefix("/") in names

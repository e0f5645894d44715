"""The images as they are on this host: what a dump may ask of them, and what they must not be."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from needs import absent
from packageurl import PackageURL

from restore_lab import images, process, recipes
from restore_lab.errors import MachineFailed
from restore_lab.images import BuiltImage
from restore_lab.process import Completed
from restore_lab.recipes import IMAGES, ON_A_BASE, Image
from restore_lab.sandboxes.base import Need, Server
from restore_lab.sandboxes.container.driver import Container
from restore_lab.sandboxes.container.plan import SBOM_LABEL

pytestmark = pytest.mark.docker

BY_NAME = [pytest.param(image, id=name) for name, image in IMAGES.items()]
WANTED = {"postgresql": "postgresql-{series}=", "mariadb": "mariadb-server=", "survey": "python3-pymysql="}
SERVERS = [pytest.param(image, id=name) for name, image in IMAGES.items() if image.engine != "survey"]
POSTGRESQL = [pytest.param(image, id=name) for name, image in IMAGES.items() if image.engine == "postgresql"]


def _found(image: Image) -> BuiltImage:
    try:
        built, why = images.find(image), f"{image.tag} is not built: `restore-lab image build {image.name}`"
    except MachineFailed as error:
        built, why = None, error.message
    return built or absent(why)


def inside(built: BuiltImage, script: str) -> str:
    command = ("docker", "run", "--rm", "--network", "none", built.tag, "sh", "-c", script)
    done = process.run(command, timeout_seconds=60, environment=dict(os.environ))
    assert done.exit_code == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def config(built: BuiltImage) -> dict[str, Any]:
    command = ("docker", "image", "inspect", "--format", "{{json .Config}}", built.tag)
    done = process.run(command, timeout_seconds=60, environment=dict(os.environ))
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("image", BY_NAME)
def test_the_locales_of_french_dumps_are_there(image: Image) -> None:
    locales = set(inside(_found(image), "locale -a").splitlines())

    assert {"fr_FR.utf8", "fr_FR@euro", "fr_FR.iso88591", "en_US.utf8", "C.utf8"} <= locales | {"C.utf8"}


@pytest.mark.parametrize("image", BY_NAME)
def test_nothing_runs_as_root(image: Image) -> None:
    built = _found(image)

    assert inside(built, "id -u; id -un; stat -c '%u %a' /machine").splitlines() == ["10001", "restorelab", "10001 700"]
    assert config(built)["User"] == "restorelab"
    assert not config(built).get("Volumes")


@pytest.mark.parametrize("image", BY_NAME)
def test_the_image_says_what_is_in_it(image: Image) -> None:
    built = _found(image)
    listed = inside(built, f"cat {images.PACKAGES_FILE}") + "\n"

    assert built.packages == tuple(sorted(listed.splitlines()))
    assert built.suite == image.suite
    assert built.base
    labels = config(built)["Labels"]
    assert labels[images.PACKAGES_LABEL] == hashlib.sha256(listed.encode()).hexdigest()
    wanted = WANTED[image.engine].format(series=image.series)
    assert any(package.startswith(wanted) for package in built.packages)


@pytest.mark.parametrize("image", BY_NAME)
def test_the_list_of_packages_is_that_of_the_package_manager(image: Image) -> None:
    """Held against dpkg's own answer, the schema of its form, and the label that evidence takes its digest from."""
    built = _found(image)
    asked = inside(built, "dpkg-query --show --showformat '${binary:Package} ${Version} ${Architecture}\n'")

    listed = json.loads(built.sbom)["components"][1:]

    packages = [PackageURL.from_string(one["purl"]) for one in listed]
    assert len(packages) > 80
    assert sorted((one.name, one.version, dict(one.qualifiers)["arch"]) for one in packages) == sorted(
        (name.partition(":")[0], version, architecture)
        for name, version, architecture in (line.split() for line in asked.splitlines())
    )
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(built.sbom.decode()) is None
    assert config(built)["Labels"][SBOM_LABEL] == built.sbom_sha256 == hashlib.sha256(built.sbom).hexdigest()


def test_an_image_of_before_lists_of_packages_gets_its_digest_and_is_not_built_again() -> None:
    built, older = _found(IMAGES["survey:1"]), Image(engine="survey", series="0", suite="bookworm")
    recipe = recipes.digest(older.engine, older.series, older.suite, "")
    labels = ("--label", f"{images.RECIPE_LABEL}={recipe}", "--label", f"{SBOM_LABEL}=")
    lines: list[str] = []
    try:
        done = process.run(
            ("docker", "build", "--quiet", *labels, "--tag", older.tag, "-"),
            timeout_seconds=60,
            stdin=(f"FROM {built.tag}\n".encode(),),
            environment=dict(os.environ),
        )
        assert done.exit_code == 0, done.stderr.decode()
        again = images.build(older, progress=lines.append)
        labelled = config(again)["Labels"]
    finally:
        process.run(("docker", "rmi", older.tag), timeout_seconds=60, environment=dict(os.environ))

    assert lines == [f"{older.tag} is built already"]
    assert (again.packages, labelled[SBOM_LABEL]) == (built.packages, again.sbom_sha256)
    assert labelled[images.PACKAGES_LABEL] == config(built)["Labels"][images.PACKAGES_LABEL]


def test_an_image_made_on_one_of_ours_is_not_said_to_hold_the_same() -> None:
    """It inherits the labels: its machine would be given the list of another image's packages."""
    ours, theirs = Image(engine="survey", series="0-labelled", suite="bookworm"), "restore-lab-test/on-top:1"
    recipe = recipes.digest(ours.engine, ours.series, ours.suite, "")
    try:
        docker_build(ours.tag, f"FROM {IMAGES['survey:1'].tag}\nLABEL {images.RECIPE_LABEL}={recipe}\n")
        built = images.build(ours, progress=lambda _line: None)
        docker_build(theirs, f"FROM {ours.tag}\nUSER root\nRUN echo more >/usr/local/bin/more-of-it\n")
        docker_build(f"{theirs}-renamed", f"FROM {ours.tag}\nLABEL any=thing\n")

        listed = {tag: sbom_of_machine(tag) for tag in (ours.tag, theirs, f"{theirs}-renamed")}
    finally:
        tags = (f"{theirs}-renamed", theirs, ours.tag)
        process.run(("docker", "rmi", *tags), timeout_seconds=60, environment=dict(os.environ))

    assert listed == {ours.tag: built.sbom_sha256, theirs: None, f"{theirs}-renamed": built.sbom_sha256}


def docker_build(tag: str, recipe: str) -> None:
    argv = ("docker", "build", "--quiet", "--network", "none", "--tag", tag, "-")
    done = process.run(argv, timeout_seconds=60, stdin=(recipe.encode(),), environment=dict(os.environ))
    assert done.exit_code == 0, done.stderr.decode()


def sbom_of_machine(tag: str) -> str | None:
    need = Need(
        lab_id=f"images-{os.getpid()}",
        drill_id=f"images-{os.getpid()}",
        restore_id="main",
        server=Server(engine="any", series="1", own_series=True, image=tag, folders=(), programs=()),
        backup_bytes=1024,
        memory_bytes=64 * 1024**2,
        expires_at=datetime.now(UTC) + timedelta(minutes=5),
    )
    with Container().machine(need) as machine:
        return machine.conditions.sbom_sha256


def test_the_command_writes_the_list_and_its_digest(tmp_path: Path) -> None:
    built, path = _found(IMAGES["survey:1"]), tmp_path / "survey.cdx.json"

    printed = command("image", "sbom", "survey:1")
    written = command("image", "sbom", "survey:1", "--output", str(path))
    listed = json.loads(command("image", "list", "--json").stdout)

    assert printed.stdout == path.read_bytes() == built.sbom
    assert f"sha256:{built.sbom_sha256}".encode() in written.stdout
    assert listed["survey:1"]["sbom_sha256"] == built.sbom_sha256
    assert command("image", "sbom", "survey:9").exit_code == 2


def command(*words: str) -> Completed:
    program = Path(sys.executable).with_name("restore-lab")
    return process.run((str(program), *words), timeout_seconds=60, environment=dict(os.environ))


@pytest.mark.parametrize("image", SERVERS)
def test_the_server_is_of_its_series_and_on_the_path(image: Image) -> None:
    program = "postgres" if image.engine == "postgresql" else "mariadbd"

    assert image.series in inside(_found(image), f"{program} --version")


@pytest.mark.parametrize("image", BY_NAME)
def test_no_data_and_no_documentation_came_along(image: Image) -> None:
    built = _found(image)

    assert inside(built, "ls -A /var/lib/postgresql/*/main /var/lib/mysql 2>/dev/null; ls -A /var/lib/apt/lists") == ""
    assert inside(built, "find /usr/share/man /usr/share/info -type f") == ""


@pytest.mark.parametrize("image", POSTGRESQL)
def test_postgresql_compares_by_icu_and_by_the_system(image: Image) -> None:
    script = """
        cd /tmp && initdb --no-sync -D data -U me -A trust >/dev/null && printf '%s\n' \
          "SELECT count(*) > 100 FROM pg_collation WHERE collprovider = 'i';" \
          "SELECT 'cote' < 'côte' COLLATE \\"fr-x-icu\\";" \
          "SELECT 'é' < 'z' COLLATE \\"fr_FR.utf8\\";" \
          "CREATE EXTENSION amcheck;" \
          "CREATE EXTENSION unaccent;" \
        | postgres --single -D data postgres 2>&1
    """
    said = inside(_found(image), script)

    assert said.count('= "t"') == 3
    assert "ERROR" not in said


def test_an_image_of_the_same_recipe_is_not_built_again() -> None:
    built = _found(IMAGES["postgresql:15"])
    lines: list[str] = []

    again = images.build(IMAGES["postgresql:15"], progress=lines.append)

    assert (again, lines) == (built, [f"{built.tag} is built already"])


def test_an_image_can_be_built_on_a_base_of_the_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    _found(IMAGES["postgresql:15"])
    monkeypatch.setenv("PATH", "/nonexistent")
    wrong = Image(engine="postgresql", series="15", suite="no-such-suite")

    with pytest.raises(MachineFailed, match="no Debian no-such-suite to build on") as caught:
        images.build(wrong, progress=lambda _line: None)

    assert "--base" in caught.value.hint


def test_an_image_that_no_debian_release_has_is_tried_on_a_base_of_the_operators() -> None:
    """Debian's own base has no such package, and that is what the build ends by."""
    origin = _found(IMAGES["postgresql:15"]).base
    base = "restore-lab/debian:bookworm" if origin.startswith("mmdebstrap") else origin

    with pytest.raises(MachineFailed, match="restore-lab/postgresql:14-unlabelled could not be built"):
        images.build(ON_A_BASE["postgresql:14"], base=base, progress=lambda _line: None)

    assert images.find(ON_A_BASE["postgresql:14"]) is None

"""The images machines run: how they are built from their recipes, with a registry or without, what is in them."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import docker
from docker.errors import ImageNotFound

from restore_lab import process, recipes, sbom
from restore_lab.errors import MachineFailed
from restore_lab.recipes import PREFIX, Image
from restore_lab.sandboxes.container.docker_engine import image_files, image_layers, reached
from restore_lab.sandboxes.container.plan import LAYERS_LABEL, SBOM_LABEL

RECIPE_LABEL = "restore-lab.recipe"
BASE_LABEL = "restore-lab.base"
SUITE_LABEL = "restore-lab.suite"
PACKAGES_LABEL = "restore-lab.packages-sha256"
PACKAGES_FILE = "/usr/share/restore-lab/packages.txt"
_DPKG_STATUS = "/var/lib/dpkg/status"

#: How long (seconds) a registry may stay silent before the image is made without one.
_PULL_SECONDS = 15
_BUILD_SECONDS = 900
_BOOTSTRAP_SECONDS = 600
_LEAN = tuple(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("locale", "man", "info"))
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")
#: Suites that still move: a mirror that stands still would be refused for its age, though its signature holds.
_MOVING_SUITES = frozenset({"forky"})

Progress = Callable[[str], object]


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltImage:
    """An image on this host. `base` says what it was made from, `packages` are ``name=version``, sorted.

    `sbom` is the list of its packages as CycloneDX, whose digest stands in the evidence of what ran from the image.
    """

    tag: str
    image_id: str
    suite: str
    base: str
    packages: tuple[str, ...]
    sbom: bytes

    @property
    def sbom_sha256(self) -> str:
        """The digest of the list."""
        return hashlib.sha256(self.sbom).hexdigest()


def find(image: Image) -> BuiltImage | None:
    """Look an image up on this host, whatever recipe it was built from; None when it is not there.

    Raises:
        MachineFailed: the Docker engine does not answer.
    """
    with reached(_BUILD_SECONDS) as engine:
        return _described(engine, image.tag)


def build(image: Image, *, base: str | None = None, progress: Progress) -> BuiltImage:
    """Build an image, or find it built from the very same recipe; `progress` gets one line for each step.

    `base` names a Debian image of the right suite to start from. Without it ``debian:<suite>-slim`` is pulled; where
    no registry answers, `mmdebstrap` makes the same from the Debian mirror. What was used is a label of the image.

    Raises:
        MachineFailed: the Docker engine does not answer, there is nothing to start from, or a step of the build failed.
    """
    with reached(_BUILD_SECONDS) as engine:
        recipe = recipes.digest(image.engine, image.series, image.suite, base or "")
        if _label(engine, image.tag, RECIPE_LABEL) == recipe:
            progress(f"{image.tag} is built already")
            lists = _lists(image.tag, image)
            if any(_label(engine, image.tag, label) != digest for label, digest in lists.items()):
                _relabel(engine, image.tag, image.tag, lists)  # by a release that wrote no list, or another
        else:
            suite_base = _suite_base(engine, image.suite, base, progress)
            progress(f"building {image.tag}")
            arguments = {"BASE": suite_base, "SERIES": image.series}
            made = _docker_build(engine, recipes.folder() / image.engine, f"{image.tag}-unlabelled", arguments)
            labels = {
                RECIPE_LABEL: recipe,
                BASE_LABEL: _label(engine, suite_base, BASE_LABEL),
                SUITE_LABEL: image.suite,
                PACKAGES_LABEL: hashlib.sha256(image_files(made, PACKAGES_FILE)[0]).hexdigest(),
                **_lists(made, image),
            }
            _relabel(engine, made, image.tag, labels)
            engine.images.remove(made)
        built = _described(engine, image.tag)
    if built is None:
        raise MachineFailed(f"{image.tag} was built but is not there", hint="look at `docker image ls`")
    return built


def _suite_base(engine: docker.DockerClient, suite: str, base: str | None, progress: Progress) -> str:
    """Give the tag of the base all images of a suite share, built first where it is missing or old."""
    tag = f"{PREFIX}/base:{suite}"
    recipe = recipes.digest(suite, base or "")
    if _label(engine, tag, RECIPE_LABEL) == recipe:
        return tag
    start, origin = (base, base) if base else _debian(engine, suite, progress)
    progress(f"building {tag}")
    labels = {RECIPE_LABEL: recipe, BASE_LABEL: origin, SUITE_LABEL: suite}
    _docker_build(engine, recipes.folder() / "base", tag, {"BASE": start}, labels)
    return tag


def _debian(engine: docker.DockerClient, suite: str, progress: Progress) -> tuple[str, str]:
    """Get a plain Debian of a suite; give its tag and how to name its origin for ever."""
    public = f"debian:{suite}-slim"
    progress(f"pulling {public}")
    try:
        with reached(_PULL_SECONDS) as impatient:
            for _ in impatient.api.pull("debian", tag=f"{suite}-slim", stream=True, decode=True):
                pass
    except MachineFailed:
        progress(f"no registry gives {public}")
    try:
        digests = engine.images.get(public).attrs.get("RepoDigests") or [public]
    except ImageNotFound:
        return _bootstrapped(engine, suite, progress)
    return public, str(digests[0])


def _bootstrapped(engine: docker.DockerClient, suite: str, progress: Progress) -> tuple[str, str]:
    """Make a plain Debian from its mirror, once: the base built on it upgrades its packages."""
    tag = f"{PREFIX}/debian:{suite}"
    if origin := _label(engine, tag, BASE_LABEL):
        return tag, origin
    progress(f"making Debian {suite} with mmdebstrap")
    origin = f"mmdebstrap {suite} {datetime.now(UTC):%Y-%m-%d}"
    options = ('--aptopt=Acquire::Check-Valid-Until "false"',) if suite in _MOVING_SUITES else ()
    with tempfile.TemporaryDirectory(prefix="restore-lab-image-") as folder:
        rootfs = Path(folder) / "rootfs.tar"
        argv = ("mmdebstrap", "--variant=minbase", *_LEAN, *options, suite, str(rootfs))
        try:
            done = process.run(argv, timeout_seconds=_BOOTSTRAP_SECONDS, environment=_environment())
        except (MachineFailed, TimeoutError) as error:
            raise _nothing_to_start_from(suite, str(error)) from error
        if done.exit_code != 0:
            raise _nothing_to_start_from(suite, f"mmdebstrap ended with {done.exit_code}: {_last_line(done.stderr)}")
        label = [f'LABEL {BASE_LABEL}="{origin}"']
        engine.api.import_image_from_file(str(rootfs), repository=f"{PREFIX}/debian", tag=suite, changes=label)
    return tag, origin


def _nothing_to_start_from(suite: str, reason: str) -> MachineFailed:
    return MachineFailed(
        f"no Debian {suite} to build on: no registry answered, and {reason}",
        hint=f"connect to a registry, install the package mmdebstrap, or name a local image: --base my-debian:{suite}",
    )


def _docker_build(
    engine: docker.DockerClient, folder: Path, tag: str, arguments: Mapping[str, str], labels: Mapping[str, str] = {}
) -> str:
    """Build one Dockerfile and give the tag; the engine's own cache is used."""
    proxies = {name: value for name, value in os.environ.items() if name.lower() in _PROXIES}
    return _carry_out(
        engine,
        path=str(folder),
        tag=tag,
        buildargs={**proxies, **arguments},
        labels=dict(labels),
        timeout=_BUILD_SECONDS,
    )


def _relabel(engine: docker.DockerClient, made: str, tag: str, labels: Mapping[str, str]) -> None:
    """Label a finished image: what the labels say is only known once it is there."""
    _carry_out(engine, fileobj=io.BytesIO(f"FROM {made}\n".encode()), tag=tag, labels=dict(labels))


def _carry_out(engine: docker.DockerClient, *, tag: str, **how: object) -> str:
    said = ""
    for event in engine.api.build(tag=tag, rm=True, forcerm=True, decode=True, **how):
        if "error" in event:
            raise MachineFailed(
                f"{tag} could not be built: {event['error'].strip()}",
                hint=f"the last line was: {said}",
            )
        said = str(event.get("stream", "")).strip() or said
    return tag


def _described(engine: docker.DockerClient, tag: str) -> BuiltImage | None:
    try:
        found = engine.images.get(tag)
    except ImageNotFound:
        return None
    listed, status = image_files(tag, PACKAGES_FILE, _DPKG_STATUS)
    suite = str(found.labels.get(SUITE_LABEL, ""))
    return BuiltImage(
        tag=tag,
        image_id=str(found.id),
        suite=suite,
        base=str(found.labels.get(BASE_LABEL, "")),
        packages=tuple(sorted(listed.decode("utf-8", "replace").splitlines())),
        sbom=_sbom(status, tag, suite),
    )


def _sbom(status: bytes, tag: str, suite: str) -> bytes:
    return sbom.document(tag, suite, sbom.installed(status.decode("utf-8", "replace")))


def _lists(tag: str, image: Image) -> dict[str, str]:
    """Digest the packages of an image that lies under `tag` until it has its own, and the layers they are in."""
    (status,) = image_files(tag, _DPKG_STATUS)
    listed = hashlib.sha256(_sbom(status, image.tag, image.suite)).hexdigest()
    return {SBOM_LABEL: listed, LAYERS_LABEL: image_layers(tag)}


def _label(engine: docker.DockerClient, tag: str, label: str) -> str:
    try:
        return str(engine.images.get(tag).labels.get(label, ""))
    except ImageNotFound:
        return ""


def _environment() -> dict[str, str]:
    proxies = {name: value for name, value in os.environ.items() if name.lower() in _PROXIES}
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", **proxies}


def _last_line(raw: bytes) -> str:
    lines = raw.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"

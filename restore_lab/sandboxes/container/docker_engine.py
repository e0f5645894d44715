"""The Docker engine of this host, as the few typed questions and orders the container sandbox has for it.

Each call has a connection of its own: machines may be used from several threads, and nothing stays open behind them.
The SDK takes a tenth of a second to be read, so it is read only where the engine is asked (`noqa: PLC0415`).
"""

from __future__ import annotations

import hashlib
import io
import os
import socket
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from restore_lab.errors import MachineFailed
from restore_lab.sandboxes.container.plan import LAB_LABEL, SCRATCH, USER_ID, Dialect, Plan

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

Kind = Literal["container", "volume"]

_DEFAULT_ENGINE = "unix:///var/run/docker.sock"
_API_SECONDS = 60
#: How long (seconds) the exit code of a command may lag behind the end of its output.
_EXIT_CODE_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A container or a volume of a lab, with the labels it was made with."""

    kind: Kind
    name: str
    labels: Mapping[str, str]


def socket_path() -> str:
    """Where the engine of this host listens.

    Raises:
        MachineFailed: `DOCKER_HOST` names an engine elsewhere, where the copy would leave this host.
    """
    where = os.environ.get("DOCKER_HOST") or _DEFAULT_ENGINE
    if not where.startswith("unix://"):
        raise MachineFailed(
            "DOCKER_HOST names an engine that is not this host's",
            hint="patients' data are restored on this host only: unset DOCKER_HOST, or let it name a unix:// socket",
        )
    return where.removeprefix("unix://")


def info() -> Mapping[str, Any]:
    """Ask the engine what it is and can enforce. Source: Engine API, ``GET /info``."""
    with reached() as engine:
        return dict(engine.info())


def dialect() -> Dialect:
    """Tell which engine this is, by the name of a part of it. Source: Engine API, ``GET /version``."""
    return _dialect(socket_path())


def image_id(tag: str) -> str | None:
    """Give the ID of an image of this host, None when it is not there. Nothing is pulled."""
    from docker.errors import NotFound  # noqa: PLC0415

    with reached() as engine:
        try:
            return str(engine.images.get(tag).id)
        except NotFound:
            return None


def image_config(tag: str) -> Mapping[str, Any]:
    """Give what an image says of itself: entry point, command, volumes. Source: OCI image configuration."""
    with reached() as engine:
        return dict(engine.images.get(tag).attrs["Config"])


def image_layers(tag: str) -> str:
    """Digest the list of an image's layers. Source: OCI image configuration, ``rootfs``."""
    with reached() as engine:
        layers = engine.images.get(tag).attrs["RootFS"]["Layers"]
    return hashlib.sha256("\n".join(layers).encode()).hexdigest()


def image_files(tag: str, *paths: str) -> tuple[bytes, ...]:
    """Read files out of an image without running anything of it."""
    with reached() as engine:
        container = engine.containers.create(tag, network_mode="none")
        try:
            return tuple(_read(container, path) for path in paths)
        finally:
            container.remove(force=True, v=True)


def _read(container: Container, path: str) -> bytes:
    pieces, _ = container.get_archive(path)
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as archive:
        member = archive.extractfile(Path(path).name)
        return member.read() if member else b""


def create_volume(name: str, labels: Mapping[str, str]) -> None:
    """Create an empty volume."""
    with reached() as engine:
        engine.volumes.create(name, labels=dict(labels))


def create_container(plan: Plan) -> None:
    """Create the container and start it."""
    from docker.types import Mount, Ulimit  # noqa: PLC0415

    mounts = [Mount(SCRATCH, plan.volume, type="volume")] if plan.storage == "volume" else []
    ulimits = [Ulimit(name=name, soft=value, hard=value) for name, value in plan.ulimits()]
    with reached() as engine:
        engine.containers.create(**plan.options(), mounts=mounts, ulimits=ulimits).start()


def look_up(kind: Kind, name: str) -> Mapping[str, Any] | None:
    """Inspect a container or a volume; None when the engine does not know it."""
    from docker.errors import NotFound  # noqa: PLC0415

    with reached() as engine:
        try:
            found = engine.containers.get(name) if kind == "container" else engine.volumes.get(name)
        except NotFound:
            return None
        return dict(found.attrs)


def remove(kind: Kind, name: str) -> None:
    """Kill and remove; what is not there is not an error."""
    from docker.errors import NotFound  # noqa: PLC0415

    with reached() as engine:
        try:
            if kind == "container":
                engine.api.remove_container(name, v=True, force=True)
            else:
                engine.api.remove_volume(name, force=True)
        except NotFound:
            return


def everything_of(lab_id: str) -> tuple[Found, ...]:
    """List the containers, then the volumes, that carry a lab's label."""
    mine = {"label": f"{LAB_LABEL}={lab_id}"}
    with reached() as engine:
        containers = engine.api.containers(all=True, filters=mine)
        volumes = engine.api.volumes(filters=mine)["Volumes"] or []
    return (
        *(Found(kind="container", name=one["Names"][0].lstrip("/"), labels=one["Labels"] or {}) for one in containers),
        *(Found(kind="volume", name=one["Name"], labels=one["Labels"] or {}) for one in volumes),
    )


def prepare(name: str, argv: Sequence[str], environment: Mapping[str, str], *, stdin: bool) -> tuple[str, str]:
    """Prepare a command as the machine's own user in its folder; give its id and the version the engine speaks."""
    with reached() as engine:
        prepared = engine.api.exec_create(
            name,
            list(argv),
            stdin=stdin,
            user=f"{USER_ID}:{USER_ID}",
            workdir=SCRATCH,
            environment={"HOME": SCRATCH, "TMPDIR": "/tmp", **environment},  # noqa: S108 - inside the container
        )
        return str(prepared["Id"]), str(engine.api.api_version)


def start_detached(exec_id: str) -> None:
    """Start a prepared command and leave it running."""
    with reached() as engine:
        engine.api.exec_start(exec_id, detach=True)


def exit_code(exec_id: str) -> int:
    """Wait for a command whose output has ended and give its exit code.

    Raises:
        MachineFailed: it does not end, or the engine lost it.
    """
    deadline = time.monotonic() + _EXIT_CODE_SECONDS
    with reached() as engine:
        while time.monotonic() < deadline:
            state = engine.api.exec_inspect(exec_id)
            if not state["Running"] and state["ExitCode"] is not None:
                return int(state["ExitCode"])
            time.sleep(0.01)
    raise MachineFailed("the engine does not say how a command ended")


@cache
def _spoken(path: str) -> str:
    """Give the version of the API the engine speaks; asked once, where the SDK would ask with each connection."""
    from docker import DockerClient  # noqa: PLC0415

    engine = DockerClient(base_url=f"unix://{path}", timeout=_API_SECONDS)
    try:
        return str(engine.api.api_version)
    finally:
        engine.close()


@cache
def _dialect(path: str) -> Dialect:
    with reached(path=path) as engine:
        parts = engine.version().get("Components") or ()
    return "podman" if any(part.get("Name") == "Podman Engine" for part in parts) else "docker"


@contextmanager
def reached(timeout_seconds: int = _API_SECONDS, *, path: str = "") -> Iterator[DockerClient]:
    """Reach the engine for as long as the block lasts; its errors become ours.

    Raises:
        MachineFailed: there is none, it does not answer, or it refused what was asked in the block.
    """
    from docker import DockerClient  # noqa: PLC0415
    from docker.errors import DockerException  # noqa: PLC0415

    path = path or socket_path()
    if not Path(path).exists():
        raise MachineFailed("there is no Docker engine on this host", hint="install docker.io; `docker info` says more")
    try:
        with socket.socket(socket.AF_UNIX) as probe:  # the SDK leaks its socket when nobody listens
            probe.connect(path)
        engine = DockerClient(base_url=f"unix://{path}", version=_spoken(path), timeout=timeout_seconds)
        try:
            yield engine
        finally:
            engine.close()
    except (DockerException, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else ""
        raise MachineFailed(
            f"the Docker engine did not do its part: {error.__class__.__name__}: {reason}",
            hint="`docker info` says whether it runs and whether you may use it",
        ) from error

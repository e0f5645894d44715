"""Other engines than Debian's Docker run by root: a rootless one, and Podman, each of a user made for the test.

The user exists in a mount namespace alone, the engine's processes in one of their own: the host's accounts stay as they
are, and nothing outlives the test. What is needed comes from Debian: docker.io, rootlesskit, slirp4netns, uidmap;
podman, catatonit. Its own Docker lends the images.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from needs import absent, program

from restore_lab.sandboxes.local.machine import unused_uid

_READY_SECONDS: Final = 60.0
_ROOTLESS: Final = "/usr/share/docker.io/contrib/dockerd-rootless.sh"
#: Beside the account, a network device that users may open, as udev makes it elsewhere.
_AS_USER: Final = r"""
set -eu
home=$1 uid=$2; shift 2
mkdir "$home/etc" "$home/run" "$home/tmp"
for file in passwd group; do cp "/etc/$file" "$home/etc/$file"; done
echo "night:x:$uid:$uid::$home:/bin/sh" >>"$home/etc/passwd"
echo "night:x:$uid:" >>"$home/etc/group"
echo "night:$((uid * 16384)):65536" | tee "$home/etc/subuid" >"$home/etc/subgid"
chown "$uid:$uid" "$home" "$home/run" "$home/tmp"
for file in passwd group subuid subgid; do mount --bind "$home/etc/$file" "/etc/$file"; done
mount -t tmpfs -o mode=0755 net /dev/net
mknod -m 0666 /dev/net/tun c 10 200
cd "$home"
exec setpriv --reuid="$uid" --regid="$uid" --clear-groups env -i HOME="$home" TMPDIR="$home/tmp" \
  XDG_RUNTIME_DIR="$home/run" PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
"""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """An engine: what it is called in evidence, the programs it needs, the network of its own that it can give."""

    name: str
    mechanism: str
    programs: tuple[str, ...]
    network: str

    def argv(self, home: Path, socket: Path) -> Sequence[str]:
        """Give the command that serves at `socket` and keeps all it has in `home`."""
        if self.mechanism == "podman":
            return ("podman", "--storage-driver=overlay", "system", "service", "--time=0", f"unix://{socket}")
        places = (f"--data-root={home}/data", f"--exec-root={home}/run/engine")
        return (shutil.which("dockerd-rootless.sh") or _ROOTLESS, f"--host=unix://{socket}", *places)


ROOTLESS_DOCKER: Final = Kind(
    name="rootless Docker",
    mechanism="docker",
    programs=("dockerd", "newuidmap", "rootlesskit", "slirp4netns"),
    network="bridge",
)
PODMAN: Final = Kind(
    name="Podman",
    mechanism="podman",
    programs=("catatonit", "newuidmap", "podman", "slirp4netns"),
    network="slirp4netns",
)
KINDS: Final = {kind.name: kind for kind in (ROOTLESS_DOCKER, PODMAN)}


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One that answers at `host`, as DOCKER_HOST names it."""

    kind: Kind
    host: str

    def docker(self, *words: str) -> str:
        """Ask it by the docker command, not by our driver."""
        argv = ("docker", *words)
        done = subprocess.run(argv, capture_output=True, check=True, timeout=120, env=self.environment())
        return done.stdout.decode()

    def left(self, label: str) -> list[str]:
        """Give all containers and volumes with a label, running or not."""
        mine = ("--quiet", "--filter", f"label={label}")
        return self.docker("container", "ls", "--all", *mine).split() + self.docker("volume", "ls", *mine).split()

    def environment(self) -> dict[str, str]:
        """Give our environment, with this engine in it."""
        return {**os.environ, "DOCKER_HOST": self.host}


@contextmanager
def engine(kind: Kind, *images: str) -> Iterator[Engine]:
    """Lend an engine of an unprivileged user, with images of this host's own."""
    if os.geteuid() != 0:
        absent("root, to make the user whose engine is tried")
    for name in (*kind.programs, "unshare", "setpriv"):
        program(name)
    home = Path(tempfile.mkdtemp(prefix="restore-lab-night-", dir="/var/tmp"))
    home.chmod(0o755)
    socket = home / "run" / "docker.sock"
    apart = ("unshare", "--mount", "--pid", "--fork", "--mount-proc")
    as_user = ("/bin/sh", "-c", _AS_USER, "as-user", str(home), str(unused_uid()))
    with (home / "engine.log").open("wb") as log:
        served = subprocess.Popen(
            (*apart, *as_user, *kind.argv(home, socket)), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/"
        )
    try:
        lent = Engine(kind=kind, host=f"unix://{socket}")
        wait_until_it_answers(lent, served, home / "engine.log")
        for image in images:
            bring(lent, image)
        yield lent
    finally:
        end(served)
        remove(home)


def wait_until_it_answers(lent: Engine, served: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and served.poll() is None:
        asked = subprocess.run(("docker", "info"), capture_output=True, check=False, timeout=60, env=lent.environment())
        if asked.returncode == 0:
            return
        time.sleep(0.2)
    pytest.fail(f"{lent.kind.name} does not serve: {log.read_text('utf-8', 'replace')[-2000:]}")


def bring(lent: Engine, image: str) -> None:
    """Load an image of the host's own engine into this one."""
    with subprocess.Popen(("docker", "save", image), stdout=subprocess.PIPE) as saved:
        subprocess.run(
            ("docker", "load"), stdin=saved.stdout, capture_output=True, check=True, timeout=300, env=lent.environment()
        )
    if saved.returncode != 0:
        absent(f"the image {image} (`restore-lab image build --all`)")


def end(served: subprocess.Popen[bytes], how: signal.Signals = signal.SIGKILL) -> None:
    """Signal the first process of the engine's own namespace; all others go with it."""
    for first in Path(f"/proc/{served.pid}/task/{served.pid}/children").read_text("ascii").split():
        os.kill(int(first), how)
    served.wait(60)


def remove(home: Path) -> None:
    """Remove what the engine had; what it had mounted goes with its last process, which takes a moment."""
    deadline = time.monotonic() + 30
    while home.exists() and time.monotonic() < deadline:
        shutil.rmtree(home, ignore_errors=True)
        time.sleep(0.1)
    assert not home.exists(), f"{home} is still there"

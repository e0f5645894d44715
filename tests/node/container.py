"""A node in seconds: a real OpenSSH server in a container of this host's own architecture."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from needs import absent, docker_engine
from node.access import ACCOUNT, LOOPBACK, Node, keys, known_host, wait_until_it_answers
from node.settings import archive, sshd_configuration

BASE = "restore-lab/base:bookworm"
TAG = "restore-lab/test-node"
#: What a Raspberry Pi of 1 GB has left for Linux.
PI_MEMORY_BYTES = 948_304 * 1024
_HELD = ("--memory=1g", "--cpus=1", "--pids-limit=512", f"--publish={LOOPBACK}::22", "--hostname=rpi-node")
#: What a host with an init of its own has: a root who may mount, and users who may make namespaces.
_UNHELD = (
    "--cap-add=SYS_ADMIN",
    *(f"--security-opt={what}=unconfined" for what in ("apparmor", "systempaths")),
)
#: What systemd needs as the first program, and not `--privileged`, which asks for more than some engines may give.
_BOOTED = (
    *(f"--cap-add={name}" for name in ("NET_ADMIN", "SYS_PTRACE", "DAC_READ_SEARCH", "SYS_NICE", "SYSLOG")),
    *("--cgroupns=private", "--env=container=docker"),
    *("--tmpfs=/run:exec", "--tmpfs=/run/lock", "--tmpfs=/tmp:exec"),
)
_NEW_USER = 0x10000000
#: Refuses user namespaces and nothing else, as a kernel with ``kernel.unprivileged_userns_clone=0`` does.
_NO_USER_NAMESPACES = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [
        {
            "names": ["clone", "unshare"],
            "action": "SCMP_ACT_ERRNO",
            "errnoRet": errno.EPERM,
            "args": [{"index": 0, "value": _NEW_USER, "valueTwo": _NEW_USER, "op": "SCMP_CMP_MASKED_EQ"}],
        },
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS},
    ],
}
_READY_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class ContainerNode(Node):
    """A node that is a container; `root` acts on it from outside, without SSH."""

    container: str

    def root(self, script: str, *, given: str = "") -> str:
        """Run a shell script as the container's root, whatever becomes of SSH; give what it printed."""
        words = ("exec", "--interactive", "--user=root", self.container, "/bin/sh", "-euc", script)
        return _docker(*words, given=given.encode()).decode("utf-8", "replace")

    @property
    def address(self) -> str:
        """Where the container itself is reached from this host, on port 22, with nobody in between."""
        return (
            _docker("inspect", "--format={{.NetworkSettings.Networks.bridge.IPAddress}}", self.container)
            .decode()
            .strip()
        )

    def unplug(self) -> None:
        """Take the container off its network: what is sent to it is lost, and nobody says so."""
        _docker("network", "disconnect", "bridge", self.container)

    def freeze(self) -> None:
        """Stop every process of the node: connections stay open, and nothing answers."""
        _docker("pause", self.container)

    def thaw(self) -> None:
        """Let the node go on after `freeze`."""
        _docker("unpause", self.container)

    def fill(self, folder: str, *, leave_bytes: int = 0) -> None:
        """Fill the file system of a folder; it needs a size of its own (`sizes`), or this host's disk is filled."""
        size = f"$(( $(df --output=avail --block-size=1 {folder} | tail -n 1) - {leave_bytes} ))"
        self.root(f"head -c {size} /dev/zero > {folder}/filler")


@contextmanager
def sshd_node(
    *,
    fresh: bool = False,
    systemd: bool = False,
    account: str | None = ACCOUNT,
    wrong_host_key: bool = False,
    without: tuple[str, ...] = (),
    user_namespaces: bool = True,
    machine: str | None = None,
    architecture: str | None = None,
    memory_bytes: int = PI_MEMORY_BYTES,
    clock: str | None = None,
    sizes: Mapping[str, int] | None = None,
    sshd: Mapping[str, str | int] | None = None,
) -> Iterator[ContainerNode]:
    """Run a node until the block ends.

    fresh: nothing of a drill is installed (apt-get can, from /srv/packages); else MariaDB, PostgreSQL, SQLite and
        bubblewrap are. A node made fresh for `prepare` wants ``account=None`` as well.
    systemd: it is the first program, with D-Bus and logind, and sshd is one of its services.
    account: the user without rights to make; None makes none.
    wrong_host_key: `host_key_line` is of a key that the node does not have.
    without: packages to remove, such as ``bubblewrap``.
    user_namespaces: False refuses them, as Debian does where ``kernel.unprivileged_userns_clone`` is 0.
    machine, architecture: what ``uname -m`` and ``dpkg --print-architecture`` answer.
    memory_bytes: what /proc/meminfo shows; the container's limit is 1 GiB whatever this says.
    clock: how far the node's clock is off, as libfaketime writes it: ``-400d``, ``+2h``.
    sizes: folder -> bytes of a file system of its own, for disks that run full.
    sshd: lines of sshd_config, such as ``{"MaxSessions": 1}``.
    """
    settings = {"ACCOUNT": account, "MACHINE": machine, "ARCHITECTURE": architecture, "CLOCK": clock}
    settings["WITHOUT"] = " ".join(without)
    options = [f"--env=NODE_{name}={value}" for name, value in settings.items() if value]
    options += [f"--tmpfs={folder}:rw,exec,mode=0755,size={size}" for folder, size in (sizes or {}).items()]
    options += _BOOTED if systemd else ()
    tag = _image("fresh" if fresh else "booted" if systemd else "prepared")
    with keys() as (client, host, stranger):
        profile = client.private.with_name("seccomp.json")
        profile.write_text(json.dumps(_NO_USER_NAMESPACES), "utf-8")
        options.append(f"--security-opt=seccomp={'unconfined' if user_namespaces else profile}")
        container = _docker("create", *_HELD, *_UNHELD, *options, tag).decode().strip()
        try:
            files = {"authorized_keys": client.public + "\n", "host_key": host.private.read_text("utf-8")}
            files |= {"sshd_config": sshd_configuration(sshd or {}), "meminfo": _meminfo(memory_bytes)}
            _docker("cp", "-", f"{container}:/etc/node", given=archive(files))
            _docker("start", container)
            port = int(_docker("port", container, "22/tcp").decode().splitlines()[0].rpartition(":")[2])
            node = ContainerNode(
                port=port,
                user=account,
                client_key=client.private,
                host_key_line=known_host(port, host.public),
                container=container,
            )
            wait_until_it_answers(node, seconds=_READY_SECONDS, state=lambda: _log(container))
            yield replace(node, host_key_line=known_host(port, stranger.public)) if wrong_host_key else node
        finally:
            _docker("rm", "--force", "--volumes", container)


def _meminfo(total_bytes: int) -> str:
    total = total_bytes // 1024
    shares = {"MemTotal": total, "MemFree": total // 2, "MemAvailable": total * 4 // 5, "Buffers": 0, "Cached": 0}
    shares |= {"SwapTotal": 0, "SwapFree": 0}
    return "".join(f"{name + ':':16}{size:8} kB\n" for name, size in shares.items())


@cache
def _image(target: str) -> str:
    """Build the image of this folder, or find it built; the engine's own cache tells."""
    docker_engine()
    if not _is_there(BASE):
        absent(f"the image {BASE}, which `restore-lab image build mariadb:10.11` makes")
    tag = f"{TAG}:{target}"
    proxies = [f"--build-arg={name}" for name in os.environ if name.lower() in {"http_proxy", "https_proxy"}]
    here = str(Path(__file__).parent)
    _docker("build", "-q", f"--target={target}", f"--tag={tag}", f"--build-arg=BASE={BASE}", *proxies, here)
    return tag


def _is_there(tag: str) -> bool:
    asked = subprocess.run(["docker", "image", "inspect", tag], capture_output=True, check=False, timeout=60)
    return asked.returncode == 0


def _log(container: str) -> str:
    done = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=False, timeout=60)
    return f"{done.stdout}{done.stderr}"[-3000:]


def _docker(*words: str, given: bytes = b"") -> bytes:
    done = subprocess.run(["docker", *words], input=given, capture_output=True, check=False, timeout=600)
    assert done.returncode == 0, f"docker {' '.join(words)}\n{done.stdout.decode()}\n{done.stderr.decode()}"
    return done.stdout

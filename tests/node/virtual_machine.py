"""The honest Pi: an emulated arm64 machine of 1 GB with Debian's kernel, a card that survives, a plug to pull."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from needs import program
from node.access import ACCOUNT, LOOPBACK, Node, free_port, keys, known_host, wait_until_it_answers
from node.guest_image import PLAIN, Userland, guest_image
from node.settings import archive, sshd_configuration

MEMORY_MIB = 1024
#: A boot takes 8 s on an idle machine.
_BOOT_SECONDS = 180
#: Every program at the same address (`norandmaps`): what qemu translated of it once is used again, twice as fast.
_KERNEL_LINE = "console=ttyAMA0 root=/dev/vda rw quiet panic=5 mitigations=off norandmaps"
_MACHINE = ("-M", "virt,gic-version=2", "-accel", "tcg,thread=multi", "-display", "none", "-nodefaults")


@dataclass(frozen=True, kw_only=True)
class VirtualNode(Node):
    """A node that is an emulated machine; what is done to it is done from outside, as by a hand at the plug."""

    console: Path
    monitor: Monitor

    def power_cut(self, *, seconds_off: float = 0.0) -> None:
        """Take the power away and give it back; what was written stays on the card, as far as it got there.

        It returns when the machine starts again, not when it answers: see `wait`.
        """
        self.monitor.tell("stop")
        time.sleep(seconds_off)
        self.monitor.tell("system_reset")
        self.monitor.tell("cont")

    def link_down(self) -> None:
        """Pull the network cable: connections stay open, nothing comes through."""
        self.monitor.tell("set_link", name="net0", up=False)

    def link_up(self) -> None:
        """Put the network cable back."""
        self.monitor.tell("set_link", name="net0", up=True)

    def freeze(self) -> None:
        """Stop the processor: connections stay open, and nothing answers."""
        self.monitor.tell("stop")

    def thaw(self) -> None:
        """Let the processor go on."""
        self.monitor.tell("cont")

    def wait(self) -> None:
        """Return once the node has booted and lets the admin in."""
        wait_until_it_answers(self, seconds=_BOOT_SECONDS, state=self.console_text)

    def console_text(self) -> str:
        """Give the end of what the machine printed on its serial line, over all boots."""
        return self.console.read_text("utf-8", "replace")[-5000:]


class Monitor:
    """qemu's control channel (QMP): one command at a time, each answered."""

    def __init__(self, commands: IO[bytes], answers: IO[bytes]) -> None:
        self._commands = commands
        self._answers = answers
        json.loads(self._answers.readline())  # the greeting
        self.tell("qmp_capabilities")

    def tell(self, command: str, **arguments: str | bool) -> None:
        """Have a command carried out.

        Raises:
            AssertionError: qemu refused it, or is gone.
        """
        message = {"execute": command, "arguments": arguments}
        self._commands.write(json.dumps(message).encode() + b"\n")
        self._commands.flush()
        for line in self._answers:
            answer = json.loads(line)
            assert "error" not in answer, f"{command}: {answer['error']}"
            if "return" in answer:
                return
        raise AssertionError(f"qemu is gone: {command}")


@contextmanager
def arm64_vm(
    userland: Userland = PLAIN,
    *,
    fresh: bool = False,
    account: str | None = ACCOUNT,
    kernel_line: str = "",
    clock: str = "utc",
    memory_mib: int = MEMORY_MIB,
    sshd: Mapping[str, str | int] | None = None,
) -> Iterator[VirtualNode]:
    """Run a machine until the block ends; it has a card of its own, which is thrown away then.

    userland: what runs on the kernel; anything but the plain one is for the night.
    fresh: nothing of a drill is installed, though apt-get can, from /srv/packages.
    account: the user without rights; None makes none.
    kernel_line: more for the kernel's command line, such as ``cgroup_disable=memory`` (stock Raspberry Pi OS).
    clock: when the machine begins, for example ``2019-01-01T00:00:00`` (a Pi has no clock of its own).
    sshd: lines of sshd_config.
    """
    image = guest_image(userland, fresh=fresh)
    port = free_port()
    with keys() as (client, host, _), tempfile.TemporaryDirectory(prefix="restore-lab-node-") as folder:
        settings = Path(folder) / "settings.tar"
        files = {"authorized_keys": client.public + "\n", "host_key": host.private.read_text("utf-8")}
        files |= {"account": f"{account or ''}\n", "sshd_config": sshd_configuration(sshd or {})}
        settings.write_bytes(archive(files))
        console = Path(folder) / "console.log"
        command = (
            *(program("qemu-system-aarch64"), *_MACHINE, "-cpu", "cortex-a53", "-smp", "1", "-m", str(memory_mib)),
            *("-kernel", str(image.kernel), "-initrd", str(image.initrd)),
            *("-append", f"{_KERNEL_LINE} {kernel_line}".strip()),
            *_drive("card", image.disk, "snapshot=on,cache=unsafe"),
            *_drive("settings", settings, "readonly=on"),
            *("-netdev", f"user,id=net0,restrict=on,hostfwd=tcp:{LOOPBACK}:{port}-:22"),
            *("-device", "virtio-net-pci,netdev=net0,romfile=", "-device", "virtio-rng-pci"),
            *("-rtc", f"base={clock}", "-serial", f"file:{console}", "-qmp", "stdio"),
        )
        with _running(command, Path(folder)) as monitor:
            node = VirtualNode(
                port=port,
                user=account,
                client_key=client.private,
                host_key_line=known_host(port, host.public),
                console=console,
                monitor=monitor,
            )
            node.wait()
            yield node


def _drive(name: str, file: Path, how: str) -> Sequence[str]:
    drive = f"if=none,id={name},format=raw,file={file},{how}"
    return "-drive", drive, "-device", f"virtio-blk-pci,drive={name}"


@contextmanager
def _running(command: Sequence[str], folder: Path) -> Iterator[Monitor]:
    held = (program("setpriv"), "--pdeathsig", "KILL", "--", *command)  # a test that is killed leaves no machine
    with (folder / "qemu.log").open("wb") as log:
        machine = subprocess.Popen(held, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
    try:
        assert machine.stdin is not None
        assert machine.stdout is not None
        yield Monitor(machine.stdin, machine.stdout)
    finally:
        machine.kill()
        machine.communicate()

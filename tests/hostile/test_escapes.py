"""The canaries of the hostile cases: each is set off here, on this host, where nothing holds what sets it off."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import needs
import pytest
from hostile.escapes import TITLE_OF_TERMINAL, Canaries, addresses_of_links, canaries, left_behind

from restore_lab.sandboxes.container.plan import LAB_LABEL
from restore_lab.sandboxes.local.folder import MEMORY_FOLDER, PREFIX

NO_LAB = "a-lab-of-no-drill"


@pytest.fixture
def set_out() -> Iterator[Canaries]:
    with canaries() as given:
        yield given


def run(command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(("/bin/sh", "-c", command), capture_output=True, check=False, timeout=60)


def of_old(set_out: Canaries) -> list[str]:
    """The addresses of IPv4."""
    return [address for address in set_out.addresses if ":" not in address]


def end(number: str) -> None:
    """End the processes of an attack, which here are ours."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if number.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue


def test_nothing_is_told_where_nothing_happens(set_out: Canaries, tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "drill.log").write_text("all is well\n", "utf-8")

    time.sleep(0.3)

    assert set_out.escaped(tmp_path, b"all is well\n") == []
    assert left_behind(NO_LAB, set_out) == []
    assert not set_out.inside


def test_the_attack_itself_sets_off_every_canary_when_nothing_holds_it(set_out: Canaries, tmp_path: Path) -> None:
    run(set_out.script)
    time.sleep(0.3)
    told = set_out.escaped(tmp_path)
    left = left_behind(NO_LAB, set_out)
    end(set_out.number)

    where = [str(set_out.folder), "/tmp", "/var/tmp", "/dev/shm"]  # noqa: S108 - where marks are looked for
    assert {f"a mark in {folder}" for folder in where} <= set(told)
    for family, count in (
        ("AF_INET", len(of_old(set_out))),
        ("AF_INET6", len(set_out.addresses) - len(of_old(set_out))),
    ):
        assert told.count(f"a call at {family}") == told.count(f"a datagram at {family}") == count, family
    assert "a process outside" in told
    assert left == ["a process"]
    assert not set_out.inside


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_every_address_of_the_host_is_listened_at(set_out: Canaries, kind: socket.SocketKind, tmp_path: Path) -> None:
    assert set_out.addresses[0] == "127.0.0.1"
    called: list[tuple[socket.AddressFamily, tuple[str | int, ...]]]
    called = [(socket.AF_INET, (address, set_out.port)) for address in of_old(set_out)]
    for address, link in addresses_of_links():
        called.append((socket.AF_INET6, (address, set_out.port, 0, socket.if_nametoindex(link))))
    for family, address_of in called:
        with socket.socket(family, kind) as calling:
            calling.connect(address_of)
            calling.send(b"x")

    time.sleep(0.3)

    what = "a datagram" if kind is socket.SOCK_DGRAM else "a call"
    assert sorted(set_out.escaped(tmp_path)) == sorted(f"{what} at {family.name}" for family, _ in called)


def test_the_loopback_of_ipv6_is_aimed_at_where_this_host_has_one(set_out: Canaries) -> None:
    if not Path("/proc/net/if_inet6").read_text("ascii").strip():
        needs.absent("IPv6")

    assert "::1" in set_out.addresses
    assert ":" not in set_out.aimed("@ADDRESS@")


def test_an_abstract_socket_is_listened_at(set_out: Canaries, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as calling:
        calling.connect(f"\0/canary/.s.PGSQL.{set_out.port}")
        time.sleep(0.3)

    assert set_out.escaped(tmp_path) == ["a call at AF_UNIX"]


def test_a_process_in_a_namespace_of_its_own_ran_within_and_is_left(set_out: Canaries, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("a namespace of processes needs root")
    argv = ("unshare", "--pid", "--fork", "--kill-child", "sleep", set_out.number)
    with subprocess.Popen(argv) as held:
        time.sleep(0.5)
        left = left_behind(NO_LAB, set_out)
        held.kill()

    assert set_out.inside
    assert left == ["a process"]
    assert "a process outside" in set_out.escaped(tmp_path)  # unshare itself, whose arguments name it too


@pytest.mark.parametrize("change", ["rm {folder}/kept/file", "rm -r {folder}/kept", "touch {folder}/more"])
def test_a_folder_that_changed_is_told(set_out: Canaries, change: str, tmp_path: Path) -> None:
    run(change.format(folder=set_out.folder))

    assert set_out.escaped(tmp_path) == ["the canaries' folder changed"]


def test_a_secret_in_what_is_stored_or_printed_is_told(set_out: Canaries, tmp_path: Path) -> None:
    (tmp_path / "reports" / "outbox").mkdir(parents=True)
    mail = EmailMessage()
    mail["Subject"] = "Essai"
    mail.set_content(f"é {set_out.secret}", cte="base64")
    (tmp_path / "reports" / "outbox" / "1.eml").write_bytes(mail.as_bytes())
    (tmp_path / "reports" / "drill.log").write_text(set_out.secret, "ascii")

    told = set_out.escaped(tmp_path, set_out.secret.encode())

    assert sorted(told) == [
        "a secret of the host in 1.eml",
        "a secret of the host in drill.log",
        "what a terminal would have obeyed, or a secret, in an output",
    ]


@pytest.mark.parametrize("raw", ["\x1b]0;x\x07", "\u202eabc", "\x9b31m", "\x00"])
def test_letters_that_steer_are_told_raw_and_not_escaped(set_out: Canaries, raw: str, tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    log = tmp_path / "reports" / "drill.log"
    log.write_text(json.dumps(raw), "ascii")
    assert set_out.escaped(tmp_path) == []

    log.write_text(raw, "utf-8")
    assert set_out.escaped(tmp_path) == ["raw controls in drill.log"]


def test_a_title_given_to_the_terminal_is_told(set_out: Canaries, tmp_path: Path) -> None:
    assert set_out.escaped(tmp_path, f"\x1b[1mbold {set_out.token}".encode()) == []
    assert set_out.escaped(tmp_path, f"{TITLE_OF_TERMINAL}{set_out.token}\x07".encode())


@pytest.mark.parametrize("raw", ["\x1b[2J", "\x1b[31m", "\u202eabc", "\x07"])
def test_a_control_that_was_printed_where_none_is_ours_is_told(set_out: Canaries, raw: str, tmp_path: Path) -> None:
    assert set_out.escaped(tmp_path, printed=b"  found TABLE_MISSING name \\x1b[2J\r\n") == []
    assert set_out.escaped(tmp_path, printed=raw.encode()) == ["raw controls in what was printed"]
    assert len(set_out.escaped(tmp_path, printed=set_out.secret.encode())) == 1


def test_a_folder_of_a_lab_that_is_left_is_told(set_out: Canaries) -> None:
    folder = MEMORY_FOLDER / f"{PREFIX}{set_out.token}"
    folder.mkdir()
    try:
        expires_at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        (folder / "label.json").write_text(json.dumps({"lab": NO_LAB, "expires_at": expires_at}), "utf-8")

        assert left_behind(NO_LAB, set_out) == [f"folder {folder.name}"]
        assert left_behind("another-lab", set_out) == []
    finally:
        (folder / "label.json").unlink()
        folder.rmdir()


@pytest.mark.docker
def test_the_attack_in_a_container_with_a_network_reaches_the_canaries(set_out: Canaries, tmp_path: Path) -> None:
    """What holds no more than Docker does by itself is seen to get out: silence elsewhere is no deaf listener."""
    docker = needs.program("docker")
    image = "restore-lab/base:bookworm"
    if subprocess.run((docker, "image", "inspect", image), capture_output=True, check=False, timeout=60).returncode:
        needs.absent(image)

    argv = (docker, "run", "--rm", "--entrypoint=/bin/sh", image, "-c", set_out.script)
    subprocess.run(argv, capture_output=True, check=False, timeout=60)
    time.sleep(0.3)

    told = set(set_out.escaped(tmp_path))
    assert {"a call at AF_INET", "a datagram at AF_INET"} <= told
    assert set_out.inside
    assert not any(one.startswith("a mark") for one in told)


@pytest.mark.docker
def test_a_container_and_a_volume_of_a_lab_that_are_left_are_told(set_out: Canaries) -> None:
    docker = needs.program("docker")
    label = f"--label={LAB_LABEL}={set_out.token}"
    images = subprocess.run((docker, "images", "--quiet"), capture_output=True, check=True, timeout=60).stdout.split()
    if not images:
        needs.absent("an image")
    for words in (("create", label, images[0].decode(), "true"), ("volume", "create", label)):
        subprocess.run((docker, *words), capture_output=True, check=True, timeout=60)
    try:
        left = left_behind(set_out.token, set_out)
    finally:
        mine = f"--filter=label={LAB_LABEL}={set_out.token}"
        run(f"docker ps --all --quiet '{mine}' | xargs docker rm --force")
        run(f"docker volume ls --quiet '{mine}' | xargs docker volume rm")

    assert sorted(one.partition(" ")[0] for one in left) == ["ps", "volume"]
    assert left_behind(set_out.token, set_out) == []

"""The nodes other tests run on do what they say, asked by the real OpenSSH client."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from needs import program
from node.access import LOOPBACK, Node
from node.container import ContainerNode, sshd_node
from node.fault_proxy import Direction, Ending, FaultProxy, babbling_server, fault_proxy, silent_server
from node.guest_image import Userland
from node.virtual_machine import VirtualNode, arm64_vm

#: Whether a sandbox of its own can be made by who has no rights.
SANDBOXES = {
    "bubblewrap": "bwrap --ro-bind / / --proc /proc --dev /dev --unshare-all --die-with-parent id -un",
    "namespaces": "unshare --user --map-current-user --keep-caps --net --pid --fork --mount-proc --mount id -un",
}
#: A table in a server of its own, held by bubblewrap; the statements come on stdin.
RESTORE = """
set -eu
cd "$(mktemp -d)"
small="--innodb-buffer-pool-size=64M --innodb-buffer-pool-size-max=64M --innodb-log-file-size=8M"
mariadb-install-db --no-defaults --force --auth-root-authentication-method=normal --skip-test-db --datadir=$PWD/d $small
/usr/sbin/mariadbd --no-defaults --datadir=$PWD/d --socket=$PWD/s --skip-networking $small < /dev/null 2> log &
ask="mariadb --no-defaults -uroot -S $PWD/s"
for _ in $(seq 200); do $ask -e 'SELECT 1' < /dev/null > /dev/null 2>&1 && break; sleep 0.2; done
$ask
$ask -e shutdown < /dev/null
wait
"""
ROWS = 20_000


@pytest.fixture(scope="module")
def prepared() -> Iterator[ContainerNode]:
    with sshd_node() as node:
        yield node


@pytest.fixture(scope="module")
def emulated() -> Iterator[VirtualNode]:
    with arm64_vm() as node:
        yield node


@pytest.fixture
def proxy(prepared: ContainerNode) -> Iterator[FaultProxy]:
    with fault_proxy(prepared) as between:
        yield between


def _said(node: Node, words: str, **how: str) -> str:
    done = node.ssh(words, user=how.get("user"))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _hosts_own_keys(node: Node) -> str:
    asked = [program("ssh-keyscan"), "-T", "20", "-t", "ed25519", "-p", str(node.port), node.host]
    return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


@pytest.mark.docker
def test_a_container_is_a_node(prepared: ContainerNode) -> None:
    assert _said(prepared, "id -un") == "restorelab"
    assert _said(prepared, "id -un", user="pi") == "pi"
    assert prepared.sudo("id -un") == "root\n"
    assert prepared.root("id -un") == "root\n"
    assert prepared.ssh("exit 7").returncode == 7
    assert prepared.ssh("sudo -n true").returncode != 0
    assert prepared.ssh("true", user="root").returncode == 255
    assert _hosts_own_keys(prepared) == prepared.host_key_line
    assert _said(prepared, "awk '/^MemTotal/ { print $2 }' /proc/meminfo") == "948304"
    assert _said(prepared, "head -c 100000 /dev/zero | wc -c") == "100000"


@pytest.mark.docker
@pytest.mark.parametrize("how", SANDBOXES)
def test_a_container_lets_users_make_sandboxes(prepared: ContainerNode, how: str) -> None:
    assert _said(prepared, SANDBOXES[how]) == "restorelab"


@pytest.mark.docker
def test_a_fresh_container_installs_without_a_network() -> None:
    with sshd_node(fresh=True, account=None) as node:
        assert node.user is None
        assert node.ssh("command -v bwrap; test -e /usr/sbin/mariadbd").returncode != 0
        node.sudo("apt-get install -y -qq --no-install-recommends bubblewrap mariadb-server-core sqlite3")
        assert _said(node, SANDBOXES["bubblewrap"]) == "pi"
        assert "MariaDB" in _said(node, "/usr/sbin/mariadbd --version")


@pytest.mark.docker
def test_a_wrong_host_key_is_refused() -> None:
    with sshd_node(wrong_host_key=True) as node:
        done = node.ssh("echo reached")
        assert (done.returncode, done.stdout) == (255, "")
        assert "IDENTIFICATION HAS CHANGED" in done.stderr
        assert _hosts_own_keys(node) != node.host_key_line


@pytest.mark.docker
def test_a_container_lacks_what_was_left_out() -> None:
    with sshd_node(without=("bubblewrap",), user_namespaces=False) as node:
        assert node.ssh("command -v bwrap").returncode != 0
        assert node.ssh("dpkg-query --show --showformat='${db:Status-Abbrev}' bubblewrap").stdout[:2] != "ii"
        refused = node.ssh(SANDBOXES["namespaces"])
        assert refused.returncode != 0
        assert "Operation not permitted" in refused.stderr
    with sshd_node(user_namespaces=False) as node:
        assert "No permissions to create new namespace" in node.ssh(SANDBOXES["bubblewrap"]).stderr


@pytest.mark.docker
def test_a_container_says_what_it_was_told() -> None:
    small = 512 << 20
    with sshd_node(machine="aarch64", architecture="armhf", memory_bytes=small, clock="-400d") as node:
        assert _said(node, "uname -m; dpkg --print-architecture").split() == ["aarch64", "armhf"]
        assert _said(node, "awk '/^MemTotal/ { print $2 * 1024 }' /proc/meminfo") == str(small)
        behind = time.time() - int(_said(node, "date +%s"))
        assert abs(behind - 400 * 86400) < 60
        assert abs(time.time() - float(_said(node, "python3 -c 'import time; print(time.time())'")) - behind) < 60


@pytest.mark.docker
def test_a_full_disk_is_full() -> None:
    with sshd_node(sizes={"/home": 8 << 20}) as node:
        node.fill("/home", leave_bytes=8192)
        done = node.ssh("cat > ~/copy", given="x" * 100_000)
        assert done.returncode == 1
        assert "No space left on device" in done.stderr


@pytest.mark.docker
def test_sshd_takes_its_settings() -> None:
    with sshd_node(sshd={"MaxSessions": 1}) as node:
        shared = f"ControlPath={node.client_key.with_name('control')}"
        command = node.ssh_command("echo first; cat", options=(shared, "ControlMaster=yes"))
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
            assert first.stdout is not None
            assert first.stdout.readline() == b"first\n"
            second = node.ssh("true", options=(shared, "ControlMaster=no", "ProxyCommand=false"))
            assert "refused" in second.stderr
            first.communicate(timeout=30)


@pytest.mark.docker
def test_a_frozen_container_answers_again(prepared: ContainerNode) -> None:
    prepared.freeze()
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            prepared.ssh("true", timeout=2)
    finally:
        prepared.thaw()
    assert _said(prepared, "echo back") == "back"


@pytest.mark.docker
def test_the_proxy_passes_everything(proxy: FaultProxy) -> None:
    assert proxy.node.ssh("wc -c", given="x" * 2_000_000).stdout.strip() == "2000000"
    assert proxy.passed[Direction.UP] > 2_000_000
    assert proxy.connections == 1


@pytest.mark.docker
def test_the_proxy_makes_connections_late_and_slow(proxy: FaultProxy) -> None:
    quick = _seconds(lambda: proxy.node.ssh("true"))
    proxy.faults.latency_seconds = 0.1
    assert _seconds(lambda: proxy.node.ssh("true")) > quick + 0.5
    proxy.faults.latency_seconds = 0.0
    proxy.faults.bytes_per_second = 50_000
    assert _seconds(lambda: proxy.node.ssh("wc -c", given="x" * 100_000)) > 2


@pytest.mark.docker
@pytest.mark.parametrize("ending", Ending)
@pytest.mark.parametrize("when", ["after bytes", "on command"])
def test_the_proxy_ends_connections(proxy: FaultProxy, ending: Ending, when: str) -> None:
    if when == "after bytes":
        proxy.faults.end_after[Direction.UP] = (200_000, ending)
    with _sending(proxy) as client:
        if when == "on command":
            proxy.end(ending)
        assert client.wait(20) == 255
        assert client.stderr is not None
        said = client.stderr.read()
    assert (b"reset by peer" in said or b"Broken pipe" in said) if ending is Ending.RESET else b"reset" not in said
    if when == "after bytes":
        assert proxy.passed[Direction.UP] == 200_000
    assert proxy.node.ssh("echo again").stdout == "again\n"


@pytest.mark.docker
def test_the_proxy_stalls_and_goes_on(proxy: FaultProxy) -> None:
    proxy.faults.stall_after[Direction.UP] = 200_000
    command = proxy.node.ssh_command("wc -c")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        with pytest.raises(subprocess.TimeoutExpired):
            client.communicate(b"x" * 2_000_000, timeout=3)
        assert client.poll() is None
        assert proxy.passed[Direction.UP] == 200_000
        proxy.faults.stall_after.clear()
        assert client.communicate(timeout=30)[0].strip() == b"2000000"


@pytest.mark.docker
def test_the_proxy_stalls_on_command(proxy: FaultProxy) -> None:
    proxy.faults.stalled = True
    with pytest.raises(subprocess.TimeoutExpired):
        proxy.node.ssh("true", timeout=2)
    assert proxy.passed.total() == 0
    proxy.faults.stalled = False
    assert proxy.node.ssh("echo on").stdout == "on\n"


@pytest.mark.docker
@pytest.mark.parametrize("direction", Direction)
def test_a_flipped_bit_ends_a_connection(proxy: FaultProxy, direction: Direction) -> None:
    proxy.faults.flip_at[direction] = 100_000
    done = proxy.node.ssh("cat", given="x" * 2_000_000)
    assert done.returncode == 255
    assert len(done.stdout) < 2_000_000


@pytest.mark.docker
def test_a_banner_drips(proxy: FaultProxy) -> None:
    proxy.faults.drip_bytes, proxy.faults.drip_seconds = 10, 0.2
    assert _seconds(lambda: proxy.node.ssh("true")) > 2
    proxy.faults.drip_bytes = 10**9
    done = proxy.node.ssh("true", options=("ConnectTimeout=2",))
    assert done.returncode == 255
    assert "timed out" in done.stderr


@pytest.mark.docker
def test_a_proxy_before_nothing_resets(prepared: ContainerNode) -> None:
    with silent_server() as port:
        gone = prepared.at(port)
    with fault_proxy(gone) as between:
        assert between.node.ssh("true").returncode == 255


@pytest.mark.docker
def test_a_silent_server_times_out(prepared: ContainerNode) -> None:
    with silent_server() as port:
        done = prepared.at(port).ssh("true", options=("ConnectTimeout=2",), timeout=20)
    assert done.returncode == 255
    assert "timed out during banner exchange" in done.stderr


def test_a_babbling_server_never_greets() -> None:
    with (
        babbling_server(seconds=0.05) as port,
        socket.create_connection((LOOPBACK, port), 10) as client,
        client.makefile("rb") as said,
    ):
        lines = [said.readline() for _ in range(5)]
    assert set(lines) == {b"restore-lab test\r\n"}


def test_an_emulated_machine_is_a_node(emulated: VirtualNode) -> None:
    assert _hosts_own_keys(emulated) == emulated.host_key_line
    asked = "id -un; uname -m; dpkg --print-architecture; awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo"
    user, machine, architecture, memory, clock, *controllers = _said(
        emulated, f"{asked}; date +%s; cat /sys/fs/cgroup/cgroup.controllers"
    ).split()
    assert (user, machine, architecture) == ("restorelab", "aarch64", "arm64")
    assert 900 < int(memory) < 1024
    assert "memory" in controllers
    assert abs(time.time() - int(clock)) < 60
    assert emulated.sudo("id -un") == "root\n"
    assert emulated.ssh("sudo -n true").returncode != 0
    assert _said(emulated, "dpkg-query --show --showformat='${db:Status-Abbrev}' bubblewrap") == "ii"


@pytest.mark.parametrize("how", SANDBOXES)
def test_an_emulated_machine_lets_users_make_sandboxes(emulated: VirtualNode, how: str) -> None:
    assert _said(emulated, SANDBOXES[how]) == "restorelab"


def test_an_emulated_machine_restores_a_table(emulated: VirtualNode) -> None:
    rows = ",\n".join(f"({number})" for number in range(ROWS))
    sql = ("CREATE DATABASE d; CREATE TABLE d.t (n INT); INSERT INTO d.t VALUES", rows, "; SELECT sum(n) FROM d.t;")
    assert emulated.ssh("cat > ~/restore.sh", given=RESTORE).returncode == 0
    held = "bwrap --ro-bind / / --proc /proc --dev /dev --tmpfs /tmp --unshare-all --die-with-parent sh ~/restore.sh"
    done = emulated.ssh(held, given="\n".join(sql), timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == str(ROWS * (ROWS - 1) // 2)


def test_a_power_cut_leaves_the_card_and_empties_memory(emulated: VirtualNode) -> None:
    before = _said(emulated, "cat /proc/sys/kernel/random/boot_id")
    _said(emulated, "echo kept > ~/card; sync ~/card; echo lost > /dev/shm/memory; ls /dev/shm")
    client = subprocess.Popen(emulated.ssh_command("sleep 300"), stdin=subprocess.DEVNULL)
    emulated.power_cut(seconds_off=1)
    emulated.wait()
    client.kill()
    client.wait()
    assert _said(emulated, "cat ~/card; ls /dev/shm") == "kept"
    assert _said(emulated, "cat /proc/sys/kernel/random/boot_id") != before
    assert emulated.ssh("pgrep sleep --uid restorelab").returncode == 1


@pytest.mark.parametrize("what", ["cable", "processor"])
def test_an_emulated_machine_falls_silent_and_comes_back(emulated: VirtualNode, what: str) -> None:
    silence, speech = {
        "cable": (emulated.link_down, emulated.link_up),
        "processor": (emulated.freeze, emulated.thaw),
    }[what]
    silence()
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            emulated.ssh("true", timeout=5)
    finally:
        speech()
    emulated.wait()
    assert _said(emulated, "echo back") == "back"


def test_an_emulated_machine_without_a_memory_controller_or_a_clock() -> None:
    with arm64_vm(fresh=True, account=None, kernel_line="cgroup_disable=memory", clock="2019-01-01T00:00:00") as node:
        assert node.user is None
        assert "memory" not in _said(node, "cat /sys/fs/cgroup/cgroup.controllers").split()
        assert _said(node, "date +%Y") == "2019"
        assert node.ssh("command -v bwrap; test -e /usr/sbin/mariadbd").returncode != 0


def test_a_fresh_emulated_machine_installs_without_a_network() -> None:
    with arm64_vm(fresh=True) as node:
        node.sudo("apt-get update; apt-get install -y bubblewrap sqlite3", timeout=300)
        assert _said(node, SANDBOXES["bubblewrap"]) == "restorelab"


def test_another_userland_is_32_bit() -> None:
    with arm64_vm(Userland(architecture="armhf")) as node:
        assert _said(node, "uname -m; dpkg --print-architecture; getconf LONG_BIT").split() == [
            "aarch64",
            "armhf",
            "32",
        ]
        assert _said(node, SANDBOXES["bubblewrap"]) == "restorelab"
        assert "MariaDB" in _said(node, "/usr/sbin/mariadbd --version")


def test_another_userland_has_systemd() -> None:
    with arm64_vm(Userland(systemd=True, postgresql=True)) as node:
        assert node.ssh("systemctl is-system-running --wait", timeout=180).stdout.strip() == "running"
        unit = "systemd-run --wait --pipe --quiet -p DynamicUser=yes -p PrivateNetwork=yes -p MemoryMax=300M"
        limit = "cat /sys/fs/cgroup/$(cut -d : -f 3 /proc/self/cgroup)/memory.max; id -u"
        memory, number = node.sudo(f"{unit} sh -c '{limit}'", timeout=120).split()
        assert int(memory) == 300 << 20
        assert 61184 <= int(number) <= 65519
        assert "15." in _said(node, "/usr/lib/postgresql/15/bin/postgres --version")


def _seconds(what: Callable[[], object]) -> float:
    began = time.monotonic()
    what()
    return time.monotonic() - began


@contextmanager
def _sending(proxy: FaultProxy) -> Iterator[subprocess.Popen[bytes]]:
    """Run a client that sends without end, and wait until it does."""
    command = proxy.node.ssh_command("cat > /dev/null")
    zeros = Path("/dev/zero")
    with zeros.open("rb") as endless, subprocess.Popen(command, stdin=endless, stderr=subprocess.PIPE) as client:
        try:
            until = time.monotonic() + 20
            while proxy.passed[Direction.UP] < 100_000 and time.monotonic() < until:
                time.sleep(0.01)
            yield client
        finally:
            client.kill()

"""No server of SSH keeps us waiting beyond a limit; what whole drills on such nodes say is in docs/hostile.md."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from hostile.cases_nodes import SERVERS
from hostile.servers import HOST_KEY, LIMIT_SECONDS, Server, endless, hostile_server, node_folder, serving, short_limits
from hostile.servers import written as written_key

from restore_lab.errors import MachineFailed
from restore_lab.sandboxes.raspberry_pi.node import read_node
from restore_lab.ssh.connection import HostKeyChanged, connected


@pytest.fixture(autouse=True)
def _short_limits() -> Iterator[None]:
    with short_limits():
        yield


@pytest.mark.parametrize("name", SERVERS)
def test_no_server_keeps_us_waiting_beyond_a_limit(tmp_path: Path, name: str) -> None:
    with hostile_server(name) as server:
        account = read_node(node_folder(tmp_path, server)).account
        began = time.monotonic()

        with pytest.raises((MachineFailed, TimeoutError)), connected(account) as link:
            link.run(("/bin/true",), timeout_seconds=LIMIT_SECONDS)

        assert time.monotonic() - began < 8 * LIMIT_SECONDS


def test_only_a_server_with_the_known_key_is_shown_ours(tmp_path: Path) -> None:
    shown: list[str] = []
    with serving(endless("exec", shown)) as server:
        stranger = Server(server.port, written_key(paramiko.ECDSAKey.generate()))
        for number, (known, seen) in enumerate(((stranger, False), (server, True))):
            account = read_node(node_folder(tmp_path / str(number), known)).account
            with pytest.raises((MachineFailed, TimeoutError)) as told, connected(account) as link:
                link.run(("/bin/true",), timeout_seconds=LIMIT_SECONDS)

            assert (isinstance(told.value, HostKeyChanged), bool(shown)) == (not seen, seen)
    assert server.host_key == written_key(HOST_KEY)

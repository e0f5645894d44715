"""Two machines and pages made for them, without a drill: what is read of a page, and what neither machine can do.

See `test_application.py`.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest
import survey
from integration.applications import IMAGE, SERVER, docker, need_images

from restore_lab.checks.base import RunningApplication
from restore_lab.checks.http import Page, request
from restore_lab.errors import MachineFailed
from restore_lab.sandboxes.base import Machine
from restore_lab.sandboxes.container import egress
from restore_lab.sandboxes.container.driver import Container
from restore_lab.sandboxes.proof import DOCUMENTATION

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module", autouse=True)
def _images() -> None:
    need_images()


SITE: Final = r"""
import sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
PAGES = {
    "/": (200, b"home"),
    "/number": (200, b"<b>x</b> <b>12</b> <b>7</b>"),
    "/word": (200, b"<b>Dupont</b>"),
    "/long-number": (200, b"<b>2990175123456</b>"),
    "/accents": (200, "été".encode()),
    "/gone": (404, b"<b>12</b>"),
    "/elsewhere": (302, b""),
    "/broken": (500, b"<b>12</b>"),
    "/large": (200, b"x" * (1024 * 1024 + 1)),
    "/nearly-large": (200, b"x" * (1024 * 1024 - 4096) + b"<b>12</b>"),
    "/greedy": (200, b"a" * 50000 + b"b"),
}
class Site(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/never":
            time.sleep(600)
        if self.path == "/strange":
            self.wfile.write(b"220 not HTTP\r\n")
            return
        status, page = PAGES.get(self.path, (404, b""))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(page)
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Site).serve_forever()
"""
IN_PERL: Final = (
    "use Socket; socket(my $l, PF_INET, SOCK_STREAM, 0); setsockopt($l, SOL_SOCKET, SO_REUSEADDR, 1);"
    " bind($l, sockaddr_in($ARGV[0], INADDR_LOOPBACK)) or die; listen($l, 5);"
    ' while (accept(my $c, $l)) { sysread $c, my $asked, 4096; syswrite $c, "HTTP/1.0 200 OK\\r\\n\\r\\n<b>12</b>"; }'
)


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Machine, Machine]]:
    """The machine of a database, with no database in it, and that of an application beside it."""
    base = replace(survey.need(replace(SERVER, image="restore-lab/postgresql:15")), restore_id="pair")
    with ExitStack() as stack:
        machine = stack.enter_context(Container().machine(base))
        yield machine, stack.enter_context(Container().beside(machine, replace(base, server=SERVER)))


@pytest.fixture(scope="module")
def site(pair: tuple[Machine, Machine]) -> RunningApplication:
    pair[1].start(("python3", "-c", SITE, "8080"))
    running = RunningApplication(machine=pair[1], port=8080)
    assert isinstance(request(running, "/", kind="ready", timeout_seconds=20), Page)
    return running


NUMBER: Final = "<b>([0-9]+)</b>"


@pytest.mark.parametrize(
    ("path", "pattern", "seen"),
    [
        ("/number", NUMBER, (200, True, 12)),
        ("/number", "<b>12</b> <b>([0-9])", (200, True, 7)),
        ("/word", NUMBER, (200, False, None)),
        ("/word", "<b>(.*)</b>", (200, True, None)),
        ("/long-number", NUMBER, (200, True, None)),
        ("/nearly-large", NUMBER, (200, True, 12)),
        ("/gone", NUMBER, (404, True, 12)),
        ("/elsewhere", NUMBER, (302, False, None)),
        ("/broken", NUMBER, (500, True, 12)),
        ("/nowhere", NUMBER, (404, False, None)),
    ],
)
def test_of_a_page_only_what_was_found_comes_back(
    site: RunningApplication, path: str, pattern: str, seen: tuple[int, bool, int | None]
) -> None:
    page = request(site, path, kind="number", text=pattern, timeout_seconds=10)

    assert isinstance(page, Page)
    assert (page.status, page.found, page.number) == seen


@pytest.mark.parametrize(("text", "found"), [("été", True), ("ete", False), ("%s'\n$(id)", False)])
def test_a_text_is_looked_for_as_it_stands(site: RunningApplication, text: str, found: bool) -> None:  # noqa: FBT001
    page = request(site, "/accents", kind="contains", text=text, timeout_seconds=10)

    assert page == Page(status=200, length_bytes=len("été".encode()), found=found, number=None)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/large", "longer than 1 MiB"),
        ("/strange", "not HTTP"),
        ("/never", "does not end its page"),
    ],
)
def test_a_page_that_is_none_is_said(site: RunningApplication, path: str, said: str) -> None:
    why = request(site, path, kind="contains", text="a", timeout_seconds=1)

    assert isinstance(why, str)
    assert said in why


def test_a_pattern_that_takes_for_ever_is_ended(site: RunningApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore_lab.checks.http._MARGIN_SECONDS", 1)

    with pytest.raises(TimeoutError):
        request(site, "/greedy", kind="number", text="(a*)a*a*a*a*[0-9]", timeout_seconds=1)


def test_an_application_that_answers_with_errors_alone_is_not_ready(site: RunningApplication) -> None:
    assert request(site, "/broken", kind="ready", timeout_seconds=1) == (
        "the application answers with an error of its own"
    )
    assert request(replace(site, port=8081), "/", kind="ready", timeout_seconds=1) == "the application does not answer"


def test_whoever_answers_from_the_databases_machine_is_not_the_application(pair: tuple[Machine, Machine]) -> None:
    database, application = pair
    database.start(("perl", "-e", IN_PERL, "8090"))
    time.sleep(0.5)

    asked = [
        request(RunningApplication(machine=machine, port=8090), "/", kind="number", text=NUMBER, timeout_seconds=1)
        for machine in (database, application)
    ]

    assert asked[0] == Page(status=200, length_bytes=9, found=True, number=12)
    assert asked[1] == "another program holds the port of the application"


def test_from_inside_there_is_no_way_to_this_host_nor_beyond(pair: tuple[Machine, Machine]) -> None:
    sandbox = Container()

    assert egress.host_addresses(), "this host has an address to be tried"
    for machine in pair:
        tried, open_ = sandbox.ways_out(machine)
        assert (tried, open_) == (2 * len({*egress.host_addresses(), *DOCUMENTATION}), 0)


def test_what_can_be_reached_counts_as_a_way_out(pair: tuple[Machine, Machine]) -> None:
    """The loopback refuses at port 53: whoever refuses was reached."""
    assert egress.tried(pair[1], ("127.0.0.1", "203.0.113.1")) == (4, 2)
    with pytest.raises(MachineFailed, match="did not say"):
        egress.tried(pair[1], ("not an address",))


def test_a_relay_does_not_take_a_port_that_is_held(pair: tuple[Machine, Machine]) -> None:
    database, _ = pair
    database.start(("perl", "-e", IN_PERL, "5433"))
    time.sleep(0.5)

    with pytest.raises(MachineFailed, match="another program holds the port"):
        Container().relay(database, f"{database.scratch}/none", 5433)


def test_a_relay_passes_bytes_both_ways_to_their_end(pair: tuple[Machine, Machine]) -> None:
    database, application = pair
    socket = f"{database.scratch}/echo"
    echo = (
        "use Socket; socket(my $l, PF_UNIX, SOCK_STREAM, 0); bind($l, sockaddr_un($ARGV[0])) or die; listen($l, 5);"
        " while (accept(my $c, $l)) { fork and next; my $n = 0; while (my $r = sysread $c, my $p, 65536) { $n += $r }"
        " syswrite $c, $n; exit }"
    )
    database.start(("perl", "-e", echo, socket))
    Container().relay(database, socket, 5434)
    send = (
        "import socket, sys; c = socket.create_connection(('127.0.0.1', 5434)); c.sendall(b'x' * 20_000_000);"
        "c.shutdown(socket.SHUT_WR); print(c.recv(100).decode())"
    )

    done = application.run(("python3", "-c", send), timeout_seconds=60)

    assert done.stdout == b"20000000\n", done.stderr


def test_a_sweep_takes_the_machine_of_an_application_too() -> None:
    """As of a dead drill: both expired."""
    dead = replace(survey.need(replace(SERVER, image="restore-lab/postgresql:15")), lab_id="swept-application")
    with ExitStack() as stack:
        machine = stack.enter_context(Container().machine(dead))
        beside = stack.enter_context(Container().beside(machine, replace(dead, server=SERVER)))
        later = dead.expires_at + timedelta(seconds=1)

        swept = tuple(Container().sweep(now=later, lab_id=dead.lab_id, ended=()))

        assert {one.name for one in swept} == {one.name for each in (machine, beside) for one in each.removals()}
        assert len(swept) == 2
        assert all(one.gone for one in swept)


def test_an_image_that_is_not_there_or_keeps_volumes_runs_no_application(pair: tuple[Machine, Machine]) -> None:
    wanted = survey.need(replace(SERVER, image="restore-lab/none:0"))
    with pytest.raises(MachineFailed, match="not on this host"), Container().beside(pair[0], wanted):
        pytest.fail("there is no such image")

    tag = "restore-lab/test-volume:1"
    subprocess.run(
        ("docker", "build", "--quiet", "--tag", tag, "-"),
        input=f"FROM {IMAGE}\nVOLUME /data\n".encode(),
        check=True,
        capture_output=True,
        timeout=60,
    )
    try:
        wanted = survey.need(replace(SERVER, image=tag))
        with pytest.raises(MachineFailed, match="declares volumes"), Container().beside(pair[0], wanted):
            pytest.fail("what it writes would lie elsewhere")
    finally:
        docker("rmi", tag)

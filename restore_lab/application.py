"""An application on top of a restored database: its machine, its way to the database, its login, its first answer.

The database's server has no TCP and gets none: in its machine a relay listens on the loopback that both machines share,
and passes bytes on to the server's socket. The application logs in as the role of the operator's own questions, which
can only read. That login is what keeps it to reading: whoever holds the relay holds the server's socket, as the dump
itself did while it was loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Final, Literal

from restore_lab.checks.base import Restored, RunningApplication
from restore_lab.checks.http import request
from restore_lab.engines.mariadb.server import READER, LiveServer
from restore_lab.errors import CouldNotFindOut, MachineFailed
from restore_lab.events import Stage
from restore_lab.evidence import EgressRecord
from restore_lab.findings import Code
from restore_lab.lending import Ground, Lending
from restore_lab.notebook import Notebook
from restore_lab.sandboxes.base import Hosting, Machine
from restore_lab.scenario import Application

_SHORT_SECONDS: Final = 30.0
_WRITE: Final = ("/bin/sh", "-c", 'umask 077; exec cat >"$1"', "write")
_PASSWORD_OF: Final = ("sed", "-n", "s/^password=//p")
#: Who the operator's questions are asked as, and in which database.
_WHO: Final = {
    "postgresql": "SELECT current_user, pg_catalog.current_database()",
    "mariadb": "SELECT substring_index(current_user(), '@', 1), database()",
}
_PORTS: Final = {"postgresql": 5432, "mariadb": 3306}


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """How an application reaches the database, and as whom."""

    kind: str
    socket: str
    port: int
    name: str
    user: str
    password: bytes = field(repr=False)


@contextmanager
def on_top(wanted: Application | None, lending: Lending, ground: Ground, restored: Restored) -> Iterator[Restored]:
    """Run an application for as long as the block lasts, where one is wanted; one that does not run is a finding."""
    with ExitStack() as stack:
        running = None
        if wanted is not None:
            lending.notes.enter(Stage.ASK, about=wanted.image)
            try:
                running = stack.enter_context(_running(wanted, lending, ground, restored))
            except (CouldNotFindOut, TimeoutError) as error:
                lending.notes.broken(error, Code.APPLICATION_FAILED, reason=str(error))
        yield replace(restored, application=running)


@contextmanager
def _running(wanted: Application, lending: Lending, ground: Ground, restored: Restored) -> Iterator[RunningApplication]:
    sandbox = ground.sandbox
    if not isinstance(sandbox, Hosting):
        raise MachineFailed("this kind of machine hosts no application")
    login = _login(restored)
    with lending.beside(sandbox, restored.machine, image=wanted.image, memory_mb=wanted.memory_mb) as machine:
        _fail_unless_closed(sandbox, {"database": restored.machine, "application": machine}, lending.notes)
        sandbox.relay(restored.machine, login.socket, login.port)
        password = f"{machine.scratch}/database-password"
        machine.run((*_WRITE, password), timeout_seconds=_SHORT_SECONDS, stdin=(login.password,))
        began = monotonic()
        machine.start(sandbox.command(wanted.image), environment=_environment(wanted, login, password))
        running = RunningApplication(machine=machine, port=wanted.port)
        if isinstance(page := request(running, "/", kind="ready", timeout_seconds=wanted.ready_seconds), str):
            raise MachineFailed(page)
        _keep(lending.notes, ready_seconds=round(monotonic() - began, 3))
        yield running


def _login(restored: Restored) -> Login:
    """Ask the database itself who asks; MariaDB's password lies in a file of its machine.

    Raises:
        MachineFailed: this engine serves no application.
    """
    kind, machine = restored.engine.kind, restored.machine
    if kind not in _WHO:
        raise MachineFailed(f"{kind} serves no application")
    ((user, name),) = restored.database.query(_WHO[kind])
    socket, password = f"{machine.scratch}/.s.PGSQL.{_PORTS[kind]}", b""
    if kind == "mariadb":
        server = LiveServer(machine=machine)
        socket = server.path("socket")
        done = machine.run((*_PASSWORD_OF, server.path(READER)), timeout_seconds=_SHORT_SECONDS)
        password = done.stdout.strip()
    return Login(kind=kind, socket=socket, port=_PORTS[kind], name=name or "", user=user or "", password=password)


def _environment(wanted: Application, login: Login, password_file: str) -> dict[str, str]:
    return {
        "RESTORE_LAB_PORT": str(wanted.port),
        "RESTORE_LAB_DATABASE_KIND": login.kind,
        "RESTORE_LAB_DATABASE_HOST": "127.0.0.1",
        "RESTORE_LAB_DATABASE_PORT": str(login.port),
        "RESTORE_LAB_DATABASE_NAME": login.name,
        "RESTORE_LAB_DATABASE_USER": login.user,
        "RESTORE_LAB_DATABASE_PASSWORD_FILE": password_file,
    }


def _fail_unless_closed(
    sandbox: Hosting, machines: dict[Literal["database", "application"], Machine], notes: Notebook
) -> None:
    """Try to get out of both machines before anything of the application runs, and keep what came of it.

    Raises:
        MachineFailed: there may be a way out.
    """
    seen = tuple(
        EgressRecord(machine=name, tried=tried, open=open_)
        for name, machine in machines.items()
        for tried, open_ in (sandbox.ways_out(machine),)
    )
    _keep(notes, egress=seen)
    if any(one.open or not one.tried for one in seen):
        raise MachineFailed("a connection out of the machines did not fail at once")


def _keep(notes: Notebook, **seen: object) -> None:
    if notes.record.application is not None:
        notes.keep(application=replace(notes.record.application, **seen))  # type: ignore[arg-type]

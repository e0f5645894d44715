"""`doctor`: what this machine and this lab lack, and how to get it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from restore_lab.errors import ExitCode, RestoreLabError
from restore_lab.lab import Lab, load_lab

if TYPE_CHECKING:
    from restore_lab.sandboxes.base import Server


@dataclass(frozen=True, kw_only=True, slots=True)
class Remark:
    """One thing that was looked at: how it stands, what was seen, what to do about it."""

    state: Literal["ok", "no", "warn", "to do", "FAULT"]
    seen: str
    remedy: str = ""


@click.command(epilog="For example: restore-lab doctor --json")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_obj
def doctor(folder: str, *, as_json: bool) -> int:
    """Say what this machine and this lab lack, and how to get it."""
    remarks = []
    for remark in _examined(load_lab(Path(folder))):
        remarks.append(remark)
        if not as_json:
            click.echo(f"{remark.state:<5} {remark.seen}")
            for line in remark.remedy.splitlines():
                click.echo(f"      {line}")
    if as_json:
        click.echo(json.dumps([asdict(one) for one in remarks], indent=2, ensure_ascii=False))
    return ExitCode.USAGE if any(one.state == "FAULT" for one in remarks) else ExitCode.PASSED


def _examined(lab: Lab) -> Iterator[Remark]:
    yield Remark(state="ok", seen=f"{lab.root}/lab.toml")
    yield _key(lab)
    yield from _mail(lab)
    yield from _scenarios(lab)
    yield from _machines(lab)


def _key(lab: Lab) -> Remark:
    from restore_lab.drill import open_key  # noqa: PLC0415 - quick --help

    if not lab.settings.signature.key.exists():
        remedy = 'restore-lab key create --holder "Your name"'
        return Remark(state="to do", seen="no signing key yet, and no drill without one", remedy=remedy)
    try:
        held = open_key(lab)
    except RestoreLabError as error:
        return Remark(state="FAULT", seen=error.message, remedy=error.hint)
    return Remark(state="ok", seen=f"signing key {held.key_id[:16]}")


def _mail(lab: Lab) -> Iterator[Remark]:
    """Say whether mail is set, without the network."""
    from restore_lab.delivery.deliver import waiting_mails  # noqa: PLC0415 - quick --help
    from restore_lab.delivery.smtp import password_of, trusted  # noqa: PLC0415

    mail = lab.settings.mail
    if mail is None:
        yield Remark(state="no", seen="mail: lab.toml has no [mail], nothing is sent")
        return
    try:
        trusted(mail)
        password_of(mail)
        waits = waiting_mails(lab)
    except RestoreLabError as error:
        yield Remark(state="FAULT", seen=f"mail: {error.message}", remedy=error.hint)
        return
    people = f"{len(mail.recipients)} recipient{'s' if len(mail.recipients) > 1 else ''}"
    copies = f", {len(mail.copies)} in copy" if mail.copies else ""
    server = f"{mail.host}:{mail.server_port} ({mail.security})"
    yield Remark(state="ok", seen=f"mail to {people}{copies} by {server}; not tried")
    if waits:
        said = f"{waits} mail{'s' if waits > 1 else ''} not delivered yet"
        yield Remark(state="to do", seen=said, remedy="restore-lab deliver")


def _scenarios(lab: Lab) -> Iterator[Remark]:
    from restore_lab.scenario import load_scenario  # noqa: PLC0415 - quick --help

    paths = sorted((lab.root / "scenarios").glob("*/scenario.toml"))
    if not paths:
        yield Remark(state="FAULT", seen="the lab has no scenario")
    for path in paths:
        name = path.parent.name
        try:
            scenario = load_scenario(lab, name)
        except RestoreLabError as error:
            yield Remark(state="FAULT", seen=error.message, remedy=error.hint)
            continue
        yield Remark(state="ok", seen=f"scenario {name}")
        for restore in scenario.settings.restore:
            if not any(check.proves_data for check in restore.check):
                yield Remark(
                    state="warn",
                    seen=f"scenario {name}: no question about {restore.place}'s own data; it cannot pass",
                    remedy="name its main tables under `counts`, or add a freshness, sql or pytest check",
                )


def _machines(lab: Lab) -> Iterator[Remark]:
    """Say which servers a drill could run on here and on the lab's nodes, those that lack the same on one line."""
    from restore_lab.engines import ENGINES  # noqa: PLC0415 - quick --help
    from restore_lab.sandboxes import AUTOMATIC  # noqa: PLC0415
    from restore_lab.sandboxes.raspberry_pi.driver import nodes_of  # noqa: PLC0415

    servers = [server for engine in ENGINES.values() for server in engine().offered()]
    here = ((driver().kind, driver()) for driver in AUTOMATIC)
    for kind, sandbox in (*here, *((f"node {one.node.name}", one) for one in nodes_of(lab.root))):
        lacks: dict[tuple[str, str], list[str]] = {}
        for server in servers:
            lack = sandbox.lacks(server) or ""
            lacks.setdefault((lack, _remedy(sandbox.kind, server) if lack else ""), []).append(_name(server))
        for (lack, remedy), names in lacks.items():
            said = f"{kind}: {', '.join(names)}"
            yield Remark(state="no" if lack else "ok", seen=f"{said}: {lack}" if lack else said, remedy=remedy)


def _name(server: Server) -> str:
    return f"{server.engine} {server.series}"


def _remedy(kind: str, server: Server) -> str:
    """Say how a kind of machine gets a server, as far as that is known."""
    from restore_lab.recipes import IMAGES, NOT_MADE  # noqa: PLC0415 - as above

    name = f"{server.engine}:{server.series}"
    match kind, server.engine:
        case "container", _ if name in IMAGES:
            return f"restore-lab image build {name}"
        case "container", _ if name in NOT_MADE:
            return NOT_MADE[name]
        case "local", "postgresql":
            return f"install the package postgresql-{server.series}, of Debian or of apt.postgresql.org"
        case "local", "mariadb":
            return "install the package mariadb-server"
        case _:
            return ""

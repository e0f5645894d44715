"""`node`: a small computer that is set aside for restores."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from restore_lab.errors import ExitCode, UsageError
from restore_lab.lab import load_lab
from restore_lab.settings import NODE_FILE, NODE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from restore_lab.sandboxes.raspberry_pi.preparing import Looked


@click.group()
def node() -> None:
    """Prepare a Raspberry Pi, or any small Debian machine, for drills, and look whether it is ready."""


@node.command(epilog="For example: restore-lab node prepare raspberrypi.local --identity ~/.ssh/id_ed25519")
@click.argument("host")
@click.option("--name", default="pi", show_default=True, help="What the lab calls it: nodes/NAME.")
@click.option("--port", default=22, show_default=True)
@click.option("--admin", default="pi", show_default=True, help="Account there that is root, or may become it by sudo.")
@click.option("--identity", required=True, type=click.Path(exists=True, dir_okay=False), help="That account's SSH key.")
@click.option("--host-key", help="Fingerprint the host must have (SHA256:...).  [default: asked]")
@click.option("--owner", help="Whose machine it is; printed in reports.  [default: the practice]")
@click.pass_obj
def prepare(  # noqa: PLR0913 - click's own shape: one argument an option
    folder: str, host: str, name: str, port: int, admin: str, identity: str, host_key: str | None, owner: str | None
) -> int:
    """Install what a drill needs on HOST, make an account without rights, and pin the host's key."""
    from restore_lab.sandboxes.raspberry_pi import node as nodes  # noqa: PLC0415 - quick --help
    from restore_lab.sandboxes.raspberry_pi.preparing import ACCOUNT, look, unsuitable  # noqa: PLC0415
    from restore_lab.sandboxes.raspberry_pi.preparing import prepare as prepared  # noqa: PLC0415
    from restore_lab.ssh.connection import Account, connected, make_key  # noqa: PLC0415

    lab = load_lab(Path(folder))
    if not re.fullmatch(NODE_NAME, name):
        raise UsageError(f"{name!r} cannot be the name of a node", hint="letters, digits, - and _")
    target = lab.root / "nodes" / name
    pinned = target / nodes.KNOWN_HOSTS_NAME
    _pin(pinned, host, port, host_key)
    superuser = Account(host=host, port=port, user=admin, key=Path(identity), known_hosts=pinned)
    with connected(superuser) as link:
        if refused := unsuitable(nodes.ask(link), now=datetime.now(UTC)):
            click.echo(f"{host} cannot be a node; nothing was changed there")
            return _told(refused)
        if not (target / nodes.KEY_NAME).exists():
            make_key(target / nodes.KEY_NAME)
        public = (target / nodes.KEY_NAME).with_suffix(".pub").read_text("ascii").strip()
        for line in prepared(link, public_key=public, superuser=admin == "root"):
            click.echo(f"did   {line}")
    said = {"host": host, "port": port, "user": ACCOUNT, "owner": owner or lab.settings.practice.name}
    (target / NODE_FILE).write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items()))
    with connected(nodes.read_node(target).account) as link:
        code = _told(look(nodes.ask(link), now=datetime.now(UTC)))
    click.echo(f'in a scenario:  machine = {{ kind = "raspberry-pi", node = "{name}" }}')
    return code


@node.command(epilog="For example: restore-lab node check pi")
@click.argument("name", default="pi")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_obj
def check(folder: str, name: str, *, as_json: bool) -> int:
    """Say what the node NAME of this lab lacks; touches nothing there."""
    from restore_lab.sandboxes.raspberry_pi import node as nodes  # noqa: PLC0415
    from restore_lab.sandboxes.raspberry_pi.preparing import look  # noqa: PLC0415
    from restore_lab.ssh.connection import connected  # noqa: PLC0415

    known = nodes.read_node(load_lab(Path(folder)).root / "nodes" / name)
    with connected(known.account) as link:
        looks = look(nodes.ask(link), now=datetime.now(UTC))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in looks], indent=2))
        return _code(looks)
    return _told(looks)


def _pin(pinned: Path, host: str, port: int, wanted: str | None) -> None:
    """Pin the key that a host has now, as a first one or in place of another, once somebody has compared it.

    Raises:
        UsageError: it is another one than was named, or nobody said yes; nothing was written.
    """
    from restore_lab.durable import replace_durably  # noqa: PLC0415
    from restore_lab.ssh.connection import host_key_of, known_host_key  # noqa: PLC0415

    found, known = host_key_of(host, port), known_host_key(pinned)
    if wanted is not None or known is None or known.fingerprint != found.fingerprint:
        _confirm(found.fingerprint, wanted, host, known=known.fingerprint if known else found.fingerprint)
    if known is None or known.line != found.line:
        pinned.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_durably(pinned, f"{found.line}\n".encode("ascii"))


def _confirm(found: str, wanted: str | None, host: str, *, known: str) -> None:
    """Have a key compared, and said where it is another one than is `known`.

    Raises:
        UsageError: it is another one than was named, or nobody said yes.
    """
    if known != found:
        click.echo(f"{host} had the host key {known}")
        click.echo("  it has another one now: it was set up anew, or somebody stands in between")
    if wanted is not None and wanted != found:
        raise UsageError(f"{host} has the key {found}, not {wanted}", hint="somebody may stand in between")
    if wanted is None:
        click.echo(f"{host} has the host key {found}")
        click.echo("  compare: on the node, ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
        if not click.confirm("is it the same?"):
            raise UsageError("the host key was not confirmed; nothing was changed")


def _told(looks: Iterable[Looked]) -> int:
    looks = tuple(looks)
    for one in looks:
        click.echo(f"{one.state:<5} {one.what}")
        if one.state != "ok" and one.remedy:
            click.echo(f"      {one.remedy}")
    return _code(looks)


def _code(looks: Iterable[Looked]) -> int:
    return ExitCode.USAGE if any(one.state == "no" for one in looks) else ExitCode.PASSED

"""`run --hold`: how to look at a restored copy, the wait, and its end."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from restore_lab.drill import Outcome
    from restore_lab.holding import Held
    from restore_lab.lab import Lab

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}
#: A client on the copy, by engine; `{scratch}` is the folder of the machine.
_CLIENTS = {
    "postgresql": "psql -h {scratch} -U postgres restored",
    "mariadb": "mariadb --defaults-file={scratch}/restore_lab_reader",
    "sqlite": "sqlite3 {scratch}/restored.sqlite",
    "files": "ls {scratch}",
}


class Duration(click.ParamType[timedelta]):
    """A length of time such as 90s, 30m or 2h."""

    name = "duration"

    def __init__(self, longest: timedelta) -> None:
        """Take at most `longest`."""
        self.longest = longest

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read it (click's own hook)."""
        found = re.fullmatch(r"([1-9]\d{0,5})([smh])", str(value))
        if found is None:
            self.fail(f"{value!r} is not a length of time such as 30m or 2h", param, ctx)
        length = timedelta(**{_UNITS[found[2]]: int(found[1])})
        if length > self.longest:
            self.fail(f"a copy is held for {self.longest} at most", param, ctx)
        return length


def hold(lab: Lab, outcome: Outcome) -> None:
    """Say how to look at what is held, wait for its time or for Ctrl-C, let go; nothing when nothing is held."""
    from restore_lab.drill import let_go  # noqa: PLC0415 - quick --help

    holding = outcome.holding
    if holding is None:
        return
    try:
        if holding.held and holding.until is not None:
            for one in holding.held:
                click.echo(f"{'held':<13} {_way_in(one)}", err=True)
            until = holding.until.astimezone(lab.settings.practice.zone)
            click.echo(f"{'until':<13} {until:%Y-%m-%d %H:%M:%S %Z}; Ctrl-C ends it now", err=True)
            while (left := holding.left_seconds) > 0:
                time.sleep(min(left, 1))
    except KeyboardInterrupt:
        click.echo("restore-lab: the hold ends here", err=True)
    finally:
        for gone in let_go(lab, outcome):
            click.echo(f"{gone.kind} {gone.name}: {'gone' if gone.gone else 'STILL THERE'}", err=True)


def _way_in(one: Held) -> str:
    handle, client = one.machine.handle, _CLIENTS.get(one.server.engine, "sh")
    if handle.kind == "container":
        return f"docker exec -it {handle.machine_id[:12]} {client.format(scratch=one.machine.scratch)}"
    return client.format(scratch=f"{handle.machine_id}/data")

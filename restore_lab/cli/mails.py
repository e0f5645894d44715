"""`deliver`, and what `run` and `doctor` say of mails."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from restore_lab.errors import EXIT_CODE_PRECEDENCE, ExitCode, RestoreLabError
from restore_lab.lab import Lab, load_lab

if TYPE_CHECKING:
    from restore_lab.delivery.deliver import Delivery
    from restore_lab.drill import Outcome


@click.command(epilog="For example: restore-lab deliver, or restore-lab deliver 20261122T091500Z-annual-1f0c")
@click.argument("drill_id", metavar="[DRILL]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_obj
def deliver(folder: str, drill_id: str | None, *, as_json: bool) -> int:
    """Send the mails that wait, now; or that of DRILL once more, also to those who got it."""
    from restore_lab.delivery.deliver import deliver_again, deliver_waiting, no_mail  # noqa: PLC0415 - quick --help
    from restore_lab.drill import open_key  # noqa: PLC0415

    lab = load_lab(Path(folder))
    if lab.settings.mail is None:
        raise no_mail()
    key = open_key(lab)
    with _busy():
        if drill_id is None:
            told = deliver_waiting(lab, key, respect_back_off=False)
        else:
            told = deliver_again(lab, key, drill_id)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in told], indent=2, ensure_ascii=False))
    else:
        for one in told:
            _say_sent(one)
        if not told:
            click.echo("no mail waits")
    return _say_faults(told)


def deliver_after(lab: Lab, outcome: Outcome, *, quiet: bool) -> ExitCode:
    """Send what waits after a drill, as far as it is due; give the drill's exit code with that of its mail."""
    if outcome.mail_fault:
        click.echo(
            f"restore-lab: the drill is recorded, but its mail could not be made: {outcome.mail_fault}", err=True
        )
        click.echo(f"  `restore-lab deliver {outcome.evidence.drill_id}` tries again", err=True)
    return deliver_due(lab, outcome.exit_code, quiet=quiet)


def deliver_due(lab: Lab, code: ExitCode, *, quiet: bool) -> ExitCode:
    """Send what waits, as far as it is due, after something that ended with `code`; give the code of both."""
    if lab.settings.mail is None:
        return code
    from restore_lab.delivery.deliver import deliver_waiting, waiting_mails  # noqa: PLC0415 - as in `deliver`
    from restore_lab.drill import open_key  # noqa: PLC0415

    try:
        if not waiting_mails(lab):
            return code
        with _busy():
            told = deliver_waiting(lab, open_key(lab), respect_back_off=True)
    except RestoreLabError as error:
        click.echo(f"restore-lab: what is recorded was not delivered: {error.message}", err=True)
        click.echo(f"  {_then(error.hint)}", err=True)
        return _first(code, ExitCode.NOT_DELIVERED)
    if not quiet:
        for one in told:
            _say_sent(one)
    return _first(code, _say_faults(told))


@contextmanager
def _busy() -> Iterator[None]:
    """Say on a terminal what is waited for."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status("Sending the mail"):
        yield


def _say_sent(one: Delivery) -> None:
    if one.recipients:
        click.echo(f"{'mail':<13} {one.drill}: sent to {_people(one.recipients)}")


def _say_faults(told: Sequence[Delivery]) -> ExitCode:
    """Say each reason once on stderr, with what to do."""
    missed = [one for one in told if one.fault]
    for fault, hint in dict.fromkeys((one.fault, one.hint) for one in missed):
        drills = ", ".join(one.drill for one in missed if one.fault == fault)
        click.echo(f"restore-lab: {drills} is recorded, but its mail was not delivered: {fault}", err=True)
        click.echo(f"  {_then(hint)}", err=True)
    return ExitCode.NOT_DELIVERED if missed else ExitCode.PASSED


def _then(hint: str) -> str:
    return f"{hint}; then `restore-lab deliver`" if hint else "`restore-lab deliver` tries again"


def _people(count: int) -> str:
    return f"{count} recipient{'s' if count > 1 else ''}"


def _first(*codes: ExitCode) -> ExitCode:
    return next(code for code in EXIT_CODE_PRECEDENCE if code in codes)

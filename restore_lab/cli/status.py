"""`status`: per scenario, the last drill, when the next is due, and how old the proof is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from restore_lab.due import Past, Standing, past_of, standing
from restore_lab.errors import ExitCode
from restore_lab.lab import Lab, load_lab
from restore_lab.register import Checked
from restore_lab.scenario import FILE_NAME, Scenario, load_scenario


@click.command(epilog="For example: restore-lab status --json")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_obj
def status(folder: str, *, as_json: bool) -> int:
    """Say of each scenario what the last drill showed, when the next is due, and how long the proof holds."""
    lab = load_lab(Path(folder))
    names = sorted(path.parent.name for path in (lab.root / "scenarios").glob(f"*/{FILE_NAME}"))
    checked, stand = standings(lab, [load_scenario(lab, name) for name in names], now=datetime.now(UTC))
    if as_json:
        click.echo(json.dumps(_plain(checked, stand), indent=2, ensure_ascii=False))
    else:
        _show(stand)
        for fault in checked.faults:
            click.echo(f"FAULT {fault}")
    if checked.faults:
        return ExitCode.SEAL_BROKEN
    return ExitCode.PASSED if stand and all(one.is_well for one in stand) else ExitCode.FAILED


def standings(lab: Lab, scenarios: list[Scenario], *, now: datetime) -> tuple[Checked, list[Standing]]:
    """Read the register and judge each scenario; a lab without key and register was never tested.

    Raises:
        SealBroken: there is a register, but no certificate to check it with.
    """
    from restore_lab.cli.seals import register_of  # noqa: PLC0415 - quick --help

    zone = lab.settings.practice.zone
    if not lab.settings.signature.certificate.exists() and not any(lab.reports.glob("register*.jsonl")):
        checked = Checked(chains=(), faults=())
        return checked, [standing(one, Past(), now=now, zone=zone) for one in scenarios]
    register = register_of(lab)
    checked = register.verify()
    return checked, [standing(one, past_of(register, checked, one.name), now=now, zone=zone) for one in scenarios]


def said_of(one: Standing) -> str:
    """Say in one line when the next drill is due."""
    if one.due_on is None:
        return "never tested"
    if one.clock_is_behind:
        return f"due today, as this machine's clock is behind the last drill, of {one.drilled_on}"
    if one.overdue_days:
        return f"overdue by {one.overdue_days} day{'s' if one.overdue_days > 1 else ''}, due {one.due_on}"
    return f"due today, {one.due_on}" if one.is_due else f"due {one.due_on}"


def _proof(one: Standing) -> str:
    if one.fresh_until is None:
        return "none"
    return f"until {one.fresh_until}" if one.today <= one.fresh_until else f"stale since {one.fresh_until}"


def _verdict(one: Standing) -> str:
    return one.past.last.verdict if one.past.last else "-"


def _show(stand: list[Standing]) -> None:
    """Print a table where people watch, else a line for each field of a scenario."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        for one in stand:
            click.echo("  ".join((one.scenario, said_of(one), _verdict(one), f"proof {_proof(one)}", *_more(one))))
        return
    table = Table(box=None, pad_edge=False)
    for title in ("scenario", "last drill", "verdict", "next", "proof", "open"):
        table.add_column(title, overflow="fold")
    for one in stand:
        last = f"{one.drilled_on}\n{one.past.last.drill_id}" if one.past.last else "never tested"
        style = "green" if one.is_well else "bold red" if one.is_due else "yellow"
        cells = (one.scenario, last, _verdict(one), said_of(one), _proof(one), "\n".join(_more(one)))
        table.add_row(*(Text(cell) for cell in cells), style=style)
    console.print(table)


def _more(one: Standing) -> list[str]:
    under_way = [f"running {one.past.running}"] if one.past.running else []
    return under_way + list(one.past.last.open_findings if one.past.last else ())


def _plain(checked: Checked, stand: list[Standing]) -> dict[str, object]:
    return {
        "register_faults": list(checked.faults),
        "scenarios": [
            {
                "scenario": one.scenario,
                "title": one.title,
                "last_drill": one.past.last.drill_id if one.past.last else None,
                "last_drill_on": one.drilled_on.isoformat() if one.drilled_on else None,
                "verdict": one.past.last.verdict if one.past.last else None,
                "next_due_on": one.due_on.isoformat() if one.due_on else None,
                "due": one.is_due,
                "overdue": one.is_overdue,
                "overdue_days": one.overdue_days,
                "clock_is_behind": one.clock_is_behind,
                "open_findings": list(one.past.last.open_findings) if one.past.last else [],
                "fresh_until": one.fresh_until.isoformat() if one.fresh_until else None,
                "running": one.past.running or None,
            }
            for one in stand
        ],
    }

"""`init`, `demo`, `doctor`: making a lab, and saying what it and this machine lack."""

from __future__ import annotations

import shutil
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from restore_lab.errors import ExitCode, RestoreLabError
from restore_lab.lab import Lab, load_lab


@click.command(epilog="For example: restore-lab init cabinet-durand")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def init(folder: Path) -> None:
    """Write a new lab into DIR: lab.toml with comments, and the annual scenario."""
    from restore_lab.lab_writing import Answers, write_lab  # noqa: PLC0415 - quick --help

    write_lab(folder, Answers(), scenario="annual")
    click.echo(f"wrote {folder}/lab.toml and {folder}/scenarios/annual/scenario.toml")
    click.echo("next: edit both, then")
    click.echo(f'  {_command()} --lab {folder} key create --holder "Your name"')
    click.echo(f"  {_command()} --lab {folder} doctor")


@click.command(epilog="For example: restore-lab demo, then cd demo and restore-lab run --scenario annual")
@click.argument("folder", metavar="[DIR]", default="demo", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--engine",
    type=click.Choice(["postgresql", "mariadb", "sqlite"]),
    default="postgresql",
    show_default=True,
    help="What the sample practice runs on.",
)
@click.option("--patients", type=click.IntRange(min=1), default=150, show_default=True, help="How large it is.")
@click.pass_context
def demo(ctx: click.Context, folder: Path, engine: str, patients: int) -> int:
    """Make an invented practice as of today in DIR, run its annual drill, and say where the report is."""
    from restore_lab.cli.drills import run  # noqa: PLC0415 - quick --help
    from restore_lab.demo import Sample, make_demo  # noqa: PLC0415

    click.echo(f"making a sample practice in {folder} (invented patients)", err=True)
    today = datetime.now(ZoneInfo("Europe/Paris")).date()
    backup = make_demo(folder, Sample(engine=engine, day=today, patients=patients))
    click.echo(f"backed up to {backup}", err=True)
    ctx.obj = str(folder)
    code: int = ctx.invoke(run, name="annual", asked_for="latest", hold_for=None, strict=False, as_json=False)
    click.echo(f"{'again':<13} cd {folder} && {_command()} run --scenario annual")
    return code


@click.command(epilog="For example: restore-lab doctor")
@click.pass_obj
def doctor(folder: str) -> int:
    """Say what this machine and this lab lack, and how to get it."""
    from restore_lab.cli.mails import say_mail  # noqa: PLC0415 - quick --help

    lab = load_lab(Path(folder))
    click.echo(f"ok    {lab.root}/lab.toml")
    faults = [fault for fault in (_key(lab), say_mail(lab), *_scenarios(lab)) if fault]
    for fault in faults:
        click.echo(f"FAULT {fault}")
    _machines(lab)
    return ExitCode.USAGE if faults else ExitCode.PASSED


def _command() -> str:
    """How this command can be typed again: its name where that is found, else its path."""
    return "restore-lab" if shutil.which("restore-lab") else str(Path(sys.argv[0]).resolve())


def _key(lab: Lab) -> str:
    from restore_lab.drill import open_key  # noqa: PLC0415

    if not lab.settings.signature.key.exists():
        click.echo("to do no signing key yet, and no drill without one")
        click.echo('      restore-lab key create --holder "Your name"')
        return ""
    try:
        held = open_key(lab)
    except RestoreLabError as error:
        return f"{error.message}\n      {error.hint}"
    click.echo(f"ok    signing key {held.key_id[:16]}")
    return ""


def _scenarios(lab: Lab) -> list[str]:
    from restore_lab.scenario import load_scenario  # noqa: PLC0415

    faults = []
    for path in sorted((lab.root / "scenarios").glob("*/scenario.toml")):
        name = path.parent.name
        try:
            scenario = load_scenario(lab, name)
        except RestoreLabError as error:
            faults.append(f"{error.message}\n      {error.hint}")
            continue
        click.echo(f"ok    scenario {name}")
        for restore in scenario.settings.restore:
            if not any(check.proves_data for check in restore.check):
                click.echo(f"warn  scenario {name}: no question about {restore.place}'s own data; it cannot pass")
                click.echo("      name its main tables under `counts`, or add a freshness, sql or pytest check")
    return faults or ([] if list((lab.root / "scenarios").glob("*/scenario.toml")) else ["the lab has no scenario"])


def _machines(lab: Lab) -> None:
    """Say which servers a drill could run on here and on the lab's nodes, those that lack the same on one line."""
    from restore_lab.engines import ENGINES  # noqa: PLC0415
    from restore_lab.sandboxes import AUTOMATIC  # noqa: PLC0415
    from restore_lab.sandboxes.raspberry_pi.driver import nodes_of  # noqa: PLC0415

    servers = [server for engine in ENGINES.values() for server in engine().offered()]
    here = ((driver().kind, driver()) for driver in AUTOMATIC)
    for kind, sandbox in (*here, *((f"node {one.node.name}", one) for one in nodes_of(lab.root))):
        lacks: dict[str | None, list[str]] = {}
        for server in servers:
            lacks.setdefault(sandbox.lacks(server), []).append(f"{server.engine} {server.series}")
        for lack, names in lacks.items():
            said = f"{kind}: {', '.join(names)}"
            click.echo(f"no    {said}: {lack}" if lack else f"ok    {said}")

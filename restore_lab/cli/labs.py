"""`init`, `demo`: making a lab."""

from __future__ import annotations

import shutil
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click


@click.command(epilog="For example: restore-lab init cabinet-durand")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--scenario",
    type=click.Choice(["raspberry-pi", "survey"]),
    help="Write this one as well; or this one alone, where DIR is a lab already.",
)
def init(folder: Path, scenario: str | None) -> None:
    """Write a new lab into DIR: lab.toml with comments, and the annual scenario."""
    from restore_lab.lab import FILE_NAME  # noqa: PLC0415 - quick --help
    from restore_lab.lab_writing import Answers, write_lab, write_scenario  # noqa: PLC0415

    is_new = scenario is None or not (folder / FILE_NAME).exists()
    if is_new:
        write_lab(folder, Answers(), scenario="annual")
        click.echo(f"wrote {folder}/lab.toml and {folder}/scenarios/annual/scenario.toml")
    if scenario:
        click.echo(f"wrote {write_scenario(folder, scenario)}/scenario.toml")
    if not is_new:
        return
    click.echo("next: edit them, then")
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
    from restore_lab.demo import Sample, make_demo, refuse_used  # noqa: PLC0415

    refuse_used(folder)
    click.echo(f"making a sample practice in {folder} (invented patients)", err=True)
    today = datetime.now(ZoneInfo("Europe/Paris")).date()
    backup = make_demo(folder, Sample(engine=engine, day=today, patients=patients))
    click.echo(f"backed up to {backup}", err=True)
    ctx.obj = str(folder)
    code: int = ctx.invoke(run, name="annual", asked_for="latest", hold_for=None, strict=False, as_json=False)
    click.echo(f"{'again':<13} cd {folder} && {_command()} run --scenario annual")
    return code


def _command() -> str:
    """How this command can be typed again: its name where that is found, else its path."""
    return "restore-lab" if shutil.which("restore-lab") else str(Path(sys.argv[0]).resolve())

"""`run`, `points`, `sweep`: everything that touches backups and machines."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from restore_lab.errors import ExitCode
from restore_lab.evidence import Verdict, to_json
from restore_lab.lab import load_lab
from restore_lab.scenario import Auto, load_scenario
from restore_lab.sources.base import Choice, choose


@click.command(epilog="For example: restore-lab run --scenario annual")
@click.option("--scenario", "name", required=True, help="Folder under scenarios/, for example annual.")
@click.option("--at", "asked_for", default="latest", show_default=True, help="latest, oldest, random, or a point's id.")
@click.option("--strict", is_flag=True, help="Exit 1 also when there are reservations.")
@click.option("--json", "as_json", is_flag=True, help="Print the evidence as JSON.")
@click.pass_obj
def run(folder: str, name: str, asked_for: str, *, strict: bool, as_json: bool) -> int:
    """Restore the latest backup on a throwaway machine, question it, and leave signed evidence."""
    from restore_lab import drill  # noqa: PLC0415 - quick --help
    from restore_lab.cli.display import summarise, watching  # noqa: PLC0415

    lab = load_lab(Path(folder))
    scenario = load_scenario(lab, name)
    with watching() as listen:
        outcome = drill.run(lab, scenario, asked_for=asked_for, listen=listen)
    if as_json:
        sys.stdout.write(to_json(outcome.evidence).decode() + "\n")
    else:
        summarise(outcome)
    reserved = outcome.evidence.verdict is Verdict.PASSED_WITH_RESERVATIONS
    return ExitCode.FAILED if strict and reserved and not outcome.exit_code else outcome.exit_code


@click.command(epilog="For example: restore-lab points --scenario annual --json")
@click.option("--scenario", "name", required=True, help="Folder under scenarios/.")
@click.option("--at", "asked_for", default="latest", show_default=True, help="latest, oldest, random, or a point's id.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_obj
def points(folder: str, name: str, asked_for: str, *, as_json: bool) -> int:
    """List every backup a drill may restore, the one it would choose, and why."""
    lab = load_lab(Path(folder))
    now = datetime.now(lab.settings.practice.zone)
    listed = []
    for restore in load_scenario(lab, name).settings.restore:
        place = lab.place(restore.place)
        if place.backup is None:
            continue
        candidates = place.backup.candidates(now=now, zone=lab.settings.practice.zone)
        choice = choose(candidates, asked_for=asked_for, now=now)
        listed.append((place, choice))
    if as_json:
        click.echo(json.dumps([_as_plain(place.name, choice) for place, choice in listed], indent=2))
        return ExitCode.PASSED
    for place, choice in listed:
        click.echo(f"{place.name}  {place.label}")
        for candidate in choice.candidates:
            point = candidate.point
            mark = ">" if choice.point == point else " "
            when = point.taken_at.astimezone(lab.settings.practice.zone)
            why = f"{candidate.standing.value}, dated by {point.dated_by}"
            click.echo(f"{mark} {when:%Y-%m-%d %H:%M %Z}  {point.size_bytes:>14,} bytes  {point.point_id!a}  ({why})")
        for found in choice.findings:
            click.echo(f"  {found.code} {dict(found.params)}")
    return ExitCode.PASSED


@click.command(epilog="For example: restore-lab sweep")
@click.pass_obj
def sweep(folder: str) -> int:
    """Remove what dead drills of this lab left behind, close their entries, and delete logs older than 400 days."""
    from restore_lab.drill import open_key, undisturbed  # noqa: PLC0415
    from restore_lab.history import close_abandoned  # noqa: PLC0415
    from restore_lab.journal import KEPT_FOR, prune  # noqa: PLC0415
    from restore_lab.register import EntryType, Register  # noqa: PLC0415

    lab = load_lab(Path(folder))
    key = open_key(lab)
    now = datetime.now(UTC)
    removals = [one for sandbox in Auto().sandboxes() for one in sandbox.sweep(now=now, lab_id=lab.lab_id)]
    register = Register(folder=lab.reports, certificate=key.certificate)
    with undisturbed(), register.locked():
        closed = close_abandoned(register, register.verify(), key)
        if removals:
            things = [{"kind": one.kind, "name": one.name, "gone": one.gone} for one in removals]
            register.append(EntryType.SWEPT, {"removed": things}, key=key, at=now)
    if pruned := prune(lab.reports, now=now):
        click.echo(f"{pruned} logs older than {KEPT_FOR.days} days deleted")
    for one in removals:
        click.echo(f"{one.kind} {one.name}: {'gone' if one.gone else 'STILL THERE'}")
    for drill_id in closed:
        click.echo(f"{drill_id}: closed as INCONCLUSIVE, ABANDONED")
    if not removals and not closed:
        click.echo("nothing was left behind")
    return ExitCode.PASSED if all(one.gone for one in removals) else ExitCode.NOT_GONE


def _as_plain(place: str, choice: Choice) -> dict[str, object]:
    return {
        "place": place,
        "asked_for": choice.asked_for,
        "chosen": choice.point.point_id if choice.point else None,
        "candidates": [
            {
                "id": one.point.point_id,
                "taken_at": one.point.taken_at.isoformat(),
                "dated_by": one.point.dated_by,
                "size_bytes": one.point.size_bytes,
                "standing": one.standing.value,
            }
            for one in choice.candidates
        ],
        "findings": [{"code": one.code.value, **dict(one.params)} for one in choice.findings],
    }

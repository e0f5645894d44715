"""`run`, `points`, `sweep`: everything that touches backups and machines."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from restore_lab.cli.held import Duration, hold
from restore_lab.errors import ExitCode, SourceUnreachable
from restore_lab.evidence import Verdict, to_json
from restore_lab.holding import LONGEST
from restore_lab.lab import load_lab
from restore_lab.scenario import load_scenario
from restore_lab.sources.base import Choice, choose


@click.command(epilog="For example: restore-lab run --scenario annual")
@click.option("--scenario", "name", required=True, help="Folder under scenarios/, for example annual.")
@click.option("--at", "asked_for", default="latest", show_default=True, help="latest, oldest, random, or a point's id.")
@click.option("--when-due", is_flag=True, help="Do nothing unless the register says that a drill is due.")
@click.option("--strict", is_flag=True, help="Exit 1 also when there are reservations.")
@click.option("--hold", "hold_for", type=Duration(LONGEST), help="Keep the copy so long after the drill: 30m, 2h.")
@click.option("--json", "as_json", is_flag=True, help="Print the evidence as JSON.")
@click.pass_obj
def run(  # noqa: PLR0913 - click hands over each option by its name
    folder: str,
    name: str,
    asked_for: str,
    *,
    hold_for: timedelta | None,
    when_due: bool,
    strict: bool,
    as_json: bool,
) -> int:
    """Restore the latest backup on a throwaway machine, question it, and leave signed evidence."""
    from restore_lab import drill  # noqa: PLC0415 - quick --help
    from restore_lab.cli.display import summarise, watching  # noqa: PLC0415
    from restore_lab.cli.mails import deliver_after, deliver_due  # noqa: PLC0415
    from restore_lab.cli.reminding import not_due, reminding  # noqa: PLC0415

    lab = load_lab(Path(folder))
    scenario = load_scenario(lab, name)
    if when_due and (nothing := not_due(lab, scenario)) is not None:
        return deliver_due(lab, nothing, quiet=as_json)
    with reminding(lab, scenario) if when_due else nullcontext(), watching() as listen:
        outcome = drill.run(lab, scenario, asked_for=asked_for, listen=listen, hold_for=hold_for)
    try:
        if as_json:
            sys.stdout.write(to_json(outcome.evidence).decode() + "\n")
        else:
            summarise(outcome)
    finally:  # whoever reads our output may have seen enough; the doctor has seen nothing yet
        try:
            code = deliver_after(lab, outcome, quiet=as_json)
        finally:
            hold(lab, outcome)
    reserved = outcome.evidence.verdict is Verdict.PASSED_WITH_RESERVATIONS
    return ExitCode.FAILED if strict and reserved and code in {ExitCode.PASSED, ExitCode.NOT_DELIVERED} else code


@click.command(epilog="For example: restore-lab points --scenario annual --json")
@click.option("--scenario", "name", required=True, help="Folder under scenarios/.")
@click.option("--at", "asked_for", default="latest", show_default=True, help="latest, oldest, random, or a point's id.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_obj
def points(folder: str, name: str, asked_for: str, *, as_json: bool) -> int:
    """List every backup a drill may restore, the one it would choose, and why."""
    lab = load_lab(Path(folder))
    now = datetime.now(lab.settings.practice.zone)
    listed, faults = [], []
    for restore in load_scenario(lab, name).settings.restore:
        place = lab.place(restore.place)
        if place.backup is None:
            continue
        try:
            candidates = place.backup.candidates(now=now, zone=lab.settings.practice.zone)
        except SourceUnreachable as error:
            if not as_json:
                raise
            faults.append({"place": place.name, "fault": error.message, "hint": error.hint})
            continue
        listed.append((place, choose(candidates, asked_for=asked_for, now=now)))
    if as_json:
        click.echo(json.dumps([*(_as_plain(place.name, choice) for place, choice in listed), *faults], indent=2))
        return ExitCode.INCONCLUSIVE if faults else ExitCode.PASSED
    for place, choice in listed:
        click.echo(f"{place.name}  {place.label}")
        for candidate in choice.candidates:
            point = candidate.point
            mark = ">" if choice.point == point else " "
            when = point.taken_at.astimezone(lab.settings.practice.zone)
            why = f"{candidate.standing.value}, dated by {point.dated_by}"
            click.echo(f"{mark} {when:%Y-%m-%d %H:%M %Z}  {point.size_bytes:>14,} bytes  {point.point_id!a}  ({why})")
        for found in choice.findings:
            click.echo(f"  {found.code}  {', '.join(f'{key} {value}' for key, value in found.params)}".rstrip())
    return ExitCode.PASSED


@click.command(epilog="For example: restore-lab sweep")
@click.pass_obj
def sweep(folder: str) -> int:
    """Remove what dead drills of this lab left behind, close their entries, and delete logs older than 400 days."""
    from restore_lab.drill import open_key  # noqa: PLC0415
    from restore_lab.durable import undisturbed  # noqa: PLC0415
    from restore_lab.history import earlier_drills, ended  # noqa: PLC0415
    from restore_lab.journal import KEPT_FOR, prune  # noqa: PLC0415
    from restore_lab.register import EntryType, Register  # noqa: PLC0415
    from restore_lab.sweeping import entry_fields, everywhere  # noqa: PLC0415
    from restore_lab.sweeping import sweep as sweep_machines  # noqa: PLC0415

    lab = load_lab(Path(folder))
    key = open_key(lab)
    now = datetime.now(UTC)
    register = Register(folder=lab.reports, certificate=key.certificate)
    swept = sweep_machines(lab, everywhere(lab), ended(register.verify()))
    with register.locked(), undisturbed():
        earlier = earlier_drills(register, register.verify(), key, now=now)
        if swept.removals or earlier.entries:
            register.append(EntryType.SWEPT, entry_fields(swept, earlier.entries), key=key, at=now)
    if pruned := prune(lab.reports, now=now):
        click.echo(f"{pruned} logs older than {KEPT_FOR.days} days deleted")
    for one in swept.removals:
        click.echo(f"{one.kind} {one.name}: {'gone' if one.gone else 'STILL THERE'}")
    for entry in earlier.abandoned:
        click.echo(f"{entry.fields.get('drill')}: closed as INCONCLUSIVE, ABANDONED")
    for reason in swept.unseen:
        click.echo(f"not everything could be looked at: {reason}")
    if not swept.removals and not earlier.abandoned and not swept.unseen:
        click.echo("nothing was left behind that can be seen from here")
    if swept.is_interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.PASSED if swept.all_gone else ExitCode.NOT_GONE


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

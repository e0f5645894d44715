"""`fingerprint`: the one command that reads production, and only reads it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from restore_lab.errors import UsageError
from restore_lab.lab import load_lab
from restore_lab.scenario import load_scenario

if TYPE_CHECKING:
    from restore_lab.live.base import LiveDatabase


@click.command(epilog="For example: restore-lab fingerprint --scenario annual --service cabinet")
@click.option("--scenario", "name", required=True, help="Folder under scenarios/, for example annual.")
@click.option("--service", help="PostgreSQL: a service of ~/.pg_service.conf; its password in ~/.pgpass.")
@click.option(
    "--defaults-file",
    "option_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="MariaDB: an option file with host, user and password under [client], 0600.",
)
@click.option("--file", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="SQLite: the file.")
@click.option("--place", help="Whose backup it is to be compared with, when the scenario restores several databases.")
@click.option("--limit", "seconds", type=click.IntRange(1, 1800), default=60, show_default=True, help="Seconds each.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_obj
def fingerprint(  # noqa: PLR0913 - click hands over each option by its name
    folder: str,
    name: str,
    service: str | None,
    option_file: Path | None,
    file: Path | None,
    place: str | None,
    seconds: int,
    *,
    as_json: bool,
) -> None:
    """Count what the live database holds, read-only, and sign the figures for drills to compare backups with."""
    from restore_lab.drill import open_key, open_secret  # noqa: PLC0415 - quick --help
    from restore_lab.fingerprint import Fingerprints  # noqa: PLC0415
    from restore_lab.live.taking import restore_of, take  # noqa: PLC0415

    live = _live(service, option_file, file, seconds)
    lab = load_lab(Path(folder))
    scenario = load_scenario(lab, name)
    restore = restore_of(scenario, place, live.engine)
    key = open_key(lab)
    secret = open_secret(lab) if restore.compared else b""
    taken = take(lab, scenario, restore, live, secret=secret)
    kept = Fingerprints(root=lab.root, scenario=scenario.name, public_key=key.private_key.public_key())
    path = kept.keep(taken, key)
    said = {
        "file": str(path),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "place": taken.place,
        "taken_at": taken.taken_at.isoformat(),
        "server_at": taken.server_at.isoformat() if taken.server_at else None,
        "tables": len(taken.tables),
        "rows": sum(table.rows for table in taken.tables),
        "keys": len(taken.keys) if taken.keys is not None else None,
        "orphans": sum(one.orphans for one in taken.keys) if taken.keys is not None else None,
        "answers": len(taken.answers),
    }
    if as_json:
        click.echo(json.dumps(said, indent=2))
        return
    for what, value in said.items():
        click.echo(f"{what:<13} {'-' if value is None else value}")


def _live(service: str | None, option_file: Path | None, file: Path | None, seconds: int) -> LiveDatabase:
    """Give the one way to a live database that was named."""
    from restore_lab.live.mariadb import OptionFile  # noqa: PLC0415
    from restore_lab.live.postgresql import Service  # noqa: PLC0415
    from restore_lab.live.sqlite import DatabaseFile  # noqa: PLC0415

    named: list[LiveDatabase] = []
    if service is not None:
        named.append(Service(service, seconds))
    if option_file is not None:
        named.append(OptionFile(option_file.resolve(), seconds))
    if file is not None:
        named.append(DatabaseFile(file.resolve(), seconds))
    if len(named) != 1:
        raise UsageError("name the live database by exactly one of --service, --defaults-file, --file")
    return named[0]

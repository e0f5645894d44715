"""`key`: the key that seals evidence and reports."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from restore_lab.lab import load_lab


@click.group()
def key() -> None:
    """Create the key that seals reports."""


@key.command(epilog='For example: restore-lab key create --holder "Cabinet Informatique Durand"')
@click.option("--holder", required=True, help="Who holds the key; printed in every report.")
@click.pass_obj
def create(folder: str, holder: str) -> None:
    """Create an ECDSA P-256 key (0600), its 20-year certificate, and the lab's secret, beside lab.toml's `key`."""
    from restore_lab.signature.keys import create_key  # noqa: PLC0415 - quick --help

    lab = load_lab(Path(folder))
    target = lab.settings.signature.key.parent
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = create_key(target, holder=holder, now=datetime.now(UTC))
    click.echo(f"created in {target}")
    click.echo(f"key id {made.key_id}")
    click.echo("Keep a copy of the key away from this machine; give the certificate to your auditor.")

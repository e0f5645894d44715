"""`image`: what containers run from."""

from __future__ import annotations

import json
from pathlib import Path

import click

from restore_lab.errors import ExitCode, UsageError


@click.group()
def image() -> None:
    """Build and list the images containers run from, and what is in them."""


@image.command("build", epilog="For example: restore-lab image build postgresql:15")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--base", help="Debian image of the suite to start from.  [default: public, else made]")
@click.option("--all", "everything", is_flag=True, help="Build every image there is a recipe for.")
def build_images(names: tuple[str, ...], base: str | None, *, everything: bool) -> None:
    """Build images, or find them built from the very same recipe."""
    from restore_lab.images import build  # noqa: PLC0415 - quick --help
    from restore_lab.recipes import IMAGES, NOT_MADE, ON_A_BASE  # noqa: PLC0415

    for name in names:
        if name in NOT_MADE and base is None:
            raise UsageError(f"{name}: {NOT_MADE[name]}", hint=f"there are: {', '.join(IMAGES)}")
    recipes = {**IMAGES, **ON_A_BASE}
    unknown = [name for name in names if name not in recipes]
    if unknown or not (names or everything):
        said = f"no image is called {', '.join(unknown)}" if unknown else "name an image, or --all"
        raise UsageError(said, hint=f"there are: {', '.join(IMAGES)}")
    for name in IMAGES if everything else names:
        built = build(recipes[name], base=base, progress=lambda said: click.echo(said, err=True))
        click.echo(f"{built.tag}  {built.image_id}  {built.suite}  {len(built.packages)} packages")


@image.command("list", epilog="For example: restore-lab image list --json")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON, with every package.")
def list_images(*, as_json: bool) -> int:
    """List the images there are recipes for, and which of them are built here."""
    from restore_lab.images import find  # noqa: PLC0415
    from restore_lab.recipes import IMAGES  # noqa: PLC0415

    built = {name: find(one) for name, one in IMAGES.items()}
    if as_json:
        plain = {
            name: one
            and {
                "image_id": one.image_id,
                "suite": one.suite,
                "base": one.base,
                "packages": one.packages,
                "sbom_sha256": one.sbom_sha256,
            }
            for name, one in built.items()
        }
        click.echo(json.dumps(plain, indent=2))
        return ExitCode.PASSED
    for name, one in built.items():
        click.echo(f"{name:<18} {f'{one.image_id}  {one.suite}' if one else 'not built'}")
    return ExitCode.PASSED


@image.command("sbom", epilog="For example: restore-lab image sbom postgresql:15 --output postgresql-15.cdx.json")
@click.argument("name")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file.  [default: stdout]")
def write_sbom(name: str, output: Path | None) -> None:
    """Write the list of an image's packages (CycloneDX 1.5, JSON)."""
    from restore_lab.images import find  # noqa: PLC0415
    from restore_lab.recipes import IMAGES  # noqa: PLC0415

    if name not in IMAGES:
        raise UsageError(f"no image is called {name}", hint=f"there are: {', '.join(IMAGES)}")
    built = find(IMAGES[name])
    if built is None:
        raise UsageError(f"{IMAGES[name].tag} is not built here", hint=f"restore-lab image build {name}")
    if output is None:
        click.echo(built.sbom, nl=False)
        return
    try:
        output.write_bytes(built.sbom)
    except OSError as error:
        raise UsageError(f"{output}: {error.strerror}") from error
    click.echo(f"{output}  sha256:{built.sbom_sha256}  {len(built.packages)} packages")

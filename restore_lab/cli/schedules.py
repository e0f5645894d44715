"""`schedule`: drills that start by themselves, by systemd or, where there is none, by cron."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, time
from pathlib import Path

import click

from restore_lab.errors import ExitCode, KeyMissing, UsageError
from restore_lab.lab import Lab, load_lab
from restore_lab.schedule import cron, systemd
from restore_lab.schedule.units import Installed, Job, Manager, name_of
from restore_lab.secret import secrets_of

#: What of the operator's environment a drill needs where it starts by itself.
_KEPT = ("DOCKER_HOST",)


@click.group()
def schedule() -> None:
    """Start drills by themselves when they are due; it is asked daily."""


@schedule.command("install", epilog="For example: restore-lab schedule install --scenario annual")
@click.option("--scenario", "name", required=True, help="Folder under scenarios/, for example annual.")
@click.option("--system", "manager", flag_value="system", help="By the machine's systemd.  [default: for root]")
@click.option("--user", "manager", flag_value="user", help="By your own systemd.  [default: for others]")
@click.option("--at", default="05:30", show_default=True, help="When it is asked whether a drill is due, as HH:MM.")
@click.pass_obj
def install(folder: str, name: str, manager: str | None, at: str) -> None:
    """Run drills of a scenario when they are due; by cron where systemd does not run."""
    from restore_lab.cli.status import said_of, standings  # noqa: PLC0415 - quick --help
    from restore_lab.scenario import load_scenario  # noqa: PLC0415

    lab = load_lab(Path(folder))
    scenario = load_scenario(lab, name)
    if not lab.settings.signature.key.exists():
        raise KeyMissing(
            "there is no signing key yet, and no drill without one",
            hint='make one with `restore-lab key create --holder "Your name"`',
        )
    chosen = _manager(manager)
    job = _job(lab, name, chosen, _time_of_day(at))
    if chosen is Manager.CRON:
        cron.write(cron.with_job(cron.read(), job))
        click.echo(f"added to your crontab: {cron.line(job)}")
    else:
        systemd.install(job, chosen)
        _say_installed(job, chosen)
    (one,) = standings(lab, [scenario], now=datetime.now(UTC))[1]
    click.echo(f"{name}: every {scenario.settings.every_days} days, {said_of(one)}")


def _manager(asked: str | None) -> Manager:
    if not systemd.is_running():
        if asked:
            raise UsageError("systemd does not run here", hint="without --system and --user, your crontab is used")
        return Manager.CRON
    chosen = Manager(asked) if asked else Manager.SYSTEM if os.geteuid() == 0 else Manager.USER
    if chosen is Manager.SYSTEM and os.geteuid() != 0:
        raise UsageError("only root installs for the whole machine", hint="use sudo, or --user")
    return chosen


def _time_of_day(at: str) -> time:
    try:
        return datetime.strptime(at, "%H:%M").time()  # noqa: DTZ007 - a time of day, of this machine's clock
    except ValueError as error:
        raise UsageError(f"--at {at!a} is no time of day", hint="for example --at 05:30") from error


def _job(lab: Lab, name: str, manager: Manager, at: time) -> Job:
    signature = lab.settings.signature
    owner = lab.root.stat().st_uid
    others = manager is Manager.SYSTEM and owner != 0
    sources = (getattr(place.backup, "path", None) for place in lab.settings.place)
    return Job(
        lab=lab.root,
        scenario=name,
        command=(_program(),),
        at=at,
        user=_account(owner) if others else "",
        keys=tuple(dict.fromkeys((signature.key, signature.certificate))),
        reads=tuple(path for path in sources if isinstance(path, Path)),
        credentials=_credentials(lab, manager),
        environment={name: os.environ[name] for name in _KEPT if name in os.environ},
    )


def _program() -> str:
    """Give this very program's path: that beside its Python, which stays when the package is upgraded."""
    beside = Path(sys.executable).with_name("restore-lab")
    return str(beside if beside.exists() else Path(shutil.which(sys.argv[0]) or sys.argv[0]).absolute())


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _credentials(lab: Lab, manager: Manager) -> dict[str, Path]:
    """Find the files for secrets that lab.toml takes from the environment, which a service does not have.

    A `{ file = }` is not among them: the service reads it under its own account, as by hand. Handed over by root, a
    link in its place would give away any file of the machine.
    """
    wanted = tuple(secrets_of(lab.settings))
    if any(secret.prompt for secret in wanted):
        hint = "in lab.toml, use { file = } or { command = [] } for it"
        raise UsageError("lab.toml has a secret that is typed at a terminal, and a drill by itself has none", hint=hint)
    names = sorted({secret.env for secret in wanted if secret.env is not None})
    if names and manager is Manager.CRON:
        raise UsageError(
            f"cron has no {', '.join(names)} in its environment", hint="in lab.toml, use { file = } for these secrets"
        )
    files = {name: systemd.store(manager) / f"{name_of(lab.root, 'secrets')}.{name}" for name in names}
    if missing := [path for path in files.values() if not path.exists()]:
        steps = (f"install -D -m 600 /dev/stdin {path}" for path in missing)
        raise UsageError(
            f"lab.toml takes {', '.join(names)} from the environment, which a service has not",
            hint="\n  ".join(("put each into a file, then install again:", *steps)),
        )
    return files


def _say_installed(job: Job, manager: Manager) -> None:
    word = "" if manager is Manager.SYSTEM else "--user "
    click.echo(f"installed {job.name}.timer")
    click.echo(
        f"it asks daily at {job.at:%H:%M} or up to half an hour later; if the machine is off, when it is on again"
    )
    if job.user:
        click.echo(f"it runs as {job.user}, who owns the lab")
    if manager is Manager.USER and not systemd.lingers():
        click.echo("it runs only while you are logged in; `loginctl enable-linger` changes that")
    click.echo(f"try it now: systemctl {word}start {job.name}.service")
    click.echo(f"what it said: journalctl {word}--unit {job.name}.service")


@schedule.command("show", epilog="For example: restore-lab schedule show --json")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_obj
def show(folder: str, *, as_json: bool) -> None:
    """Show this lab's schedules, and when each asks next."""
    found = list(_of_lab(Path(folder).resolve()))
    if as_json:
        plain = [
            {"scenario": one.scenario, "by": one.manager.value, "name": one.name, "state": one.state} for one in found
        ]
        click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
        return
    for one in found:
        click.echo(f"{one.scenario:<12} by {one.manager.value:<7} {one.name}  {one.state}".rstrip())
    if not found:
        click.echo("nothing is scheduled for this lab")


@schedule.command("remove", epilog="For example: restore-lab schedule remove --scenario annual")
@click.option("--scenario", "name", required=True, help="The scenario, also one whose folder is gone.")
@click.pass_obj
def remove(folder: str, name: str) -> int:
    """Remove a scenario's schedule; a drill that is under way goes on to its end."""
    found = [one for one in _of_lab(Path(folder).resolve()) if one.scenario == name]
    for one in found:
        if one.manager is Manager.CRON:
            cron.write(cron.without(cron.read(), one.lab, one.scenario))
        else:
            systemd.remove(one)
        click.echo(f"removed {one.name} ({one.manager.value})")
    if not found:
        raise UsageError(f"nothing is scheduled for {name}", hint="`restore-lab schedule show` lists what is")
    return ExitCode.PASSED


def _of_lab(root: Path) -> Iterator[Installed]:
    """Find this lab's schedules, by whatever they are; the lab need not be readable any more."""
    for found in (*systemd.installed(Manager.SYSTEM), *systemd.installed(Manager.USER), *cron.installed()):
        if found.lab == root:
            yield found

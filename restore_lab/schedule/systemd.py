"""Install, find and remove our units with systemd's own commands; no unit without our label is touched."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from restore_lab import process
from restore_lab.durable import replace_durably
from restore_lab.errors import MachineFailed, UsageError
from restore_lab.schedule.units import PREFIX, Installed, Job, Manager, labelled, service, timer

_SECONDS = 60
_SYSTEM_FOLDER = Path("/etc/systemd/system")
#: Where secrets lie that a service gets as credentials (systemd.exec(5), LoadCredential=).
_SYSTEM_STORE = Path("/etc/credstore")
_HINTS = {
    Manager.SYSTEM: "the units may be there, but nothing starts them until this is put right",
    Manager.USER: "log in as this user, not with su: then `systemctl --user status` must answer",
}
#: What systemctl needs to find a user's own manager.
_KEPT = ("PATH", "HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DBUS_SESSION_BUS_ADDRESS")


def is_running() -> bool:
    """Tell whether this machine was booted with systemd (sd_booted(3))."""
    return Path("/run/systemd/system").is_dir()


def store(manager: Manager) -> Path:
    """Give the folder in which the operator puts secrets for scheduled drills."""
    return _SYSTEM_STORE if manager is Manager.SYSTEM else _config_home() / "credstore"


def install(job: Job, manager: Manager) -> None:
    """Write both units and start the timer; what is there of the same name is replaced.

    Raises:
        UsageError: the folder cannot be written, or systemd refused.
    """
    folder = _folder(manager)
    texts = {f"{job.name}.service": service(job, manager), f"{job.name}.timer": timer(job)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            replace_durably(folder / name, text.encode())
    except OSError as error:
        hint = "system units are written by root; `--user` needs no root" if manager is Manager.SYSTEM else ""
        raise UsageError(f"{folder} could not be written: {error.strerror}", hint=hint) from error
    _systemctl(manager, "daemon-reload")
    _systemctl(manager, "enable", f"{job.name}.timer")
    _systemctl(manager, "restart", f"{job.name}.timer")


def installed(manager: Manager) -> Iterator[Installed]:
    """Find the timers that carry our label."""
    for path in sorted(_folder(manager).glob(f"{PREFIX}*.timer")):
        try:
            label = labelled(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError):
            continue
        if label is not None:
            lab, scenario = label
            state = _state(manager, path.stem)
            yield Installed(manager=manager, name=path.stem, lab=lab, scenario=scenario, state=state)


def remove(found: Installed) -> None:
    """Stop the timer and remove both units; a drill that is under way goes on to its end.

    Raises:
        UsageError: systemd refused, or a file could not be removed.
    """
    timer_name = f"{found.name}.timer"
    _systemctl(found.manager, "disable", "--now", timer_name)
    _systemctl(found.manager, "clean", "--what=state", timer_name, must=False)
    for name in (timer_name, f"{found.name}.service"):
        try:
            (_folder(found.manager) / name).unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"{name} could not be removed: {error.strerror}") from error
    _systemctl(found.manager, "daemon-reload")


def lingers() -> bool:
    """Tell whether this user's manager runs also while the user is not logged in (loginctl(1))."""
    return (Path("/var/lib/systemd/linger") / _user_name()).exists()


def _state(manager: Manager, name: str) -> str:
    """Ask when the timer fires next, and how the last service ended; "" where nobody answers."""
    asked = ("--property=ActiveState,NextElapseUSecRealtime,LastTriggerUSec", "--timestamp=utc")
    seen = _shown(_systemctl(manager, "show", *asked, f"{name}.timer", must=False))
    ended = _shown(_systemctl(manager, "show", "--property=Result,ExecMainStatus", f"{name}.service", must=False))
    if not seen:
        return ""
    said = [seen.get("ActiveState", ""), f"next {seen.get('NextElapseUSecRealtime') or 'unknown'}"]
    if last := seen.get("LastTriggerUSec"):
        said.append(f"last {last} ({ended.get('Result', '')}, exit {ended.get('ExecMainStatus', '')})")
    return ", ".join(said)


def _shown(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _systemctl(manager: Manager, *words: str, must: bool = True) -> str:
    argv = ("systemctl", f"--{manager.value}", "--no-pager", *words)
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    if manager is Manager.USER:
        environment.setdefault("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    try:
        done = process.run(argv, timeout_seconds=_SECONDS, environment={**environment, "LC_ALL": "C.UTF-8"})
    except (MachineFailed, TimeoutError) as error:
        if not must:
            return ""
        raise UsageError(f"systemctl {words[0]} could not be run: {error}") from error
    if must and done.exit_code != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise UsageError(f"systemctl {words[0]} ended with {done.exit_code}: {said}", hint=_HINTS[manager])
    return done.stdout.decode("utf-8", "replace") if done.exit_code == 0 else ""


def _folder(manager: Manager) -> Path:
    return _SYSTEM_FOLDER if manager is Manager.SYSTEM else _config_home() / "systemd" / "user"


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def _user_name() -> str:
    return pwd.getpwuid(os.getuid()).pw_name

"""Where systemd does not run: one marked line of the user's crontab, which can be found and removed again."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from restore_lab import process
from restore_lab.errors import MachineFailed, UsageError
from restore_lab.process import Completed
from restore_lab.schedule.units import Installed, Job, Manager

_SECONDS = 30
#: How crontab says that there is no table yet, of cron and of busybox.
_NONE = re.compile(rb"no crontab|No such file")
_MARK = re.compile(r" # restore-lab-schedule (?P<label>\[.*\])$")


def line(job: Job) -> str:
    """Write the line: every hour from `at` on, so that a machine that was off at the first hour catches up.

    What a drill prints is in its report; what goes wrong is on stderr, and cron mails it.

    Raises:
        UsageError: there is a control character in a path, which would be another line.
    """
    command = shlex.join(job.words)
    environment = "".join(f"{name}={shlex.quote(value)} " for name, value in sorted(job.environment.items()))
    text = f"{environment}{command} >/dev/null{_mark(job)}"
    if not text.isprintable():
        raise UsageError(f"{text!a} cannot stand in a crontab", hint="rename it without control characters")
    escaped = text.replace("%", "\\%")  # crontab(5): a percent sign would end the command
    return f"{job.at.minute} {job.at.hour}-23 * * * {escaped}"


def labelled(text: str) -> tuple[Path, str] | None:
    """Read from a line whose it is: lab and scenario; None when it is not of ours."""
    found = _MARK.search(text.replace("\\%", "%"))
    try:
        lab, scenario = json.loads(found["label"]) if found else ("", "")
    except ValueError:
        return None
    return (Path(lab), str(scenario)) if lab else None


def with_job(crontab: str, job: Job) -> str:
    """Give a crontab with the job's line in it, once; all other lines stay as they are."""
    return f"{without(crontab, job.lab, job.scenario)}{line(job)}\n"


def without(crontab: str, lab: Path, scenario: str) -> str:
    """Give a crontab without that scenario's line; all other lines stay as they are."""
    kept = [one for one in crontab.splitlines() if labelled(one) != (lab, scenario)]
    return "".join(f"{one}\n" for one in kept)


def installed() -> Iterator[Installed]:
    """Find the lines that carry our mark; none where there is no cron."""
    try:
        crontab = read()
    except UsageError:
        return
    for one in crontab.splitlines():
        if (label := labelled(one)) is not None:
            when = " ".join(one.split()[:5])
            yield Installed(manager=Manager.CRON, name="crontab", lab=label[0], scenario=label[1], state=when)


def read() -> str:
    """Read the user's crontab, "" when there is none.

    Raises:
        UsageError: there is no crontab program, or it refused.
    """
    done = _crontab("-l")
    if done.exit_code != 0 and not _NONE.search(done.stderr):
        raise _refused(done)
    return done.stdout.decode("utf-8", "surrogateescape") if done.exit_code == 0 else ""


def write(crontab: str) -> None:
    """Replace the user's crontab.

    Raises:
        UsageError: cron did not take it.
    """
    done = _crontab("-", stdin=crontab.encode("utf-8", "surrogateescape"))
    if done.exit_code != 0:
        raise _refused(done)


def _refused(done: Completed) -> UsageError:
    return UsageError(f"crontab ended with {done.exit_code}: {done.stderr.decode('utf-8', 'replace').strip()}")


def _crontab(word: str, *, stdin: bytes | None = None) -> Completed:
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "USER", "LOGNAME") if name in os.environ}
    given = None if stdin is None else [stdin]
    try:
        return process.run(
            ("crontab", word), timeout_seconds=_SECONDS, stdin=given, environment={**environment, "LC_ALL": "C"}
        )
    except (MachineFailed, TimeoutError) as error:
        raise UsageError(
            "neither systemd nor cron is on this machine",
            hint="install the package cron, or call `run --when-due` daily by what there is",
        ) from error


def _mark(job: Job) -> str:
    return f" # restore-lab-schedule {json.dumps([str(job.lab), job.scenario])}"

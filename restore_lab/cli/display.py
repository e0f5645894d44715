"""What people see of a drill: progress while it runs, one screen at its end. Quiet when nobody watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from restore_lab.drill import Outcome
from restore_lab.events import BytesRead, Entered, Event, Found, Listener, Stage
from restore_lab.evidence import Evidence, RestoreRecord, Verdict
from restore_lab.findings import Code, Severity
from restore_lab.report.advice import worst_first
from restore_lab.report.said import say
from restore_lab.report.wording import wording_for

_SAID = {
    Stage.FIND: "Looking for the latest backup",
    Stage.START: "Starting a clean machine",
    Stage.LOAD: "Restoring",
    Stage.COUNT: "Counting what came back",
    Stage.ASK: "Asking",
    Stage.CONTROL: "Testing the test",
    Stage.DESTROY: "Removing the copy",
    Stage.SEAL: "Sealing the evidence",
}
_STYLE = {
    Verdict.PASSED: "bold green",
    Verdict.PASSED_WITH_RESERVATIONS: "bold yellow",
    Verdict.INCONCLUSIVE: "bold magenta",
    Verdict.FAILED: "bold red",
}
_MARK = {Severity.FAILED: "x", Severity.INCONCLUSIVE: "?", Severity.RESERVATION: "!"}
#: Findings on one screen of 24 lines, two lines each, beside what else is said.
_MOST_FOUND = 7
_EARLIER = {
    Code.EARLIER_DRILL_DIED: "died before its end",
    Code.EARLIER_COPY_GONE: "left its copy",
    Code.EARLIER_COPY_NOT_SHOWN_GONE: "left its copy",
}


@contextmanager
def watching() -> Iterator[Listener]:
    """Show a drill's events on stderr when it is a terminal; else stay silent."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _event: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[read]}"),
    )
    # rich takes what is written to stderr for its own, and waits for itself where that happens while it draws
    progress = Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
    stage = _Stage(progress)

    def show(event: Event) -> None:
        progress.start()  # not before the first: until then a passphrase may be asked for
        match event:
            case Entered(stage=entered, about=about):
                stage.enter(f"{_SAID[entered]} ({about})" if about else _SAID[entered])
            case BytesRead(done_bytes=done, of_bytes=total):
                stage.read(done, total)
            case Found(finding=found):
                params = ", ".join(f"{name} {value}" for name, value in found.params)
                progress.console.print(f"  found {found.code} {params}".rstrip(), markup=False, highlight=False)

    try:
        yield show
    finally:
        progress.stop()


class _Stage:
    """The one line of progress: each stage begins it anew, so that no figure of the one before stays."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.task = progress.add_task("Opening the register", total=None, read="")
        self.since = monotonic()

    def enter(self, said: str) -> None:
        self.progress.remove_task(self.task)
        self.task = self.progress.add_task(escape(said), total=None, read="")
        self.since = monotonic()

    def read(self, done: int, total: int) -> None:
        """Show bytes, rate and the time left, all of this stage."""
        rate = done / max(0.001, monotonic() - self.since)
        left = f", {(total - done) / rate:.0f} s left" if 0 < done < total else ""
        read = f"{decimal(done)} of {decimal(total)}, {decimal(int(rate))}/s{left}"
        self.progress.update(self.task, completed=done, total=total, read=read)


def summarise(outcome: Outcome) -> None:
    """Print the end of a drill on stdout, on one screen."""
    console = Console(highlight=False, soft_wrap=True)
    evidence = outcome.evidence
    verdict = evidence.verdict.value.replace("PASSED WITH", "PASSED, with").replace("RESERVATIONS", "reservations")
    console.print(f"{verdict}", style=_STYLE[evidence.verdict], markup=False)
    for restore in evidence.restores:
        for name, value in _facts(restore, ZoneInfo(evidence.timezone)):
            console.print(f"{name:<13} {value}", markup=False)
    for line in (*_found(evidence), *_earlier(evidence)):
        console.print(line, markup=False)
    _say_where(outcome)


def _found(evidence: Evidence) -> Iterator[str]:
    """Say what was found, each with what there is to do, as many as one screen has room for."""
    wording = wording_for("en", evidence.timezone)
    graded = worst_first(evidence)
    for one in graded[:_MOST_FOUND]:
        said = say(one.finding, wording)
        yield f"  {_MARK[one.severity]} {one.finding.code}  {said.exact}"
        yield f"    to do: {said.action}"
    if len(graded) > _MOST_FOUND:
        yield f"  and {len(graded) - _MOST_FOUND} more, in the report"


def _earlier(evidence: Evidence) -> Iterator[str]:
    """Name the drills before this one that died or left a copy, and say what there is to do."""
    codes = {one.finding.code for one in evidence.findings}
    named = dict[object, str]()
    for found in (one.finding for one in evidence.findings if one.finding.code in _EARLIER):
        params = dict(found.params)
        named.setdefault(params["drill"], f"begun on {params['began']}, {_EARLIER[found.code]}")
    for drill, what in named.items():
        yield f"{'earlier':<13} {drill}, {what}"
    if Code.EARLIER_COPY_NOT_SHOWN_GONE in codes:
        yield f"{'':<13} its copy may still be there: `restore-lab sweep` looks for it"
    elif named:
        yield f"{'':<13} what it may have left was looked for, and is gone"


def _facts(restore: RestoreRecord, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    point = restore.recovery_point
    if point is not None:
        asked = "" if point.asked_for == "latest" else f", not the latest but {point.asked_for!a} was asked for"
        taken = f"{point.taken_at.astimezone(zone):%Y-%m-%d %H:%M}"
        yield "backup", f"{point.point}  taken {taken} ({point.dated_by}){asked}"
    if restore.server is not None and restore.conditions is not None:
        held = restore.conditions
        yield (
            "restored on",
            f"{restore.server.engine} {restore.server.version}, {held.sandbox} ({held.isolation.value})",
        )
    if restore.measured_restore_seconds is not None:
        yield "time", f"{restore.measured_restore_seconds:.1f} s on this machine"
    if restore.tables:
        yield "came back", f"{sum(one.rows for one in restore.tables)} rows in {len(restore.tables)} tables"
    if restore.documents:
        broken = sum(one.unreadable for one in restore.documents)
        yield "came back", f"{sum(one.count for one in restore.documents)} documents, {broken} of them do not open"
    if restore.newest_entry_at is not None:
        yield "newest entry", f"{restore.newest_entry_at.astimezone(zone):%Y-%m-%d %H:%M}"
    if restore.held_until is not None:
        yield "the copy", f"held until {restore.held_until.astimezone(zone):%Y-%m-%d %H:%M}, then removed"
    elif restore.removals:
        gone = all(removal.gone for removal in restore.removals)
        yield "the copy", "removed, looked up again and gone" if gone else "NOT SHOWN TO BE GONE"


def _say_where(outcome: Outcome) -> None:
    recorded = outcome.recorded
    if recorded.report is not None:
        click.echo(f"{'report':<13} {recorded.report}")
        if recorded.stamp_fault:
            click.echo(f"{'':<13} without a time stamp: {recorded.stamp_fault}")
    else:
        click.echo(f"{'report':<13} none: {recorded.report_fault}")
        click.echo(f"{'':<13} restore-lab report {outcome.evidence.drill_id} tries again")
    click.echo(f"{'register':<13} head {recorded.head}")

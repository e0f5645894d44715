"""The command line: the only code that prints or exits. Commands are imported when they are called."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import tempfile
import traceback
from contextlib import suppress
from types import FrameType

import click

from restore_lab import __version__
from restore_lab.errors import ExitCode, RestoreLabError

#: Each command, and the module of this package that defines it under the same name.
COMMANDS = {
    "deliver": "mails",
    "demo": "labs",
    "doctor": "examining",
    "fingerprint": "fingerprints",
    "image": "images",
    "init": "labs",
    "key": "keys",
    "node": "nodes",
    "points": "drills",
    "register": "seals",
    "report": "seals",
    "run": "drills",
    "schedule": "schedules",
    "status": "status",
    "sweep": "drills",
    "verify": "seals",
}


class LazyGroup(click.Group):
    """A group whose commands are imported one at a time, so that `--help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every command (click's own hook)."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command (click's own hook)."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"restore_lab.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any (click's own hook)."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, SUMMARIES[name]) for name in sorted(COMMANDS)])


SUMMARIES = {
    "deliver": "Send the mails that wait, or one again.",
    "demo": "Make a sample practice and run its annual drill.",
    "doctor": "Say what this machine and this lab lack.",
    "fingerprint": "Read the live database, only read it, and sign what it held.",
    "image": "Build and list the images containers run from.",
    "init": "Write a new lab, commented.",
    "key": "Create the key that seals reports.",
    "node": "Prepare a Raspberry Pi for drills, and check it.",
    "points": "List the backups a scenario may restore.",
    "register": "List or verify the register of drills.",
    "report": "Write a drill's report again from its evidence.",
    "run": "Run a drill: restore, question, record.",
    "schedule": "Start drills by themselves when they are due.",
    "status": "Say when the next drill is due, and how the last one ended.",
    "sweep": "Remove what dead drills left behind.",
    "verify": "Verify a report, or the signed envelope of its evidence.",
}


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="For example: restore-lab demo, then restore-lab --lab demo run --scenario annual",
)
@click.option(
    "--lab",
    "folder",
    default=".",
    envvar="RESTORE_LAB",
    type=click.Path(file_okay=False),
    help="The lab's folder.  [default: this folder]",
)
@click.version_option(__version__, prog_name="restore-lab")
@click.pass_context
def group(ctx: click.Context, folder: str) -> None:
    """Restore a practice's latest backup on a throwaway machine, question it, and sign what was seen."""
    ctx.obj = folder


def main() -> None:
    """Run the command line; every error ends here, as one sentence and an exit code."""
    signal.signal(signal.SIGTERM, _terminated)
    if sys.platform != "linux":
        click.echo("restore-lab: runs on Linux only; backups from elsewhere are welcome", err=True)
        sys.exit(ExitCode.USAGE)
    _leave_no_core()
    try:
        code = group.main(prog_name="restore-lab", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else ExitCode.PASSED)
    except click.ClickException as error:
        error.show()
        sys.exit(ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("restore-lab: interrupted", err=True)
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.PASSED)
    except RestoreLabError as error:
        click.echo(f"restore-lab: {error.message}", err=True)
        if error.hint:
            click.echo(f"  {error.hint}", err=True)
        sys.exit(error.exit_code)
    except Exception:  # noqa: BLE001 - a bug is one line on the screen, and its traceback in a file
        click.echo(f"restore-lab: a bug of ours; its traceback is in {_bug_report()}", err=True)
        sys.exit(ExitCode.BUG)


def _leave_no_core() -> None:
    """Keep what we and our children hold in memory out of core dumps.

    Source: core(5) and `do_coredump` of Linux: a core that is piped to a collector is only given up at RLIMIT_CORE 1.
    """
    import resource  # noqa: PLC0415 - Linux has it; elsewhere `main` says so

    with suppress(ValueError, OSError):  # a hard limit of nought cannot be raised
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))


def _terminated(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _bug_report() -> str:
    """Write down where a bug passed, without its text, and say where; a service's own /tmp would go with it."""
    lines = [*traceback.format_list(traceback.extract_tb(sys.exc_info()[2])), f"{type(sys.exc_info()[1]).__name__}\n"]
    if _in_journal():
        click.echo("".join(lines), err=True)
        return "the journal, above"
    descriptor, path = tempfile.mkstemp(prefix="restore-lab-bug-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.writelines(lines)
    return path


def _in_journal() -> bool:
    """Tell whether stderr is the journal of systemd (systemd.exec(5), $JOURNAL_STREAM)."""
    seen = os.fstat(sys.stderr.fileno())
    return os.environ.get("JOURNAL_STREAM") == f"{seen.st_dev}:{seen.st_ino}"

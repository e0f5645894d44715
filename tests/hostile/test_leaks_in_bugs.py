"""No byte of a patient's data in debug output, nor in what is said of a bug. See `test_leaks_everywhere.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hostile.everywhere import (
    ask,
    assert_none_in_mails,
    plain_dump,
    set_mail,
    talkative,
    unmet,
    with_all_that_fails,
)
from mail_server import MailServer, free_port
from stems import assert_no_leak, assert_nothing_left, drill, environment_of, replace_backup

from restore_lab.sample_practice import NUMBER_STEM, STEM


def test_a_talkative_drill_tells_no_name(lab: Path, server: MailServer) -> None:
    replace_backup(lab, with_all_that_fails(plain_dump(lab)).encode(), "sql")
    ask(lab, *unmet(STEM), identity="SELECT min(nom) FROM patient")
    set_mail(lab, server.port)

    done = drill(lab, **talkative(lab))

    assert done.returncode == 1, done.stderr[-2000:]
    for sign in (b"logging is on", b"import 'restore_lab", b"found LOAD_ERRORS"):
        assert sign in done.stderr
    assert_none_in_mails(*(taken.content for taken in server.received))
    assert_no_leak(lab, done.stdout, done.stderr)


# A bug of ours, whose text quotes a row.

_BROKEN = """
import importlib, sys
from pathlib import Path

place, quoted = sys.argv.pop(1), Path(sys.argv.pop(1)).read_text()
module, _, name = place.partition(":")
owner = importlib.import_module(module)
*path, last = name.split(".")
for one in path:
    owner = getattr(owner, one)


def broken(*_args, **_more):
    error = RuntimeError(f"the row {quoted}")
    error.add_note(quoted)
    raise error from ValueError(quoted, {"row": quoted})


setattr(owner, last, broken)
from restore_lab.cli import main

main()
"""


@pytest.mark.parametrize(
    ("place", "code", "reported"),
    [
        ("restore_lab.sources.directory:Directory.candidates", 70, False),
        ("restore_lab.engines.sqlite.engine:_Sqlite.inventory", 70, False),
        ("restore_lab.checks.integrity:Integrity.ask", 70, False),
        ("restore_lab.report.pdf:render_pdf", 70, False),
        ("restore_lab.drill:judge", 70, True),
        ("restore_lab.delivery.deliver:deliver_waiting", 70, True),
    ],
)
def test_a_bug_that_quotes_a_row_is_reported_without_it(lab: Path, place: str, code: int, *, reported: bool) -> None:
    quoted = lab.parent / "quoted"
    quoted.write_text(f"{STEM} {NUMBER_STEM}", "utf-8")
    set_mail(lab, free_port())

    done = subprocess.run(
        [sys.executable, "-c", _BROKEN, place, str(quoted), "--lab", str(lab), "run", "--scenario", "annual"],
        capture_output=True,
        timeout=60,
        check=False,
        env=environment_of(lab),
    )

    assert done.returncode == code, done.stdout + done.stderr
    reports = list((lab.parent / "tmp").glob("restore-lab-bug-*.txt"))
    assert bool(reports) is reported
    assert all(b"RuntimeError" in path.read_bytes() and path.stat().st_mode & 0o777 == 0o600 for path in reports)
    assert_nothing_left(lab, done.stdout, done.stderr)

"""What a hostile drill prints is looked at whole: progress, end, the lists asked for after it, a child's own words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hostile.carrying import a_lab
from hostile.cases import Case
from hostile.escapes import canaries
from hostile.printing import asked_afterwards, drilled, kept
from integration.damaged import as_usual, weighing

from restore_lab.events import Event
from restore_lab.findings import Code
from restore_lab.signature.keys import SigningKey

WHOLE = Case(name="whole", engine="sqlite", tool=("backup",), tries="nothing")


def test_all_that_a_drill_shows_is_kept_and_no_control_of_ours_is_in_it(
    tmp_path: Path, made_key: tuple[Path, SigningKey], capfd: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "lab"
    a_lab(WHOLE, root, made_key[0])
    heard: list[Event] = []
    with canaries() as set_out:
        as_usual(root / "backups", WHOLE.content(set_out)[:-3000])
        with kept() as printed:
            outcome = drilled(root, heard.append)
            asked_afterwards(root)
            subprocess.run(("sh", "-c", f"echo {set_out.token} >&2; echo {set_out.secret}"), check=True)
            sys.stderr.write("ours\n")
            output = printed()
        told = set_out.escaped(root, printed=output)

    said = output.decode()
    assert weighing(outcome.evidence) == {Code.INTEGRITY_ERRORS}
    assert "  found INTEGRITY_ERRORS count " in said
    assert f"\n{outcome.evidence.verdict.value}\n" in f"\n{said}"
    assert said.count(outcome.evidence.drill_id) >= 2  # the path of the report, the register
    assert "> 2" in said  # what `points` would choose
    assert "annual" in said
    assert set_out.token in said
    assert "ours" in said
    assert heard
    assert told == ["what a terminal would have obeyed, or a secret, in an output"]
    assert capfd.readouterr().out == ""

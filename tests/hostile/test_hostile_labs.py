"""A clock that was compared, what a terminal is shown, what a machine holds; docs/hostile.md has the rest of labs."""

from __future__ import annotations

import os
import pty
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hostile import around, cases_labs, hostile_page
from hostile.carrying import a_lab
from hostile.cases import Case
from hostile.escapes import TITLE_OF_TERMINAL, canaries, left_behind
from integration.damaged import as_usual
from integration.damaged_practice import DAY
from stems import COMMAND, environment_of

from restore_lab.engines import ENGINES
from restore_lab.errors import ExitCode
from restore_lab.lab import load_lab
from restore_lab.sandboxes.base import Need
from restore_lab.sandboxes.local.driver import Local
from restore_lab.signature.keys import SigningKey

WHOLE = Case(name="whole", engine="sqlite", tool=("backup",), tries="nothing")


@pytest.fixture
def lab(tmp_path: Path, made_key: tuple[Path, SigningKey]) -> Path:
    """A lab with a whole backup; it sends no mail."""
    root = tmp_path / "lab"
    a_lab(WHOLE, root, made_key[0])
    text = (root / "lab.toml").read_text("utf-8")
    head, _, tail = text.partition("[mail]")
    (root / "lab.toml").write_text(head + tail[tail.index("[[place]]") :], "utf-8")
    with canaries() as set_out:
        as_usual(root / "backups", WHOLE.content(set_out))
    return root


@pytest.mark.hostile
def test_a_clock_that_stands_before_the_last_drill_may_be_accepted_once_it_was_compared(lab: Path) -> None:
    with canaries() as set_out, cases_labs.clock_set_back(set_out, lab):
        assert cases_labs.drilled(lab).exit_code == ExitCode.INCONCLUSIVE
        scenario = lab / "scenarios" / "annual" / "scenario.toml"
        accept = f"""
[[accept]]
code = "CLOCK_BEHIND_REGISTER"
reason = "the clock was compared and is right"
person = "contractor"
until = {DAY + timedelta(days=2)}
"""
        scenario.write_text(scenario.read_text("utf-8") + accept, "utf-8")
        assert cases_labs.drilled(lab).exit_code == ExitCode.PASSED


def at_a_terminal(root: Path, *words: str) -> tuple[int, bytes]:
    """Run the command at a terminal; how it ended, and every byte the terminal got."""
    parent, child = pty.openpty()
    argv = (str(COMMAND), "--lab", str(root), *words)
    with subprocess.Popen(argv, stdin=child, stdout=child, stderr=child, env=environment_of(root)) as running:
        os.close(child)
        shown = b""
        while True:
            try:
                piece = os.read(parent, 65536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            shown += piece
        os.close(parent)
    return running.returncode, shown


@pytest.mark.parametrize("words", [("run", "--scenario", "annual"), ("points", "--scenario", "annual")])
def test_no_name_steers_the_terminal_it_is_shown_on(lab: Path, words: tuple[str, ...]) -> None:
    case = hostile_page.CASES["sqlite-file-terminal-names"]
    (backup,) = (lab / "backups").iterdir()
    backup.unlink()
    text = (lab / "lab.toml").read_text("utf-8")
    (lab / "lab.toml").write_text(text.replace('pattern = "cabinet_%Y-%m-%d.*"', 'pattern = "*"'), "utf-8")
    with canaries() as set_out:
        name = f"{TITLE_OF_TERMINAL}@TOKEN@\x07\x1b[2J\n\u202e.dump"
        around.named(name)(set_out, lab / "backups", case.content(set_out))

        code, shown = at_a_terminal(lab, *words)

        assert set_out.token.encode() in shown
        assert set_out.escaped(lab, shown) == []
        assert "\u202e".encode() not in shown
        assert code == 0, shown
        assert left_behind(load_lab(lab).lab_id, set_out) == []


def test_what_a_local_machine_holds_in_memory_beside_its_folder_is_bounded(tmp_path: Path) -> None:

    server = ENGINES["sqlite"]().offered()[0]
    need = Need(
        lab_id=tmp_path.name,
        drill_id="bounded",
        restore_id="1",
        server=server,
        backup_bytes=1,
        memory_bytes=2**30,
        expires_at=datetime.now(UTC) + timedelta(hours=1),
    )
    with Local().machine(need) as machine:
        done = machine.run(("sh", "-c", "head -c 300000000 /dev/zero >/tmp/x; du -k /tmp/x"), timeout_seconds=60)

    assert int(done.stdout.split()[0]) <= 256 * 1024

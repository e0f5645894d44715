"""Secrets come from where the lab's files say, and appear nowhere else."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from restore_lab.errors import ConfigurationError
from restore_lab.secret import Secret

#: Asks for one secret that is typed, also as the lab's files are read anew, and for another.
_ASKS = """
from restore_lab.secret import Secret
one, other = Secret(prompt=True), Secret(prompt=True)
print(one.reveal("passphrase") == other.reveal("passphrase") == b"first", other.reveal("password") == b"second")
"""


def test_it_comes_from_the_environment_a_private_file_or_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTORE_LAB_TEST_SECRET", "s3cret")
    path = tmp_path / "secret"
    path.write_text("s3cret\n", "ascii")
    path.chmod(0o600)
    known = (Secret(env="RESTORE_LAB_TEST_SECRET"), Secret(file=path), Secret(command=("cat", str(path))))

    assert {one.reveal("passphrase") for one in known} == {b"s3cret"}
    assert {repr(one) for one in known} == {"***"}


def test_a_command_has_our_environment_and_no_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTORE_LAB_TEST_SECRET", "s3cret")

    assert Secret(command=("printenv", "RESTORE_LAB_TEST_SECRET")).reveal("passphrase") == b"s3cret"
    assert Secret(command=("echo", "$HOME; true")).reveal("passphrase") == b"$HOME; true"


def test_one_that_is_not_there_or_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("s3cret", "ascii")
    path.chmod(0o640)

    with pytest.raises(ConfigurationError, match="readable by others"):
        Secret(file=path).reveal("passphrase")
    with pytest.raises(ConfigurationError, match="secret file"):
        Secret(file=tmp_path / "absent").reveal("passphrase")
    with pytest.raises(ConfigurationError, match="the environment has no"):
        Secret(env="RESTORE_LAB_NO_SUCH_VARIABLE").reveal("passphrase")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("restore-lab-no-such-program",), "no secret from the command restore-lab-no-such-program"),
        (("false",), "ended with 1"),
        (("true",), "ended with 0"),
        (("sh", "-c", "echo s3cret; echo s3cret >&2; exit 7"), "ended with 7"),
    ],
)
def test_a_command_that_gives_none_is_told_without_what_it_wrote(command: Sequence[str], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as caught:
        Secret(command=tuple(command)).reveal("passphrase")

    assert "s3cret" not in f"{caught.value.message} {caught.value.hint}"


def test_a_command_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore_lab.secret._COMMAND_SECONDS", 0.3)

    with pytest.raises(ConfigurationError, match="did not end"):
        Secret(command=("sleep", "60")).reveal("passphrase")


def test_one_that_is_typed_is_asked_for_once_and_not_shown() -> None:
    ours, theirs = pty.openpty()
    argv = ("setsid", "--ctty", "--wait", sys.executable, "-c", _ASKS)
    with subprocess.Popen(argv, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs) as asking:
        os.close(theirs)
        shown = b""
        for typed in (b"first\n", b"second\n"):
            while not shown.endswith(b": "):
                shown += os.read(ours, 1024)
            os.write(ours, typed)
            shown += b"|"
        assert asking.stdout is not None
        assert asking.stdout.read() == b"True True\n"
    os.close(ours)
    assert (shown.count(b"passphrase: "), shown.count(b"password: ")) == (1, 1)
    assert b"first" not in shown


def test_one_that_is_typed_needs_a_terminal() -> None:
    said = "from restore_lab.errors import ConfigurationError\ntry:\n    Secret(prompt=True).reveal('passphrase')\n"
    said += "except ConfigurationError as error:\n    print(error.message)"
    argv = ("setsid", "--wait", sys.executable, "-c", f"from restore_lab.secret import Secret\n{said}")

    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60)

    assert done.stdout == b"the passphrase is to be typed, and there is no terminal\n"

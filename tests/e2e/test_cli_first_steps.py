"""The installed command without a lab, and for a new one, until it lacks nothing. See `test_cli.py`."""

from __future__ import annotations

import re
from pathlib import Path

from e2e.sample_lab import restore_lab

from restore_lab.settings import shipped


def test_help_names_every_command_with_an_example() -> None:
    seen = restore_lab("--help")

    assert (seen.code, seen.err) == (0, "")
    for name in ("deliver", "demo", "doctor", "init", "key", "points", "register", "report", "run", "sweep", "verify"):
        assert f"  {name} " in seen.out
        helped = restore_lab(name, "--help")
        assert helped.code == 0
    assert "For example" in seen.out


def test_the_version_is_one_line() -> None:
    assert re.fullmatch(r"restore-lab, version \d+\.\d+\.\d+\n", restore_lab("--version").out)


def test_an_image_that_no_debian_release_has_is_refused_with_its_reason() -> None:
    for name in ("postgresql:14", "postgresql:16"):
        seen = restore_lab("image", "build", name)
        assert (seen.code, seen.out) == (2, "")
        assert f"{name}: no image is made: no Debian release has this server" in seen.err


def test_a_new_lab_is_told_what_it_lacks_until_it_lacks_nothing(tmp_path: Path) -> None:
    lab = tmp_path / "cabinet"
    assert restore_lab("init", lab).code == 0
    assert restore_lab("init", lab).code == 2

    first = restore_lab("doctor", lab=lab)
    assert (first.code, "to do no signing key" in first.out) == (0, True)

    made = restore_lab("key", "create", "--holder", "Prestataire", lab=lab)
    assert made.code == 0
    assert (lab / "keys" / "signing-key.pem").stat().st_mode & 0o777 == 0o600
    second = restore_lab("doctor", lab=lab)
    assert (second.code, "to do" in second.out) == (0, False)
    assert "warn  scenario annual" in second.out


def test_a_further_scenario_comes_with_a_new_lab_or_into_one_that_is_there_and_replaces_none(tmp_path: Path) -> None:
    lab = tmp_path / "cabinet"
    assert restore_lab("init", lab, "--scenario", "survey").code == 0
    again = restore_lab("init", lab, "--scenario", "survey")
    assert (again.code, "is there already" in again.err) == (2, True)
    assert restore_lab("init", lab, "--scenario", "raspberry-pi").code == 0

    assert sorted(path.name for path in (lab / "scenarios").iterdir()) == ["annual", "raspberry-pi", "survey"]
    for name in ("raspberry-pi", "survey"):
        assert (lab / "scenarios" / name / "scenario.toml").read_bytes() == (
            shipped("scenarios") / name / "scenario.toml"
        ).read_bytes()


def test_an_unknown_command_or_option_exits_2() -> None:
    for words in (["rnu"], ["run"], ["run", "--scenari", "annual"], ["verify", "/nowhere.pdf"]):
        seen = restore_lab(*words)
        assert (seen.code, seen.out) == (2, ""), words
        assert "Error: " in seen.err

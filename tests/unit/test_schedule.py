"""What is scheduled, as text: units of systemd and lines of cron, every path quoted, every one of ours marked."""

from __future__ import annotations

import configparser
from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest

from restore_lab.errors import ConfigurationError, UsageError
from restore_lab.lab import Contractor, LabFile, Mail, Place, Practice, Signature
from restore_lab.schedule import cron, units
from restore_lab.schedule.units import Job, Manager, service, timer
from restore_lab.secret import Secret, secrets_of

LAB = Path("/srv/labs/cabinet-exemple")
JOB = Job(
    lab=LAB,
    scenario="annual",
    command=("/opt/restore-lab/bin/restore-lab",),
    at=time(5, 30),
    keys=(LAB / "keys" / "signing-key.pem", LAB / "keys" / "signing-cert.pem"),
)
ODD = replace(JOB, lab=Path('/srv/Cabinet "50 %" d\'Été $HOME'), scenario="test annuel")


def test_the_timer_asks_daily_and_catches_up() -> None:
    text = timer(JOB)

    assert "OnCalendar=*-*-* 05:30:00\n" in text
    assert "Persistent=true\n" in text
    assert "RandomizedDelaySec=" in text


def test_the_service_runs_only_what_is_due_and_sweeps_whatever_became_of_it() -> None:
    text = service(JOB, Manager.SYSTEM)

    command = "/opt/restore-lab/bin/restore-lab --lab /srv/labs/cabinet-exemple"
    assert f"\nExecStart={command} run --scenario annual --when-due\n" in text
    assert f"\nExecStopPost=-{command} sweep\n" in text
    assert "\nKillMode=mixed\n" in text


def test_a_system_service_may_write_its_lab_but_neither_questions_nor_keys() -> None:
    text = service(JOB, Manager.SYSTEM)

    assert "\nProtectSystem=strict\n" in text
    assert "\nReadWritePaths=/srv/labs/cabinet-exemple\n" in text
    (read_only,) = [line for line in text.splitlines() if line.startswith("ReadOnlyPaths=")]
    for name in ("lab.toml", "scenarios", "keys/signing-key.pem", "keys/signing-cert.pem"):
        assert f"-{LAB}/{name}" in read_only


def test_an_account_other_than_root_gets_no_capability() -> None:
    assert "\nCapabilityBoundingSet=\n" in service(replace(JOB, user="labo"), Manager.SYSTEM)
    assert "\nUser=labo\n" in service(replace(JOB, user="labo"), Manager.SYSTEM)
    assert "\nCapabilityBoundingSet=CAP_SYS_ADMIN " in service(JOB, Manager.SYSTEM)


@pytest.mark.parametrize("manager", [Manager.SYSTEM, Manager.USER])
def test_nothing_takes_from_a_local_machine_what_it_is_made_of(manager: Manager) -> None:
    text = service(JOB, manager)

    assert "\nNoNewPrivileges=yes\n" in text
    for name in ("RestrictNamespaces", "ProtectKernelTunables", "ProtectKernelLogs", "ProtectProc", "ProtectHostname"):
        assert f"\n{name}=" not in text


@pytest.mark.parametrize(
    "job",
    [
        replace(JOB, lab=Path("/tmp/lab")),  # noqa: S108 - a path in a text
        replace(JOB, command=("/var/tmp/venv/bin/restore-lab",)),  # noqa: S108
        replace(JOB, reads=(Path("/tmp/backups"),)),  # noqa: S108
    ],
)
def test_what_lies_in_tmp_is_not_hidden_from_the_service(job: Job) -> None:
    assert "\nPrivateTmp=yes\n" in service(JOB, Manager.SYSTEM)
    text = service(job, Manager.SYSTEM)
    assert "PrivateTmp" not in text
    assert "\nReadWritePaths=/tmp /var/tmp\n" in text


def test_odd_names_are_quoted_and_never_expanded() -> None:
    text = service(ODD, Manager.SYSTEM)

    assert '--lab "/srv/Cabinet \\"50 %%\\" d\'Été $$HOME" run --scenario "test annuel" --when-due' in text
    assert 'ReadWritePaths="/srv/Cabinet \\"50 %%\\" d\'Été $HOME"' in text
    assert ODD.name.isascii()
    assert ODD.name.startswith("restore-lab-cabinet-50-d-ete-home-test-annuel-")


@pytest.mark.parametrize("where", ["lab", "scenario"])
def test_a_line_break_in_a_name_makes_no_line_of_its_own(where: str) -> None:
    evil = "x\nUser=root"
    job = replace(JOB, lab=Path("/srv") / evil) if where == "lab" else replace(JOB, scenario=evil)

    with pytest.raises(UsageError):
        service(job, Manager.SYSTEM)
    with pytest.raises(UsageError):
        cron.line(job)


def test_two_labs_of_one_folder_name_have_units_of_their_own() -> None:
    assert units.name_of(Path("/a/cabinet"), "annual") != units.name_of(Path("/b/cabinet"), "annual")
    assert units.name_of(Path("/a/b"), "c-d") != units.name_of(Path("/a/b-c"), "d")


@pytest.mark.parametrize("job", [JOB, ODD])
def test_a_unit_says_whose_it_is_and_others_do_not(job: Job) -> None:
    for text in (timer(job), service(job, Manager.SYSTEM), service(job, Manager.USER)):
        assert units.labelled(text) == (job.lab, job.scenario)
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.read_string(text)
        assert parser.sections()[-1] == "X-RestoreLab"
    assert units.labelled("[Timer]\nOnCalendar=daily\n") is None
    assert units.labelled("[X-RestoreLab]\nLab=nothing\nScenario=else\n") is None


def test_a_secret_of_the_environment_is_a_credential() -> None:
    stored = Path("/etc/credstore/restore-lab-x.MAIL")

    assert f"\nLoadCredential=MAIL:{stored}\n" in service(replace(JOB, credentials={"MAIL": stored}), Manager.SYSTEM)


def test_every_secret_of_a_lab_is_found() -> None:
    lab = LabFile(
        practice=Practice(name="P", doctor="D"),
        contractor=Contractor(name="C"),
        signature=Signature(key=LAB, certificate=LAB, passphrase=Secret(env="PASSPHRASE")),
        place=(Place(name="main", label="M"),),
        mail=Mail(host="h.example", sender="a@b.example", to="c@d.example", user="u", password=Secret(file=LAB)),
    )

    assert [(one.env, one.file) for one in secrets_of(lab)] == [("PASSPHRASE", None), (None, LAB)]


def test_a_secret_is_read_from_the_environment_first_else_from_the_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "MAIL").write_bytes(b"from systemd\n")
    monkeypatch.delenv("MAIL", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ConfigurationError, match="MAIL"):
        Secret(env="MAIL").reveal("password")

    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert Secret(env="MAIL").reveal("password") == b"from systemd"
    monkeypatch.setenv("MAIL", "from hand")
    assert Secret(env="MAIL").reveal("password") == b"from hand"


def test_a_line_of_cron_catches_up_within_the_hour() -> None:
    assert cron.line(JOB) == (
        "30 5-23 * * * /opt/restore-lab/bin/restore-lab --lab /srv/labs/cabinet-exemple run --scenario annual"
        ' --when-due >/dev/null # restore-lab-schedule ["/srv/labs/cabinet-exemple", "annual"]'
    )


@pytest.mark.parametrize("job", [JOB, ODD])
def test_a_crontab_keeps_all_that_is_not_ours(job: Job) -> None:
    others = "# mine\nMAILTO=me\n* * * * * true # restore-lab\n"
    other_lab = replace(JOB, lab=Path("/srv/labs/other"))

    once = cron.with_job(others, job)
    assert cron.with_job(once, job) == once
    both = cron.with_job(once, other_lab)
    assert cron.without(both, other_lab.lab, other_lab.scenario) == once
    assert cron.without(once, job.lab, job.scenario) == others
    assert cron.labelled(once.splitlines()[-1]) == (job.lab, job.scenario)
    assert "%" not in once.replace("\\%", "")


def test_a_last_line_without_its_end_is_not_joined_to_ours() -> None:
    assert cron.with_job("* * * * * true", JOB).splitlines()[0] == "* * * * * true"

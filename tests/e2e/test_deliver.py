"""The installed command and the mail: what it prints, how it ends, and what a kill at the worst moment leaves."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from mail_server import PASSWORD, USER, MailServer, free_port, make_authority
from stems import COMMAND, assert_no_leak, command, leaks, rest

from restore_lab.lab import load_lab
from restore_lab.register import Register
from restore_lab.signature.keys import load_certificate

DOCTOR = "cabinet@example.org"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample lab, its mail set, with two drills: one before the mail was set, one whose server was down."""
    root = tmp_path_factory.mktemp("deliver")
    lab = root / "lab"
    assert command(lab, "demo", "--engine", "sqlite", str(lab)).returncode == 0
    for backup in (lab / "backups").iterdir():
        rest(backup)
    scenario = lab / "scenarios" / "annual" / "scenario.toml"
    scenario.write_text(scenario.read_text("utf-8").replace('kind = "auto"', 'kind = "local"'), "utf-8")
    make_authority(lab / "keys")
    password = lab / "keys" / "mail-password"
    password.write_text(PASSWORD + "\n", "utf-8")
    password.chmod(0o600)
    set_mail(lab, port=free_port())
    return lab


@pytest.fixture
def lab(sample: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample, tmp_path / "lab", copy_function=shutil.copy2))


@pytest.fixture
def server(tmp_path: Path) -> MailServer:
    authority = make_authority(tmp_path)
    return MailServer(security="starttls", context=authority.server_context(tmp_path, "127.0.0.1"))


@pytest.fixture
def up(lab: Path, server: MailServer, tmp_path: Path) -> Iterator[MailServer]:
    """A server that runs, and that the lab names."""
    shutil.copy(tmp_path / "mail-ca.pem", lab / "keys" / "mail-ca.pem")
    with server.running():
        set_mail(lab, port=server.port)
        yield server


def set_mail(lab: Path, *, port: int) -> None:
    path = lab / "lab.toml"
    path.write_text(
        path.read_text("utf-8").partition("\n[mail]")[0]
        + f'\n[mail]\nhost = "127.0.0.1"\nport = {port}\nsender = "{USER}"\nto = "{DOCTOR}"\nuser = "{USER}"\n'
        'password = { file = "keys/mail-password" }\nca_file = "keys/mail-ca.pem"\n',
        "utf-8",
    )


def restore_lab(lab: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    return command(lab, "--lab", str(lab), *words)


def run(lab: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    return restore_lab(lab, "run", "--scenario", "annual", *words)


def entries(lab: Path) -> list[dict[str, object]]:
    """What the register says, all of which must hold."""
    settings = load_lab(lab).settings.signature
    checked = Register(folder=lab / "reports", certificate=load_certificate(settings.certificate.read_bytes())).verify()
    assert checked.faults == ()
    return [{"type": entry.kind.value, **entry.fields} for entry in checked.entries]


def waiting(lab: Path) -> list[Path]:
    return sorted((lab / "reports" / "outbox").glob("[!.]*.eml"))


def test_a_server_that_is_down_exits_4_and_a_later_deliver_sends(lab: Path, server: MailServer, tmp_path: Path) -> None:
    seen = run(lab)

    assert (seen.returncode, seen.stdout.splitlines()[0]) == (4, b"PASSED")
    first, second = seen.stderr.decode().splitlines()
    assert "is recorded, but its mail was not delivered: the mail server 127.0.0.1:" in first
    assert second == "  see whether it is up; then `restore-lab deliver`"
    assert entries(lab)[-1]["type"] == "closed"
    (mail,) = waiting(lab)
    assert b"to do 1 mail not delivered yet" in restore_lab(lab, "doctor").stdout

    shutil.copy(tmp_path / "mail-ca.pem", lab / "keys" / "mail-ca.pem")
    with server.running():
        set_mail(lab, port=server.port)
        sent = restore_lab(lab, "deliver")
        nothing = restore_lab(lab, "deliver")

    assert (sent.returncode, sent.stderr) == (0, b"")
    assert sent.stdout.decode() == f"mail          {mail.stem}: sent to 1 recipient\n"
    assert (nothing.returncode, nothing.stdout) == (0, b"no mail waits\n")
    assert (entries(lab)[-1]["type"], entries(lab)[-1]["drill"]) == ("delivered", mail.stem)
    verified = restore_lab(lab, "register", "verify")
    assert (verified.returncode, b"entries verify" in verified.stdout) == (0, True)
    assert len(server.received) == 1


def test_a_drill_sends_its_mail_and_says_so(lab: Path, up: MailServer) -> None:
    seen = run(lab)

    assert (seen.returncode, seen.stderr) == (0, b"")
    assert seen.stdout.splitlines()[-1].endswith(b"sent to 1 recipient")
    assert [one["type"] for one in entries(lab)][-3:] == ["opened", "closed", "delivered"]
    assert up.received[0].message["Subject"].startswith("Réussi")
    assert b"delivered  " in restore_lab(lab, "register", "list").stdout


def test_a_reader_who_leaves_early_does_not_keep_the_mail_back(lab: Path, up: MailServer) -> None:
    words = [str(COMMAND), "--lab", str(lab), "run", "--scenario", "annual"]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.close()
    child.wait(60)
    assert child.stderr is not None
    child.stderr.close()

    assert len(up.received) == 1


def test_a_run_that_finds_no_drill_due_sends_what_waits(lab: Path, up: MailServer) -> None:
    set_mail(lab, port=free_port())
    assert run(lab).returncode == 4
    set_mail(lab, port=up.port)
    (notes,) = (lab / "reports" / "outbox").glob("*.json")

    too_soon = run(lab, "--when-due")
    notes.write_text(notes.read_text("utf-8").replace('"at": "2', '"at": "1'), "utf-8")  # long ago
    seen = run(lab, "--when-due")

    assert (too_soon.returncode, too_soon.stdout.count(b"\n")) == (0, 1)
    assert (seen.returncode, b"nothing to do" in seen.stdout, b"sent to 1 recipient" in seen.stdout) == (0, True, True)
    assert len(up.received) == 1


def test_a_failed_drill_exits_1_also_when_its_mail_waits(lab: Path) -> None:
    scenario = lab / "scenarios" / "annual" / "scenario.toml"
    scenario.write_text(scenario.read_text("utf-8").replace("patient = 100", "patient = 100000"), "utf-8")

    seen = run(lab)

    assert (seen.returncode, b"its mail was not delivered" in seen.stderr) == (1, True)
    mail = message_from_bytes(waiting(lab)[0].read_bytes(), policy=default)
    assert mail["Subject"].startswith("ÉCHEC – ")


def test_deliver_sends_a_named_drill_again_and_both_say_only_json_when_asked(lab: Path, up: MailServer) -> None:
    evidence = json.loads(run(lab, "--json").stdout)
    drill = evidence["drill_id"]
    assert (evidence["verdict"], len(up.received)) == ("PASSED", 1)

    seen = restore_lab(lab, "deliver", drill, "--json")

    assert json.loads(seen.stdout) == [{"drill": drill, "recipients": 1, "fault": "", "hint": ""}]
    assert [one["type"] for one in entries(lab)][-2:] == ["delivered", "delivered"]
    assert len(up.received) == 2


def test_deliver_is_refused_without_mail_or_drill(lab: Path) -> None:
    unknown = restore_lab(lab, "deliver", "20200101T000000Z-annual-0000")
    path = lab / "lab.toml"
    path.write_text(path.read_text("utf-8").partition("\n[mail]")[0], "utf-8")
    unset = restore_lab(lab, "deliver")

    assert (unknown.returncode, unset.returncode) == (2, 2)
    assert b"is closed in the register" in unknown.stderr
    assert b"lab.toml has no [mail]" in unset.stderr


def test_a_lab_without_mail_says_nothing_of_it_but_to_doctor(lab: Path) -> None:
    path = lab / "lab.toml"
    path.write_text(path.read_text("utf-8").partition("\n[mail]")[0], "utf-8")

    seen = run(lab)

    assert (seen.returncode, seen.stderr) == (0, b"")
    assert not any(line.startswith(b"mail") or b"deliver " in line for line in seen.stdout.splitlines())
    assert not (lab / "reports" / "outbox").exists()
    assert b"no    mail: lab.toml has no [mail], nothing is sent" in restore_lab(lab, "doctor").stdout


def test_doctor_says_whom_the_mail_goes_to_and_what_is_wrong_without_the_network(lab: Path) -> None:
    good = restore_lab(lab, "doctor")
    (lab / "keys" / "mail-password").chmod(0o644)
    bad = restore_lab(lab, "doctor")

    assert (good.returncode, bad.returncode) == (0, 2)
    assert b"ok    mail to 1 recipient by 127.0.0.1:" in good.stdout
    assert b"(starttls); not tried" in good.stdout
    assert b"FAULT mail: " in bad.stdout
    assert b"chmod 600" in bad.stdout


def test_killed_between_the_server_s_answer_and_the_receipt_it_is_sent_once_more(lab: Path, up: MailServer) -> None:
    """No receipt: nobody can know. Twice under one Message-ID is better than never, and the page on mail says so."""
    set_mail(lab, port=free_port())
    run(lab)
    (mail,) = waiting(lab)
    set_mail(lab, port=up.port)
    words = [str(COMMAND), "--lab", str(lab), "deliver"]
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    up.when_taken = lambda: os.kill(child.pid, signal.SIGKILL)
    assert child.wait(60) == -signal.SIGKILL
    up.when_taken = lambda: None

    assert entries(lab)[-1]["type"] == "closed"
    assert waiting(lab) == [mail]
    assert restore_lab(lab, "deliver").returncode == 0

    assert [one["type"] for one in entries(lab)].count("delivered") == 1
    first, second = up.received
    assert first.content == second.content
    assert "under the same Message-ID" in " ".join((Path(__file__).parents[2] / "README.md").read_text("utf-8").split())


def test_two_that_deliver_at_once_send_a_mail_once(lab: Path, up: MailServer) -> None:
    set_mail(lab, port=free_port())
    run(lab)
    set_mail(lab, port=up.port)
    up.when_taken = lambda: time.sleep(0.3)
    words = [str(COMMAND), "--lab", str(lab), "deliver"]

    children = [subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(3)]

    assert [child.wait(60) for child in children] == [0, 0, 0]
    assert (len(up.received), entries(lab)[-1]["type"]) == (1, "delivered")


def test_no_data_of_a_patient_is_in_a_mail(lab: Path, up: MailServer) -> None:
    """A drill that fails on the data themselves; its mail is searched as sent, and part by part as read."""
    checks = lab / "scenarios" / "annual" / "checks" / "test_documents.py"
    checks.write_text(
        "def test_names_quoted_by_an_assertion(database):\n"
        "    names = [row[0] for row in database.query('SELECT nom FROM patient LIMIT 20')]\n"
        "    assert names == [], names\n",
        "utf-8",
    )

    seen = run(lab)

    assert (seen.returncode, b"PYTEST_FAILED" in seen.stdout) == (1, True)
    (taken,) = up.received
    assert taken.message["Subject"].startswith("ÉCHEC – ")
    assert leaks(taken.content) == set()
    parts = [part for part in taken.message.walk() if not part.is_multipart()]
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html", "application/pdf"]
    for part in parts:
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        assert leaks(payload) == set()
    assert b"names quoted" not in taken.content
    assert_no_leak(lab, seen.stdout, seen.stderr)

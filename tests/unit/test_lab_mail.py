"""`[mail]` in lab.toml: what it may say, and what it is refused for."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from restore_lab.errors import ConfigurationError
from restore_lab.lab import Mail, is_loopback, load_lab
from restore_lab.lab_writing import Answers, write_lab

LEAST = """
[mail]
host = "smtp.example.org"
sender = "tests@example.org"
to = "cabinet@example.org"
"""


def load(root: Path, table: str) -> Mail | None:
    if not (root / "lab.toml").exists():
        write_lab(root, Answers(), scenario="annual")
    path = root / "lab.toml"
    path.write_text(path.read_text("utf-8").partition("\n[mail]")[0] + table, "utf-8")
    return load_lab(root).settings.mail


def test_a_lab_without_mail_has_none(tmp_path: Path) -> None:
    assert load(tmp_path, "") is None


def test_the_least_a_lab_must_say(tmp_path: Path) -> None:
    mail = load(tmp_path, LEAST)

    assert mail is not None
    assert (mail.security, mail.server_port, mail.attach_report) == ("starttls", 587, True)
    assert (mail.recipients, mail.copies, mail.user, mail.password) == (("cabinet@example.org",), (), "", None)


def test_all_a_lab_may_say(tmp_path: Path) -> None:
    more = 'security = "tls"\nport = 1465\ncopy_to = ["a@example.org", "b@example.org"]\nuser = "u"\n'
    more += 'password = { file = "keys/mail-password" }\nca_file = "keys/mail-ca.pem"\nattach_report = false\n'

    mail = load(tmp_path, LEAST.replace('"cabinet@example.org"', '["c@example.org", "d@example.org"]') + more)

    assert mail is not None
    assert (mail.recipients, mail.copies) == (("c@example.org", "d@example.org"), ("a@example.org", "b@example.org"))
    assert (mail.server_port, mail.ca_file) == (1465, tmp_path / "keys" / "mail-ca.pem")
    assert mail.password is not None
    assert mail.password.file == tmp_path / "keys" / "mail-password"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"cabinet@example.org"', '"cabinet"', "'cabinet' is no plain mail address"),
        ('"cabinet@example.org"', '"a@example.org\\r\\nBcc: evil@example.org"', "is no plain mail address"),
        ('"cabinet@example.org"', '"Cabinet <a@example.org>"', "is no plain mail address"),
        ('"cabinet@example.org"', '"a@example.org, b@example.org"', "is no plain mail address"),
        ('"cabinet@example.org"', '"médecin@example.org"', "is no plain mail address"),
        ('"cabinet@example.org"', "[]", "`to` names nobody"),
        ('"tests@example.org"', '"tests@"', "is no plain mail address"),
        ('"smtp.example.org"', '"smtp.example.org extra"', "`host` is a name"),
        ('"smtp.example.org"', '""', "`host` is a name"),
        ('"smtp.example.org"', '"smtp.example.org"\nport = 0', "`port`"),
        ('"smtp.example.org"', '"smtp.example.org"\nport = 70000', "`port`"),
        ('"smtp.example.org"', '"smtp.example.org"\nsecurity = "none"', "only to this machine"),
        ('"smtp.example.org"', '"smtp.example.org"\nsecurity = "ssl"', "security"),
        ('"smtp.example.org"', '"smtp.example.org"\nuser = "u"', "go together"),
        ('"smtp.example.org"', '"smtp.example.org"\npassword = { env = "P" }', "go together"),
        ('"smtp.example.org"', '"smtp.example.org"\nuser = "u"\npassword = "in clear"', "password"),
        ('"smtp.example.org"', '"smtp.example.org"\nverify = false', "unknown key"),
    ],
)
def test_a_table_is_refused_with_what_was_wrong(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, LEAST.replace(old, new))

    assert said in caught.value.message
    assert "in clear" not in caught.value.message.replace("sends in clear", "")


def test_the_sample_in_a_new_lab_can_be_uncommented(tmp_path: Path) -> None:
    write_lab(tmp_path, Answers(), scenario="annual")
    path = tmp_path / "lab.toml"
    before, mark, table = path.read_text("utf-8").partition("# [mail]")
    assert load_lab(tmp_path).settings.mail is None
    lines = (mark + table).splitlines()
    path.write_text(before + "\n".join(line.removeprefix("# ").removeprefix("# ") for line in lines) + "\n", "utf-8")

    mail = load_lab(tmp_path).settings.mail

    assert mail is not None
    named = [one.name for one in fields(Mail) if f"\n{one.name} = " in path.read_text("utf-8").partition("[mail]")[2]]
    assert named == [one.name for one in fields(Mail)] or set(named) == {one.name for one in fields(Mail)}


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("192.168.1.9", False),
        ("localhost.example.org", False),
        ("0.0.0.0", False),  # noqa: S104 - it must be refused
        ("smtp.example.org", False),
    ],
)
def test_only_this_machine_is_this_machine(host: str, here: bool) -> None:  # noqa: FBT001 - a row of a table
    assert is_loopback(host) is here

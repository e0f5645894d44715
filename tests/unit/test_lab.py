"""A lab's file: what it may say, what it is refused for, and what follows from it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from restore_lab.errors import ConfigurationError
from restore_lab.lab import Host, Lab, Practice, load_lab
from restore_lab.lab_writing import Answers, write_lab
from restore_lab.sandboxes.container.driver import Container
from restore_lab.sandboxes.local.driver import Local
from restore_lab.sources.directory import Directory

LAB = """\
[practice]
name = "Cabinet"
doctor = "Dr A"
closures = [{ first = 2026-08-01, last = 2026-08-21 }]

[contractor]
name = "P"

[[place]]
name = "main"
label = "Dossiers"
[place.backup]
kind = "directory"
path = "backups"

[[place]]
name = "share"
label = "Partage"

[signature]
key = "keys/k.pem"
certificate = "/etc/c.pem"
"""


def load(root: Path, text: str) -> Lab:
    (root / "lab.toml").write_text(text, "utf-8")
    return load_lab(root)


def refusal(root: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(root, text)
    return caught.value.message


def test_a_lab_is_read_with_its_places_and_paths(tmp_path: Path) -> None:
    lab = load(tmp_path, LAB)

    assert lab.place("main").backup == Directory(path=tmp_path / "backups")
    assert lab.place("share").backup is None
    assert lab.settings.signature.key == tmp_path / "keys" / "k.pem"
    assert lab.settings.signature.certificate == Path("/etc/c.pem")
    assert (lab.people.practice, lab.people.contractor) == ("Cabinet", "P")
    assert lab.reports == tmp_path / "reports"


def test_what_a_lab_does_not_say_has_a_careful_default(tmp_path: Path) -> None:
    settings = load(tmp_path, LAB).settings

    assert (settings.practice.zone, settings.host.role) == (ZoneInfo("Europe/Paris"), "contractor")
    assert settings.practice.opening_days == ("mon", "tue", "wed", "thu", "fri")
    assert settings.signature.authority is None


def test_two_folders_are_two_labs_and_one_folder_is_one(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()

    assert load(one, LAB).lab_id != load(other, LAB).lab_id
    (tmp_path / "link").symlink_to(one)
    assert load_lab(tmp_path / "link").lab_id == load_lab(one).lab_id


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "main"', 'name = "Main place"', "lower-case letters"),
        ('name = "share"', 'name = "main"', "each once"),
        ("last = 2026-08-21", "last = 2026-07-01", "before `first`"),
        ('doctor = "Dr A"', 'doctor = "Dr A"\ntimezone = "Paris"', "unknown time zone Paris"),
        ('doctor = "Dr A"', 'doctor = "Dr A"\ntimezone = "../../etc/passwd"', "unknown time zone"),
        ('doctor = "Dr A"', 'doctor = "Dr A"\nopening_days = []', "at least one day"),
        ('doctor = "Dr A"', 'doctor = "Dr A"\nopening_days = ["lundi"]', "'mon', 'tue'"),
        ('kind = "directory"', 'kind = "tape"', "'directory'"),
        ('path = "backups"', 'path = "backups"\npattern = "%Q"', "after % only"),
        ('path = "backups"', "", "required, but absent"),
        ("[signature]", "[signature]\npassphrase = {}", "exactly one of env, file"),
        ('doctor = "Dr A"\n', "", "practice.doctor: required, but absent"),
        ("[contractor]", "[host]\nrole = 'server'\n[contractor]", "'production'"),
    ],
)
def test_what_a_lab_may_not_say_is_refused_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    message = refusal(tmp_path, LAB.replace(old, new, 1))

    assert said in message
    assert message.startswith(f"{tmp_path}/lab.toml:")


def test_an_unknown_place_is_told_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, LAB).place("nas")

    assert caught.value.hint == "it has: main, share"


def test_a_folder_without_a_lab_is_told_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_lab(tmp_path)

    assert "restore-lab init" in caught.value.hint


def test_days_on_which_entries_are_expected_are_counted() -> None:
    friday, monday = date(2026, 11, 20), date(2026, 11, 30)
    practice = Practice(name="a", doctor="b", opening_days=("mon", "sat"))

    assert practice.days.missed(friday, monday) == 3
    assert practice.days.missed(monday, friday) == 0
    assert practice.days.missed(friday, friday) == 0


def test_what_init_writes_is_a_lab_whatever_the_names(tmp_path: Path) -> None:
    hostile = 'Cabinet "des\\Tilleuls"\n[host]\nrole = "production" é 😀'
    write_lab(tmp_path / "lab", Answers(practice=hostile), scenario="annual")

    lab = load_lab(tmp_path / "lab")

    assert (lab.settings.practice.name, lab.settings.host.role) == (hostile, "contractor")


def test_a_host_in_production_lends_no_local_machine() -> None:
    assert "in production" in (Host(role="production").refuses(Local()) or "")
    assert Host(role="production").refuses(Container()) is None
    assert Host(role="practice").refuses(Local()) is None

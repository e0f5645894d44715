"""The installed command, as people and cron call it: what it prints, where, and how it ends."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from restore_lab.settings import shipped
from restore_lab.signature.keys import create_key

COMMAND = Path(sys.executable).with_name("restore-lab")
MACHINES = (Path("/dev/shm"), Path("/var/tmp"))  # noqa: S108 - where local machines live


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in {"RESTORE_LAB", "NO_COLOR"}}


def restore_lab(*arguments: object, lab: Path | None = None) -> Ended:
    words = [str(COMMAND), *(("--lab", str(lab)) if lab else ()), *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, timeout=120, check=False, env=environment())
    return Ended(code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """The sample lab, made once, and how its making ended."""
    lab = tmp_path_factory.mktemp("demo") / "lab"
    return lab, restore_lab("demo", "--engine", "sqlite", lab)


@pytest.fixture(scope="module")
def lab(demo: tuple[Path, Ended]) -> Path:
    """The sample lab with one drill in it; its backup rests, its machine is local."""
    folder = demo[0]
    for backup in (folder / "backups").iterdir():
        yesterday = time.time() - 1800
        os.utime(backup, (yesterday, yesterday))
    scenario = folder / "scenarios" / "annual" / "scenario.toml"
    scenario.write_text(scenario.read_text("utf-8").replace('kind = "auto"', 'kind = "local"'), "utf-8")
    return folder


@pytest.fixture
def copy(lab: Path, tmp_path: Path) -> Path:
    """The sample lab, to be broken."""
    return Path(shutil.copytree(lab, tmp_path / "lab", copy_function=shutil.copy2))


@pytest.fixture
def slow(copy: Path) -> Path:
    """A lab whose backup takes a long time to load: a dump of many statements."""
    for backup in (copy / "backups").iterdir():
        backup.unlink()
    target = copy / "backups" / f"cabinet_{datetime.now(UTC):%Y-%m-%d}.sql"
    with target.open("w", encoding="ascii") as stream:
        stream.write("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE patient(id INTEGER, name TEXT);\n")
        stream.writelines("INSERT INTO patient SELECT 1, hex(zeroblob(2000000));\n" for _ in range(400))
        stream.write("COMMIT;\n")
    past = time.time() - 1800
    os.utime(target, (past, past))
    return copy


def only_report(lab: Path) -> Path:
    return min(lab.glob("reports/*/*/report.pdf"))


def machines(lab: Path) -> set[Path]:
    """What drills of this lab hold on this host now; others may be at work too."""
    lab_id = hashlib.sha256(str(lab.resolve()).encode()).hexdigest()[:16]
    labels = (path for parent in MACHINES for path in parent.glob("restore-lab-*/label.json"))
    return {path.parent for path in labels if json.loads(path.read_text("utf-8"))["lab"] == lab_id}


def begun(lab: Path) -> subprocess.Popen[bytes]:
    """Start a drill and come back when it loads."""
    before = set(lab.glob("reports/*/*/drill.log"))
    words = [str(COMMAND), "--lab", str(lab), "run", "--scenario", "annual"]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert child.poll() is None
        logs = set(lab.glob("reports/*/*/drill.log")) - before
        if any('"stage": "load"' in log.read_text("ascii") for log in logs):
            return child
        time.sleep(0.02)
    child.kill()
    pytest.fail("the drill never began to load")


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


def test_the_demo_passes_and_says_where_the_report_is(demo: tuple[Path, Ended]) -> None:
    folder, seen = demo

    assert seen.code == 0, seen.err
    assert seen.out.startswith("PASSED")
    assert str(only_report(folder)) in seen.out
    assert "removed, looked up again and gone" in seen.out
    assert "\x1b" not in seen.out + seen.err


def test_the_demo_does_not_overwrite_a_lab(lab: Path) -> None:
    seen = restore_lab("demo", lab)

    assert (seen.code, seen.err.count("\n")) == (2, 2)
    assert "is not empty" in seen.err


def test_two_more_drills_pass_and_the_register_grows(copy: Path) -> None:
    for number in (2, 3):
        seen = restore_lab("run", "--scenario", "annual", lab=copy)
        assert (seen.code, seen.err) == (0, "")
        listed = json.loads(restore_lab("register", "list", "--json", lab=copy).out)
        assert [one["type"] for one in listed] == ["key"] + ["opened", "closed"] * number
    verified = restore_lab("register", "verify", lab=copy)
    assert (verified.code, verified.err) == (0, "")
    assert "7 entries verify" in verified.out
    assert len({one["head"] for one in listed}) == 7
    assert machines(copy) == set()


def test_the_demo_enrols_the_practice_and_the_next_drill_verifies_it(copy: Path) -> None:
    envelope = json.loads(only_report(copy).with_name("evidence.dsse.json").read_bytes())
    first = base64.b64decode(envelope["payload"])
    second = restore_lab("run", "--scenario", "annual", "--json", lab=copy)

    assert second.code == 0
    assert (b"IDENTITY_ENROLLED" in first, b"IDENTITY_NOT_VERIFIED" in first) == (True, False)
    said = {one["finding"]["code"] for one in json.loads(second.out)["findings"]}
    assert not {code for code in said if code.startswith(("IDENTITY_", "MONTH_"))}
    assert json.loads(second.out)["restores"][0]["months"]


def test_points_lists_backups_as_text_and_as_json(lab: Path) -> None:
    text = restore_lab("points", "--scenario", "annual", lab=lab)
    plain = json.loads(restore_lab("points", "--scenario", "annual", "--json", lab=lab).out)

    (name,) = [path.name for path in (lab / "backups").iterdir()]
    assert text.code == 0
    assert f"'{name}'" in text.out
    assert (plain[0]["chosen"], plain[0]["candidates"][0]["id"], plain[0]["findings"]) == (name, name, [])


def test_points_says_as_json_too_that_the_place_is_not_there(copy: Path) -> None:
    shutil.rmtree(copy / "backups")

    text = restore_lab("points", "--scenario", "annual", lab=copy)
    plain = restore_lab("points", "--scenario", "annual", "--json", lab=copy)

    assert (text.code, text.out, plain.code) == (3, "", 3)
    (said,) = json.loads(plain.out)
    assert said["fault"] in text.err
    assert "backups" in said["fault"]


def test_points_says_what_there_is_to_say_in_plain_words(copy: Path) -> None:
    (backup,) = (copy / "backups").iterdir()
    ahead = backup.with_name(re.sub(r"\d{4}-\d\d-\d\d", "2099-01-01", backup.name))
    shutil.copy2(backup, ahead)

    seen = restore_lab("points", "--scenario", "annual", lab=copy)

    assert "  BACKUP_DATED_IN_FUTURE  taken 2099-01-01\n" in seen.out
    assert "{" not in seen.out


def test_the_register_is_listed_and_verified(lab: Path) -> None:
    listed = restore_lab("register", "list", lab=lab)
    verified = restore_lab("register", "verify", "--json", lab=lab)

    assert (listed.code, verified.code) == (0, 0)
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC  closed .* PASSED$", listed.out, re.MULTILINE)
    said = json.loads(verified.out)
    assert (said["faults"], said["open"]) == ([], [])
    known = restore_lab("register", "verify", "--head", said["head"], lab=lab)
    unknown = restore_lab("register", "verify", "--head", "f" * 64, lab=lab)
    assert (known.code, unknown.code) == (0, 5)
    assert "FAULT" in unknown.out


def test_a_changed_register_exits_5(copy: Path) -> None:
    path = copy / "reports" / "register.jsonl"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    assert restore_lab("register", "verify", lab=copy).code == 5
    seen = restore_lab("run", "--scenario", "annual", lab=copy)
    assert (seen.code, "REGISTER_BROKEN" in seen.out) == (5, True)
    assert (copy / "reports" / "register.2.jsonl").is_file()


REGISTERS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "one removed": lambda lines: [*lines[:1], *lines[2:]],
    "two in another order": lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
    "its end cut off": lambda lines: lines[:-1],
    "its last line cut short": lambda lines: [*lines[:-1], lines[-1][:-20]],
    "its beginning removed": lambda lines: lines[1:],
}


@pytest.mark.parametrize("what", REGISTERS)
def test_a_register_with_an_entry_missing_or_moved_exits_5(copy: Path, what: str) -> None:
    path = copy / "reports" / "register.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) >= 3
    path.write_bytes(b"".join(REGISTERS[what](lines)))

    seen = restore_lab("register", "verify", lab=copy)
    plain = restore_lab("register", "verify", "--json", lab=copy)

    assert (seen.code, plain.code, "FAULT" in seen.out) == (5, 5, True)
    assert json.loads(plain.out)["faults"]
    listed = restore_lab("register", "list", lab=copy)
    assert (listed.code, "the register does not verify" in listed.err) == (5, True)
    assert restore_lab("status", lab=copy).code == 5


def test_a_register_of_a_lab_without_a_key_is_not_called_broken(tmp_path: Path) -> None:
    lab = tmp_path / "cabinet"
    restore_lab("init", lab)

    for words in (("list",), ("verify",), ("verify", "--json")):
        seen = restore_lab("register", *words, lab=lab)
        assert (seen.code, seen.out) == (2, "")
        assert "there is no signing key yet, and no register" in seen.err
        assert "restore-lab key create" in seen.err


def test_a_report_and_its_envelope_verify(lab: Path) -> None:
    report = only_report(lab)
    pdf = restore_lab("verify", report, lab=lab)
    envelope = restore_lab("verify", report.with_name("evidence.dsse.json"), "--json", lab=lab)

    assert (pdf.code, envelope.code) == (0, 0), pdf.err + envelope.err
    assert [line.split()[0] for line in pdf.out.splitlines()][:4] == ["integrity", "identity", "time", "trust"]
    assert json.loads(envelope.out)["verdict"] == "PASSED"


def test_any_changed_byte_of_a_report_exits_5(lab: Path, tmp_path: Path) -> None:
    """Six through the command; a hundred through what it calls, which takes seconds instead of minutes."""
    whole = only_report(lab).read_bytes()
    draw = random.Random(20261122)  # noqa: S311 - a sample that repeats
    changed = tmp_path / "changed.pdf"
    for position in draw.sample(range(8, len(whole)), 6):
        data = bytearray(whole)
        data[position] ^= 1 << draw.randrange(8)
        changed.write_bytes(data)
        assert restore_lab("verify", changed, lab=lab).code == 5, position
    script = tmp_path / "many.py"
    script.write_text(_MANY, "utf-8")
    words = [sys.executable, str(script), str(only_report(lab)), str(lab / "keys" / "signing-cert.pem")]
    done = subprocess.run(words, capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, b"100\n"), done.stderr.decode()


_MANY = """
import random, sys
from datetime import UTC, datetime
from pathlib import Path
from restore_lab.cli.seals import _verify_pdf
from restore_lab.errors import SealBroken
from restore_lab.signature.keys import load_certificate
whole = Path(sys.argv[1]).read_bytes()
trusted = load_certificate(Path(sys.argv[2]).read_bytes())
draw, refused = random.Random(1), 0
assert _verify_pdf(whole, trusted)["trusted"]
for position in draw.sample(range(len(whole)), 100):
    data = bytearray(whole)
    data[position] ^= 1 << draw.randrange(8)
    try:
        _verify_pdf(bytes(data), trusted)
    except SealBroken:
        refused += 1
print(refused)
"""


def test_an_incremental_edit_of_a_report_exits_5(lab: Path, tmp_path: Path) -> None:
    edited = tmp_path / "edited.pdf"
    edited.write_bytes(only_report(lab).read_bytes() + b"\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n")

    seen = restore_lab("verify", edited, lab=lab)

    assert (seen.code, seen.out) == (5, "")
    assert seen.err.startswith("restore-lab: ")


def test_another_certificate_is_not_trusted(lab: Path, tmp_path: Path) -> None:
    create_key(tmp_path / "other", holder="Quelqu'un d'autre", now=datetime.now(UTC))
    other = tmp_path / "other" / "signing-cert.pem"

    pdf = restore_lab("verify", only_report(lab), "--certificate", other, lab=lab)
    envelope = restore_lab("verify", only_report(lab).with_name("evidence.dsse.json"), "--certificate", other, lab=lab)

    assert (pdf.code, envelope.code) == (5, 5)
    assert "another certificate" in pdf.out


def test_what_to_trust_must_be_a_certificate_or_a_lab(lab: Path, tmp_path: Path) -> None:
    report = only_report(lab)

    neither = restore_lab("verify", report, lab=tmp_path)
    key = restore_lab("verify", report, "--certificate", lab / "keys" / "signing-key.pem", lab=tmp_path)
    itself = restore_lab("verify", report, "--certificate", report, lab=tmp_path)

    assert [(seen.code, seen.out) for seen in (neither, key, itself)] == [(2, "")] * 3
    assert "--certificate" in neither.err
    assert "signing-key.pem is not a certificate" in key.err


def test_a_report_can_be_written_again(lab: Path, tmp_path: Path) -> None:
    target = tmp_path / "again.pdf"

    seen = restore_lab("report", only_report(lab).parent.name, "--to", target, lab=lab)

    assert (seen.code, seen.out) == (0, f"{target}\n")
    assert restore_lab("verify", target, lab=lab).code == 0
    absent = restore_lab("report", "20200101T000000Z-annual-0000", lab=lab)
    assert (absent.code, absent.err.count("\n")) == (5, 2)


def test_a_drill_prints_its_evidence_as_json(copy: Path) -> None:
    seen = restore_lab("run", "--scenario", "annual", "--json", lab=copy)

    evidence = json.loads(seen.out)
    assert (seen.code, seen.err) == (0, "")
    assert evidence["verdict"] == "PASSED"
    assert len(evidence["restores"][0]["tables"]) == 11


def test_strict_exits_1_on_reservations_and_a_failed_drill_exits_1_anyway(copy: Path) -> None:
    scenario = copy / "scenarios" / "annual" / "scenario.toml"
    text = scenario.read_text("utf-8")
    scenario.write_text(text.replace("objective_rto_seconds = 14400", "objective_rto_seconds = 0"), "utf-8")

    assert restore_lab("run", "--scenario", "annual", lab=copy).code == 0
    seen = restore_lab("run", "--scenario", "annual", "--strict", lab=copy)
    assert (seen.code, seen.out.splitlines()[0]) == (1, "PASSED, with reservations")

    scenario.write_text(text.replace("patient = 100", "patient = 100000"), "utf-8")
    seen = restore_lab("run", "--scenario", "annual", lab=copy)
    assert (seen.code, seen.out.splitlines()[0]) == (1, "FAILED")
    assert "ROWS_BELOW_MINIMUM" in seen.out


def test_an_interrupt_exits_130_and_is_on_record(slow: Path) -> None:
    child = begun(slow)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)

    assert child.returncode == 130, (out, err)
    assert out.startswith(b"INCONCLUSIVE")
    assert b"INTERRUPTED" in out
    last = json.loads(restore_lab("register", "list", "--json", lab=slow).out)[-1]
    assert (last["type"], last["reasons"]) == ("closed", ["INTERRUPTED"])
    assert restore_lab("register", "verify", lab=slow).code == 0
    assert machines(slow) == set()


def test_a_sweep_after_a_killed_drill_removes_what_it_left_and_closes_its_entry(slow: Path) -> None:
    child = begun(slow)
    child.kill()
    child.communicate(timeout=60)
    (left,) = machines(slow)
    opened = restore_lab("register", "verify", lab=slow)
    assert "opened and not closed" in opened.out

    seen = restore_lab("sweep", lab=slow)

    assert (seen.code, seen.err) == (0, "")
    assert f"folder {left.name}: gone" in seen.out
    assert "closed as INCONCLUSIVE, ABANDONED" in seen.out
    assert machines(slow) == set()
    assert json.loads(restore_lab("register", "verify", "--json", lab=slow).out)["open"] == []
    assert restore_lab("sweep", lab=slow).out == "nothing was left behind that can be seen from here\n"


def test_doctor_finds_nothing_wrong_with_the_sample_lab(lab: Path) -> None:
    seen = restore_lab("doctor", lab=lab)

    assert seen.code == 0, seen.out
    assert "ok    signing key" in seen.out
    assert "ok    scenario annual" in seen.out
    assert "ok    local: sqlite 3" in seen.out


def test_doctor_says_the_same_as_json_and_how_to_get_what_is_not_there(lab: Path) -> None:
    text = restore_lab("doctor", lab=lab)
    plain = restore_lab("doctor", "--json", lab=lab)

    remarks = json.loads(plain.out)
    assert (text.code, plain.code) == (0, 0)
    assert [line[6:] for line in text.out.splitlines() if not line.startswith("      ")] == [
        one["seen"] for one in remarks
    ]
    local = [one for one in remarks if one["state"] == "no" and "initdb" in one["seen"]]
    for one in local:
        series = re.findall(r"postgresql (\d+)", one["seen"])
        assert [f"postgresql-{number}" in one["remedy"] for number in series] == [True]
    lacking = [one for one in remarks if one["state"] == "no" and "container: postgresql 1" in one["seen"]]
    assert not [one for one in lacking if not one["remedy"] and "image" in one["seen"]]


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


def refusals(lab: Path, tmp_path: Path) -> dict[str, Ended]:
    broken = Path(shutil.copytree(lab, tmp_path / "broken"))
    (broken / "lab.toml").write_text('[practice]\nname = "x\n', "utf-8")
    keyless = Path(shutil.copytree(lab, tmp_path / "keyless"))
    (keyless / "keys" / "signing-key.pem").unlink()
    public = Path(shutil.copytree(lab, tmp_path / "public"))
    (public / "keys" / "signing-key.pem").chmod(0o644)
    return {
        "unknown scenario": restore_lab("run", "--scenario", "monthly", lab=lab),
        "outside": restore_lab("run", "--scenario", "../annual", lab=lab),
        "no lab": restore_lab("run", "--scenario", "annual", lab=tmp_path / "nowhere"),
        "broken": restore_lab("points", "--scenario", "annual", lab=broken),
        "keyless": restore_lab("run", "--scenario", "annual", lab=keyless),
        "public key": restore_lab("run", "--scenario", "annual", lab=public),
        "no point": restore_lab("run", "--scenario", "annual", "--at", "absent.sql", lab=lab),
    }


def test_a_refusal_is_one_sentence_and_what_to_do_next_and_exits_2(lab: Path, tmp_path: Path) -> None:
    entries = len((lab / "reports" / "register.jsonl").read_bytes())

    for name, seen in refusals(lab, tmp_path).items():
        assert (seen.code, seen.out) == (2, ""), name
        lines = seen.err.splitlines()
        assert lines[0].startswith("restore-lab: "), name
        assert len(lines) <= 2, name
        assert len(lines) == 2 or name == "broken", name
        assert "Traceback" not in seen.err
    assert len((lab / "reports" / "register.jsonl").read_bytes()) == entries


def test_an_unknown_command_or_option_exits_2() -> None:
    for words in (["rnu"], ["run"], ["run", "--scenari", "annual"], ["verify", "/nowhere.pdf"]):
        seen = restore_lab(*words)
        assert (seen.code, seen.out) == (2, ""), words
        assert "Error: " in seen.err


def test_a_damaged_database_fails_and_says_so(copy: Path) -> None:
    (backup,) = (copy / "backups").iterdir()
    with closing(sqlite3.connect(backup)) as database:
        page_size = database.execute("PRAGMA page_size").fetchone()[0]
    data = bytearray(backup.read_bytes())
    for page in range(20, 60):
        data[page * page_size : page * page_size + 200] = b"\xff" * 200
    backup.write_bytes(data)
    past = time.time() - 1800
    os.utime(backup, (past, past))

    seen = restore_lab("run", "--scenario", "annual", lab=copy)

    assert (seen.code, seen.out.splitlines()[0]) == (1, "FAILED")
    assert "INTEGRITY_ERRORS" in seen.out

"""The installed command, as people and cron call it: what it prints, where, and how it ends.

What it says of registers, reports and envelopes: `test_cli_records.py`. Without a lab, or for a new one:
`test_cli_first_steps.py`.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from e2e.sample_lab import COMMAND, Ended, at_rest, environment, machines, only_report, restore_lab


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """The sample lab, made once, and how its making ended."""
    lab = tmp_path_factory.mktemp("demo") / "lab"
    return lab, restore_lab("demo", "--engine", "sqlite", lab)


@pytest.fixture(scope="module")
def lab(demo: tuple[Path, Ended]) -> Path:
    return at_rest(demo[0])


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

"""The installed command on registers, reports and envelopes: what verifies, and what exits 5. See `test_cli.py`."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from e2e.sample_lab import Ended, at_rest, only_report, restore_lab

from restore_lab.signature.keys import create_key


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

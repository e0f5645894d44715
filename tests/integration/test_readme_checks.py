"""The README's checks are run as printed, on a fresh demo's files and on tampered ones."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from needs import absent

from restore_lab.errors import EXIT_CODE_PRECEDENCE, ExitCode
from restore_lab.signature.keys import create_key

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
SCRIPTS = dict(re.findall(r"^```sh\n# (check-[a-z]+\.sh)[^\n]*\n(.*?)^```$", README, re.MULTILINE | re.DOTALL))
KEY_COMMAND = re.findall(r"^```sh\n(openssl x509 [^\n]*)\n```$", README, re.MULTILINE)
TOOLS = ("base64", "cmp", "grep", "openssl", "pdfdetach", "pdfsig", "pdftotext", "sed", "sh", "sha256sum")


@dataclass(frozen=True, kw_only=True, slots=True)
class Demo:
    """The files an auditor gets of a lab with one drill."""

    register: Path
    head: str
    certificate: Path
    report: Path
    envelope: Path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    for tool in TOOLS:
        _ = shutil.which(tool) or absent(tool)
    root = tmp_path_factory.mktemp("readme") / "demo"
    command = [str(Path(sys.executable).with_name("restore-lab")), "demo", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    (report,) = root.glob("reports/*/*/report.pdf")  # whatever the verdict: a demo without a machine is sealed too
    assert done.stdout.splitlines(), done.stderr
    return Demo(
        register=root / "reports" / "register.jsonl",
        head=(root / "reports" / "register.head").read_text("ascii").strip(),
        certificate=root / "keys" / "signing-cert.pem",
        report=report,
        envelope=report.with_name("evidence.dsse.json"),
    )


@pytest.fixture
def other_certificate(tmp_path: Path) -> Path:
    create_key(tmp_path / "other", holder="Somebody else", now=datetime.now(UTC))
    return tmp_path / "other" / "signing-cert.pem"


def check(script: str, *arguments: Path | str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / script).write_text(SCRIPTS[script], "utf-8")
    command = [shutil.which("sh") or "sh", script, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def holds(script: str, *arguments: Path | str, folder: Path) -> str:
    done = check(script, *arguments, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fails(script: str, *arguments: Path | str, folder: Path) -> None:
    done = check(script, *arguments, folder=folder)
    assert done.returncode != 0, done.stdout


def changed(source: Path, target: Path, position: int) -> Path:
    data = bytearray(source.read_bytes())
    data[position] = ord("A") if data[position] != ord("A") else ord("B")
    target.write_bytes(data)
    return target


def attached(demo: Demo, folder: Path) -> Path:
    """Take the evidence out of the report, as the first script does."""
    holds("check-report.sh", demo.report, demo.certificate, folder=folder)
    return folder / "evidence.json"


def test_the_readme_has_three_scripts_and_one_command() -> None:
    assert sorted(SCRIPTS) == ["check-envelope.sh", "check-register.sh", "check-report.sh"]
    assert len(KEY_COMMAND) == 1


def test_the_key_command_names_the_key_of_the_register(demo: Demo, tmp_path: Path) -> None:
    shutil.copy(demo.certificate, tmp_path / "signing-cert.pem")
    command = [shutil.which("sh") or "sh", "-c", KEY_COMMAND[0]]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True).stdout
    entries = holds("check-register.sh", demo.register, demo.certificate, folder=tmp_path)
    assert f'"key_id":"{said.split()[0]}"' in entries


def test_a_report_holds_and_gives_its_attachments(demo: Demo, tmp_path: Path) -> None:
    said = holds("check-report.sh", demo.report, demo.certificate, folder=tmp_path)
    assert said.count("Signature #") == 1
    assert (tmp_path / "evidence.dsse.json").read_bytes() == demo.envelope.read_bytes()


def test_the_commands_that_the_report_prints_do_what_it_says_of_them(demo: Demo, tmp_path: Path) -> None:
    shutil.copy(demo.report, tmp_path / "report.pdf")
    printed = subprocess.run(
        ["pdftotext", "-layout", "report.pdf", "-"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    commands = re.findall(
        r"^ *((?:pdfsig|openssl|pdfdetach) .*-.*report\.pdf.*|openssl .*sha256sum)$", printed, re.MULTILINE
    )
    assert len(commands) == 4
    words = ["sh", "-e", "-c", "\n".join(commands)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert "Signature is Valid" in done.stdout
    assert "Total document signed" in done.stdout
    (key,) = re.findall(r"^([0-9a-f]{64})  -$", done.stdout, re.MULTILINE)
    assert f"Clé : {key}" in printed
    assert (tmp_path / "evidence.dsse.json").read_bytes() == demo.envelope.read_bytes()
    assert (tmp_path / "evidence.json").is_file()


@pytest.mark.parametrize("where", ["text", "signature", "appended"])
def test_a_tampered_report_fails(where: str, demo: Demo, tmp_path: Path) -> None:
    whole = demo.report.read_bytes()
    ranges = re.search(rb"/ByteRange\s*\[0 (\d+) ", whole)
    assert ranges is not None
    tampered = tmp_path / "tampered.pdf"
    if where == "appended":
        tampered.write_bytes(whole + b"\n%%EOF\n")
    else:
        changed(demo.report, tampered, {"text": 5000, "signature": int(ranges[1]) + 600}[where])
    fails("check-report.sh", tampered, demo.certificate, folder=tmp_path)


def test_a_report_of_another_key_fails(demo: Demo, other_certificate: Path, tmp_path: Path) -> None:
    fails("check-report.sh", demo.report, other_certificate, folder=tmp_path)


def test_an_envelope_holds_the_evidence_of_the_report(demo: Demo, tmp_path: Path) -> None:
    evidence = attached(demo, tmp_path)
    assert "Verified OK" in holds("check-envelope.sh", demo.envelope, demo.certificate, evidence, folder=tmp_path)


def test_a_tampered_envelope_or_evidence_fails(demo: Demo, other_certificate: Path, tmp_path: Path) -> None:
    evidence = attached(demo, tmp_path)
    for position in (200, demo.envelope.stat().st_size - 40):
        tampered = changed(demo.envelope, tmp_path / "tampered.json", position)
        fails("check-envelope.sh", tampered, demo.certificate, evidence, folder=tmp_path)
    fails("check-envelope.sh", demo.envelope, other_certificate, evidence, folder=tmp_path)
    fails("check-envelope.sh", demo.envelope, demo.certificate, changed(evidence, evidence, 10), folder=tmp_path)


def test_a_register_holds_and_names_the_report(demo: Demo, tmp_path: Path) -> None:
    said = holds("check-register.sh", demo.register, demo.certificate, demo.head, folder=tmp_path)
    assert said.endswith(f"3 entries hold; head {demo.head}\n")
    digests = subprocess.run(
        [shutil.which("sha256sum") or "sha256sum", demo.report, demo.envelope],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    for line in digests.splitlines():
        assert f'_sha256":"{line.split()[0]}"' in said


def test_the_head_a_report_prints_is_in_the_register(demo: Demo, tmp_path: Path) -> None:
    printed = json.loads(attached(demo, tmp_path).read_bytes())["previous_head"]
    holds("check-register.sh", demo.register, demo.certificate, printed, folder=tmp_path)


def _without(lines: list[bytes], number: int) -> list[bytes]:
    return lines[:number] + lines[number + 1 :]


def _edited(line: bytes) -> bytes:
    return line[:60] + (b"A" if line[60:61] != b"A" else b"B") + line[61:]


def test_a_tampered_register_fails(demo: Demo, other_certificate: Path, tmp_path: Path) -> None:
    lines = demo.register.read_bytes().splitlines(keepends=True)
    tampered = {
        "removed": _without(lines, 1),
        "reordered": [lines[0], lines[2], lines[1]],
        "repeated": [*lines, lines[2]],
        "edited": [lines[0], _edited(lines[1]), lines[2]],
        "cut inside a line": [*lines[:2], lines[2][:-9]],
        "rubbish": [*lines, b"no entry\n"],
        "empty": [],
    }
    for name, content in tampered.items():
        (tmp_path / name).write_bytes(b"".join(content))
        fails("check-register.sh", tmp_path / name, demo.certificate, folder=tmp_path)
    fails("check-register.sh", demo.register, other_certificate, folder=tmp_path)


def test_a_cut_tail_shows_against_a_known_head(demo: Demo, tmp_path: Path) -> None:
    lines = demo.register.read_bytes().splitlines(keepends=True)
    (tmp_path / "cut").write_bytes(b"".join(lines[:2]))
    holds("check-register.sh", tmp_path / "cut", demo.certificate, folder=tmp_path)
    fails("check-register.sh", tmp_path / "cut", demo.certificate, demo.head, folder=tmp_path)


def test_the_table_of_exit_codes_is_the_programs() -> None:
    section = README.split("## Exit codes")[1].split("\n## ")[0]
    printed = [int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)]
    assert printed == [int(code) for code in ExitCode]
    order = re.search(r"the first of ([\d, ]+) is given", section)
    assert order is not None
    drills = [int(code) for code in EXIT_CODE_PRECEDENCE if code not in {ExitCode.USAGE, ExitCode.PASSED}]
    assert [int(code) for code in order.group(1).split(",")] == drills

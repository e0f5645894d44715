"""Reports there is no room for, a backup that cannot be read to its end, a key that cannot be opened.

See `test_death_and_repair.py`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from faults.aftermath import closed, command, entries, fill, left, mounted, rest
from integration.dying import drilled, samples_in
from needs import absent

from restore_lab.errors import ExitCode
from restore_lab.events import BytesRead, Event
from restore_lab.evidence import Verdict


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return samples_in(tmp_path_factory)


@pytest.fixture
def lab(samples: Callable[[str], Path], tmp_path: Path) -> Path:
    """A lab of its own, with SQLite on a local machine."""
    return Path(shutil.copytree(samples("sqlite"), tmp_path / "lab", copy_function=shutil.copy2))


# ---- the disk of the reports is full


@pytest.fixture
def narrow(lab: Path) -> Iterator[Path]:
    """A lab whose reports lie on a disk of two megabytes, with one drill in it."""
    (lab / "reports").mkdir(exist_ok=True)
    with mounted("tmpfs", lab / "reports", "-t", "tmpfs", "-o", "size=2m"):
        assert drilled(lab).exit_code is ExitCode.PASSED
        yield lab


def test_an_entry_the_disk_has_no_room_for_is_not_half_written(narrow: Path) -> None:
    filling = fill(narrow / "reports")
    before = len(entries(narrow))

    for _ in range(5):  # the last page of the register takes some entries more
        seen = command(narrow, "run", "--scenario", "annual")
        assert (seen.returncode, seen.stdout) == (ExitCode.BUG, "")

    assert "register.jsonl could not be written: No space left on device" in seen.stderr
    assert command(narrow, "register", "verify").returncode == ExitCode.PASSED
    assert len(entries(narrow)) >= before
    filling.unlink()
    after = command(narrow, "run", "--scenario", "annual")
    assert after.returncode == ExitCode.PASSED
    assert {verdict for verdict, _ in closed(narrow)} <= {"PASSED", "INCONCLUSIVE"}
    assert closed(narrow)[-1] == ("PASSED", [])


# ---- the backup cannot be read to its end


@pytest.mark.parametrize("how", ["replaced", "cut", "removed"])
def test_a_backup_that_changes_while_it_is_read_is_not_called_bad(lab: Path, how: str) -> None:
    (backup,) = (lab / "backups").iterdir()
    whole = backup.read_bytes()

    def listen(event: Event) -> None:
        if isinstance(event, BytesRead) and backup.exists() and backup.stat().st_size == len(whole):
            match how:
                case "replaced":
                    beside = backup.with_suffix(".new")
                    beside.write_bytes(whole[: len(whole) // 2])
                    beside.replace(backup)
                case "cut":
                    os.truncate(backup, event.done_bytes)
                case _:
                    backup.unlink()

    ended = drilled(lab, listen)

    assert "BACKUP_CHANGED_WHILE_READ" in {one.finding.code for one in ended.evidence.findings}
    assert (ended.exit_code, ended.evidence.verdict) == (ExitCode.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert left(lab) == []
    backup.write_bytes(whole)
    rest(backup)
    assert drilled(lab).exit_code is ExitCode.PASSED
    assert len(closed(lab)) == 2


def test_a_disk_pulled_out_while_the_backup_is_read_is_inconclusive(lab: Path, tmp_path: Path) -> None:
    if shutil.which("mkfs.ext4") is None:
        absent("there is no mkfs.ext4")
    backups, image = lab / "backups", tmp_path / "usb"
    aside = Path(shutil.copytree(backups, tmp_path / "aside", copy_function=shutil.copy2))
    with image.open("wb") as stream:
        stream.truncate(16 * 1024 * 1024)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True, capture_output=True)
    with mounted(str(image), backups, "-o", "loop"):
        shutil.copytree(aside, backups, dirs_exist_ok=True, copy_function=shutil.copy2)

    def listen(event: Event) -> None:
        if isinstance(event, BytesRead):
            os.truncate(image, 0)

    with mounted(str(image), backups, "-o", "loop,ro"):
        ended = drilled(lab, listen)

    assert (ended.exit_code, ended.evidence.verdict) == (ExitCode.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert ended.evidence.reasons == ("SOURCE_UNREADABLE",)
    (restore,) = ended.evidence.restores
    assert restore.sha256 is None
    assert left(lab) == []
    assert drilled(lab).exit_code is ExitCode.PASSED  # the folder under the mount has the backup still
    assert len(closed(lab)) == 2


# ---- the key cannot be opened


def encrypted(lab: Path) -> Path:
    path = lab / "keys" / "signing-key.pem"
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"la bonne phrase"),
        )
    )
    settings = lab / "lab.toml"
    reference = 'certificate = "keys/signing-cert.pem"\npassphrase = { env = "LAB_PASSPHRASE" }'
    settings.write_text(
        settings.read_text("utf-8").replace('certificate = "keys/signing-cert.pem"', reference), "utf-8"
    )
    return path


def spoil_key(lab: Path, how: str) -> dict[str, str]:
    key = lab / "keys" / "signing-key.pem"
    match how:
        case "wrong passphrase":
            encrypted(lab)
            return {"LAB_PASSPHRASE": "une autre phrase"}
        case "no passphrase":
            encrypted(lab)
        case "read by others":
            key.chmod(0o644)
        case _:
            key.unlink()
    return {}


@pytest.mark.parametrize("how", ["wrong passphrase", "no passphrase", "read by others", "missing"])
def test_without_a_key_nothing_is_restored_and_nothing_is_recorded(lab: Path, how: str) -> None:
    environment = spoil_key(lab, how)

    seen = command(lab, "run", "--scenario", "annual", environment=environment)

    assert (seen.returncode, seen.stdout) == (ExitCode.USAGE, "")
    assert seen.stderr.startswith("restore-lab: ")
    assert "phrase" not in seen.stderr.replace("passphrase", "")
    assert not (lab / "reports" / "register.jsonl").exists()
    assert list((lab / "reports").glob("*/*")) == []
    assert left(lab) == []


def test_the_right_passphrase_opens_the_key(lab: Path) -> None:
    encrypted(lab)

    right = {"LAB_PASSPHRASE": "la bonne phrase"}
    assert command(lab, "run", "--scenario", "annual", environment=right).returncode == ExitCode.PASSED
    assert closed(lab) == [("PASSED", [])]

"""A lab whose backups are held against fingerprints, how these are taken, and what drills say then."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from live_servers import PASSWORD, Live
from stems import assert_no_leak, command, leaks, needles, rest

from restore_lab import drill
from restore_lab.drill import open_key, open_secret
from restore_lab.errors import EngineFailed
from restore_lab.evidence import Evidence
from restore_lab.findings import Code
from restore_lab.fingerprint import Fingerprints
from restore_lab.lab import load_lab
from restore_lab.live.base import LiveDatabase
from restore_lab.live.taking import take
from restore_lab.sample_practice import STEM
from restore_lab.scenario import load_scenario
from restore_lab.signature.keys import SigningKey

LAB: Final = """
[practice]
name = "Cabinet de l'Essai"
doctor = "Dr Essai"
[contractor]
name = "Prestataire d'essai"
[signature]
key = "keys/signing-key.pem"
certificate = "keys/signing-cert.pem"
[[place]]
name = "dossiers"
label = "Dossiers"
backup_every_days = 3
backup = { kind = "directory", path = "backups", pattern = "cabinet_%Y-%m-%d.dump" }
"""
SCENARIO: Final = """
title = "Essai"
[[restore]]
place = "dossiers"
machine = { kind = "local" }
[[restore.check]]
kind = "counts"
main = ["patient", "visite"]
may_shrink = ["attente"]
[[restore.check]]
kind = "foreign_keys"
[[restore.check]]
kind = "sql"
title = "qui vint"
sql = "SELECT p.nom, v.vue_le FROM visite v JOIN patient p ON p.id = v.patient_id ORDER BY v.id;"
same_as_fingerprint = true
"""
QUESTION: Final = SCENARIO.split('sql = "')[1].split('"')[0]
ORPHANS: Final = "DELETE FROM patient WHERE id IN (7, 8);"
SOUGHT: Final = needles(STEM, PASSWORD)


def lab_of(root: Path, key: tuple[Path, SigningKey]) -> Path:
    lab = root / "lab"
    (lab / "scenarios" / "annual").mkdir(parents=True)
    (lab / "backups").mkdir()
    shutil.copytree(key[0], lab / "keys")
    (lab / "lab.toml").write_text(LAB, "utf-8")
    (lab / "scenarios" / "annual" / "scenario.toml").write_text(SCENARIO, "utf-8")
    return lab


def commanded(live: Live, lab: Path, *words: str, **environment: str) -> tuple[int, bytes, str]:
    """Run the command: its exit code, what it said, what it complained of."""
    named = {**live.environment, **environment}
    words = ("--lab", str(lab), "fingerprint", "--scenario", "annual", *words)
    done = command(lab, *words, **named)
    assert leaks(done.stdout + done.stderr, SOUGHT) == set()
    return done.returncode, done.stdout, done.stderr.decode()


def taken(live: Live, lab: Path, database: LiveDatabase | None = None, *, taken_at: datetime | None = None) -> Path:
    """Take a fingerprint as the command does, keep it as one of another time, and give its file."""
    one, scenario = load_lab(lab), load_scenario(load_lab(lab), "annual")
    key = open_key(one)
    with pytest.MonkeyPatch.context() as patched:
        for name, value in live.environment.items():
            patched.setenv(name, value)
        (restore,) = scenario.settings.restore
        seen = take(one, scenario, restore, database or live.database, secret=open_secret(one))
    kept = Fingerprints(root=lab, scenario="annual", public_key=key.private_key.public_key())
    return kept.keep(replace(seen, taken_at=taken_at or seen.taken_at), key)


def refused(live: Live, lab: Path, database: LiveDatabase | None = None) -> str:
    """Fail to take a fingerprint, and leave none; give what is said of it."""
    before = list(lab.glob("fingerprints/*/*"))
    with pytest.raises(EngineFailed) as error:
        taken(live, lab, database)
    assert list(lab.glob("fingerprints/*/*")) == before
    assert leaks(f"{error.value.message} {error.value.hint}".encode(), SOUGHT) == set()
    return error.value.message


def hours_ago(hours: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(hours=hours)


def backed_up(lab: Path, data: bytes) -> None:
    path = lab / "backups" / f"cabinet_{datetime.now(ZoneInfo('Europe/Paris')):%Y-%m-%d}.dump"  # as the practice's day
    path.write_bytes(data)
    rest(path)


def judged(lab: Path) -> Evidence:
    scenario = load_scenario(load_lab(lab), "annual")
    seen = drill.run(load_lab(lab), scenario, asked_for="latest", listen=lambda _event: None)
    assert seen.recorded.report is not None, seen.recorded.report_fault
    (lab.parent / "tmp").mkdir(exist_ok=True)
    assert_no_leak(lab)
    return seen.evidence


def codes(evidence: Evidence) -> set[Code]:
    return {one.finding.code for one in evidence.findings} - {Code.IDENTITY_NOT_VERIFIED}


def asks(lab: Path, statement: str) -> None:
    path = lab / "scenarios" / "annual" / "scenario.toml"
    path.write_text(SCENARIO.replace(QUESTION, statement), "utf-8")

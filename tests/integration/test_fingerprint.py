"""Backups held against a fingerprint of the live database they come from: by real servers and by the real command."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from live_servers import PASSWORD, Live, mariadb_server, postgresql_server, sqlite_file
from stems import assert_no_leak, command, leaks, needles, rest

from restore_lab import drill
from restore_lab.drill import open_key, open_secret
from restore_lab.errors import EngineFailed, UsageError
from restore_lab.evidence import Evidence, Verdict
from restore_lab.findings import Code
from restore_lab.fingerprint import Fingerprints, unseal
from restore_lab.lab import load_lab
from restore_lab.live.base import Asked, LiveDatabase
from restore_lab.live.mariadb import OptionFile
from restore_lab.live.postgresql import Service
from restore_lab.live.sqlite import DatabaseFile
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
SERVERS: Final[dict[str, Callable[[Path], Any]]] = {"postgresql": postgresql_server, "mariadb": mariadb_server}


def lab_of(root: Path, key: tuple[Path, SigningKey]) -> Path:
    lab = root / "lab"
    (lab / "scenarios" / "annual").mkdir(parents=True)
    (lab / "backups").mkdir()
    shutil.copytree(key[0], lab / "keys")
    (lab / "lab.toml").write_text(LAB, "utf-8")
    (lab / "scenarios" / "annual" / "scenario.toml").write_text(SCENARIO, "utf-8")
    return lab


@contextmanager
def folder() -> Iterator[Path]:
    """A short one: a socket's path has a hundred characters at most."""
    with tempfile.TemporaryDirectory(prefix="live-") as name:
        Path(name).chmod(0o755)
        (Path(name) / "server").mkdir()
        yield Path(name)


@pytest.fixture(scope="module", params=sorted(SERVERS))
def served(request: pytest.FixtureRequest, made_key: tuple[Path, SigningKey]) -> Iterator[tuple[Live, Path]]:
    """A live server of the test's own, whose practice has a flaw, and a lab."""
    with folder() as root, SERVERS[request.param](root / "server") as live:
        live.without_orphans_checked(ORPHANS)
        yield live, lab_of(root, made_key)


@pytest.fixture
def filed(tmp_path: Path, made_key: tuple[Path, SigningKey]) -> tuple[Live, Path]:
    """A live SQLite file, and a lab."""
    return sqlite_file(tmp_path / "live.sqlite"), lab_of(tmp_path, made_key)


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


# ---- live servers


def test_a_backup_of_a_live_server_is_compared_and_the_server_is_left_alone(served: tuple[Live, Path]) -> None:
    live, lab = served
    before = live.dump()

    code, said, complaint = commanded(live, lab, *live.words, "--json")

    assert (code, complaint) == (0, "")
    shown = json.loads(said)
    assert [shown[one] for one in ("tables", "rows", "keys", "orphans", "answers")] == [4, 131, 1, 6, 1]
    assert without_noise(live.dump()) == without_noise(before)
    envelope = Path(shown["file"]).read_bytes()
    assert leaks(envelope, SOUGHT) == set()

    backed_up(lab, before)
    live.socket.rename(live.socket.with_name("moved"))  # whoever would ask the live server meets a listener of ours
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(live.socket))
        listener.listen()
        listener.setblocking(False)
        try:
            seen = judged(lab)
            with pytest.raises(BlockingIOError):
                listener.accept()
        finally:
            live.socket.unlink()
            live.socket.with_name("moved").rename(live.socket)

    assert (seen.verdict, codes(seen)) == (Verdict.PASSED, {Code.ORPHAN_ROWS_AS_LIVE})
    (restore,) = seen.restores
    assert restore.fingerprint is not None
    assert restore.fingerprint.sha256 == shown["sha256"] == hashlib.sha256(envelope).hexdigest()
    assert {check.name: (check.answered, check.asked) for check in restore.checks}["fingerprint"] == (True, 4)


def without_noise(dump: bytes) -> list[bytes]:
    """A dump without what its tool makes anew each time: a time, a key of pg_dump's."""
    return [line for line in dump.splitlines() if not line.startswith((b"-- Dump completed", b"\\restrict", b"\\unr"))]


def test_a_session_of_ours_writes_nothing(served: tuple[Live, Path]) -> None:
    live, lab = served
    if live.engine == "postgresql":
        live.sql(
            "CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN"
            " DELETE FROM attente; RETURN 1; END$$"
        )
        why = "(25006)"
    else:
        live.sql(
            "DELIMITER ;;\nCREATE FUNCTION writes() RETURNS INT MODIFIES SQL DATA BEGIN"
            " DELETE FROM attente; RETURN 1; END;;\n"
        )
        why = "(1792)"
    for statement, code in (
        ("SELECT writes()", why),
        ("DELETE FROM attente", ""),
        ("SELECT 1; COMMIT; DELETE FROM attente", ""),
        ("SELECT 1;\\n\\\\! touch /tmp/restore-lab-was-here\\nDELETE FROM attente", ""),
    ):
        asks(lab, statement)
        said = refused(live, lab)
        assert "did not answer: qui vint" in said
        assert code in said
    assert not Path("/tmp/restore-lab-was-here").exists()  # noqa: S108 - what a hostile question would have made
    assert live.sql("SELECT count(*) FROM attente").strip() == "5"
    live.sql("DROP FUNCTION writes")
    asks(lab, QUESTION)


def test_who_is_not_let_in_is_told_from_who_is_not_there(served: tuple[Live, Path]) -> None:
    live, lab = served
    wrong, away = lab / "wrong", lab / "away"
    if live.engine == "postgresql":
        wrong.write_text("*:*:*:*:wrong\n", "ascii")
        away.write_text("[live]\nhost=/nowhere\n", "ascii")
        words, changed = live.words, {"PGPASSFILE": str(wrong)}
        elsewhere = replace(live, environment={"PGSERVICEFILE": str(away)})
        none: LiveDatabase = Service("nowhere")
    else:
        wrong.write_text(Path(live.words[1]).read_text("utf-8").replace(PASSWORD, "wrong"), "utf-8")
        away.write_text("[client]\nsocket=/nowhere\n", "ascii")
        words, changed = ("--defaults-file", str(wrong)), {}
        elsewhere = replace(live, database=OptionFile(away))
        none = OptionFile(lab / "nowhere")
    wrong.chmod(0o600)
    away.chmod(0o600)

    code, said, complaint = commanded(live, lab, *words, **changed)

    assert (code, said) == (3, b"")
    assert "the live server refused the login" in complaint
    assert "was not reached" in refused(elsewhere, lab)
    with pytest.raises(UsageError):
        taken(live, lab, none)


def test_an_option_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "reader.cnf"
    path.write_text("[client]\npassword=x\n", "ascii")
    path.chmod(0o640)

    with pytest.raises(UsageError, match="readable by others"):
        OptionFile(path).read(Asked(keys=True, questions=()))


def test_a_lock_of_the_practices_is_not_waited_for(served: tuple[Live, Path]) -> None:
    live, lab = served
    statement = "LOCK TABLE visite" if live.engine == "postgresql" else "LOCK TABLES visite WRITE"

    with live.hold(statement) as session:
        began = time.monotonic()
        assert "(LOCKED)" in refused(live, lab)
        took = time.monotonic() - began
        session.communicate()

    assert took < 20


# ---- a file: every code by a backup that lacks something; what is near each is the whole backup of a server, above


MORE: Final = (
    "CREATE TABLE reste (id INT); INSERT INTO reste VALUES (1), (2);"
    "CREATE TABLE petite (id INT); INSERT INTO petite VALUES (1), (2), (3);"
)
BROKEN: Final = (
    "DROP TABLE lettre; DELETE FROM visite WHERE id > 60; DELETE FROM patient WHERE id IN (9, 10);"
    " DELETE FROM reste; DELETE FROM petite WHERE id > 1; DELETE FROM attente;"
)


def test_a_backup_that_lacks_what_the_live_file_held_fails(filed: tuple[Live, Path]) -> None:
    live, lab = filed
    live.sql(MORE + ORPHANS)
    taken(live, lab, taken_at=hours_ago(2))
    live.sql(BROKEN)
    backed_up(lab, live.dump())

    seen = judged(lab)

    assert seen.verdict is Verdict.FAILED
    assert codes(seen) == {
        *(Code.LIVE_TABLE_MISSING, Code.LIVE_TABLE_EMPTY, Code.ROWS_BELOW_LIVE, Code.ROWS_FEWER_THAN_LIVE),
        *(Code.ORPHAN_ROWS_ABOVE_LIVE, Code.SQL_EXPECTATION_UNMET),
    }
    named = {(one.finding.code, dict(one.finding.params).get("table")) for one in seen.findings}
    assert {
        (Code.LIVE_TABLE_MISSING, "lettre"),
        (Code.LIVE_TABLE_EMPTY, "reste"),
        (Code.ROWS_BELOW_LIVE, "visite"),
        (Code.ROWS_BELOW_LIVE, "patient"),
        (Code.ROWS_FEWER_THAN_LIVE, "petite"),
    } <= named


def test_a_fingerprint_that_was_changed_or_is_of_another_day_is_no_green(filed: tuple[Live, Path]) -> None:
    live, lab = filed
    path = taken(live, lab)
    path.write_bytes(path.read_bytes().replace(b'"keyid":"', b'"keyid":"0', 1))
    taken(live, lab, taken_at=hours_ago(30))
    backed_up(lab, live.dump())

    seen = judged(lab)

    assert (seen.verdict, seen.restores[0].fingerprint) == (Verdict.INCONCLUSIVE, None)
    assert codes(seen) == {Code.FINGERPRINT_UNUSABLE, Code.NO_FINGERPRINT}


def test_who_writes_to_the_file_is_not_held_up_and_not_waited_for_beyond_the_limit(filed: tuple[Live, Path]) -> None:
    live, lab = filed
    working = (
        "PRAGMA journal_mode=WAL; INSERT INTO lettre VALUES (50, 'x'); BEGIN; INSERT INTO lettre VALUES (51, 'x');"
    )
    with live.hold(working) as writer:  # with write-ahead logging a writer hinders no reader
        path = taken(live, lab)
        writer.communicate()
    with live.hold("PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE;") as writer:
        assert "(TIMEOUT)" in refused(live, lab)
        writer.communicate()

    counted = unseal(path.read_bytes(), open_key(load_lab(lab)).private_key.public_key()).tables
    assert {table.name: table.rows for table in counted}["lettre"] == 9
    assert sorted(one.name for one in live.socket.parent.iterdir()) == ["lab", "live.sqlite"]


def test_a_file_is_left_as_it_is_and_what_is_no_database_is_refused(filed: tuple[Live, Path]) -> None:
    live, lab = filed
    text = lab / "text"
    text.write_text("nothing here " * 100, "ascii")
    live.sql("PRAGMA journal_mode=WAL")
    before = live.socket.read_bytes()

    taken(live, lab)
    for statement in ("DELETE FROM attente", "SELECT 1; DELETE FROM attente", "PRAGMA user_version = 7", "SELECT nom"):
        asks(lab, statement)
        assert "did not answer: qui vint" in refused(live, lab)

    assert live.socket.read_bytes() == before
    assert sorted(one.name for one in live.socket.parent.iterdir()) == ["lab", "live.sqlite"]
    assert "(SQLITE_NOTADB)" in refused(live, lab, DatabaseFile(text))


class OpenedMeanwhile(DatabaseFile):
    """A file that the practice's software opens and changes while it is read."""

    def _answer(self, question: str, asked: Asked) -> dict[str, Any]:
        answer = super()._answer(question, asked)
        with closing(sqlite3.connect(self.path)) as database:
            database.execute("INSERT INTO attente SELECT max(id) + 1, 'x' FROM attente")
            database.commit()
        return answer


def test_a_file_that_was_at_rest_and_is_opened_meanwhile_leaves_no_fingerprint(filed: tuple[Live, Path]) -> None:
    live, lab = filed
    assert taken(live, lab, OpenedMeanwhile(live.socket)).is_file()  # its locks tell one state from the next

    live.sql("PRAGMA journal_mode=WAL")

    assert "opened meanwhile" in refused(live, lab, OpenedMeanwhile(live.socket))

"""Every code by a backup that lacks something which the live file held, and what a live file is spared.

What is near each is the whole backup of a server: `test_fingerprint.py`.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from integration.fingerprinted import ORPHANS, asks, backed_up, codes, hours_ago, judged, lab_of, refused, taken
from live_servers import Live, sqlite_file

from restore_lab.drill import open_key
from restore_lab.evidence import Verdict
from restore_lab.findings import Code
from restore_lab.fingerprint import unseal
from restore_lab.lab import load_lab
from restore_lab.live.base import Asked
from restore_lab.live.sqlite import DatabaseFile
from restore_lab.signature.keys import SigningKey


@pytest.fixture
def filed(tmp_path: Path, made_key: tuple[Path, SigningKey]) -> tuple[Live, Path]:
    """A live SQLite file, and a lab."""
    return sqlite_file(tmp_path / "live.sqlite"), lab_of(tmp_path, made_key)


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

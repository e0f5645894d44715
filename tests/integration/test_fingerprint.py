"""Backups held against a fingerprint of the live server they come from: by real servers and by the real command.

Of a live file: `test_fingerprint_of_a_file.py`.
"""

from __future__ import annotations

import hashlib
import json
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from integration.fingerprinted import (
    ORPHANS,
    QUESTION,
    SOUGHT,
    asks,
    backed_up,
    codes,
    commanded,
    judged,
    lab_of,
    refused,
    taken,
)
from live_servers import PASSWORD, Live, mariadb_server, postgresql_server
from stems import leaks

from restore_lab.errors import UsageError
from restore_lab.evidence import Verdict
from restore_lab.findings import Code
from restore_lab.live.base import Asked, LiveDatabase
from restore_lab.live.mariadb import OptionFile
from restore_lab.live.postgresql import Service
from restore_lab.signature.keys import SigningKey

SERVERS: Final[dict[str, Callable[[Path], Any]]] = {"postgresql": postgresql_server, "mariadb": mariadb_server}


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

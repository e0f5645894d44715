"""A small lab in whose backup the stems are, with questions and dumps in which all fails, and what is seen outside."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from stems import leaks, mail_layers, rest

from restore_lab.demo import Sample, make_demo
from restore_lab.sample_practice import NUMBER_STEM, STEM

_SCENARIO = """
title = "Test annuel"
every_days = 2

[[restore]]
place = "dossiers"
machine = { kind = "MACHINE" }
IDENTITY

[[restore.check]]
kind = "integrity"

[[restore.check]]
kind = "counts"
main = ["patient"]
"""


def sample_lab(lab: Path) -> Path:
    """A lab of very few patients, in whose backup the stems are, with few questions."""
    backup = make_demo(lab, Sample(engine="sqlite", day=datetime.now(UTC).date(), patients=6))
    rest(backup)
    assert leaks(backup.read_bytes())
    shutil.rmtree(lab / "scenarios" / "annual" / "checks")
    ask(lab)
    return lab


def ask(lab: Path, *checks: str, machine: str = "local", identity: str = "") -> None:
    """Write the scenario, with more questions."""
    start = _SCENARIO.replace("MACHINE", machine)
    start = start.replace("IDENTITY", f"identity = {json.dumps(identity)}" if identity else "")
    more = "".join(f"\n[[restore.check]]\n{check}\n" for check in checks)
    (lab / "scenarios" / "annual" / "scenario.toml").write_text(start + more, "utf-8")


def set_mail(lab: Path, port: int, *, attach: bool = True) -> None:
    text = (lab / "lab.toml").read_text("utf-8").partition("\n[mail]")[0]
    mail = f'host = "127.0.0.1"\nport = {port}\nsecurity = "none"\nsender = "a@example.org"\nto = "b@example.org"\n'
    more = f"attach_report = {str(attach).lower()}\n"
    (lab / "lab.toml").write_text(f"{text}\n[mail]\n{mail}{more}", "utf-8")


def plain_dump(lab: Path) -> str:
    (backup,) = (lab / "backups").iterdir()
    with closing(sqlite3.connect(backup)) as database:
        return "PRAGMA foreign_keys=OFF;\n" + "\n".join(database.iterdump()) + "\n"


def assert_none_in_mails(*mails: bytes) -> None:
    assert mails
    for mail in mails:
        for layer in mail_layers(mail):
            assert leaks(layer) == set(), layer[:2000]


def evidence_of(lab: Path) -> bytes:
    (found,) = lab.glob("reports/*/*/evidence.dsse.json")
    return found.read_bytes()


def processes() -> Iterator[bytes]:
    """The arguments and the environment of every process that may be looked at."""
    for folder in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            with suppress(OSError):
                yield (folder / name).read_bytes()


_QUOTING = """
import pytest

NAMES = {names!r}


@pytest.mark.parametrize("name", [pytest.param(1, id="a::" + NAMES[0]), NAMES[1], "x]::" + NAMES[0]])
def test_each(name, database):
    assert not database.query("SELECT nom FROM patient"), f"{{database.query('SELECT nom FROM patient')}}"


class TestInside:
    @pytest.mark.parametrize("name", ["b::" + NAMES[0] + ".x"])
    def test_inside(self, name, host):
        assert host.run("echo %s; exit 3", NAMES[0]).stdout.strip() == NAMES[0]
        assert host.run("exit 3").rc == 3
        assert host.run("cat; echo %s", "a 'b' \\n c").stdout == "a 'b' \\n c\\n"
        pytest.fail(NAMES[0])
"""


def write_failing_tests(lab: Path, *names: str) -> str:
    path = lab / "scenarios" / "annual" / "checks" / "test_quoting.py"
    path.parent.mkdir()
    path.write_text(_QUOTING.format(names=names), "utf-8")
    return 'kind = "pytest"\npath = "checks/test_quoting.py"'


def sql(title: str, statement: str, expected: str) -> str:
    return f'kind = "sql"\ntitle = "{title}"\nsql = """{statement}"""\n{expected}'


def unmet(name: str) -> tuple[str, ...]:
    """Questions that quote a name or whose answers are names, none of them what was expected."""
    return (
        sql("un", "SELECT min(nom) FROM patient", f'equals = "{name} {name}"'),
        sql("deux", "SELECT nom FROM patient", "no_rows = true"),
        sql("trois", "SELECT max(nom) FROM patient", "newer_than_days = 3"),
        sql("quatre", "SELECT nom FROM patient WHERE nom = '@'".replace("@", name), "at_least = 3"),
        sql("cinq", "SELECT count(*), '@' FROM patient".replace("@", name), "not_below_previous = true"),
        sql("six", "SELECT CAST('@' AS nothing) FROM patient_@".replace("@", name), "equals = 1"),
        'kind = "freshness"\ntable = "patient"\ncolumn = "nom"',
    )


_WRONG = """
CREATE TABLE born(nom TEXT, naissance TEXT CHECK (naissance GLOB '[12][0-9][0-9][0-9]-*'));
INSERT INTO born VALUES ('@', '31/02/@');
CREATE TRIGGER refuses BEFORE INSERT ON born BEGIN SELECT RAISE(ABORT, '@ #'); END;
INSERT INTO born VALUES ('@', '1960-02-31');
INSERT INTO nowhere VALUES ('@');
CREATE TABLE child(id INTEGER REFERENCES patient(id), nom TEXT);
INSERT INTO child VALUES (987654, '@');
CREATE VIEW broken AS SELECT nom FROM nowhere WHERE nom = '@';
mysqldump: Error 2013: Lost connection when dumping '@' at row: 3
pg_dump: error: query failed: ERROR:  invalid @
pg_dump: detail: Query was: #
;
"""


def with_all_that_fails(dump: str) -> str:
    row = next(line for line in dump.splitlines() if line.startswith('INSERT INTO "patient"') and STEM in line)
    wrong = _WRONG.replace("@", STEM).replace("#", NUMBER_STEM)
    return dump.replace(row, f"{row}\n{row}", 1) + wrong


def mails_of(lab: Path) -> list[bytes]:
    return [path.read_bytes() for path in lab.rglob("*.eml")]


#: Every way to make this command, its libraries or Python itself say more.
_TALKATIVE = {
    "PYTHONDEVMODE": "1",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONVERBOSE": "1",
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONWARNINGS": "always",
    "RUST_BACKTRACE": "full",
    "RUST_LOG": "trace",
    "FORCE_COLOR": "1",  # rich takes stderr for a terminal: progress and findings as they come
    "DEBUG": "1",
}
_LOGGING = """
import http.client, logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
logging.getLogger("planted").debug("logging is on")
http.client.HTTPConnection.debuglevel = 1
"""


def talkative(lab: Path) -> dict[str, str]:
    """An environment in which all that can be made to talk does."""
    folder = lab.parent / "talkative"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(_LOGGING, "utf-8")
    return {**_TALKATIVE, "PYTHONPATH": str(folder)}


SLOW_QUESTION = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9000000) "
    "SELECT max(nom) FROM n JOIN patient ON patient.id = n.i"
)

"""No byte of a patient's data where one might forget to look: mails, processes, Docker, debug output, bugs, kills."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import docker
import pytest
from docker.errors import APIError, NotFound
from mail_server import MailServer, free_port, misbehaving, silent
from needs import absent, program
from stems import (
    COMMAND,
    assert_no_leak,
    assert_nothing_left,
    command,
    drill,
    environment_of,
    killed_when,
    leaks,
    left,
    mail_layers,
    needles,
    pdf_words,
    replace_backup,
    rest,
)

from restore_lab.demo import Sample, make_demo
from restore_lab.engines import ENGINES
from restore_lab.lab import lab_id_of
from restore_lab.sample_practice import NUMBER_STEM, STEM
from restore_lab.sandboxes import SANDBOXES
from restore_lab.sandboxes.container.plan import LAB_LABEL, SCRATCH

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
_LOCAL_FOLDERS = ("/dev/shm", "/var/tmp")  # noqa: S108 - where local machines keep their folder


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab of very few patients, in whose backup the stems are, with few questions."""
    lab = tmp_path_factory.mktemp("everywhere") / "lab"
    backup = make_demo(lab, Sample(engine="sqlite", day=datetime.now(UTC).date(), patients=6))
    rest(backup)
    assert leaks(backup.read_bytes())
    shutil.rmtree(lab / "scenarios" / "annual" / "checks")
    ask(lab)
    return lab


@pytest.fixture
def lab(sample: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample, tmp_path / "lab", copy_function=shutil.copy2))


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer(security="none", login=False).running() as up:
        yield up


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


# The search itself.


def test_the_search_finds_a_stem_that_was_put_into_each_output(lab: Path) -> None:
    program("pdftotext")
    settings = (lab / "lab.toml").read_text("utf-8")
    (lab / "lab.toml").write_text(
        settings.replace('label = "', f'label = "{STEM} ').replace(
            'name = "Cabinet médical de démonstration"', f'name = "Cabinet de l’{STEM} {NUMBER_STEM}"'
        ),
        "utf-8",
    )
    set_mail(lab, free_port())

    done = drill(lab, "--json")

    assert leaks(done.stdout)
    (mail,) = (lab / "reports" / "outbox").glob("[!.]*.eml")
    found = [leaks(layer) for layer in mail_layers(mail.read_bytes())]
    assert sum(bool(one) for one in found) >= 5  # the headers, the text, the HTML, the PDF, its words
    (report,) = lab.glob("reports/*/*/*.pdf")
    assert {f"{STEM} plain", f"{NUMBER_STEM} plain"} <= leaks(pdf_words(report.read_bytes()))
    assert leaks(evidence_of(lab))
    with pytest.raises(AssertionError):
        assert_no_leak(lab)


def test_the_search_finds_a_stem_that_a_mail_breaks_or_codes() -> None:
    lines = b"Content-Transfer-Encoding: quoted-printable\n\nMme Du" + STEM[:4].encode() + b"=\n" + STEM[4:].encode()
    subject = b"Subject: =?utf-8?b?" + b"RHV2b3J6aWJ1a2lu" + b"?=\n\n"

    assert leaks(lines) == set()
    assert any(leaks(layer) for layer in mail_layers(lines))
    assert any(leaks(layer) for layer in mail_layers(subject))


def test_the_search_finds_a_stem_among_arguments_and_environments() -> None:
    planted = f"planted{secrets.token_hex(6)}"
    for words, more in (([planted], {}), ([], {"NAME": planted})):
        waits = ["sh", "-c", "read line; exit", "sh", *words]
        with subprocess.Popen(waits, env={**os.environ, **more}, stdin=subprocess.PIPE) as child:
            seen = set(processes())
            child.kill()
        assert any(leaks(one, needles(planted)) for one in seen)


def processes() -> Iterator[bytes]:
    """The arguments and the environment of every process that may be looked at."""
    for folder in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            with suppress(OSError):
                yield (folder / name).read_bytes()


# Whatever can fail, in one drill: every output, and its mail.

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


def test_a_drill_in_which_all_fails_tells_nobody_a_name(lab: Path, server: MailServer) -> None:
    replace_backup(lab, with_all_that_fails(plain_dump(lab)).encode(), "sql")
    checks = (*unmet(STEM), write_failing_tests(lab, STEM, NUMBER_STEM), 'kind = "foreign_keys"', 'kind = "objects"')
    ask(lab, *checks, identity="SELECT min(nom) FROM patient")
    set_mail(lab, server.port)

    done = drill(lab, "--json")

    assert done.returncode == 1, done.stderr
    said = json.loads(done.stdout)
    found = [one["finding"] for one in said["findings"]]
    codes = {one["code"] for one in found}
    assert codes >= {
        *("LOAD_ERRORS", "ORPHAN_ROWS", "SQL_EXPECTATION_UNMET", "SQL_QUESTION_REFUSED", "DATES_UNREADABLE"),
        *("PYTEST_FAILED", "VIEW_UNUSABLE", "IDENTITY_ENROLLED", "TOOL_MESSAGES_IN_BACKUP"),
    }
    tests = {dict(one["params"])["name"] for one in found if one["code"] == "PYTEST_FAILED"}
    assert tests == {"test_each", "test_inside"}
    (drill_id,) = {path.parent.name for path in lab.glob("reports/*/*/drill.log")}
    (evidence,) = lab.glob("reports/*/*/evidence.dsse.json")
    told = [
        command(lab, "--lab", str(lab), *words)
        for words in (
            ("report", drill_id),
            ("verify", "--json", str(evidence)),
            ("register", "list"),
            ("status",),
        )
    ]
    assert_none_in_mails(*(taken.content for taken in server.received), *_mails(lab))
    assert_no_leak(lab, done.stdout, done.stderr, *(one.stdout + one.stderr for one in told))


def _mails(lab: Path) -> list[bytes]:
    return [path.read_bytes() for path in lab.rglob("*.eml")]


def test_a_mail_that_waits_and_its_notes_hold_no_name(lab: Path) -> None:
    replace_backup(lab, with_all_that_fails(plain_dump(lab)).encode(), "sql")
    set_mail(lab, free_port())

    done = drill(lab)
    later = command(lab, "--lab", str(lab), "deliver")

    assert (done.returncode, later.returncode) == (1, 4)
    assert {path.suffix for path in (lab / "reports" / "outbox").glob("[!.]*")} == {".eml", ".json"}
    assert_none_in_mails(*_mails(lab))
    assert_no_leak(lab, done.stdout, done.stderr, later.stdout, later.stderr)


_NAMED = """
PRAGMA foreign_keys=OFF;
CREATE TABLE patient(id INTEGER PRIMARY KEY, nom TEXT);
INSERT INTO patient VALUES (1, 'x');
CREATE TABLE t_@(c_@ TEXT PRIMARY KEY, "#" INTEGER REFERENCES p_@("@"), day TEXT);
CREATE TABLE p_@("@" INTEGER PRIMARY KEY);
INSERT INTO t_@ VALUES ('x', 3, '2020-01-01'), ('y', 3, '@');
INSERT INTO t_@ VALUES ('x', 3, 'z');
CREATE INDEX i_@ ON t_@(day);
CREATE VIEW v_@ AS SELECT * FROM nowhere_@;
CREATE TRIGGER g_@ AFTER INSERT ON t_@ BEGIN SELECT 1; END;
INSERT INTO nowhere_@ VALUES (1);
"""


def test_names_of_tables_stay_out_of_mails(lab: Path, server: MailServer) -> None:
    replace_backup(lab, _NAMED.replace("@", STEM).replace("#", NUMBER_STEM).encode(), "sql")
    ask(
        lab,
        f'kind = "counts"\ntitle = "lignes"\nmain = ["t_{STEM}", "m_{STEM}"]\nat_least = {{ t_{STEM} = 9 }}',
        f'kind = "freshness"\ntable = "t_{STEM}"\ncolumn = "c_{STEM}"',
        f'kind = "freshness"\ntitle = "{STEM} 2"\ntable = "t_{STEM}"\ncolumn = "day"',
        sql(STEM, "SELECT 1 FROM t_@".replace("@", STEM), "no_rows = true"),
        sql(f"{STEM} 3", "SELECT 1 FROM nowhere_@".replace("@", STEM), "no_rows = true"),
        'kind = "foreign_keys"',
        'kind = "objects"',
    )
    set_mail(lab, server.port, attach=False)

    done = drill(lab)

    assert done.returncode == 1, done.stderr
    assert {f"{STEM} plain", f"{NUMBER_STEM} plain"} <= leaks(evidence_of(lab))  # names of the schema are on record
    (taken,) = server.received
    assert_none_in_mails(taken.content, *_mails(lab))


def test_a_reminder_holds_no_name(lab: Path, server: MailServer) -> None:
    replace_backup(lab, with_all_that_fails(plain_dump(lab)).encode(), "sql")
    set_mail(lab, server.port)
    (lab / "keys" / "signing-key.pem").rename(lab / "keys" / "elsewhere.pem")  # no drill can begin

    reminded = drill(lab, "--when-due")

    assert b"reminder: " in reminded.stderr
    assert_none_in_mails(*(taken.content for taken in server.received))
    assert_nothing_left(lab, reminded.stdout, reminded.stderr)


@pytest.mark.parametrize("cut", [False, True])
def test_names_within_an_archive_are_told_to_nobody(lab: Path, *, cut: bool) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = STEM.encode()
        archive.writestr(f"{STEM}/{NUMBER_STEM}.sql", plain_dump(lab))
        if not cut:
            archive.writestr(f"{STEM}/{NUMBER_STEM}-2.sql", plain_dump(lab))
    replace_backup(lab, packed.getvalue()[: packed.tell() // 2 if cut else None], "zip")

    done = drill(lab)

    assert done.returncode in {1, 3}
    assert_no_leak(lab, done.stdout, done.stderr)


def test_no_process_of_a_local_drill_shows_a_name(lab: Path) -> None:
    name = f"quelqu{secrets.token_hex(5)}"
    ask(lab, *unmet(name), sql("lent", _SLOW_QUESTION.replace("max(nom)", f"max('{name}')"), "equals = 1"))
    words = [str(COMMAND), "--lab", str(lab), "run", "--scenario", "annual"]
    seen: set[bytes] = set()
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment_of(lab)) as child:
        while child.poll() is None:
            seen.update(processes())
            time.sleep(0.05)

    assert any(str(lab).encode() in one for one in seen)
    assert any(b"python3\0-I\0-c\0" in one and b"query\0" in one for one in seen)
    assert [one for one in seen if leaks(one, needles(name))] == []


# Whatever talks: every way to make this command, its libraries or Python itself say more.

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


def test_a_talkative_drill_tells_no_name(lab: Path, server: MailServer) -> None:
    replace_backup(lab, with_all_that_fails(plain_dump(lab)).encode(), "sql")
    ask(lab, *unmet(STEM), identity="SELECT min(nom) FROM patient")
    set_mail(lab, server.port)

    done = drill(lab, **talkative(lab))

    assert done.returncode == 1, done.stderr[-2000:]
    for sign in (b"logging is on", b"import 'restore_lab", b"found LOAD_ERRORS"):
        assert sign in done.stderr
    assert_none_in_mails(*(taken.content for taken in server.received))
    assert_no_leak(lab, done.stdout, done.stderr)


# A bug of ours, whose text quotes a row.

_BROKEN = """
import importlib, sys
from pathlib import Path

place, quoted = sys.argv.pop(1), Path(sys.argv.pop(1)).read_text()
module, _, name = place.partition(":")
owner = importlib.import_module(module)
*path, last = name.split(".")
for one in path:
    owner = getattr(owner, one)


def broken(*_args, **_more):
    error = RuntimeError(f"the row {quoted}")
    error.add_note(quoted)
    raise error from ValueError(quoted, {"row": quoted})


setattr(owner, last, broken)
from restore_lab.cli import main

main()
"""


@pytest.mark.parametrize(
    ("place", "code", "reported"),
    [
        ("restore_lab.sources.directory:Directory.candidates", 70, False),
        ("restore_lab.engines.sqlite.engine:_Sqlite.inventory", 70, False),
        ("restore_lab.checks.integrity:Integrity.ask", 70, False),
        ("restore_lab.report.pdf:render_pdf", 70, False),
        ("restore_lab.drill:judge", 70, True),
        ("restore_lab.delivery.deliver:deliver_waiting", 70, True),
    ],
)
def test_a_bug_that_quotes_a_row_is_reported_without_it(lab: Path, place: str, code: int, *, reported: bool) -> None:
    quoted = lab.parent / "quoted"
    quoted.write_text(f"{STEM} {NUMBER_STEM}", "utf-8")
    set_mail(lab, free_port())

    done = subprocess.run(
        [sys.executable, "-c", _BROKEN, place, str(quoted), "--lab", str(lab), "run", "--scenario", "annual"],
        capture_output=True,
        timeout=60,
        check=False,
        env=environment_of(lab),
    )

    assert done.returncode == code, done.stdout + done.stderr
    reports = list((lab.parent / "tmp").glob("restore-lab-bug-*.txt"))
    assert bool(reports) is reported
    assert all(b"RuntimeError" in path.read_bytes() and path.stat().st_mode & 0o777 == 0o600 for path in reports)
    assert_nothing_left(lab, done.stdout, done.stderr)


# Kills.


def entered(stage: str) -> Callable[[Path], bool]:
    def reached(folder: Path) -> bool:
        log = folder / "drill.log"
        return log.exists() and f'"stage": "{stage}"' in log.read_text("ascii")

    return reached


def sealed(folder: Path) -> bool:
    return (folder / "evidence.dsse.json").exists()


def slow(dump: str) -> str:
    """A dump that takes its time, also when its first part is loaded once more."""
    return f"{dump}\nCREATE TABLE slow(a TEXT);\n" + "INSERT INTO slow SELECT hex(zeroblob(2000000));\n" * 50


_SLOW_QUESTION = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9000000) "
    "SELECT max(nom) FROM n JOIN patient ON patient.id = n.i"
)
_SLOW_TEST = """
import time


def test_slow(database, tmp_path_factory):
    rows = database.query("SELECT nom FROM patient")
    print(rows)
    time.sleep(8)
    assert not rows
"""


@pytest.mark.parametrize(
    ("stage", "number"),
    [
        ("start", signal.SIGKILL),
        ("load", signal.SIGINT),
        ("load", signal.SIGQUIT),
        ("count", signal.SIGKILL),
        ("ask", signal.SIGKILL),
        ("ask", signal.SIGTERM),
        ("ask by pytest", signal.SIGKILL),
        ("control", signal.SIGKILL),
        ("destroy", signal.SIGKILL),
        ("seal", signal.SIGKILL),
        ("seal", signal.SIGTERM),
    ],
)
def test_a_drill_killed_at_any_stage_leaves_no_name_and_no_core(lab: Path, stage: str, number: signal.Signals) -> None:
    if stage in {"load", "control"}:
        replace_backup(lab, slow(plain_dump(lab)).encode(), "sql")
    if stage == "ask":
        ask(lab, f'kind = "sql"\ntitle = "q"\nsql = "{_SLOW_QUESTION}"\nequals = "x"')
    elif stage == "ask by pytest":
        path = lab / "scenarios" / "annual" / "checks" / "test_slow.py"
        path.parent.mkdir()
        path.write_text(_SLOW_TEST, "utf-8")
        ask(lab, 'kind = "pytest"\npath = "checks/test_slow.py"')
    cwd = lab.parent / "cwd"
    cwd.mkdir()

    reached = sealed if stage == "seal" else entered(stage.partition(" ")[0])
    folder, code, out, err = killed_when(lab, number, reached, cwd=cwd)

    assert code in {-number, 0} if number in {signal.SIGKILL, signal.SIGQUIT} else code in {0, 130, -number}, err
    assert [path.name for path in (*cwd.iterdir(), *left(lab)) if "core" in path.name] == []
    swept = command(lab, "--lab", str(lab), "sweep")
    assert swept.returncode == 0, swept.stderr
    assert [path for parent in _LOCAL_FOLDERS for path in Path(parent).glob(f"*{folder.name}*")] == []
    assert_nothing_left(lab, out, err, swept.stdout, swept.stderr)
    verified = command(lab, "--lab", str(lab), "register", "verify")
    assert verified.returncode == 0, verified.stdout


def test_a_drill_killed_while_it_delivers_leaves_a_mail_that_waits_and_holds_no_name(lab: Path) -> None:
    delivering = threading.Event()

    def hang(live: socket.socket, over: threading.Event) -> None:
        delivering.set()
        silent(live, over)

    with misbehaving(hang) as port:
        set_mail(lab, port)
        _, code, out, err = killed_when(lab, signal.SIGKILL, lambda _folder: delivering.is_set())

    assert code == -signal.SIGKILL
    assert_none_in_mails(*_mails(lab))
    assert_no_leak(lab, out, err)


def test_a_core_would_have_been_found(tmp_path: Path) -> None:
    words = ["prlimit", "--core=unlimited", sys.executable, "-c", "import os; os.abort()"]
    subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    pattern = Path("/proc/sys/kernel/core_pattern").read_text("ascii")
    if pattern.startswith(("|", "/")):
        pytest.skip(f"here cores go elsewhere: {pattern}")

    assert [path.name for path in tmp_path.iterdir() if "core" in path.name]


# Docker: all that the engine, its log and the host's list of processes tell while a drill runs, and afterwards.

_BORN_POSTGRESQL = """--
-- PostgreSQL database dump
--

-- Dumped from database version {version}
-- Dumped by pg_dump version {version}

CREATE TABLE public.patient (id integer PRIMARY KEY, nom text NOT NULL UNIQUE, naissance date NOT NULL);
INSERT INTO public.patient VALUES (1, '{name}', '1960-02-29');
INSERT INTO public.patient VALUES (2, '{name} b', '31/02/{name}');
INSERT INTO public.patient VALUES (3, '{name} c', '1960-02-31 {name}');
INSERT INTO public.patient VALUES (4, '{name}', '1960-02-28');
INSERT INTO public.patient VALUES (5, '{name} e', '{name}'::date);
INSERT INTO public.patient SELECT 6, '{name} f', to_date('{name}', 'YYYY-MM-DD');
COPY public.patient (id, nom, naissance) FROM stdin;
7\t{name} g\t{name}
\\.
DO $$ BEGIN RAISE EXCEPTION '{name}' USING DETAIL = '{name}', HINT = '{name}'; END $$;
SELECT nom FROM public.patient;
SELECT pg_sleep(1);

--
-- PostgreSQL database dump complete
--
"""
_BORN_MARIADB = """-- MariaDB dump 10.19-{version}-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: cabinet
-- ------------------------------------------------------
-- Server version\t{version}-MariaDB

CREATE TABLE `patient` (`id` int PRIMARY KEY, `nom` varchar(90) NOT NULL UNIQUE, `naissance` date NOT NULL);
INSERT INTO `patient` VALUES (1,'{name}','1960-02-29');
INSERT INTO `patient` VALUES (2,'{name} b','31/02/{name}');
INSERT INTO `patient` VALUES (3,'{name} c','1960-02-31 {name}');
INSERT INTO `patient` VALUES (4,'{name}','1960-02-28');
INSERT INTO `patient` VALUES (5,'{name} e',CAST('{name}' AS date));
INSERT INTO `patient` VALUES (6,'{name} f','1960-02-28 {name}');
INSERT INTO `patient` VALUES ('{name}','{name} g','1960-02-28');
SELECT nom FROM `patient`;
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{name}';
DO SLEEP(1);
-- Dump completed on 2026-11-10  3:00:00
"""
_BORN = {"postgresql": _BORN_POSTGRESQL, "mariadb": _BORN_MARIADB}
#: What a password of a server would be told by: its own form, or the words that give one.
_SECRET = re.compile(rb"\b[0-9a-f]{48}\b|(?i:IDENTIFIED BY|--password=|PGPASSWORD=|MYSQL_PWD=)")


@pytest.fixture(params=sorted(_BORN))
def series(request: pytest.FixtureRequest) -> tuple[str, str]:
    """An engine, and a series of it that Docker runs here."""
    name, container = str(request.param), SANDBOXES["container"]()
    for one in reversed(ENGINES[name]().offered()):
        if container.lacks(one) is None:
            return name, one.series
    return absent(f"an image of {name}")


@dataclass(kw_only=True)
class Watch:
    """What is seen from outside, again and again, while a drill runs."""

    lab_id: str
    planted: str
    seen: dict[str, set[bytes]] = field(default_factory=dict)
    passwords: set[bytes] = field(default_factory=set)
    _has_planted: bool = False

    def look(self, engine: docker.DockerClient) -> None:
        self.seen.setdefault("processes", set()).update(processes())
        for one in engine.api.containers(all=True, filters={"label": f"{LAB_LABEL}={self.lab_id}"}):
            self.note("list", json.dumps(one).encode())
            with suppress(APIError, NotFound):
                self._look_into(engine, str(one["Id"]))

    def note(self, where: str, data: bytes) -> None:
        self.seen.setdefault(where, set()).add(data)

    def _look_into(self, engine: docker.DockerClient, container: str) -> None:
        inspected = engine.api.inspect_container(container)
        self.note("inspect", json.dumps(inspected).encode())
        for exec_id in inspected["ExecIDs"] or ():
            with suppress(APIError, NotFound):
                self.note("exec", json.dumps(engine.api.exec_inspect(exec_id)).encode())
        if not self._has_planted:
            self._has_planted = True
            logs = subprocess.run(["docker", "logs", container], capture_output=True, check=False)
            self.note("logs", logs.stdout + logs.stderr)
            plant = ("docker", "exec", "--detach", container, "sh", "-c", "sleep 1; exit 0", self.planted)
            subprocess.run(plant, capture_output=True, check=False)
        if not self.passwords:
            words = ("docker", "exec", "--workdir", SCRATCH, container, "sh", "-c", "cat restore_lab_* 2>/dev/null")
            said = subprocess.run(words, capture_output=True, check=False).stdout
            self.passwords.update(re.findall(rb"^password=(\S+)$", said, re.MULTILINE))


def engine_log() -> tuple[Path, int] | None:
    """Where dockerd writes its log, when that is a file, and how much is in it."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (folder / "comm").read_text("ascii").strip() == "dockerd":
                path = (folder / "fd" / "2").resolve()
                return (path, path.stat().st_size) if path.is_file() else None
    return None


@pytest.mark.docker
def test_nothing_outside_the_container_shows_a_name_or_a_password(
    lab: Path, server: MailServer, series: tuple[str, str]
) -> None:
    engine_name, version = series
    name, planted = (f"{lead}{secrets.token_hex(5)}" for lead in ("quelqu", "plante"))
    dump = _BORN[engine_name].format(name=f"{name} {STEM}", version=f"{version}.1")
    replace_backup(lab, dump.encode(), "sql")
    ask(
        lab,
        *unmet(name),
        write_failing_tests(lab, name, STEM),
        'kind = "foreign_keys"',
        machine="container",
        identity="SELECT min(nom) FROM patient",
    )
    set_mail(lab, server.port)
    watch = Watch(lab_id=lab_id_of(lab), planted=planted)
    log = engine_log()
    words = [str(COMMAND), "--lab", str(lab), "run", "--scenario", "annual"]
    with (
        tempfile.TemporaryFile() as events,
        tempfile.TemporaryFile() as out,
        closing(docker.from_env()) as engine,
        subprocess.Popen(["docker", "events", "--format", "{{json .}}"], stdout=events) as listening,
    ):
        with subprocess.Popen(
            words, stdout=out, stderr=subprocess.STDOUT, env=environment_of(lab, **talkative(lab))
        ) as child:
            deadline = time.monotonic() + 100
            while child.poll() is None and time.monotonic() < deadline:
                watch.look(engine)
                time.sleep(0.2)
            child.kill()
        listening.terminate()
        listening.wait(20)
        events.seek(0)
        watch.note("events", events.read())
        out.seek(0)
        printed = out.read()

    assert child.returncode == 1, printed[-3000:]
    if log is not None:
        with log[0].open("rb") as stream:
            stream.seek(log[1])
            watch.note("the engine's log", stream.read())
    assert {where for where, all_of_it in watch.seen.items() for one in all_of_it if leaks(one, needles(planted))} >= {
        "events",
        "processes",
    }
    sought = needles(name)
    assert {(where, one) for where, all_of_it in watch.seen.items() for one in all_of_it if leaks(one, sought)} == set()
    ours = {where: all_of_it for where, all_of_it in watch.seen.items() if where in {"inspect", "exec", "logs", "list"}}
    assert set(ours) == {"inspect", "exec", "logs", "list"}
    assert {one for all_of_it in ours.values() for one in all_of_it if leaks(one)} == set()
    assert bool(watch.passwords) is (engine_name == "mariadb")
    hidden = [one for all_of_it in watch.seen.values() for one in all_of_it]
    assert not [one for one in hidden for password in watch.passwords if password in one]
    assert not [one for all_of_it in ours.values() for one in all_of_it if _SECRET.search(one)]
    for sign in (b"logging is on", b"urllib3.connectionpool", b"found LOAD_ERRORS"):
        assert sign in printed
    assert leaks(printed, sought) == set()
    assert_none_in_mails(*(taken.content for taken in server.received), *_mails(lab))
    assert not [path for path in left(lab) if leaks(path.read_bytes(), sought)]
    assert_no_leak(lab, printed)

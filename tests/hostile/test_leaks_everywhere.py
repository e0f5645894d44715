"""No byte of a patient's data where one might forget to look: mails, processes, archives.

In bugs and debug output: `test_leaks_in_bugs.py`. While a drill is killed: `test_leaks_when_killed.py`. Around a
container: `test_leaks_around_docker.py`.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hostile.everywhere import (
    SLOW_QUESTION,
    ask,
    assert_none_in_mails,
    evidence_of,
    mails_of,
    plain_dump,
    processes,
    set_mail,
    sql,
    unmet,
    with_all_that_fails,
    write_failing_tests,
)
from mail_server import MailServer, free_port
from needs import program
from stems import (
    COMMAND,
    assert_no_leak,
    assert_nothing_left,
    command,
    drill,
    environment_of,
    leaks,
    mail_layers,
    needles,
    pdf_words,
    replace_backup,
)

from restore_lab.sample_practice import NUMBER_STEM, STEM

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
        waits = ["sh", "-c", "echo; read line; exit", "sh", *words]
        pipe = subprocess.PIPE
        with subprocess.Popen(waits, env={**os.environ, **more}, stdin=pipe, stdout=pipe) as child:
            assert child.stdout is not None
            child.stdout.readline()  # until it runs, it has neither
            seen = set(processes())
            child.kill()
        assert any(leaks(one, needles(planted)) for one in seen)


# Whatever can fail, in one drill: every output, and its mail.


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
    assert_none_in_mails(*(taken.content for taken in server.received), *mails_of(lab))
    assert_no_leak(lab, done.stdout, done.stderr, *(one.stdout + one.stderr for one in told))


def test_a_mail_that_waits_and_its_notes_hold_no_name(lab: Path) -> None:
    replace_backup(lab, with_all_that_fails(plain_dump(lab)).encode(), "sql")
    set_mail(lab, free_port())

    done = drill(lab)
    later = command(lab, "--lab", str(lab), "deliver")

    assert (done.returncode, later.returncode) == (1, 4)
    assert {path.suffix for path in (lab / "reports" / "outbox").glob("[!.]*")} == {".eml", ".json"}
    assert_none_in_mails(*mails_of(lab))
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
    assert_none_in_mails(taken.content, *mails_of(lab))


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
    ask(lab, *unmet(name), sql("lent", SLOW_QUESTION.replace("max(nom)", f"max('{name}')"), "equals = 1"))
    words = [str(COMMAND), "--lab", str(lab), "run", "--scenario", "annual"]
    seen: set[bytes] = set()
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment_of(lab)) as child:
        while child.poll() is None:
            seen.update(processes())
            time.sleep(0.05)

    assert any(str(lab).encode() in one for one in seen)
    assert any(b"python3\0-I\0-c\0" in one and b"query\0" in one for one in seen)
    assert [one for one in seen if leaks(one, needles(name))] == []

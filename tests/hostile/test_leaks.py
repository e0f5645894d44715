"""No byte of a patient's data in anything a drill leaves: the invented practice's stems are looked for everywhere."""

from __future__ import annotations

import base64
import shutil
import signal
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from stems import NEEDLES, assert_no_leak, command, drill, killed_while_loading, leaks, replace_backup, rest

from restore_lab.sample_practice import NUMBER_STEM, STEM


def test_the_search_finds_each_stem_in_each_spelling() -> None:
    for name, needle in NEEDLES.items():
        assert name in leaks(b"before " + needle + b" after"), name


@pytest.mark.parametrize("stem", [STEM, NUMBER_STEM])
def test_the_search_finds_a_stem_that_was_coded_with_what_stands_around_it(stem: str) -> None:
    for lead in range(7):
        text = b"x" * lead + f"Mme Du{stem}in, {stem}".encode()
        assert leaks(base64.b64encode(text)), lead
        assert leaks(text.hex().encode())
        assert leaks(text.decode().encode("utf-16"))
        assert leaks(base64.b64encode(b"{" + b"x" * 300 + text))


def test_the_search_finds_a_stem_in_a_compressed_stream_of_a_pdf() -> None:
    page = zlib.compress(b"BT (" + STEM.encode() + b") Tj ET" * 100)
    attached = zlib.compress(b"<</Length 1>>\nstream\n" + page + b"\nendstream")

    assert leaks(b"%PDF-1.7\n1 0 obj\n<<>>\nstream\r\n" + page + b"\nendstream\nendobj")
    assert leaks(b"%PDF-1.7\n1 0 obj\n<<>>\nstream\n" + attached + b"\nendstream\nendobj")


def test_the_search_finds_nothing_where_nothing_is() -> None:
    assert leaks(b"%PDF-1.7 an ordinary page " + bytes(range(256)) * 100) == set()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample lab, with one drill that passed."""
    lab = tmp_path_factory.mktemp("leaks") / "lab"
    done = command(lab, "demo", "--engine", "sqlite", str(lab))
    assert done.returncode == 0
    for backup in (lab / "backups").iterdir():
        rest(backup)
        assert STEM.encode() in backup.read_bytes()
    scenario = lab / "scenarios" / "annual" / "scenario.toml"
    scenario.write_text(scenario.read_text("utf-8").replace('kind = "auto"', 'kind = "local"'), "utf-8")
    (lab / "output").write_bytes(done.stdout + done.stderr)
    return lab


@pytest.fixture
def lab(sample: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample, tmp_path / "lab", copy_function=shutil.copy2))


def plain_dump(lab: Path) -> str:
    (backup,) = (lab / "backups").iterdir()
    with closing(sqlite3.connect(backup)) as database:
        return "PRAGMA foreign_keys=OFF;\n" + "\n".join(database.iterdump()) + "\n"


def test_a_drill_that_passes_leaves_no_data(sample: Path) -> None:
    assert_no_leak(sample, (sample / "output").read_bytes())


def test_a_drill_on_a_damaged_file_leaves_no_data(lab: Path) -> None:
    (backup,) = (lab / "backups").iterdir()
    data = bytearray(backup.read_bytes())
    for start in range(80_000, len(data), 40_000):
        data[start : start + 300] = b"\xfe" * 300
    replace_backup(lab, bytes(data), "sqlite")

    done = drill(lab)

    assert done.returncode == 1
    assert b"INTEGRITY_ERRORS" in done.stdout
    assert_no_leak(lab, done.stdout, done.stderr)


def _with_a_duplicate(dump: str) -> str:
    row = next(line for line in dump.splitlines() if line.startswith('INSERT INTO "patient"') and STEM in line)
    return dump.replace(row, f"{row}\n{row}\n{row}", 1)


def _with_a_broken_statement(dump: str) -> str:
    row = next(line for line in dump.splitlines() if line.startswith('INSERT INTO "patient"') and STEM in line)
    return dump.replace(row, f"{row}\nINSERT INTO nowhere_{STEM} VALUES ('{STEM}');\n{STEM} '{NUMBER_STEM}';", 1)


def _cut_within_a_row(dump: str) -> str:
    return dump[: dump.rindex(STEM) + len(STEM)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_with_a_duplicate, b"LOAD_ERRORS"),
        (_with_a_broken_statement, b"LOAD_ERRORS"),
        (_cut_within_a_row, b"LOAD_STOPPED"),
    ],
)
def test_a_dump_that_fails_on_a_row_leaves_nothing_of_that_row(
    lab: Path, change: Callable[[str], str], code: bytes
) -> None:
    replace_backup(lab, change(plain_dump(lab)).encode(), "sql")

    done = drill(lab)

    assert (done.returncode, code in done.stdout) == (1, True), done.stdout + done.stderr
    assert_no_leak(lab, done.stdout, done.stderr)


_QUOTING = f"""
import pytest


def names(database):
    return [row[0] for row in database.query("SELECT nom FROM patient LIMIT 20")]


def test_names_quoted_by_an_assertion(database):
    assert names(database) == ["{STEM}"], f"expected others than {{names(database)}}"


def test_names_in_an_error(database):
    raise ValueError(names(database))


def test_names_on_every_stream(database, host):
    import sys, warnings
    print(names(database)); print(names(database), file=sys.stderr)
    warnings.warn(str(names(database)))
    assert host.run("echo %s; echo %s >&2; false", names(database)[0], names(database)[0]).rc == 0


@pytest.mark.parametrize("name", ["{STEM}", "{NUMBER_STEM}"])
def test_names_as_parameters(name):
    assert not name


@pytest.fixture
def broken(database):
    raise RuntimeError(names(database))


def test_names_in_a_fixture(broken):
    pass
"""  # noqa: S608 - a test of the operator's


def test_a_failing_test_of_the_operators_that_quotes_data_leaves_none(lab: Path) -> None:
    (lab / "scenarios" / "annual" / "checks" / "test_documents.py").write_text(_QUOTING, "utf-8")

    done = drill(lab)

    assert done.returncode == 1
    assert b"PYTEST_FAILED  Test names in an error: failed" in done.stdout
    assert_no_leak(lab, done.stdout, done.stderr)


def test_a_refused_question_that_quotes_data_leaves_none(lab: Path) -> None:
    statement = f"SELECT CAST(nom AS INTEGER) + '{NUMBER_STEM}' FROM patient_{STEM}"  # noqa: S608 - as above
    (lab / "scenarios" / "annual" / "checks" / "consultations_without_patient.sql").write_text(statement, "utf-8")

    done = drill(lab)

    assert done.returncode == 3
    assert b"SQL_QUESTION_REFUSED" in done.stdout
    assert_no_leak(lab, done.stdout, done.stderr)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_drill_killed_while_it_loads_leaves_no_data(lab: Path, number: signal.Signals) -> None:
    dump = plain_dump(lab)
    slow = "INSERT INTO slow SELECT hex(zeroblob(3000000));\n" * 300
    replace_backup(lab, f"{dump}\nCREATE TABLE slow(a TEXT);\n{slow}".encode(), "sql")

    _, out, err = killed_while_loading(lab, number)

    swept = command(lab, "--lab", str(lab), "sweep")
    assert swept.returncode == 0
    assert_no_leak(lab, out, err, swept.stdout, swept.stderr)

"""No byte of a patient's data leaves a drill on a database server either: failing rows, failing tests, kills."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from datetime import date
from pathlib import Path

import pytest
from needs import server_of
from stems import assert_no_leak, command, drill, killed_while_loading, replace_backup, rest

from restore_lab.sample_practice import NUMBER_STEM, STEM, Dialect, roles_sql, sql_script

PARENTS = ("/dev/shm", "/var/tmp")  # noqa: S108 - where local machines keep their folder
SERVERS = ("postgresql", "mariadb")


@pytest.fixture(scope="module", params=SERVERS)
def engine(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    server_of(name)
    return name


@pytest.fixture(scope="module")
def sample(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    lab = tmp_path_factory.mktemp("leaks") / "lab"
    done = command(lab, "demo", "--engine", engine, str(lab))
    assert done.returncode == 0, done.stderr
    for backup in (lab / "backups").iterdir():
        rest(backup)
    (lab / "output").write_bytes(done.stdout + done.stderr)
    return lab


@pytest.fixture
def lab(sample: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample, tmp_path / "lab", copy_function=shutil.copy2))


def plain_dump(lab: Path, engine: str) -> str:
    """A plain dump that says it comes from the very server it will be restored on."""
    (evidence,) = lab.glob("reports/*/*/evidence.dsse.json")
    said = json.loads(command(lab, "--lab", str(lab), "verify", "--json", str(evidence)).stdout)
    assert said["trusted"] is True
    if engine == "mariadb":
        return next((lab / "backups").iterdir()).read_bytes().decode("utf-8", "surrogateescape")
    version = re.search(r"postgresql (\S+),", (lab / "output").read_text("utf-8"))
    assert version is not None
    head = f"--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version {version.group(1)}\n\n"
    script = b"".join(sql_script(Dialect.POSTGRESQL, seed=1, day=date(2026, 11, 10), patients=40)).decode()
    return head + roles_sql(Dialect.POSTGRESQL) + script + "\n--\n-- PostgreSQL database dump complete\n--\n"


def with_a_duplicate(dump: str, engine: str) -> str:
    if engine == "mariadb":
        row = next(line for line in dump.splitlines() if line.startswith("INSERT INTO `patient`"))
        return dump.replace(row, f"{row}\n{row}", 1)
    start = dump.index("\n", dump.index("COPY public.patient ")) + 1
    row = dump[start : dump.index("\n", start) + 1]
    assert STEM in row
    return dump[:start] + row + dump[start:]


def with_broken_statements(dump: str, engine: str) -> str:
    del engine
    broken = f"INSERT INTO nowhere VALUES ('{STEM}');\nSELECT '{STEM}{NUMBER_STEM}'::nothing;\n{STEM} {NUMBER_STEM};\n"  # noqa: S608
    return dump + "\n" + broken


def imitations(engine: str) -> tuple[str, ...]:
    """Texts of a row that look like the client's next message, about something that bears a patient's name."""
    if engine == "mariadb":
        said = (
            f"1146 (42S02) at line {NUMBER_STEM}: Table 'c.{STEM}' doesn't exist",
            f"1273 (HY000) at line 1: Unknown collation: '{STEM}'",
            f"1286 (42000) at line 1: Unknown storage engine '{STEM}'",
            f"1193 (HY000) at line 1: Unknown system variable '{STEM}'",
            f"1227 (42000) at line 1: Access denied; you need (at least one of) the {STEM.upper()} privilege",
        )
        return (*(f"ERROR {one}" for one in said), f"Warning (Code 1265): Data truncated for column '{STEM}' at row 1")
    return (
        f'psql:<stdin>:9: ERROR:  42P01: relation "{STEM}" does not exist',
        (
            f'psql:<stdin>:9: ERROR:  42704: role "{STEM}" does not exist\n'
            f"psql:<stdin>:9: STATEMENT:  ALTER TABLE imite OWNER TO {STEM};"
        ),
        f'psql:<stdin>:{NUMBER_STEM}: ERROR:  0A000: extension "{STEM}" is not available',
        f"SCHEMA NAME:  public\nTABLE NAME:  {STEM}\nCONSTRAINT NAME:  {STEM}",
        f"CONTEXT:  COPY {STEM}, line 3",
    )


def with_rows_that_imitate_messages(dump: str, engine: str) -> str:
    """Each row is refused, once as a key that is there already, once as no number: both messages quote it."""
    escape = "E" if engine == "postgresql" else ""
    texts = ("x\n" + one.replace("'", "''") + "\n" for one in imitations(engine))
    values = [f"{escape}'{one.replace(chr(10), chr(92) + 'n')}'" for one in texts]
    inserts = "".join(
        f"INSERT INTO imite VALUES ({value}, 1);\n" * 2 + f"INSERT INTO imite VALUES ('{at}', {value});\n"  # noqa: S608
        for at, value in enumerate(values)
    )
    lenient = f"SET sql_mode = '';\n{inserts}" if engine == "mariadb" else ""
    strict = "SET sql_mode = 'STRICT_ALL_TABLES';\n" if engine == "mariadb" else ""
    return f"{dump}\n{strict}CREATE TABLE imite (t VARCHAR(180) PRIMARY KEY, n INT);\n{inserts}{lenient}"


def test_a_drill_that_passes_leaves_no_data(sample: Path) -> None:
    assert_no_leak(sample, (sample / "output").read_bytes())


@pytest.mark.parametrize("change", [with_a_duplicate, with_broken_statements, with_rows_that_imitate_messages])
def test_a_dump_that_fails_on_a_row_leaves_nothing_of_that_row(lab: Path, engine: str, change: object) -> None:
    assert callable(change)
    replace_backup(lab, change(plain_dump(lab, engine), engine).encode("utf-8", "surrogateescape"), "sql")

    done = drill(lab)

    assert (done.returncode, b"LOAD_ERRORS " in done.stdout) == (1, True), done.stdout + done.stderr
    assert_no_leak(lab, done.stdout, done.stderr)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_drill_killed_while_it_loads_leaves_no_data_and_no_machine(
    lab: Path, engine: str, number: signal.Signals
) -> None:
    dump = plain_dump(lab, engine)
    slow = "SELECT pg_sleep(20);\n" if engine == "postgresql" else "SELECT SLEEP(20);\n"
    replace_backup(lab, f"{dump}\n{slow}".encode("utf-8", "surrogateescape"), "sql")

    drill_id, out, err = killed_while_loading(lab, number, after_seconds=1)

    swept = command(lab, "--lab", str(lab), "sweep")
    assert swept.returncode == 0, swept.stderr
    assert left_of(drill_id) == []
    assert_no_leak(lab, out, err, swept.stdout, swept.stderr)
    verified = command(lab, "--lab", str(lab), "register", "verify")
    assert verified.returncode == 0, verified.stdout


def left_of(drill_id: str) -> list[str]:
    """Folders, containers and volumes of a drill, looked up without our own code."""
    folders = [str(path) for parent in PARENTS for path in Path(parent).glob(f"*{drill_id}*")]
    if shutil.which("docker") is None:
        return folders
    mine = ["--quiet", "--filter", f"label=restore-lab.drill={drill_id}"]
    for words in (["docker", "ps", "--all", *mine], ["docker", "volume", "ls", *mine]):
        folders += subprocess.run(words, capture_output=True, text=True, check=False).stdout.split()
    return folders

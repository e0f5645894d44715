"""Live databases of an invented practice, for `fingerprint`: real servers on a socket of their own, a SQLite file."""

# ruff: noqa: S608 - statements of these tests, over values of theirs

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from needs import absent, program

from restore_lab.engines.postgresql.engine import Postgresql
from restore_lab.live.base import LiveDatabase
from restore_lab.live.mariadb import OptionFile
from restore_lab.live.postgresql import Service
from restore_lab.live.sqlite import DatabaseFile
from restore_lab.sample_practice import STEM

DATABASE: Final = "cabinet"
#: The account that reads, which owns nothing.
READER: Final = "empreinte"
PASSWORD: Final = f"secret{STEM}word"
_MEMORY: Final = 64
PATIENTS: Final = 30
_KEY: Final = "du_patient FOREIGN KEY (patient_id) REFERENCES patient (id)"
#: Every value that could tell a patient bears the stem.
PRACTICE: Final = (
    "CREATE TABLE patient (id INT PRIMARY KEY, nom VARCHAR(60) NOT NULL);\n"
    "CREATE TABLE visite (id INT PRIMARY KEY, patient_id INT NOT NULL, vue_le DATE NOT NULL, note VARCHAR(90),\n"
    f"  CONSTRAINT {_KEY});\n"
    "CREATE TABLE lettre (id INT PRIMARY KEY, texte VARCHAR(90) NOT NULL);\n"
    "CREATE TABLE attente (id INT PRIMARY KEY, quoi VARCHAR(60));\n"
    "CREATE INDEX visite_par_jour ON visite (vue_le);\n"
    + "".join(f"INSERT INTO patient VALUES ({one}, '{STEM}{one}');\n" for one in range(1, PATIENTS + 1))
    + "".join(
        f"INSERT INTO visite VALUES ({one}, {one % PATIENTS + 1}, '2026-{one % 9 + 1:02}-11', '{STEM} tousse');\n"
        for one in range(1, 3 * PATIENTS + 1)
    )
    + "".join(f"INSERT INTO lettre VALUES ({one}, 'Cher {STEM}');\n" for one in range(1, 9))
    + "".join(f"INSERT INTO attente VALUES ({one}, '{STEM}');\n" for one in range(1, 6))
)


#: Locks of POSIX belong to a process: whoever holds one must not be the one that reads.
_HOLDS: Final = (
    "import sqlite3, sys\nopened = sqlite3.connect(sys.argv[1])\nopened.executescript(sys.argv[2])\n"
    "print('held', flush=True)\nsys.stdin.read()\n"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Live:
    """A live database: how `fingerprint` is told of it, what changes it, what backs it up, what holds a lock."""

    engine: str
    database: LiveDatabase
    socket: Path
    words: tuple[str, ...]
    environment: dict[str, str]
    sql: Callable[[str], str]
    dump: Callable[[], bytes]
    hold: Callable[[str], subprocess.Popen[bytes]]

    def without_orphans_checked(self, statement: str) -> str:
        """Change rows as software does that minds no foreign key."""
        before = {
            "mariadb": "SET FOREIGN_KEY_CHECKS = 0;",
            "postgresql": "ALTER TABLE visite DROP CONSTRAINT du_patient;",
        }
        after = {"postgresql": f"; ALTER TABLE visite ADD CONSTRAINT {_KEY} NOT VALID"}
        return self.sql(before.get(self.engine, "") + statement + after.get(self.engine, ""))


def sqlite_file(path: Path) -> Live:
    """A SQLite file is its own server."""

    def sql(statements: str) -> str:
        with closing(sqlite3.connect(path)) as database:
            database.executescript(statements)
        return ""

    def dump() -> bytes:
        with closing(sqlite3.connect(path)) as database, closing(sqlite3.connect(":memory:")) as copy:
            database.backup(copy)
            return bytes(copy.serialize())

    def hold(statement: str) -> subprocess.Popen[bytes]:
        return _holding((sys.executable, "-c", _HOLDS, str(path), statement), "", dict(os.environ))

    sql(f"BEGIN;{PRACTICE}COMMIT;")
    return Live(
        engine="sqlite",
        database=DatabaseFile(path, 1),
        socket=path,
        words=("--file", str(path)),
        environment={},
        sql=sql,
        dump=dump,
        hold=hold,
    )


@contextmanager
def postgresql_server(folder: Path) -> Iterator[Live]:
    """A cluster that lets in by password alone; only the session keeps the reader from writing."""
    programs = next((one.folders[0] for one in Postgresql().offered() if Path(one.folders[0], "initdb").exists()), "")
    if not programs:
        absent("the programs of a PostgreSQL server")
    psql, data = program("psql"), folder / "data"
    password, service, passes = folder / "password", folder / "pg_service.conf", folder / "pgpass"
    password.write_text("root\n", "ascii")
    as_nobody = _as_nobody(folder)
    made = (*as_nobody, f"{programs}/initdb", "-D", str(data), "-U", "postgres", "--auth=scram-sha-256", "--no-sync")
    _run((*made, f"--pwfile={password}", "--encoding=UTF8", "--locale=C.UTF-8"))
    settings = (f"unix_socket_directories={folder}", "listen_addresses=", "fsync=off", "timezone=Europe/Paris")
    words = [word for setting in settings for word in ("-c", setting)]
    server = subprocess.Popen((*as_nobody, f"{programs}/postgres", "-D", str(data), *words), stderr=subprocess.DEVNULL)
    service.write_text(f"[live]\nhost={folder}\ndbname={DATABASE}\nuser={READER}\n", "ascii")
    passes.write_text(f"*:*:*:{READER}:{PASSWORD}\n", "ascii")
    passes.chmod(0o600)
    owner = {"PGHOST": str(folder), "PGUSER": "postgres", "PGPASSWORD": "root", "PATH": os.environ["PATH"]}
    asking = (psql, "-XAtq", "-v", "ON_ERROR_STOP=1", "-d")

    def sql(statements: str) -> str:
        return _run((*asking, DATABASE, "-c", statements), environment=owner).decode()

    def hold(statement: str) -> subprocess.Popen[bytes]:
        return _holding((*asking, DATABASE), f"BEGIN;\n{statement};\nSELECT 'held';\n", owner)

    try:
        _await(lambda: _run((*asking, "postgres", "-c", "SELECT 1"), environment=owner), server)
        _run((*asking, "postgres", "-c", f"CREATE DATABASE {DATABASE}"), environment=owner)
        sql(PRACTICE)
        sql(f"CREATE ROLE {READER} LOGIN BYPASSRLS PASSWORD '{PASSWORD}'; GRANT pg_read_all_data TO {READER}")
        yield Live(
            engine="postgresql",
            database=Service("live"),
            socket=folder / ".s.PGSQL.5432",
            words=("--service", "live"),
            environment={"PGSERVICEFILE": str(service), "PGPASSFILE": str(passes)},
            sql=sql,
            dump=lambda: _run((program("pg_dump"), "-d", DATABASE), environment=owner),
            hold=hold,
        )
    finally:
        _end(server)


@contextmanager
def mariadb_server(folder: Path) -> Iterator[Live]:
    """A server on a socket; its reader may write, so that nothing but the session keeps it from writing."""
    data, socket = folder / "data", folder / "socket"
    as_root = ("--user=root",) if os.geteuid() == 0 else ()
    # fmt: off
    _run((
        program("mariadb-install-db"), "--no-defaults", *as_root, f"--datadir={data}", "--skip-test-db",
        "--auth-root-authentication-method=normal", "--skip-name-resolve", "--force",
    ))
    server = subprocess.Popen((
        program("mariadbd"), "--no-defaults", *as_root, f"--datadir={data}", f"--socket={socket}", "--skip-networking",
        f"--pid-file={folder / 'pid'}", f"--innodb-buffer-pool-size={_MEMORY}M", "--innodb-flush-log-at-trx-commit=0",
    ), stderr=subprocess.DEVNULL)
    # fmt: on
    option_file = folder / "reader.cnf"
    option_file.write_text(f"[client]\nsocket={socket}\nuser={READER}\npassword={PASSWORD}\ndatabase={DATABASE}\n")
    option_file.chmod(0o600)
    owner = (program("mariadb"), "--no-defaults", f"--socket={socket}", "-uroot", "-BN")

    def sql(statements: str) -> str:
        return _run((*owner, f"--database={DATABASE}"), statements.encode()).decode()

    def hold(statement: str) -> subprocess.Popen[bytes]:
        words = (*owner, "--unbuffered", f"--database={DATABASE}")
        return _holding(words, f"{statement};\nSELECT 'held';\n", dict(os.environ))

    try:
        _await(lambda: _run((*owner, "-e", "SELECT 1")), server)
        _run((*owner, "-e", f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4"))
        sql(PRACTICE)
        sql(f"GRANT ALL ON *.* TO {READER}@localhost IDENTIFIED BY '{PASSWORD}'")
        words = (program("mariadb-dump"), "--no-defaults", f"--socket={socket}", "-uroot", "--single-transaction")
        yield Live(
            engine="mariadb",
            database=OptionFile(option_file),
            socket=socket,
            words=("--defaults-file", str(option_file)),
            environment={},
            sql=sql,
            dump=lambda: _run((*words, "--routines", DATABASE)),
            hold=hold,
        )
    finally:
        _end(server)


def _as_nobody(folder: Path) -> tuple[str, ...]:
    """PostgreSQL refuses root; who it then is must own its folder, and reach it."""
    if os.geteuid() != 0:
        return ()
    shutil.chown(folder, "nobody")
    return (program("setpriv"), "--reuid=nobody", "--clear-groups")


def _run(argv: tuple[str, ...], text: bytes = b"", *, environment: dict[str, str] | None = None) -> bytes:
    done = subprocess.run(argv, input=text, capture_output=True, check=False, timeout=60, env=environment)
    assert done.returncode == 0, (argv, done.stderr)
    return done.stdout


def _await(answers: Callable[[], object], server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            answers()
        except AssertionError:
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def _holding(argv: tuple[str, ...], statements: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Leave a session open that holds something, until its standard input is closed."""
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    assert child.stdin
    assert child.stdout
    child.stdin.write(statements.encode())
    child.stdin.flush()
    assert b"held" in child.stdout.readline()
    return child


def _end(server: subprocess.Popen[bytes]) -> None:
    """End a server that nobody needs any more; PostgreSQL's own children end with it (postgres(1), SIGQUIT)."""
    server.send_signal(signal.SIGQUIT if "postgres" in str(server.args) else signal.SIGKILL)
    server.wait(60)

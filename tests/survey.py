"""Backups of an invented survey program, tables named as LimeSurvey names them, made by the engines' own tools."""

# ruff: noqa: S608 - the pieces put together here are constants of this module

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from restore_lab.engines import ENGINES
from restore_lab.engines.mariadb.engine import Mariadb
from restore_lab.engines.mariadb.server import ADMIN, LiveServer
from restore_lab.engines.postgresql.cluster import BOOTSTRAP, PSQL, Cluster
from restore_lab.sandboxes.base import Machine, Need, Server
from restore_lab.sandboxes.container.driver import Container

#: The number of the survey that is answered, how many sent their answers off, and how many only began.
NUMBER: Final = 482913
COMPLETE: Final = 42
BEGUN: Final = 5
ANSWERS: Final = f"lime_survey_{NUMBER}"
TITLE: Final = "Satisfaction des patients <été>"
DATABASE: Final = "enquetes"
SERIES: Final = {"postgresql": "15", "mariadb": "10.11"}
_SECONDS: Final = 120.0
_TABLES: Final = f"""
CREATE TABLE lime_surveys (sid INT PRIMARY KEY, active VARCHAR(1) NOT NULL, language VARCHAR(50));
CREATE TABLE lime_surveys_languagesettings (surveyls_survey_id INT NOT NULL, surveyls_language VARCHAR(45) NOT NULL,
  surveyls_title VARCHAR(200) NOT NULL, PRIMARY KEY (surveyls_survey_id, surveyls_language));
CREATE TABLE {ANSWERS} (id INT PRIMARY KEY, token VARCHAR(36), submitdate TIMESTAMP NULL, lastpage INT,
  startlanguage VARCHAR(20) NOT NULL, {NUMBER}X1X1 TEXT);
CREATE INDEX by_token ON {ANSWERS} (token);
INSERT INTO lime_surveys VALUES ({NUMBER}, 'Y', 'fr'), (482914, 'N', 'fr');
INSERT INTO lime_surveys_languagesettings VALUES ({NUMBER}, 'fr', '{TITLE}'), (482914, 'fr', 'En préparation');
"""
EMPTIED: Final = f"DELETE FROM {ANSWERS};\n"


def survey_sql(engine: str) -> str:
    """The program's database as a script."""
    quote = '"' if engine == "postgresql" else "`"
    column = f"{NUMBER}X1X1"
    rows = (
        f"({number}, 'jeton-{number}', {sent}, 3, 'fr', 'Réponse {number}')"
        for number in range(1, COMPLETE + BEGUN + 1)
        for sent in ("'2026-02-03 10:00:00'" if number <= COMPLETE else "NULL",)
    )
    return _TABLES.replace(column, quote + column + quote) + f"INSERT INTO {ANSWERS} VALUES {', '.join(rows)};\n"


def need(server: Server) -> Need:
    """A small machine for that server."""
    return Need(
        lab_id="survey",
        drill_id="survey",
        restore_id=server.engine,
        server=server,
        backup_bytes=1024**2,
        memory_bytes=1024**3,
        expires_at=datetime.now(UTC) + timedelta(hours=1),
    )


@dataclass(slots=True)
class SurveyServers:
    """The live servers of the program, one an engine; they stay until `close`."""

    _stack: ExitStack = field(default_factory=ExitStack)
    _machines: dict[str, Machine] = field(default_factory=dict)

    def close(self) -> None:
        """End every server."""
        self._machines.clear()
        self._stack.close()

    def backup(self, engine: str, change: str = "") -> bytes:
        """Make the database anew, let `change` happen to it, and back it up."""
        server = next(one for one in ENGINES[engine]().offered() if one.series == SERIES[engine])
        if engine not in self._machines:
            machine = self._stack.enter_context(Container().machine(need(server)))
            if engine == "mariadb":
                Mariadb().start(machine, server)
            else:
                Cluster(machine=machine, series=server.series).bring_up()
            self._machines[engine] = machine
        dump = _of_mariadb if engine == "mariadb" else _of_postgresql
        return dump(self._machines[engine], survey_sql(engine) + change)


def _of_mariadb(machine: Machine, script: str) -> bytes:
    live = LiveServer(machine=machine)
    clean = f"DROP DATABASE IF EXISTS {DATABASE};\nCREATE DATABASE {DATABASE} CHARACTER SET utf8mb4;\nUSE {DATABASE};\n"
    live.ask((clean, script), timeout_seconds=_SECONDS)
    tool = ("mariadb-dump", f"--defaults-file={live.path(ADMIN)}", "--single-transaction", DATABASE)
    return _said(machine, tool, {})


def _of_postgresql(machine: Machine, script: str) -> bytes:
    cluster = Cluster(machine=machine, series=SERIES["postgresql"])
    clean = f"DROP DATABASE IF EXISTS {DATABASE};\nCREATE DATABASE {DATABASE} TEMPLATE template0;\n"
    cluster.rows(clean, database="postgres", user=BOOTSTRAP)
    there = cluster.environment(BOOTSTRAP, DATABASE, {"lc_messages": "C"})
    loading = (*PSQL, "--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file=-")
    _said(machine, loading, there, script.encode())
    return _said(machine, ("pg_dump", "--format=custom", DATABASE), there)


def _said(machine: Machine, argv: tuple[str, ...], environment: dict[str, str], stdin: bytes = b"") -> bytes:
    done = machine.run(argv, timeout_seconds=_SECONDS, stdin=(stdin,), environment=environment)
    assert done.exit_code == 0, done.stderr
    return done.stdout

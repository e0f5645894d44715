"""No byte of a patient's data around a container: what the engine, its log and the host's list of processes tell.

While a drill runs, and afterwards. See `test_leaks_everywhere.py`.
"""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import docker
import pytest
from docker.errors import APIError, NotFound
from hostile.everywhere import (
    ask,
    assert_none_in_mails,
    mails_of,
    processes,
    set_mail,
    talkative,
    unmet,
    write_failing_tests,
)
from mail_server import MailServer
from needs import absent
from stems import COMMAND, assert_no_leak, environment_of, leaks, left, needles, replace_backup

from restore_lab.engines import ENGINES
from restore_lab.lab import lab_id_of
from restore_lab.sample_practice import STEM
from restore_lab.sandboxes import SANDBOXES
from restore_lab.sandboxes.container.plan import LAB_LABEL, SCRATCH

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
    assert_none_in_mails(*(taken.content for taken in server.received), *mails_of(lab))
    assert not [path for path in left(lab) if leaks(path.read_bytes(), sought)]
    assert_no_leak(lab, printed)

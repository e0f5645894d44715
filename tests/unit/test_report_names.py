"""Whatever a driver can write into evidence as a name of ours is said in words by the report."""

from __future__ import annotations

import ast
import json
import re
import sqlite3
import typing
from dataclasses import fields, replace
from pathlib import Path

import pytest
from unit.reported import ENGLISH, SANDBOXES_FOLDER, lacks, why_applications_fail, words_in

from restore_lab import unpack
from restore_lab.checks import CHECKS
from restore_lab.checks.http import Http
from restore_lab.checks.sql import Sql
from restore_lab.counted import ObjectCount
from restore_lab.engines.mariadb import catalogue as mariadb
from restore_lab.engines.postgresql import catalogue as postgresql
from restore_lab.engines.postgresql import heads
from restore_lab.engines.sqlite import child
from restore_lab.events import Stage
from restore_lab.evidence import ApplicationRecord, CheckRecord, EgressRecord, Evidence, Limit, RestoreRecord
from restore_lab.findings import Code, finding
from restore_lab.lab import Host
from restore_lab.report import names
from restore_lab.report.auditor_answers import answer_sections
from restore_lab.report.auditor_restore import restore_sections
from restore_lab.report.blocks import Note
from restore_lab.report.said import reason, say
from restore_lab.report.wording import THIN, Wording, wording_for
from restore_lab.sandboxes.container import docker_engine, limits, plan
from restore_lab.sandboxes.local.seal import Mechanism, Seal
from restore_lab.sandboxes.raspberry_pi.hold import Hold
from restore_lab.sandboxes.raspberry_pi.slice import Slice
from restore_lab.sources import SOURCES

MECHANISMS_OF_CONTAINERS = tuple(name for pair in plan.MECHANISMS.values() for name in pair)
OLD_MECHANISM = "Docker: no network, read-only root, no capability, no new privileges, user 10001"
#: As a node's machine is held where systemd runs there.
OF_NODES = [
    Hold(
        seal=Seal(
            mechanism=view,
            folder=Path("/nowhere"),
            uid=0,
            visible=(),
            as_root=False,
            memory_bytes=1,
            file_bytes=1,
            system=(),
        ),
        slice=Slice(folder="/nowhere-1", uid=1, version=252, memory_bytes=1, seconds=1),
    ).mechanism
    for view in (Mechanism.BUBBLEWRAP, Mechanism.NAMESPACES)
]


@pytest.fixture
def fr() -> Wording:
    return wording_for("fr", "Europe/Paris")


@pytest.fixture
def en() -> Wording:
    return wording_for("en", "Europe/Paris")


def kinds_of_servers() -> set[str]:
    asked = postgresql.OBJECTS + postgresql.ROLES + mariadb.OBJECTS
    return set(re.findall(r"SELECT '([^']+)', count\(", asked, re.IGNORECASE))


def kinds_of_sqlite(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    connection.executescript("""
        CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT); CREATE INDEX c ON a (b); CREATE VIEW d AS SELECT * FROM a;
        CREATE TRIGGER e AFTER INSERT ON a BEGIN SELECT 1; END; CREATE VIRTUAL TABLE f USING fts5 (g);
    """)
    connection.close()
    return set(child.inventory(child.connect(str(path)), "")["objects"])


def limits_of_local() -> set[str]:
    """Read the names out of the code: a local machine must run to tell them."""
    trees = (ast.parse(path.read_text("utf-8")) for path in SANDBOXES_FOLDER.rglob("*.py"))
    calls = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {
        keyword.value.value
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "Limit"
        for keyword in call.keywords
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str)
    }


def limits_of_containers() -> tuple[Limit, ...]:
    asked = {"memory_bytes": 2**31, "memory_and_swap_bytes": 2**31, "nano_cpus": 1_500_000_000, "processes": 512}
    config = {"Cmd": ["sleep", "43200"], "Labels": {plan.LIMITS_LABEL: json.dumps(asked)}}
    seen = {"HostConfig": {"Tmpfs": {plan.SCRATCH: "size=1073741824"}}, "Config": config}
    return limits.limits(seen, {"memory": 2**31}, bites=True)


def test_every_kind_of_object_is_said_in_words(fr: Wording, en: Wording, tmp_path: Path) -> None:
    kinds = kinds_of_servers() | kinds_of_sqlite(tmp_path / "a.sqlite")

    assert {"policy", "large_object", "role", "event", "foreign key", "virtual table"} <= kinds
    assert kinds <= set(names.OBJECT_KINDS)
    for kind in kinds:
        assert names.named(kind, fr, names.OBJECT_KINDS) not in {kind, kind.replace("_", " ")}, kind
        assert "_" not in names.named(kind, en, names.OBJECT_KINDS), kind


def test_every_limit_is_said_in_words(fr: Wording) -> None:
    recorded = limits_of_local() | {limit.name for limit in limits_of_containers()}

    assert {"nano_cpus", "memory_and_swap_bytes", "data_bytes_per_process", "disk_bytes"} <= recorded
    assert recorded <= set(names.LIMITS)
    assert all(names.named(name, fr, names.LIMITS) != name for name in recorded)


def test_limits_are_written_in_units_of_people(passed: Evidence, fr: Wording, en: Wording) -> None:
    conditions = passed.restores[0].conditions
    assert conditions
    whole = (*limits_of_containers(), Limit(name="nano_cpus", value=2_000_000_000, how="enforced"))
    restore = replace(passed.restores[0], conditions=replace(conditions, limits=whole))

    french, english = (list(words_in(restore_sections(restore, wording))) for wording in (fr, en))

    assert {"2 processeurs", "1,5 processeurs", f"2,1{THIN}Go", f"12{THIN}h"} <= set(french)
    assert {"2 processors", "1.5 processors", f"2.1{THIN}GB", f"12{THIN}h"} <= set(english)
    assert not any("000" in text for text in french)


@pytest.mark.parametrize(
    "name", [*MECHANISMS_OF_CONTAINERS, OLD_MECHANISM, OLD_MECHANISM[:63] + "…", *Mechanism, *OF_NODES]
)
def test_every_mechanism_is_said_in_words(name: str, fr: Wording) -> None:
    assert names.mechanism(name, fr) != name
    assert not ENGLISH.search(names.mechanism(name, fr))


def test_the_mechanism_a_container_records_is_known() -> None:
    assert set(MECHANISMS_OF_CONTAINERS) == {
        *("docker", "docker, one loopback"),
        *("podman", "podman, one loopback"),
    }
    assert set(MECHANISMS_OF_CONTAINERS) <= set(names.MECHANISMS)


def test_every_grade_of_a_limit_is_said_in_words(passed: Evidence, fr: Wording, en: Wording) -> None:
    grades = typing.get_args(typing.get_type_hints(Limit)["how"])
    assert set(grades) <= set(names.NAMES)
    conditions = passed.restores[0].conditions
    assert conditions

    for wording, said in ((fr, "non imposée"), (en, "not enforced")):
        rows = {}
        for how in grades:
            held = replace(conditions, limits=(Limit(name="memory_bytes", value=2**31, how=how),))
            sections = restore_sections(replace(passed.restores[0], conditions=held), wording)
            notes = [block.text for one in sections for block in one.blocks if isinstance(block, Note)]
            rows[how] = (said in set(words_in(sections)), any(said in note for note in notes))
        assert rows == {"enforced": (False, False), "watched": (False, False), "not enforced": (True, True)}


def test_what_could_not_be_tried_from_inside_is_said(passed: Evidence, fr: Wording) -> None:
    conditions = passed.restores[0].conditions
    assert conditions

    held = replace(conditions, unproved=("network", "memory"))
    without, with_it = (
        set(words_in(restore_sections(replace(passed.restores[0], conditions=one), fr))) for one in (conditions, held)
    )

    new = {re.sub(r"[’\u200b]", "'", text) for text in with_it - without}
    assert new == {"Non essayé de l'intérieur", "les connexions vers l'extérieur, la mémoire au-delà de sa limite"}


@pytest.mark.parametrize("lack", lacks())
def test_every_reason_against_a_machine_is_said_in_words(lack: str, fr: Wording) -> None:
    said = reason(f"{lack}; {lack}", fr)

    assert not ENGLISH.search(said), said


def test_the_reasons_are_all_found() -> None:
    assert len(lacks()) >= 8


def test_a_reason_cut_at_its_end_is_said_in_words(fr: Wording) -> None:
    cut = finding(
        Code.NO_MACHINE, reason="the image restore-lab/postgresql:18 is not on this host (`restore-lab image`)"
    )

    assert "l’image restore-lab/postgresql:18 n’est pas sur cette machine" in say(cut, fr).exact


@pytest.mark.parametrize("why", sorted(set(why_applications_fail())))
def test_every_reason_why_an_application_fails_is_said_in_words(why: str, fr: Wording) -> None:
    said = say(finding(Code.APPLICATION_FAILED, reason=why), fr).exact

    assert len(why) <= 64
    assert "application" not in said.partition("(")[2]
    assert not ENGLISH.search(said), said


def test_the_software_on_top_of_the_data_is_on_the_auditors_page(passed: Evidence, fr: Wording) -> None:
    base = passed.restores[0]
    assert base.conditions
    held = replace(base.conditions, image="logiciel:1", sbom_sha256="ab" * 32, mechanism="docker, one loopback")
    base = replace(base, conditions=replace(base.conditions, mechanism="docker"))
    egress = tuple(EgressRecord(machine=one, tried=12, open=0) for one in ("database", "application"))
    ran = ApplicationRecord(conditions=held, egress=egress, ready_seconds=4.0)

    with_it, silent, without = (
        [text.replace("\u200b", "") for text in words_in(restore_sections(replace(base, application=one), fr))]
        for one in (ran, ApplicationRecord(conditions=held), None)
    )

    assert {"24, non refusées aussitôt : 0", "ab" * 32, "logiciel:1"} <= {re.sub(r"\s", " ", text) for text in with_it}
    assert "aucune page" in silent
    assert "Première page après" in with_it
    assert "Première page après" not in without
    assert not [text for text in with_it if ENGLISH.search(text.replace("restore-lab", ""))]


def test_families_are_whole() -> None:
    assert set(Stage) <= set(names.STAGES)
    assert set(Stage) <= set(names.NAMES)
    assert set(unpack._PEELERS) <= set(names.LAYERS)
    assert {*heads._FORMATS.values(), "plain", "sql", "file", "file-wal"} <= set(names.FORMATS)
    assert set(CHECKS) <= set(names.QUESTION_KINDS)
    assert set(SOURCES) <= set(names.SOURCES)
    assert {*typing.get_args(docker_engine.Kind), "folder", "slice"} <= set(names.CREATED)
    assert set(typing.get_args(typing.get_type_hints(Host)["role"])) <= set(names.NAMES)
    expectations = {one.name for check in (Sql, Http) for one in fields(check)}
    not_one = {"kind", "title", "sql", "file", "path", "number", "timeout_seconds"}
    assert expectations - not_one == set(names.EXPECTATIONS)


def test_a_restore_of_names_only_reads_as_french(passed: Evidence, fr: Wording, tmp_path: Path) -> None:
    base: RestoreRecord = passed.restores[0]
    assert base.conditions
    assert base.recovery_point
    assert base.dump
    kinds = sorted(kinds_of_servers() | kinds_of_sqlite(tmp_path / "a.sqlite"))
    held = tuple(Limit(name=name, value=1, how="watched") for name in sorted(limits_of_local()))
    restore = replace(
        base,
        recovery_point=replace(base.recovery_point, source="directory sauvegardes"),
        dump=replace(base.dump, layers=tuple(unpack._PEELERS), format="custom", vendor="postgresql", tool="pg_dump 18"),
        conditions=replace(
            base.conditions,
            mechanism="docker",
            limits=(*limits_of_containers(), *held),
            chosen_because="; ".join(lacks()),
            image=None,
        ),
        tables=(),
        objects=tuple(ObjectCount(kind=kind, count=1) for kind in kinds),
        checks=tuple(CheckRecord(name=kind, kind=kind, answered=True, asked=1, seconds=1.0) for kind in CHECKS),
    )

    sections = (*restore_sections(restore, fr), *answer_sections(restore, passed, fr))

    said = [text for text in words_in(sections) if not text.startswith("restore-\u200b") and ".sql" not in text]
    assert not [text for text in said if "_" in text.replace("pg_dump", "") or ENGLISH.search(text)]

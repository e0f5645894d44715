"""Drills of a practice that does not exist, one for each verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from restore_lab.counted import ObjectCount, ProblemCount, TableCount
from restore_lab.evidence import (
    CheckRecord,
    Conditions,
    Evidence,
    GradedFinding,
    Isolation,
    Limit,
    Moment,
    People,
    PlaceRecord,
    Removal,
    RestoreRecord,
    Verdict,
)
from restore_lab.findings import Code, Finding
from restore_lab.restored import DumpRecord, RecoveryPointRecord, ServerRecord
from restore_lab.verdict import grade

STARTED = datetime(2026, 11, 10, 8, 30, tzinfo=UTC)
TAKEN = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def _graded(what: Code, **params: str | int) -> GradedFinding:
    """A finding as heavy as the table says: another one could be in no report and in no mail."""
    (graded,) = grade([Finding(code=what, params=tuple(params.items()), restore_id="r1")], own_series=True)
    return graded


def _restore() -> RestoreRecord:
    moments = ("find", "start", "load", "count", "ask", "destroy")
    return RestoreRecord(
        restore_id="r1",
        place="Dossiers médicaux",
        recovery_point=RecoveryPointRecord(
            source="nas-cabinet",
            point="mysqldump_20261110.sql.gz",
            taken_at=TAKEN,
            dated_by="name",
            size_bytes=48_213_004,
            candidates=31,
        ),
        sha256=DIGEST,
        read_bytes=48_213_004,
        dump=DumpRecord(
            engine="mariadb",
            format="SQL",
            vendor="MariaDB",
            version="10.11.6",
            tool="mariadb-dump 10.19",
            layers=("gzip", "sql"),
        ),
        server=ServerRecord(engine="MariaDB", version="10.11.9", own_series=True),
        conditions=Conditions(
            sandbox="container",
            isolation=Isolation.SEALED,
            mechanism="no network, read-only root, no capability",
            storage="tmpfs",
            limits=(
                Limit(name="memory_bytes", value=2_147_483_648, how="enforced"),
                Limit(name="pids", value=256, how="enforced"),
                Limit(name="disk_bytes", value=8_589_934_592, how="watched"),
            ),
            image="restore-lab/mariadb:10.11",
            image_id="sha256:" + DIGEST,
            chosen_because="container engine present, images built",
        ),
        timeline=tuple(
            Moment(name=name, at=STARTED + timedelta(minutes=2 * step)) for step, name in enumerate(moments)
        ),
        load_seconds=790.4,
        measured_restore_seconds=842.0,
        objective_rto_seconds=14_400,
        data_age_at_backup_seconds=36_000,
        data_age_at_drill_seconds=56_000,
        newest_entry_at=datetime(2026, 11, 9, 17, 42, tzinfo=UTC),
        tables=tuple(TableCount(name=name, rows=rows) for name, rows in _TABLES),
        objects=(
            ObjectCount(kind="table", count=len(_TABLES)),
            ObjectCount(kind="index", count=87),
            ObjectCount(kind="view", count=6),
            ObjectCount(kind="trigger", count=4),
            ObjectCount(kind="routine", count=11),
        ),
        checks=(
            CheckRecord(
                name="integrity", kind="integrity", answered=True, asked=23, seconds=4.1, on_test_machine_only=True
            ),
            CheckRecord(name="objects", kind="objects", answered=True, asked=5, seconds=0.2),
            CheckRecord(name="foreign_keys", kind="foreign_keys", answered=True, asked=19, seconds=2.7),
            CheckRecord(name="counts", kind="counts", answered=True, asked=23, seconds=1.9),
            CheckRecord(name="freshness", kind="freshness", answered=True, asked=3, seconds=0.4),
            CheckRecord(name="consultations-par-mois", kind="sql", answered=True, asked=1, seconds=0.6),
        ),
        removals=(
            Removal(
                kind="container",
                name="restore-lab-2026-11-10-annual-7f3a",
                created_at=STARTED,
                removed_at=STARTED + timedelta(minutes=15),
                gone=True,
            ),
            Removal(
                kind="volume",
                name="restore-lab-2026-11-10-annual-7f3a-data",
                created_at=STARTED,
                removed_at=STARTED + timedelta(minutes=15),
                gone=True,
            ),
        ),
        key_supplied_by="Dr Claire Morel",
    )


_TABLES = (
    ("patients", 2841),
    ("consultations", 48_112),
    ("ordonnances", 39_870),
    ("lignes_ordonnance", 121_455),
    ("antecedents", 9_233),
    ("allergies", 1_204),
    ("vaccinations", 7_311),
    ("biologie_resultats", 310_098),
    ("courriers", 15_870),
    ("documents", 22_410),
    ("rendez_vous", 61_004),
    ("utilisateurs", 4),
    ("correspondants", 612),
    ("medicaments_favoris", 188),
    ("actes_ccam", 8_112),
    ("reglements", 44_871),
    ("feuilles_soins", 44_102),
    ("arrets_travail", 3_981),
    ("certificats", 2_217),
    ("parametres", 96),
    ("journal_acces", 501_233),
    ("modeles_courrier", 42),
    ("migrations", 131),
)


def _evidence() -> Evidence:
    return Evidence(
        drill_id="2026-11-10-annual-7f3a",
        scenario="annual",
        scenario_title="Test annuel de restauration",
        scenario_sha256=DIGEST[::-1],
        tool_version="0.1.0",
        host="lab-01",
        host_role="dedicated",
        people=People(
            practice="Cabinet médical des Tilleuls, Lyon 3e",
            doctor="Dr Claire Morel",
            contractor="Atelier Informatique Rhône",
            contractor_phone="04 78 00 00 00",
            machine_owner="Atelier Informatique Rhône",
        ),
        timezone="Europe/Paris",
        started_at=STARTED,
        finished_at=STARTED + timedelta(minutes=17),
        restores=(_restore(),),
        findings=(),
        verdict=Verdict.PASSED,
        reasons=(),
        places=(
            PlaceRecord(label="Dossiers médicaux", tested=True),
            PlaceRecord(label="courriers numérisés du secrétariat", tested=False),
            PlaceRecord(label="messagerie sécurisée", tested=False),
        ),
        previous_head=DIGEST,
        next_due_on=datetime(2027, 11, 9, 23, 0, tzinfo=UTC),
    )


def _with_reservations() -> Evidence:
    return replace(
        _evidence(),
        verdict=Verdict.PASSED_WITH_RESERVATIONS,
        reasons=("SERVER_OF_ANOTHER_SERIES", "DEFINERS_ABSENT", "NOT_TRANSACTIONAL", "END_MARK_ABSENT"),
        findings=(
            _graded(Code.SERVER_OF_ANOTHER_SERIES, wanted="MariaDB 10.11", used="MariaDB 11.4"),
            _graded(Code.DEFINERS_ABSENT, count=2, definer="hellodoc@localhost"),
            _graded(Code.NOT_TRANSACTIONAL, count=1, table="journal_acces"),
            _graded(Code.END_MARK_ABSENT),
            _graded(Code.PLACE_NOT_TESTED, place="courriers numérisés du secrétariat"),
            _graded(Code.PLACE_NOT_TESTED, place="messagerie sécurisée"),
            _graded(Code.DATES_IN_FUTURE, table="rendez_vous", rows=311),
        ),
    )


def _failed() -> Evidence:
    base = _evidence()
    restore = replace(
        base.restores[0],
        load_problems=(
            ProblemCount(code="1062", subject="consultations", count=3, harmful=True, first_line=40_112),
            ProblemCount(code="1064", subject="", count=1, harmful=True, first_line=48_113),
        ),
        measured_restore_seconds=None,
        newest_entry_at=None,
        data_age_at_drill_seconds=None,
        checks=(),
        tables=(),
        objects=(),
    )
    return replace(
        base,
        restores=(restore,),
        verdict=Verdict.FAILED,
        reasons=("LOAD_STOPPED", "LOAD_ERRORS"),
        findings=(
            _graded(Code.LOAD_STOPPED, code="1064", line=48_113),
            _graded(Code.LOAD_ERRORS, count=4, code="1062", subject="consultations"),
            _graded(Code.END_MARK_ABSENT),
        ),
    )


def _inconclusive() -> Evidence:
    return replace(
        _evidence(),
        restores=(),
        places=tuple(replace(place, tested=False) for place in _evidence().places),
        verdict=Verdict.INCONCLUSIVE,
        reasons=("SOURCE_NOT_PLUGGED_IN",),
        findings=(_graded(Code.SOURCE_NOT_PLUGGED_IN, source="disque-rouge"),),
    )


DRILLS: dict[str, Callable[[], Evidence]] = {
    "passed": _evidence,
    "reserved": _with_reservations,
    "inconclusive": _inconclusive,
    "failed": _failed,
}

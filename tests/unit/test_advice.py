"""The order of page 1's points: why the backup is ruined first, then what else failed, then what only follows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from restore_lab.evidence import Evidence, GradedFinding
from restore_lab.findings import Code, Severity, finding
from restore_lab.report.advice import points
from restore_lab.report.wording import Wording, wording_for

FAILED, INCONCLUSIVE, RESERVATION = Severity.FAILED, Severity.INCONCLUSIVE, Severity.RESERVATION


@pytest.fixture
def en() -> Wording:
    return wording_for("en", "Europe/Paris")


def seen(passed: Evidence, wording: Wording, *graded: tuple[Code, Severity, str]) -> list[str]:
    """Word findings as page 1 does; the last of each triple is the table, if the finding names one."""
    findings = tuple(
        GradedFinding(finding=finding(code, table=table) if table else finding(code), severity=severity)
        for code, severity, table in graded
    )
    return [point.seen for point in points(replace(passed, findings=findings), wording)]


def test_the_cause_of_a_ruin_stands_before_what_follows_from_it(passed: Evidence, en: Wording) -> None:
    said = seen(
        passed,
        en,
        (Code.TABLE_EMPTY, FAILED, "courrier"),
        (Code.SQL_QUESTION_REFUSED, FAILED, ""),
        (Code.NO_TABLES, FAILED, ""),
        (Code.PLACE_NOT_TESTED, RESERVATION, ""),
        (Code.TOOL_MESSAGES_IN_BACKUP, RESERVATION, ""),
        (Code.LOAD_ERRORS, FAILED, ""),
    )

    assert [text.partition(" (")[0][:34] for text in said] == [
        "Part of the backup was refused whe",
        "A message of the backup software i",
        "A part of the records came back em",
        "Nothing came back from this backup",
        "A question",
        "Patient data also live here, and t",
    ]


def test_a_mere_reservation_is_no_cause_and_stands_behind_what_failed(passed: Evidence, en: Wording) -> None:
    said = seen(
        passed, en, (Code.TOOL_MESSAGES_IN_BACKUP, RESERVATION, ""), (Code.TABLE_MISSING, FAILED, "consultation")
    )

    assert said[0] == "A part of the records did not come back (consultation)."


def test_a_machine_without_room_is_named_before_tables_that_did_not_come_back(passed: Evidence, en: Wording) -> None:
    said = seen(passed, en, (Code.TABLE_MISSING, INCONCLUSIVE, "patient"), (Code.COLLATION_ABSENT, INCONCLUSIVE, ""))

    assert "did not come back" in said[1]


@pytest.mark.parametrize(
    ("tables", "named"),
    [
        (("a",), "(a)"),
        (("a", "b"), "(a, b)"),
        (("a", "b", "c", "d", "e"), "(a, b, c, …)"),
        (("t" * 60, "u" * 60), f"({'t' * 60}, u"),
    ],
)
def test_tables_of_which_the_same_is_said_share_a_point(
    passed: Evidence, en: Wording, tables: tuple[str, ...], named: str
) -> None:
    said = seen(
        passed,
        en,
        *((Code.TABLE_MISSING, FAILED, table) for table in tables),
        (Code.TABLE_EMPTY, FAILED, "z"),
        (Code.TABLE_MISSING, FAILED, tables[-1]),
    )

    assert len(said) == 2
    assert said[1] == "A part of the records came back empty (z)."
    assert named in said[0]


def test_kinds_of_objects_share_a_point_in_words_behind_tables_that_did_not_come_back(passed: Evidence) -> None:
    findings = tuple(
        GradedFinding(finding=one, severity=FAILED)
        for one in (
            finding(Code.OBJECTS_BELOW_MINIMUM, kind="view", count=0, minimum=2),
            finding(Code.OBJECTS_BELOW_MINIMUM, kind="trigger", count=0, minimum=2),
            finding(Code.TABLE_MISSING, table="patient"),
        )
    )

    said = points(replace(passed, findings=findings), wording_for("fr", "Europe/Paris"))

    assert [point.seen for point in said] == [
        "Une partie des dossiers n’est pas revenue (patient).",
        "Des éléments du mécanisme du logiciel ne sont pas revenus (vues, déclencheurs).",
    ]

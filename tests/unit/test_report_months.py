"""Closed months in the auditor's pages: one line a table."""

from __future__ import annotations

from dataclasses import replace

from restore_lab.counted import MonthCount
from restore_lab.evidence import Evidence
from restore_lab.report.auditor_answers import answer_sections
from restore_lab.report.blocks import Table
from restore_lab.report.wording import wording_for


def tables(evidence: Evidence, months: tuple[MonthCount, ...]) -> list[Table]:
    restore = replace(evidence.restores[0], months=months)
    sections = answer_sections(restore, evidence, wording_for("fr", "Europe/Paris"))
    blocks = [block for section in sections for block in section.blocks]
    return [block for block in blocks if isinstance(block, Table) and block.caption == "Mois clos comptés"]


def test_months_are_one_line_a_table_with_the_first_and_the_last(passed: Evidence) -> None:
    months = [
        MonthCount(table=table, column="le", month=f"2026-{month:02}", rows=month)
        for table, last in (("consultations", 9), ("documents", 3))
        for month in range(1, last + 1)
    ]

    (shown,) = tables(passed, tuple(months))

    assert shown.rows == (("consultations", "9", "2026-01", "2026-09"), ("documents", "3", "2026-01", "2026-03"))


def test_without_months_nothing_is_said_of_them(passed: Evidence) -> None:
    assert tables(passed, ()) == []

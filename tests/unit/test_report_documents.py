"""A restore of documents reads as one: to the doctor in plain words, to the auditor as a table by class."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from restore_lab.counted import DocumentCount, ObjectCount
from restore_lab.engines.documents import NO_DOCUMENTS
from restore_lab.engines.files.inside import naming, sniffing
from restore_lab.evidence import CheckRecord, Evidence, GradedFinding, RestoreRecord, Verdict
from restore_lab.findings import Code, Severity, finding
from restore_lab.report import names
from restore_lab.report.auditor_answers import answer_sections, unknown_section
from restore_lab.report.auditor_restore import restore_sections
from restore_lab.report.blocks import Table
from restore_lab.report.page_one import page_one
from restore_lab.report.said import say
from restore_lab.report.wording import NBSP, THIN, Wording, wording_for
from restore_lab.restored import DumpRecord, ServerRecord

KINDS = (
    DocumentCount(kind="pdf", count=41_210, size_bytes=9_400_000_000, unreadable=2),
    DocumentCount(kind="jpeg", count=3_011, size_bytes=2_100_000_000, unreadable=0),
)


@pytest.fixture
def fr() -> Wording:
    return wording_for("fr", "Europe/Paris")


def of_documents(base: RestoreRecord, *kinds: DocumentCount) -> RestoreRecord:
    return replace(
        base,
        restore_id="r2",
        place="Courriers numérisés",
        dump=DumpRecord(engine="files", format="tar", vendor="", version="", tool="", layers=("gzip",)),
        server=ServerRecord(engine="files", version="3.11.7", own_series=True),
        tables=(),
        objects=(
            *(ObjectCount(kind=one.kind, count=one.count) for one in kinds),
            ObjectCount(kind="hard_link", count=3),
        ),
        checks=(CheckRecord(name="documents", kind="documents", answered=True, asked=44_221, seconds=70.0),),
        documents=kinds,
        newest_entry_at=None,
    )


def both(passed: Evidence, *kinds: DocumentCount) -> Evidence:
    return replace(passed, restores=(*passed.restores, of_documents(passed.restores[0], *kinds)))


def plain(text: str) -> str:
    return re.sub(f"[{THIN}{NBSP}\u202f]", " ", text)


def test_every_class_and_every_sign_is_said_in_words() -> None:
    source = Path(sniffing.__file__).read_text("utf-8")
    sniffed = set(re.findall(r'"([a-z]+)"\)?,?\n', source)) & set(re.findall(r'"([a-z]+)"', source))
    kinds = {kind for _, kind in sniffing._MAGIC} | set(naming.CLAIMS.values()) | set(NO_DOCUMENTS)

    assert {"pdf", "text", "other", "dicom"} <= sniffed | kinds | {"other"}
    assert kinds | {"pdf", "office", "text", "dicom", "encrypted", "other"} == set(names.DOCUMENT_KINDS)
    assert not set(names.DOCUMENT_KINDS) & {*names.OBJECT_KINDS, *names.CREATED}


def test_page_one_says_that_documents_came_back(passed: Evidence, fr: Wording) -> None:
    page = page_one(both(passed, *KINDS), fr)

    assert any(plain(line).startswith("Courriers numérisés – Les documents sauvegardés le") for line in page.lead)
    facts = {plain(line.label): plain(line.text) for line in page.facts}
    assert facts["Documents retrouvés :"] == "44 221 courriers, photos et autres fichiers, dont 2 ne s’ouvrent pas."
    assert "9 novembre" in facts["Dernière consultation retrouvée :"]


def test_documents_that_all_open_are_said_so_and_no_consultation_is_looked_for_in_them(
    passed: Evidence, fr: Wording
) -> None:
    alone = replace(passed, restores=(of_documents(passed.restores[0], KINDS[1]),))

    facts = {plain(line.label): plain(line.text) for line in page_one(alone, fr).facts}

    assert facts["Documents retrouvés :"].endswith("aucun endommagé, pour autant que nous puissions les ouvrir.")
    assert "Dernière consultation retrouvée :" not in facts


def test_the_auditor_sees_documents_by_class_and_no_question_about_tables(passed: Evidence, fr: Wording) -> None:
    evidence = both(passed, *KINDS)
    sections = answer_sections(evidence.restores[1], evidence, fr)

    tables = {block.caption: block for section in sections for block in section.blocks if isinstance(block, Table)}
    rows = [tuple(plain(cell) for cell in row) for row in tables["Documents par classe"].rows]
    assert rows == [("documents PDF", "41 210", "9,4 Go", "2"), ("images JPEG", "3 011", "2,1 Go", "0")]
    assert [row[0] for row in tables["Objets"].rows] == ["liens physiques, non restaurés"]
    unknown = str(unknown_section(evidence, fr))
    assert "r2" not in unknown
    assert "Python 3.11.7" in str(restore_sections(evidence.restores[1], fr))


@pytest.mark.parametrize("sign", names.SIGNS)
def test_a_sign_is_said_in_words(sign: str, fr: Wording) -> None:
    said = say(finding(Code.RANSOMWARE_SIGNS, sign=sign, count=12, total=40), fr)

    assert sign not in said.exact
    assert "12" in said.exact


def test_a_class_is_said_in_words(fr: Wording) -> None:
    assert "documents PDF" in say(finding(Code.DOCUMENTS_UNREADABLE, kind="pdf", count=1, total=9), fr).exact


def test_marks_of_ransomware_ask_the_doctor_to_touch_nothing_and_nobody_to_make_a_backup(
    passed: Evidence, fr: Wording
) -> None:
    """Page 1 as a whole: steps and points may not contradict each other."""
    evidence = replace(
        passed,
        verdict=Verdict.FAILED,
        findings=(
            GradedFinding(finding=finding(Code.DOCUMENTS_UNREADABLE, kind="pdf", count=9), severity=Severity.FAILED),
            GradedFinding(
                finding=finding(Code.RANSOMWARE_SIGNS, sign="renamed", count=12, total=40), severity=Severity.FAILED
            ),
        ),
    )

    page = page_one(evidence, fr)

    assert page.steps[0].startswith("Appelez Atelier")
    assert [plain(page.points[0].action.text)] == [
        "débrancher les disques de sauvegarde et ne toucher à rien d’autre, par vous, dès aujourd’hui."
    ]
    said = plain(" ".join((*page.steps, *(one.action.text for one in page.points)))).lower()
    assert "ne faites pas de nouvelle sauvegarde" in said
    assert "faites une nouvelle" not in said
    assert "faire une nouvelle" not in said

"""The PDF: one page for the doctor, mandatory sentences, nothing forbidden, attachments untouched, same bytes twice."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from needs import program

from restore_lab.counted import TableCount
from restore_lab.errors import RestoreLabError, UsageError
from restore_lab.evidence import Evidence, GradedFinding, PlaceRecord, RestoreRecord, Verdict
from restore_lab.findings import Code, Severity, finding
from restore_lab.report.auditor_record import _COMMANDS
from restore_lab.report.pdf import Seal, render_pdf

Reader = Callable[..., list[str]]


BANNED = re.compile(
    r"\b(rpo|rto|hash\w*|sha-?256|isol\w+|signature valide|valid signature|score|registre|conforme\w*"
    r"|(?<!non\s)garanti\w*|prouvée?s?|provably|guarantee\w*|complies)\b",
    re.IGNORECASE,
)

VERDICTS = {
    Verdict.PASSED: "Test réussi La sauvegarde",
    Verdict.PASSED_WITH_RESERVATIONS: "Test réussi, avec réserves",
    Verdict.INCONCLUSIVE: "Test non abouti : nous ne savons pas si votre sauvegarde est bonne.",
    Verdict.FAILED: "Échec La sauvegarde du mardi 10 novembre 2026 à 04 h 00 n’a pas pu être restaurée entièrement.",
}


def run(name: str, *arguments: str) -> str:
    return subprocess.run([program(name), *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def read(tmp_path: Path, seal: Seal, attachments: dict[str, bytes]) -> Reader:
    """Render, and give each page's text with every kind of space made plain."""

    def reader(evidence: Evidence, language: str = "fr", using: Seal = seal) -> list[str]:
        path = tmp_path / "report.pdf"
        path.write_bytes(render_pdf(evidence, language=language, attachments=attachments, seal=using))
        return [re.sub(r"[\s\u200b]+", " ", page) for page in run("pdftotext", str(path), "-").split("\f")[:-1]]

    return reader


def test_page_one_says_the_verdict_and_what_comes_next(drill: Evidence, read: Reader) -> None:
    first, *others = read(drill)
    assert VERDICTS[drill.verdict] in first
    assert "Ce que ce test prouve, et ce qu’il ne prouve pas" in first
    assert "Non testé : " in first
    assert re.search(r"Prochain test avant le \w+ \d+ \w+ \d{4} ; sans courrier à cette date, appelez", first)
    assert "Pour le médecin." in first
    assert others
    assert all("Pour le médecin." not in page for page in others)


def test_page_one_holds_none_of_the_banned_words(drill: Evidence, read: Reader) -> None:
    assert not BANNED.search(read(drill)[0])
    assert not BANNED.search(read(drill, "en")[0])


def test_a_pass_says_what_the_doctor_needs(passed: Evidence, read: Reader) -> None:
    first = read(passed)[0]
    for sentence in (
        "La sauvegarde du mardi 10 novembre 2026 à 04 h 00 a pu être restaurée sur une machine d’essai.",
        "Dernière consultation retrouvée : lundi 9 novembre 2026, 18 h 42.",
        "42. Ce qui a été saisi ensuite serait à ressaisir.",
        "Remise en place des données : 14 min sur la machine d’essai.",
        "Ce n’est pas votre délai de reprise : ajoutez matériel, logiciel, licence, carte Vitale.",
        "Non testé : courriers numérisés du secrétariat ; messagerie sécurisée.",
        "Clé de la sauvegarde fournie par : Dr Claire Morel.",
        "répond à 6 questions",
        "Prochain test avant le mercredi 10 novembre 2027 ; sans courrier à cette date, appelez Atelier",
    ):
        assert sentence in first


def test_reservations_are_three_at_most_each_with_its_action(drills: dict[str, Evidence], read: Reader) -> None:
    first = read(drills["reserved"])[0]
    assert first.count("À faire : ") == 3
    assert first.count("avant le jeudi 10 décembre 2026") == 3
    assert "et une autre, page 2." in first


def test_a_failure_says_what_to_do_today(drills: dict[str, Evidence], read: Reader) -> None:
    first = read(drills["failed"])[0]
    for sentence in (
        "À faire aujourd’hui",
        "Appelez Atelier Informatique Rhône au 04 78 00 00 00.",
        "N’écrasez et ne supprimez aucune sauvegarde plus ancienne.",
        "Gardez les disques de sauvegarde",
        "avec l’outil de votre logiciel lui-même, et faites-la tester.",
    ):
        assert sentence in first
    assert "Remise en place des données" not in first


def test_a_result_that_is_missing_is_not_awaited_for_a_year(drills: dict[str, Evidence], read: Reader) -> None:
    assert "Prochain test avant le mardi 17 novembre 2026 ;" in read(drills["inconclusive"])[0]


@pytest.mark.parametrize(
    "stopped",
    [
        {"recovery_point": None},
        {"sha256": None, "dump": None},
        {"server": None},
        {"conditions": None},
        {"tables": (), "objects": (), "checks": ()},
        {"timeline": (), "load_seconds": None, "measured_restore_seconds": None, "newest_entry_at": None},
        {"removals": (), "key_supplied_by": None, "objective_rto_seconds": None},
    ],
)
@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.INCONCLUSIVE])
def test_a_restore_may_stop_anywhere(stopped: dict[str, Any], verdict: Verdict, passed: Evidence, read: Reader) -> None:
    restore = replace(passed.restores[0], **stopped)
    text = read(replace(passed, restores=(restore,), verdict=verdict))
    assert "Pour le médecin." in text[0]
    assert "Pour le médecin." not in text[1]


def test_nothing_found_is_a_failure_said_plainly(passed: Evidence, read: Reader) -> None:
    none = GradedFinding(finding=finding(Code.NO_BACKUP_FOUND, source="nas"), severity=Severity.FAILED)
    first = read(replace(passed, restores=(), findings=(none,), verdict=Verdict.FAILED, next_due_on=None))[0]
    assert "Aucune sauvegarde n’a pu être restaurée." in first
    assert "Aucune sauvegarde n’a été trouvée à l’endroit prévu." in first
    assert "cette copie" not in first


def test_several_restores_are_each_said(passed: Evidence, read: Reader) -> None:
    second = replace(passed.restores[0], restore_id="r2", place="Imagerie")
    failed = GradedFinding(
        finding=finding(Code.ARCHIVE_DAMAGED, restore_id="r2", layer="gzip"), severity=Severity.FAILED
    )
    text = read(replace(passed, restores=(*passed.restores, second), findings=(failed,), verdict=Verdict.FAILED))
    assert re.search(r"Dossiers médicaux – La sauvegarde du [^.]* a pu être restaurée", text[0])
    assert re.search(r"Imagerie – La sauvegarde du [^.]* n’a pas pu être restaurée entièrement", text[0])
    assert "Restauration r2 : Imagerie" in " ".join(text)


def test_page_one_stays_one_page_when_everything_is_long(passed: Evidence, read: Reader) -> None:
    long = "Cabinet W" + "m" * 300
    findings = tuple(
        GradedFinding(
            finding=finding(Code.ROWS_BELOW_MINIMUM, table=f"{n:02}" + "M" * 62, rows=10**9, minimum=10**12),
            severity=Severity.FAILED,
        )
        for n in range(40)
    )
    evidence = replace(
        passed,
        people=replace(passed.people, practice=long, contractor=long, contractor_phone=long),
        places=tuple(PlaceRecord(label=long, tested=False) for _ in range(50)),
        restores=tuple(
            replace(passed.restores[0], restore_id=f"r{n}", place=long, key_supplied_by=f"{n}{long}") for n in range(5)
        ),
        findings=findings,
        verdict=Verdict.FAILED,
    )
    text = read(evidence)
    assert "Pour le médecin." in text[0]
    assert "Prochain test avant le" in text[0]
    assert "et 37 autres, page 2." in text[0]
    assert text[1].startswith("Compte rendu détaillé")


def earlier(code: Code, *days: str) -> tuple[GradedFinding, ...]:
    named = (finding(code, drill=f"{day}-annual", began=day, count=len(days)) for day in days)
    return tuple(GradedFinding(finding=one, severity=Severity.NOTE) for one in named)


def test_page_one_says_which_earlier_tests_died_or_left_a_copy_that_is_gone(passed: Evidence, read: Reader) -> None:
    died = earlier(Code.EARLIER_DRILL_DIED, "2026-11-03", "2026-11-02", "2026-11-01")
    left = earlier(Code.EARLIER_COPY_GONE, "2026-10-03", "2026-10-02", "2026-10-01")

    both, copy = (read(replace(passed, findings=passed.findings + more))[0] for more in (died + left, left))

    stopped, kept = "Arrêté avant sa fin : test commencé le", "Copie non supprimée à temps : celle du test commencé le"
    days = "jeudi 1 octobre 2026, vendredi 2 octobre 2026, samedi 3 octobre 2026"
    assert f"{stopped} dimanche 1" in both
    for page in (both, copy):
        assert f"{kept} {days}. Recherchée depuis, elle a disparu." in page.replace("1er", "1")
        assert "Pour le médecin." in page
        assert "Prochain test avant le" in page
    assert stopped not in copy

    unsure = earlier(Code.EARLIER_COPY_NOT_SHOWN_GONE, "2026-10-01")
    assert kept not in read(replace(passed, findings=passed.findings + left + unsure))[0]


def test_the_auditor_gets_every_figure(drills: dict[str, Evidence], read: Reader) -> None:
    evidence = drills["reserved"]
    whole = " ".join(read(evidence)[1:])
    restore: RestoreRecord = evidence.restores[0]
    for wanted in (
        evidence.drill_id,
        evidence.scenario_sha256,
        restore.sha256,
        evidence.previous_head,
        "même série que la sauvegarde",
        "contrôle de la machine d’essai",
        "copie supprimée, introuvable après contrôle",
        "Journal des tests de restauration",
        "10/11/2026 08:30:00 10/11/2026 09:30:00",
        "peut contribuer à documenter les mesures citées aux articles 5(1)(f), 32(1)(c) et 32(1)(d) du RGPD",
        "Scellé électroniquement par une clé du prestataire ; identité non certifiée par un tiers",
        "Heure non tierce",
        "Cohérence entre tables non garantie : tables sans transactions : 1 ; première : journal_acces",
        *(graded.finding.code for graded in evidence.findings),
        *(table.name for table in restore.tables),
    ):
        assert str(wanted) in whole
    assert not re.search(r"(?<!non\s)garanti|conforme|registre", whole, re.IGNORECASE)


def test_a_copy_not_shown_gone_is_said_so(passed: Evidence, read: Reader) -> None:
    removals = tuple(replace(item, removed_at=None, gone=False) for item in passed.restores[0].removals)
    restore = replace(passed.restores[0], removals=removals)
    assert "SUPPRESSION NON CONFIRMÉE" in " ".join(read(replace(passed, restores=(restore,))))


def test_an_authority_and_a_certified_holder_are_named(passed: Evidence, read: Reader, seal: Seal) -> None:
    certified = replace(seal, self_signed=False, authority="tsa.example.org")
    whole = " ".join(read(passed, using=certified))
    assert "Horodaté par tsa.example.org" in whole
    assert "non certifiée par un tiers" not in whole


def test_an_authority_that_gave_no_stamp_is_named_as_such(passed: Evidence, read: Reader, seal: Seal) -> None:
    whole = " ".join(read(passed, using=replace(seal, authority="tsa.example.org", is_stamped=False)))
    assert "tsa.example.org, sollicité pour un horodatage, n’en a pas donné" in whole
    assert "Horodaté par" not in whole


def test_the_commands_to_check_with_stand_each_on_its_own_line(
    passed: Evidence, seal: Seal, attachments: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(render_pdf(passed, language="fr", attachments=attachments, seal=seal))
    lines = [line.strip() for line in run("pdftotext", "-layout", str(path), "-").splitlines()]
    for command in _COMMANDS:
        assert command in lines


def test_page_one_says_that_another_than_the_latest_backup_was_tested(passed: Evidence, read: Reader) -> None:
    (restore,) = passed.restores
    chosen = finding(Code.NOT_THE_LATEST, asked="oldest").made_safe(restore_id=restore.restore_id)
    noted = GradedFinding(finding=chosen, severity=Severity.NOTE)
    first, *_ = read(replace(passed, findings=(*passed.findings, noted)))
    assert f"Non testé : la dernière sauvegarde ({restore.place})" in first
    assert "la dernière sauvegarde (" not in read(passed)[0]


def test_english_by_the_same_template(drill: Evidence, read: Reader) -> None:
    whole = " ".join(read(drill, "en"))
    assert "What this test proves, and what it does not prove" in whole
    assert "may support the documentation" in whole
    assert not re.search(r"sauvegarde|cabinet n", whole)


def test_two_hundred_tables_in_two_columns(passed: Evidence, read: Reader) -> None:
    tables = tuple(TableCount(name=f"table_{number:03}", rows=number) for number in range(200))
    restore = replace(passed.restores[0], tables=tables)
    text = read(replace(passed, restores=(restore,)))
    whole = " ".join(text)
    assert all(table.name in whole for table in tables)
    assert len(text) <= 7


def test_attachments_come_back_byte_for_byte(
    passed: Evidence, seal: Seal, attachments: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(render_pdf(passed, language="fr", attachments=attachments, seal=seal))
    run("pdfdetach", "-saveall", "-o", str(tmp_path), str(path))
    for name, content in attachments.items():
        assert (tmp_path / name).read_bytes() == content


@pytest.mark.parametrize("name", ["../evidence.json", "Evidence.json", "a/b.json", "evidence.json\n", "page.typ", ""])
def test_attachment_names_are_plain(name: str, passed: Evidence, seal: Seal) -> None:
    with pytest.raises(RestoreLabError, match="attachment name"):
        render_pdf(passed, language="fr", attachments={name: b"{}"}, seal=seal)


def test_the_same_values_give_the_same_bytes(drill: Evidence, seal: Seal, attachments: dict[str, bytes]) -> None:
    first = render_pdf(drill, language="fr", attachments=attachments, seal=seal)
    assert first == render_pdf(drill, language="fr", attachments=attachments, seal=seal)
    later = replace(drill, finished_at=drill.finished_at + timedelta(days=1))
    assert first != render_pdf(later, language="fr", attachments=attachments, seal=seal)


def test_the_file_says_what_it_is(passed: Evidence, seal: Seal, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    pdf = render_pdf(passed, language="fr", attachments={}, seal=seal)
    path.write_bytes(pdf)
    info = run("pdfinfo", str(path))
    assert re.search(r"Title: +Test de restauration de la sauvegarde – Cabinet médical des Tilleuls", info)
    assert re.search(r"Tagged: +yes", info)
    assert re.search(r"PDF subtype: +PDF/A-3a", run("pdfinfo", "-meta", str(path)) + info) or b"pdfaid:part" in pdf
    assert b"pdfuaid" in pdf


def test_no_catalogue_no_report(passed: Evidence, seal: Seal) -> None:
    with pytest.raises(UsageError, match="no report in 'de'"):
        render_pdf(passed, language="de", attachments={}, seal=seal)

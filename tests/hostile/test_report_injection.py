"""Names chosen to break the page: markup, controls, scripts without glyph, sheer length."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from needs import program

from restore_lab.counted import ProblemCount, TableCount
from restore_lab.evidence import CheckRecord, Evidence, GradedFinding, PlaceRecord
from restore_lab.findings import Code, Finding, Severity
from restore_lab.report.glyphs import REPLACEMENT, breakable, drawable, printable, repertoire
from restore_lab.report.pdf import Seal, render_pdf

HOSTILE = (
    '#import "@preview/evil:1.0.0"',
    '#panic("no")',
    "*bold* _it_ $x$ `raw` = heading",
    '#eval("1+1") #read("/etc/passwd") \\#',
    "\"}],'}};--<script>alert(1)</script>",
    "{seen} {place} {0} {} %s %(name)s",
    "#page #total",
    "\u202egnp.exe",
    "👩‍⚕️🏥 cabinet",
    "nul\x00 bell\x07 esc\x1b[31m",
    "𝕻𝖆𝖙𝖎𝖊𝖓𝖙𝖘 𐍈",
    "Z\u0338\u0321\u0322a\u0336lgo",
    "عيادة 診療所 מרפאה",
    "\ud800lone surrogate",
    "\ue000private\uffff",
    "W" * 5000,
    "\u200b\u2028\u2029\r\n\t",
    "",
)


def hostile_drill(base: Evidence, name: str) -> Evidence:
    restore = base.restores[0]
    assert restore.conditions
    assert restore.recovery_point
    assert restore.dump
    graded = tuple(
        GradedFinding(
            finding=Finding(
                code=code,
                check=name,
                params=tuple((key, name[:64]) for key in ("table", "name", "place", "newest", "source")),
            ),
            severity=Severity.RESERVATION,
        )
        for code in (Code.TABLE_MISSING, Code.PLACE_NOT_TESTED, Code.DATA_STALE, Code.SQL_EXPECTATION_UNMET)
    )
    return replace(
        base,
        drill_id=name,
        scenario=name,
        scenario_title=name,
        host=name,
        host_role=name,
        reasons=(name,),
        previous_head=name,
        people=replace(base.people, practice=name, doctor=name, contractor=name, contractor_phone=name),
        places=(PlaceRecord(label=name, tested=False),),
        findings=graded,
        restores=(
            replace(
                restore,
                restore_id=name,
                place=name,
                sha256=name,
                recovery_point=replace(restore.recovery_point, source=name, point=name),
                dump=replace(restore.dump, vendor=name, tool=name, layers=(name, name)),
                conditions=replace(restore.conditions, mechanism=name, image=name, image_id=name),
                tables=(TableCount(name=name, rows=1),),
                checks=(CheckRecord(name=name, kind=name, answered=False, asked=1, seconds=1.0),),
                load_problems=(ProblemCount(code=name, subject=name, count=1, harmful=True),),
                key_supplied_by=name,
            ),
        ),
    )


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_is_only_text(name: str, passed: Evidence, tmp_path: Path) -> None:
    seal = Seal(key_id=name, holder=name, self_signed=True, authority=name)
    pdf = render_pdf(hostile_drill(passed, name), language="fr", attachments={"evidence.json": b"{}"}, seal=seal)
    path = tmp_path / "report.pdf"
    path.write_bytes(pdf)
    text = subprocess.run([program("pdftotext"), str(path), "-"], check=True, capture_output=True).stdout.decode()
    first = re.sub(r"[\s\u200b]+", " ", text.split("\f")[0])
    assert "Pour le médecin." in first
    assert "Test réussi" in first
    assert "root:" not in text
    visible = re.sub(r"[\s\u200b]+", "", printable(name))[:20]
    assert visible in re.sub(r"[\s\u200b]+", "", text)


def test_ten_thousand_tables(passed: Evidence, seal: Seal) -> None:
    tables = tuple(TableCount(name=f"t{number}_{'x' * 40}", rows=number) for number in range(10_000))
    restore = replace(passed.restores[0], tables=tables)
    assert render_pdf(replace(passed, restores=(restore,)), language="fr", attachments={}, seal=seal).startswith(
        b"%PDF"
    )


def test_every_character_of_the_repertoire_is_drawn(passed: Evidence, seal: Seal) -> None:
    """A missing glyph is fatal in PDF/A: that each line renders, in regular and in a bold heading, is the test."""
    characters = sorted(repertoire())
    lines = ["".join(characters[start : start + 60]) for start in range(0, len(characters), 60)]
    places = tuple(PlaceRecord(label=line, tested=False) for line in lines)
    tables = tuple(TableCount(name=line, rows=1) for line in lines)
    restore = replace(passed.restores[0], tables=tables)
    for line in lines:
        people = replace(passed.people, practice=line, contractor=line)
        evidence = replace(passed, people=people, places=places, restores=(replace(restore, place=line),))
        assert render_pdf(evidence, language="fr", attachments={}, seal=seal)


def test_text_is_brought_down_to_what_can_be_drawn() -> None:
    assert printable("a\x00b") == f"a{REPLACEMENT}b"
    assert printable("e\u0301") == "é"
    assert printable("  a \n b ") == "a b"
    assert printable("x" * 500, limit=10) == "x" * 9 + "…"
    assert set(drawable("🏥\u202e")) == {REPLACEMENT}
    assert breakable("mot " + "x" * 60).count("\u200b") == 2
    assert breakable("court") == "court"
